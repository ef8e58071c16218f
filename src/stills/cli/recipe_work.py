"""What the recipes that write pictures share: an answer for every video, its files, the failures, the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.run import Failure, Outcome, run_each
from stills.cli.say import clock
from stills.cli.session import Session
from stills.cli.watching import Watched
from stills.files import atomic_write, ensure_folder, remove_file
from stills.jobs.outputs import check_out
from stills.jobs.watch import VideoWatch
from stills.jobs.watch.opening import open_watch
from stills.media.sandbox import Pool
from stills.render.names import folder_names
from stills.render.report import FAILURES
from stills.types import Pick, ProgressCallback, Shot

if TYPE_CHECKING:
    from stills.api.results import Result

R = TypeVar("R", bound="Result[Any]")
Ask = Callable[..., R]
"""A verb of :mod:`stills`: takes a path and ``settings``, ``scanner``, ``on_progress``, ``cancel``."""
Tell = Callable[[str, R, Sequence[Path | str], Path], Outcome]
"""What to say of a result: called with the input, its result, the files that were written and their folder."""


def output_names(videos: Sequence[Input]) -> dict[str, str]:
    """The name of each video's folder in OUT, by path: its stem, with a hash of its content where two share one."""
    from stills.media.source import content_id

    paths = [video.path for video in videos if video.error is None]
    return dict(zip(paths, folder_names(paths, content_id), strict=True))


def write_results(
    session: Session,
    videos: Sequence[Input],
    out: Path,
    workers: Pool | None,
    *,
    recipe: str,
    ask: Ask[R],
    tell: Tell[R],
) -> int:
    """Ask about every video, write pictures, results and the report into ``out``; the exit code.

    ``recipe`` is what ``ask`` is called in metrics and traces.
    """
    check_out(out)
    names = output_names(videos)

    def report(failures: Sequence[Failure]) -> Path:
        keep_failures(out, failures, [video.name for video in videos])
        return stills.render_report(out)

    watching = closing(open_watch(session.settings, out=out))
    with watching as watch, stills.Scanner(session.settings, workers) as scanner:
        watched = Watched(watch, scanner, recipe, out)

        def work(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
            def answer(video: VideoWatch) -> Outcome:
                with video.stage("answer"):
                    result = ask(
                        path, settings=session.settings, scanner=scanner, on_progress=on_progress, cancel=cancel
                    )
                with video.stage("save"):
                    files = result.save(out, name=names[path], on_progress=on_progress, cancel=cancel)
                return tell(path, result, files, out / names[path])

            return watched.do(path, answer)

        return run_each(session, videos, work, after=report)


def explain(
    picks: Sequence[Pick], shots: Sequence[Shot], *, ranked: bool, more: Mapping[int, str] | None = None
) -> tuple[str, ...]:
    """``--explain``: a line for each pick with its time, its score and what that is made of, its shot, and ``more``.

    ``more`` is by pts.
    """
    rows = []
    for number, pick in enumerate(picks, 1):
        place = f"{number:>4}"
        if not ranked and pick.rank is not None:
            place += f" (rank {pick.rank})"
        score = f"score {pick.score:.3f}" if pick.reasons else "no score"
        parts = ", ".join(f"{name} {value:.2f}" for name, value in pick.reasons.items())
        said = (more or {}).get(pick.pts, "")
        rows.append("  ".join(filter(None, [place, _moment(pick), score, parts, _shot(pick, shots), said])))
    return tuple(rows)


def _moment(pick: Pick) -> str:
    from stills.render.metadata import clock as exact
    from stills.types import COVER_PTS

    return "cover picture" if pick.pts == COVER_PTS else exact(pick.time, digits=3)


def _shot(pick: Pick, shots: Sequence[Shot]) -> str:
    """What the pick stands for: its shot."""
    for number, shot in enumerate(shots, 1):
        if shot.start <= pick.time < shot.end:
            return f"shot {number} ({clock(shot.start)}–{clock(shot.end)})"
    return ""


def keep_failures(out: Path, failures: Sequence[Failure], tried: Sequence[str]) -> None:
    """Note for the report which inputs gave nothing; what earlier calls noted stays, unless it was ``tried`` again."""
    path = out / FAILURES
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = []
    kept = [item for item in before if isinstance(item, dict) and item.get("path") not in tried]
    kept += [asdict(failure) for failure in failures]
    if kept:
        ensure_folder(path.parent)
        atomic_write(path, json.dumps(kept, indent=1).encode())
    else:
        remove_file(path)
