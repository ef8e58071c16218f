"""The work behind ``stills people``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import stills
from stills.cli.inputs import Input
from stills.cli.recipe_work import outcome_of, write_results
from stills.cli.run import Outcome
from stills.cli.say import clock, count
from stills.cli.session import Session
from stills.media.sandbox import Pool

if TYPE_CHECKING:
    from stills import PeopleResult


def find_people(session: Session, videos: Sequence[Input], out: Path, workers: Pool | None = None) -> int:
    """Find the people of every video, write pictures, results and the report into ``out``; the exit code."""
    return write_results(session, videos, out, workers, recipe="people", ask=stills.people, tell=tell_people)


def tell_people(path: str, result: PeopleResult, files: Sequence[Path | str], folder: Path) -> Outcome:
    """What to say of the people of one video."""
    found = len(result.people)
    who = count(found, "person", "people") if found else "nobody that qualifies"
    said = f"{path}: {who} in {clock(result.video.duration)} → {folder}"
    return outcome_of(result, said, files, found=found > 0, people=found)
