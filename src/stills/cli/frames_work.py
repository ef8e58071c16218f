"""The work behind ``stills keyframes`` and ``stills thumbnails``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stills
from stills.cli.inputs import Input
from stills.cli.recipe_work import explain, outcome_of, write_results
from stills.cli.run import Outcome
from stills.cli.say import clock, count
from stills.cli.session import Session
from stills.media.sandbox import Pool
from stills.types import Pick

if TYPE_CHECKING:
    from stills import KeyframesResult, ThumbnailsResult


def find_keyframes(
    session: Session, videos: Sequence[Input], out: Path, workers: Pool | None = None, *, explained: bool = False
) -> int:
    """Write the key frames of every video, with results and the report, into ``out``; the exit code."""
    tell = partial(tell_keyframes, explained=explained)
    return write_results(session, videos, out, workers, recipe="keyframes", ask=stills.keyframes, tell=tell)


def find_thumbnails(
    session: Session, videos: Sequence[Input], out: Path, workers: Pool | None = None, *, explained: bool = False
) -> int:
    """Write the best thumbnails of every video, with results and the report, into ``out``; the exit code."""
    tell = partial(tell_thumbnails, explained=explained)
    return write_results(session, videos, out, workers, recipe="thumbnails", ask=stills.thumbnails, tell=tell)


def tell_keyframes(
    path: str,
    result: KeyframesResult,
    files: Sequence[Path | str],
    folder: Path,
    *,
    explained: bool = False,
    measured: bool = True,
) -> Outcome:
    """What to say of the key frames of one video.

    ``measured`` says that all that was measured is here: without, it is not known what each frame stands for.
    """
    stands = _stands_for(result) if explained and measured else {}
    fields: dict[str, Any] = {"distinct": result.selection.distinct, "similarity": result.selection.similarity}
    return _outcome(
        path,
        result,
        files,
        folder,
        what="frame" if result.settings.keyframes.plain else "key frame",
        fields=fields,
        rows=explain(result.frames, result.shots, ranked=False, more=stands) if explained else (),
        explained=explained,
    )


def tell_thumbnails(
    path: str, result: ThumbnailsResult, files: Sequence[Path | str], folder: Path, *, explained: bool = False
) -> Outcome:
    """What to say of the thumbnails of one video."""
    return _outcome(
        path,
        result,
        files,
        folder,
        what="thumbnail",
        fields={},
        rows=explain(result.frames, result.shots, ranked=True) if explained else (),
        explained=explained,
    )


def _outcome(
    path: str,
    result: KeyframesResult | ThumbnailsResult,
    files: Sequence[Path | str],
    folder: Path,
    *,
    what: str,
    fields: dict[str, Any],
    rows: tuple[str, ...],
    explained: bool,
) -> Outcome:
    found = len(result.frames)
    said = count(found, what) if found else f"no {what}"
    if explained:
        fields = {**fields, "explained": [_values(pick) for pick in result.frames]}
    line = f"{path}: {said} in {clock(result.video.duration)} → {folder}"
    return outcome_of(result, line, files, found=found > 0, rows=rows, frames=found, **fields)


def _stands_for(result: KeyframesResult) -> dict[int, str]:
    """What each key frame stands for, in words, by pts."""
    if result.settings.keyframes.plain:
        return {}
    from stills.select.keyframes import explain as stand

    words = {}
    for one in stand(result.index, result.selection):
        said = f"stands for {count(one.stands_for, 'near-equal')}"
        if one.stands_for:
            said += f" from {one.first:.3f} to {one.last:.3f} s"
        if one.nearest is not None:
            said += f", most like {one.nearest:.3f} s ({one.similarity:.2f})"
        words[one.pts] = said
    return words


def _values(pick: Pick) -> dict[str, Any]:
    return {"time": pick.time, "pts": pick.pts, "score": pick.score, "reasons": dict(pick.reasons), "rank": pick.rank}
