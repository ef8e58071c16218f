"""The annotated video: the film once more, with faces marked or hidden. What is drawn is decided here, in a plan.

The plan is made from an index and a selection alone. Decoding, drawing and encoding is one task for a worker, which
uses all cores through the threads of decoder and encoder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stills.errors import DecoderCrashError, DecodeTimeoutError, InputError, UsageError
from stills.files import ensure_folder, move, staging
from stills.media.reencode import Threads, reencode
from stills.media.sandbox import Stopper, Task, TaskResult, report
from stills.media.source import content_id
from stills.render.distribution import age_deviation
from stills.render.painter import Mark, Painter
from stills.render.palette import NOBODY, person_color
from stills.render.strip import MOST_ROWS, Row
from stills.scan.budget import DECODER_FRAMES, SHARED, WORKER, Budget, cores
from stills.scan.watch import OutOfTimeError, Watch
from stills.select.paths import FacePath, face_paths
from stills.types import CastSelection, PeopleSelection, Person, Progress, ProgressCallback, VideoInfo

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.index.index import Index
    from stills.settings_model import LimitSettings, Settings

REACH_S = 0.64
"""Seconds for which a hidden face stays hidden before it was first and after it was last seen, inside its shot: one
interval of sampling (``ScanParameters.slow_interval``), in which a turned head is easily missed."""

COMMENT = "Made by stills. Boxes, numbers and attributes were inferred by machine: they are no facts about anyone."
COMMENT_HIDDEN = "Made by stills. Faces that were found are hidden; others may have been missed."


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationPlan:
    """What is drawn over a film: faces marked, faces hidden, people with a row in the time line, cuts in seconds."""

    marks: tuple[Mark, ...]
    hidden: tuple[FacePath, ...]
    rows: tuple[Row, ...]
    cuts: tuple[float, ...]
    duration: float
    annotated: bool

    @property
    def file_name(self) -> str:
        """What the video is called."""
        return "annotated.mp4" if self.annotated else "blurred.mp4"


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationTask:
    """What a worker is to do; it pickles."""

    path: str
    video: VideoInfo
    plan: AnnotationPlan
    target: str
    threads: Threads


def plan_annotation(
    index: Index, selection: CastSelection | PeopleSelection, settings: Settings
) -> AnnotationPlan | None:
    """What ``settings.cast`` asks to be drawn: ``None`` where it asks for nothing (neither annotate nor blur).

    Every face that is believed to be one gets a box, with a plate where it is somebody of ``selection``. ``blur``
    hides faces instead: ``all`` and ``others`` (all that are nobody's of ``selection``) take in whatever the detector
    found, convincing or not, since a hidden fist does no harm and a face shown does. With numbers, faces of those
    people that were never told to be theirs stay. Raises ``UsageError`` for a number that nobody has.
    """
    cast = settings.cast
    if not cast.annotate and cast.blur is None:
        return None
    numbers = frozenset[int]()
    if cast.blur is not None and cast.blur not in {"all", "others"}:
        numbers = frozenset(map(int, cast.blur.split(",")))
        if unknown := numbers - {person.id for person in selection.people}:
            raise UsageError(
                f"there is no person {min(unknown)} whose face could be hidden",
                path=index.video.path,
                remedy=f"give numbers from 1 to {len(selection.people)}, others or all",
            )

    def is_hidden(person: int | None) -> bool:
        return cast.blur == "all" or (cast.blur == "others" and person is None) or person in numbers

    hidden: list[FacePath] = []
    if cast.blur is not None:
        reaching = face_paths(index, selection, expansion=cast.box_expansion, reach=REACH_S)
        hidden = [path for path in reaching if is_hidden(path.person)]
    marks: list[Mark] = []
    rows: list[Row] = []
    if cast.annotate:
        texts = {person.id: label(person) for person in selection.people}
        for path in face_paths(index, selection, expansion=cast.box_expansion):
            if is_hidden(path.person):
                continue
            if path.person is not None:
                marks.append(Mark(path, texts[path.person], person_color(path.person)))
            elif path.certain:
                marks.append(Mark(path, "", NOBODY))
        shown = [person for person in selection.people if not is_hidden(person.id)]
        longest = sorted(shown, key=lambda p: (-p.screen_time, p.id))[:MOST_ROWS]
        rows = [Row(str(p.id), person_color(p.id), p.spans) for p in sorted(longest, key=lambda p: p.id)]
    cuts = tuple(shot.start for shot in index.shot_list() if shot.transition_in == "cut")
    return AnnotationPlan(tuple(marks), tuple(hidden), tuple(rows), cuts, index.video.duration, cast.annotate)


def label(person: Person) -> str:
    """What the plate of a person says, such as ``Person 3 · 34 ± 6 · female``; unknown attributes are left out."""
    parts = [f"Person {person.id}"]
    for name, estimate in person.attributes.items():
        if estimate.value is None:
            continue
        if name == "age" and not isinstance(estimate.value, str):
            parts.append(f"{estimate.value:.0f} ± {age_deviation(estimate.confidence):.0f}")
        else:
            parts.append(str(estimate.value))
    return " · ".join(parts)


def annotate_video(task: AnnotationTask) -> tuple[str, ...]:
    """In a worker: write the video to ``task.target``; what is to be said about it. Reports the seconds reached."""
    import cv2

    report(0.0)
    cv2.setNumThreads(1)  # decoder and encoder have threads enough
    plan = task.plan
    painter = Painter(marks=plan.marks, hidden=plan.hidden, rows=plan.rows, cuts=plan.cuts, duration=plan.duration)
    done = reencode(
        task.path,
        task.video,
        Path(task.target),
        painter,
        threads=task.threads,
        comment=COMMENT if plan.annotated else COMMENT_HIDDEN,
        on_step=report,
    )
    return tuple(done.warnings)


ENCODER_FRAMES = 18
"""Pictures that the encoder holds besides one for each of its threads: references, B-frames and what it looks ahead
(each at full and half size, padded), and the picture that is drawn on. Measured at 1080p with one thread: 83 MB."""


def choose_threads(video: VideoInfo, budget: Budget | None) -> Threads:
    """As many threads as there are cores, or as fit into a worker of ``budget``; one each in any case."""
    most = cores()
    if budget is None:
        return Threads(most, most)
    frame = video.coded_width * video.coded_height * 1.5 * (2 if video.bit_depth > 8 else 1)
    picture = video.width * video.height * 1.5
    free = budget.worker_mb * (1 << 20) - WORKER - SHARED - DECODER_FRAMES * frame - ENCODER_FRAMES * picture
    fit = max(1, min(most, int(free // (frame + picture))))
    return Threads(fit, fit)


class Run(Protocol):
    """Runs tasks in workers, as :meth:`stills.media.sandbox.Pool.run` does."""

    def __call__(
        self,
        tasks: list[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
    ) -> Iterator[TaskResult]:
        """Run them."""
        ...


def write_annotated(
    run: Run,
    index: Index,
    plan: AnnotationPlan,
    target: Path,
    *,
    threads: Threads,
    limits: LimitSettings,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    started: float | None = None,
) -> tuple[str, ...]:
    """Have a worker write the video of ``plan`` to ``target`` (``*.mp4``): all of it, or nothing; what is to be said.

    ``started`` is when the work on this video began (``time.monotonic()``; default: now), for ``limits.video_timeout``.
    A decoder that dies is tried again with one thread. Raises as :func:`stills.media.reencode.reencode`, and
    ``DecodeTimeoutError``, ``CancelledError``.
    """
    path = index.video.path
    if content_id(index.place) != index.content:
        raise InputError("the file is not the one that was scanned", path=path, remedy="scan it again")
    begun = time.monotonic()
    watch = Watch(cancel, begun if started is None else started, limits.video_timeout)

    def progressed(_: Any, seconds: float) -> None:
        if on_progress is not None:
            elapsed = time.monotonic() - begun
            on_progress(Progress("render", path, min(seconds, index.video.duration), index.video.duration, elapsed))

    ensure_folder(target.parent)
    with staging(target.parent) as folder:
        temporary = folder.resolve() / target.name
        task = AnnotationTask(index.place, index.video, plan, str(temporary), threads)
        for attempt in range(limits.retries + 1):
            work = Task(attempt, "stills.scan.annotate:annotate_video", (task,), path)
            try:
                [result] = run([work], on_progress=progressed, cancel=watch)
            except OutOfTimeError as error:
                raise DecodeTimeoutError(
                    f"its {target.stem} video was not done within {limits.video_timeout:g} s",
                    path=path,
                    remedy="allow more with --video-timeout",
                ) from error
            if not isinstance(result.error, DecoderCrashError) or attempt == limits.retries:
                break
            task = replace(task, threads=Threads())
        warnings: tuple[str, ...] = result.unwrap()
        move(temporary, target)
    return warnings
