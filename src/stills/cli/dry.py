"""``--dry-run``: what would be done with each input. Writes nothing, decodes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.run import Outcome, run_each
from stills.cli.say import clock, count
from stills.cli.session import Session
from stills.types import Layer, ProgressCallback


def dry_run(
    session: Session,
    videos: Sequence[Input],
    out: Path | None,
    layers: Collection[Layer] = frozenset({"faces"}),
    *,
    quick: bool = False,
) -> int:
    """Say for every video whether ``layers`` are measured already and where its output would go; the exit code.

    ``quick`` is as in :func:`stills.is_scanned`. Without layers nothing is to be measured: then it says how many frames
    would be taken out.
    """
    names: dict[str, str] = {}
    if out is not None:
        from stills.cli.recipe_work import output_names

        names = output_names(videos)

    scanner = stills.Scanner(session.settings)

    def plan(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        info, packets = scanner.packets(path, cancel=cancel)
        fields: dict[str, object] = {"dry_run": True, "duration": info.duration}
        if layers:
            cached = stills.is_scanned(path, layers=layers, quick=quick, settings=session.settings)
            steps = "measured before, no decoding" if cached else f"would scan {clock(info.duration)}"
            fields["cached"] = cached
        else:
            from stills.api.plain import planned_pts

            frames = len(planned_pts(info, packets, session.settings.keyframes))
            steps = f"would take out {count(frames, 'frame')} of {clock(info.duration)}"
            fields["frames"] = frames
        target = None if out is None else out / names[path]
        where = "" if target is None else f" → {target}"
        return Outcome(f"{path}: {steps}{where}", fields={**fields, "out": target and str(target)})

    with scanner:
        return run_each(session, videos, plan)
