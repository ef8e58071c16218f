"""The work behind ``stills shots``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.recipe_work import output_names
from stills.cli.run import Outcome, run_each
from stills.cli.say import clock, count
from stills.cli.session import Session
from stills.errors import printable
from stills.jobs.outputs import check_out
from stills.types import ProgressCallback

if TYPE_CHECKING:
    from stills.render.timelines import ShotList


def find_shots(session: Session, videos: Sequence[Input], out: Path | None, formats: Sequence[str]) -> int:
    """Find the shots of every video, print them and, with ``out``, write them; the exit code."""
    names: dict[str, str] = {}
    if out is not None:
        check_out(out)
        names = output_names(videos)
    for_people = sys.stdout.isatty()

    with stills.Scanner(session.settings) as scanner:

        def shots(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
            result = stills.shots(
                path, settings=session.settings, scanner=scanner, on_progress=on_progress, cancel=cancel
            )
            listed = result.listed
            files = [] if out is None else result.save(out, formats=formats, name=names[path])
            said = f"{path}: {count(len(listed.shots), 'shot')} in {clock(result.video.duration)}"
            where = f" → {out / names[path]}" if out is not None else ""
            return Outcome(
                f"{said}{where}" if for_people else "",
                rows=tuple(_table(listed) if for_people else _lines(listed, path)),
                files=files,
                fallbacks=result.fallbacks,
                partial=result.partial,
                warnings=[*result.warnings, *(result.notes(formats) if out is not None else ())],
                fields={
                    "shots": listed.document["shots"],
                    "cached": result.scan.cached,
                    "seconds": round(result.scan.seconds, 3),
                },
            )

        return run_each(session, videos, shots)


def _table(listed: ShotList) -> Iterator[str]:
    """Lines for people: aligned columns."""
    width = max(4, len(str(len(listed.shots))))
    yield f"{'shot':>{width}}  {'start':>12}  {'end':>12}  {'length':>10}  begins with"
    for row in listed.shots:
        how: str = "" if row.transition_in == "none" else row.transition_in
        if row.transition_end > row.transition_start:
            how += f" of {row.transition_end - row.transition_start:.2f} s"
        times = f"{precise(row.start):>12}  {precise(row.end):>12}  {row.end - row.start:>8.3f} s"
        yield f"{row.number:>{width}}  {times}  {how}".rstrip()


def _lines(listed: ShotList, path: str) -> Iterator[str]:
    """Lines for programs: columns separated by tabs."""
    for row in listed.shots:
        times = "\t".join(f"{value:.6f}" for value in (row.start, row.end, row.end - row.start))
        yield f"{row.number}\t{times}\t{row.transition_in}\t{printable(path)}"


def precise(seconds: float) -> str:
    """``75.2`` as ``1:15.200``, ``3700.25`` as ``1:01:40.250``."""
    whole, milli = divmod(round(seconds * 1000), 1000)
    hours, minutes = whole // 3600, whole // 60 % 60
    clocked = f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
    return f"{clocked}.{milli:03}"
