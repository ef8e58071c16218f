"""The work behind ``stills cast``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stills
from stills.cli.inputs import Input
from stills.cli.recipe_work import outcome_of, write_results
from stills.cli.run import Outcome
from stills.cli.say import clock, count
from stills.cli.session import Session
from stills.media.sandbox import Pool

if TYPE_CHECKING:
    from stills import CastResult


def find_cast(
    session: Session,
    videos: Sequence[Input],
    out: Path,
    workers: Pool | None = None,
    *,
    posters: Sequence[str] = (),
) -> int:
    """Write the cast of every video, with results and the report, into ``out``; the exit code."""

    def ask(path: str, **how: Any) -> CastResult:
        return stills.cast(path, posters=posters, **how)

    return write_results(session, videos, out, workers, recipe="cast", ask=ask, tell=tell_cast)


def tell_cast(path: str, result: CastResult, files: Sequence[Path | str], folder: Path) -> Outcome:
    """What to say of the cast of one video."""
    found = len(result.people)
    who = count(found, "person", "people") if found else "nobody that qualifies"
    faces = [face for poster in result.posters for face in poster.faces]
    known = sum(face.person is not None for face in faces)
    shown = f", {known} of {count(len(faces), 'face')} on {count(len(result.posters), 'poster')} known"
    return outcome_of(
        result,
        f"{path}: {who} in {clock(result.video.duration)}{shown if result.posters else ''} → {folder}",
        files,
        found=found > 0,
        people=found,
        posters=len(result.posters),
        poster_faces=len(faces),
        poster_people=known,
    )
