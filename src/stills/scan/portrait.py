"""Looking for a portrait: from the quickest place to the slowest, until a frame qualifies.

The cover picture in the file; the key frames; the frames behind suspected cuts; then every frame near the best ones so
far. What is scanned is kept as any index is; a close look is not, its rows are merged for this answer only.

Single frames do not tell that they are in the middle of a dissolve, where encoders like to put key frames. So what
qualifies is looked at closely before it counts: the frames around it show whether it is, and whether a better one is
next to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stills.addresses import public_name
from stills.errors import CorruptVideoError, InputError, LimitError, MemoryLimitError
from stills.index.index import Index
from stills.index.schema import FACES, FRAMES, SHOTS
from stills.index.store import SegmentRows
from stills.media.sandbox_tasks import Task
from stills.media.source import content_id, is_remote
from stills.scan.faces import MOMENTS
from stills.scan.needs import parameters_for
from stills.scan.parameters import EFFORTS, ScanParameters, models_of
from stills.scan.plan import Segment, SegmentTask
from stills.scan.running import WORKER
from stills.scan.scanner import Scanner
from stills.scan.segment import CloseLook
from stills.select.portrait import PortraitOptions, select_portrait
from stills.types import COVER_PTS, Effort, Fallback, Layer, ProgressCallback, ScanReport, VideoInfo
from stills.types_portrait import PortraitSelection, PortraitStep, StepReport

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.media.packets import PacketIndex
    from stills.scan.cover import CoverReading
    from stills.settings_model import Settings

LAYERS: frozenset[Layer] = frozenset({"faces"})
"""What has to be measured."""

PLACES = 3
"""Frames around which is looked closely: the best ones that do not qualify."""

REACH = 1.0
"""Seconds to either side of them: an eye blink takes a third of one, a turn of the head a whole one."""

CHECKED = 0.5
"""The same around a frame that qualifies."""

SAMPLED = 0.08
"""Seconds from one look for faces to the next there; elsewhere, every frame is looked at."""

AROUND = 0.7
"""Seconds that are decoded on either side of all that, to tell dissolves: most last for half a second to one."""

CHECKS = 5
"""Frames that qualify and are looked at closely at most, one after another, where each turns out to be spoiled."""

SLACK = 10.0
"""See ``ScanParameters.mesh_slack``: large enough that each kept face is measured, as a preference may want any."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PortraitSearch:
    """Looks for the portrait of the video at ``path``; ``settings.scan.effort`` says how.

    ``fast`` takes one step after another and stops where a frame qualifies; the other efforts look at everything, as
    for people. What an earlier scan measured answers at once. ``steps`` are those that were taken.
    """

    scanner: Scanner
    path: str
    settings: Settings
    options: PortraitOptions
    on_progress: ProgressCallback | None = None
    cancel: CancelToken | None = None
    steps: list[StepReport] = field(default_factory=list)
    _remarks: list[str] = field(default_factory=list)
    _cover: Mapping[str, Any] | None = None
    _listed: tuple[VideoInfo, PacketIndex] | None = None
    _close: list[tuple[int, int, SegmentRows]] = field(default_factory=list)
    _reports: list[ScanReport] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def run(self) -> Index:
        """The index to select from: with the cover and all that the steps found. Raises what a scan raises."""
        fast = self.settings.scan.effort == "fast"
        known = self._known()
        if self.options.cover:
            index = self._look_at_cover(known)
            if fast and index is not None and self.steps[-1].qualified:
                return index
        if known is not None and not _is_quick(known):
            effort: Effort = known.report.effort
            index = self._scan("scenes" if effort == "fast" else "everything", effort)
            fast = fast and effort == "fast"
        elif not fast:
            index = self._scan("everything", self.settings.scan.effort)
        else:
            index = self._checked(self._scan("key-frames", "fast", quick=True))
            if not self._found(index) and self._has_time():
                index = self._scan("scenes", "fast")
        if fast:
            index = self._checked(index)
            if not self._found(index) and self._has_time():
                index = self._look_near(index, self._best(index, PLACES), REACH)
        return self._summed(index)

    def _known(self) -> Index | None:
        """What was measured before, with the most effort, if that serves. Raises ``InputError`` for what is no file."""
        content = content_id(self.path)
        if not self.settings.scan.resume:
            return None
        remote, least = is_remote(self.path), self.settings.scan.effort
        for effort in reversed(EFFORTS[EFFORTS.index(least) :]):
            reader = Scanner(_with_effort(self.settings, effort))  # it starts nothing
            index = reader.find(content, LAYERS, quick=least == "fast", remote=remote)
            if index is not None:
                return index
        return None

    def _look_at_cover(self, known: Index | None) -> Index | None:
        """The cover picture alone, as an index without frames; ``None`` where there is none that can be read."""
        begun = time.monotonic()
        if known is not None and not known.video.has_cover_art:
            return None
        parameters = parameters_for(self.settings, self.settings.scan.effort)
        fallbacks: tuple[Fallback, ...]
        if known is not None and known.cover is not None:
            self._cover, fallbacks = known.cover, known.fallbacks
        else:
            fallbacks = self.scanner.ready_for(self.path, LAYERS, parameters)
            self._cover = self._measure_cover(parameters)
        if self._cover is None:
            return None
        video = self.scanner.probe(self.path, cancel=self.cancel) if known is None else known.video
        index = self._cover_index(video, parameters, fallbacks)
        self._note("cover", index, begun, 1, cached=known is not None and known.cover is not None)
        seconds = round(time.monotonic() - self._started, 3)
        return replace(index, report=replace(index.report, seconds=seconds))

    def _measure_cover(self, parameters: ScanParameters) -> Mapping[str, Any] | None:
        args = (self.path, parameters, LAYERS, self.settings.limits.max_pixels)
        task = Task("cover", f"{WORKER}:measure_cover_picture", args, public_name(self.path))
        try:
            (result,) = self.scanner.run([task], cancel=self.cancel)
            reading: CoverReading = result.unwrap()
        except (InputError, LimitError) as error:  # if it is the file's fault, the scan says so
            self._remarks.append(f"the cover picture is left out: {error.message}")
            return None
        self._remarks += reading.warnings
        return reading.values

    def _cover_index(self, video: VideoInfo, parameters: ScanParameters, fallbacks: tuple[Fallback, ...]) -> Index:
        from stills.models import model_hashes

        name = public_name(self.path)
        return Index(
            video=replace(video, path=name),
            content=content_id(self.path),
            frames=FRAMES.empty_table(),
            shots=SHOTS.empty_table(),
            faces=FACES.empty_table(),
            layers=frozenset(),
            parameters=parameters.to_json(),
            models=model_hashes(models_of(LAYERS, parameters)),
            report=ScanReport(parameters.effort, video.frame_count, 0, 0, 0.0, 0.0),
            fallbacks=fallbacks,
            warnings=tuple(self._remarks),
            cover=self._cover,
            source=self.path if self.path != name else None,
        )

    def _scan(self, step: PortraitStep, effort: Effort, *, quick: bool = False) -> Index:
        """Scan, or take from the index, with the cover added."""
        begun = time.monotonic()
        scanner = self.scanner.configured(_with_effort(self.settings, effort))
        try:
            index = scanner.scan(
                self.path, layers=LAYERS, quick=quick, on_progress=self.on_progress, cancel=self.cancel
            )
        finally:
            self.scanner.configured(self.settings)
        if self._cover is not None:
            index = replace(index, cover=self._cover)
        index = _merged(index, self._close)
        index = replace(index, warnings=tuple(dict.fromkeys((*index.warnings, *self._remarks))))
        self._reports.append(index.report)
        self._note(step, index, begun, index.report.frames_analysed, cached=index.report.cached)
        return index

    def _checked(self, index: Index) -> Index:
        """``index``, with a close look at what qualifies in it, until one stands that."""
        for _ in range(CHECKS):
            best = self._best(index, 1)
            if not self._found(index) or not best or not self._has_time():
                break
            if any(start <= best[0] < end for start, end, _ in self._close):
                break
            index = self._look_near(index, best, CHECKED)
        return index

    def _best(self, index: Index, most: int) -> list[int]:
        """The pts of the best frames of ``index``; none for the cover picture."""
        options = replace(self.options, if_none="best", runners_up=most - 1)
        selection = select_portrait(index, options)
        picks = () if selection.frame is None else (selection.frame, *selection.runners_up)
        return [pick.pts for pick in picks if pick.pts != COVER_PTS]

    def _found(self, index: Index) -> bool:
        return select_portrait(index, self.options).qualified

    def _look_near(self, index: Index, best: Sequence[int], reach: float) -> Index:
        """Measure the frames up to ``reach`` seconds from the ``best`` ones; ``index`` with their rows, in memory."""
        if not best:
            return index
        begun = time.monotonic()
        if self._listed is None:
            self._listed = self.scanner.packets(index.place, cancel=self.cancel)
        ticks = max(1, int(reach / index.video.time_base))
        spans = _joined([(pts - ticks, pts + ticks + 1) for pts in best])
        found, warnings = self._measure(spans, index.place, every=reach > CHECKED)
        self._close += found
        index = replace(_merged(index, found), warnings=(*index.warnings, *warnings))
        frames = sum(int(np.sum(rows.frames["analysed"].to_numpy())) for _, _, rows in found)
        decoded = sum(int(rows.notes["frames_decoded"]) for _, _, rows in found)
        seconds = round(time.monotonic() - begun, 3)
        about = index.report
        self._reports.append(
            replace(about, frames_decoded=decoded, frames_analysed=frames, seconds=seconds, cached=False)
        )
        self._note("near-best", index, begun, frames, cached=False)
        return index

    def _measure(
        self, spans: Sequence[tuple[int, int]], place: str, *, every: bool
    ) -> tuple[list[tuple[int, int, SegmentRows]], list[str]]:
        """The rows of ``spans`` (pts) and of what is around them, of ``every`` frame or a few; and what went wrong."""
        assert self._listed is not None  # noqa: S101 - the only caller sees to it
        video, packets = self._listed
        parameters = parameters_for(self.settings, "exhaustive")
        parameters = replace(parameters, mesh_slack=SLACK)
        if not every:
            parameters = replace(parameters, sample_interval=SAMPLED, slow_interval=SAMPLED)
        self.scanner.ready_for(place, LAYERS, parameters)
        hold = self.scanner.fit(LAYERS, video, cancel=self.cancel).hold_bytes
        around, threads = int(AROUND / video.time_base), self.settings.scan.threads
        tasks = []
        for number, span in enumerate(spans):
            start, end = max(video.start_pts, span[0] - around), span[1] + around
            one = Segment(number, start, end, video.seconds(start), video.seconds(end))
            task = SegmentTask(place, video, packets, one, parameters, LAYERS, threads, None, hold)
            moment = max(video.seconds(span[1]) - video.seconds(span[0]), 1e-3) / MOMENTS
            close = CloseLook(*span, moment)
            tasks.append(Task(number, f"{WORKER}:scan_part", (task, close), video.path))
        found, warnings = [], []
        for result in self.scanner.run(tasks, cancel=self.cancel):
            start, end = spans[result.key]
            limited = isinstance(result.error, MemoryLimitError)
            if isinstance(result.error, CorruptVideoError | LimitError) and not limited:
                first, last = video.seconds(start), video.seconds(end)
                said = result.error.message
                warnings.append(f"{first:.1f}–{last:.1f} s could not be looked at closely: {said}")
            else:
                found += [(start, end, rows) for rows in result.unwrap()]
        return sorted(found, key=lambda one: one[0]), warnings

    def _note(self, step: PortraitStep, index: Index, begun: float, frames: int, *, cached: bool) -> None:
        selection: PortraitSelection = select_portrait(index, self.options)
        seconds = round(time.monotonic() - begun, 3)
        self.steps.append(StepReport(step, frames, selection.qualified, seconds, cached))
        _log.info("%s: %s, %d frames, %s", index.video.path, step, frames, "found" if selection.qualified else "none")

    def _has_time(self) -> bool:
        """Whether the time for this video lets a further step begin."""
        limit = self.settings.limits.video_timeout
        return limit is None or time.monotonic() - self._started < limit

    def _summed(self, index: Index) -> Index:
        """``index`` with a report over all steps that were taken now."""
        fresh = [report for report in self._reports if not report.cached]
        if not fresh or len(self._reports) == 1:
            return index
        report = replace(
            index.report,
            frames_decoded=sum(report.frames_decoded for report in self._reports),
            frames_analysed=sum(report.frames_analysed for report in self._reports),
            seconds=round(sum(report.seconds for report in fresh), 3),
            cached=False,
        )
        return replace(index, report=report)


def _with_effort(settings: Settings, effort: Effort) -> Settings:
    return settings.model_copy(update={"scan": settings.scan.model_copy(update={"effort": effort})})


def _is_quick(index: Index) -> bool:
    """Whether only key frames were looked at."""
    return index.report.effort == "fast" and not any(index.parameters.get("sparse_budget", (1.0,)))


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """``spans`` in order, those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _merged(index: Index, close: Sequence[tuple[int, int, SegmentRows]]) -> Index:
    """``index`` with the faces of close looks (start, end, rows) in the place of those that it has there."""
    faces, track = index.faces, int(index.faces["track"].to_numpy().max(initial=-1)) + 1
    for start, end, rows in close:
        pts, own = rows.faces["pts"].to_numpy(), rows.faces["track"].to_numpy().astype(np.int32)
        column = pa.array(own + np.int32(track))
        new = rows.faces.set_column(FACES.get_field_index("track"), FACES.field("track"), column)
        known = faces["pts"].to_numpy()
        kept = faces.filter(pa.array((known < start) | (known >= end)))
        faces = pa.concat_tables([kept, new.filter(pa.array((pts >= start) & (pts < end)))])
        track += int(own.max(initial=-1)) + 1
    return replace(index, faces=faces.sort_by("pts").combine_chunks()) if close else index
