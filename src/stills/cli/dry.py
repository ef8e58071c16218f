"""``--dry-run``: what would be done with each input. Writes nothing, decodes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.options import Session
from stills.cli.run import Outcome, run_each
from stills.cli.say import clock
from stills.types import Layer, ProgressCallback


def dry_run(session: Session, videos: Sequence[Input], out: Path | None, layers: Iterable[Layer] = ("faces",)) -> int:
    """Say for every video whether ``layers`` are measured already and where its output would go; the exit code."""
    names: dict[str, str] = {}
    if out is not None:
        from stills.cli.people_work import output_names

        names = output_names(videos)

    scanner = stills.Scanner(session.settings)

    def plan(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        info = scanner.probe(path)
        cached = stills.is_scanned(path, layers=layers, settings=session.settings)
        steps = "measured before, no decoding" if cached else f"would scan {clock(info.duration)}"
        target = None if out is None else out / names[path]
        where = "" if target is None else f" → {target}"
        return Outcome(
            f"{path}: {steps}{where}",
            fields={"dry_run": True, "cached": cached, "duration": info.duration, "out": target and str(target)},
        )

    with scanner:
        return run_each(session, videos, plan)
