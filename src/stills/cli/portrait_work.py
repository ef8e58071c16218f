"""The work behind ``stills portrait``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import stills
from stills.cli.inputs import Input
from stills.cli.recipe_work import explain, outcome_of, write_results
from stills.cli.run import Outcome
from stills.cli.say import clock, count
from stills.cli.session import Session
from stills.media.sandbox import Pool
from stills.types import COVER_PTS

if TYPE_CHECKING:
    from stills import PortraitResult, StepReport

STEPS = {
    "cover": "cover picture",
    "key-frames": "key frames",
    "scenes": "scenes",
    "near-best": "near the best",
    "everything": "everything",
}
"""Where a portrait is looked for, in words."""


def find_portraits(
    session: Session, videos: Sequence[Input], out: Path, workers: Pool | None = None, *, explained: bool = False
) -> int:
    """Write the portrait of every video, with results and the report, into ``out``; the exit code."""
    tell = partial(tell_portrait, explained=explained)
    return write_results(session, videos, out, workers, recipe="portrait", ask=stills.portrait, tell=tell)


def tell_portrait(
    path: str, result: PortraitResult, files: Sequence[Path | str], folder: Path, *, explained: bool = False
) -> Outcome:
    """What to say of the portrait of one video."""
    frame = result.frame
    if frame is None:
        said = f"no portrait: {result.reason}"
    elif frame.pts == COVER_PTS:
        said = "the cover picture is the portrait"
    else:
        said = f"portrait at {clock(frame.time)} of {clock(result.video.duration)}"
    rows = explain([frame, *result.selection.runners_up], result.shots, ranked=True) if explained and frame else ()
    return outcome_of(
        result,
        f"{path}: {said} → {folder}",
        files,
        found=frame is not None,
        rows=(*rows, *_looked(result.steps)) if explained else (),
        qualified=result.qualified,
        time=None if frame is None or frame.pts == COVER_PTS else frame.time,
        score=None if frame is None else frame.score,
        reason=result.reason,
        steps=[asdict(step) for step in result.steps],
    )


def _looked(steps: Sequence[StepReport]) -> tuple[str, ...]:
    """``--explain``: where it was looked for, a line a step."""
    return tuple(
        f"     {STEPS[one.step]}: {count(one.frames, 'frame')}, "
        f"{'measured before' if one.cached else f'{one.seconds:.2f} s'}{', qualified' if one.qualified else ''}"
        for one in steps
    )
