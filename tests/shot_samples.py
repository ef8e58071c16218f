"""Made-up lists of shots for the tests of timelines."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from render_samples import report, video
from stills.render.shots import shot_list
from stills.render.timelines import ShotList
from stills.render.timelines.shotlist import ShotRow


def shot_film(
    borders: Sequence[float],
    *,
    duration: float,
    dissolves: dict[float, tuple[float, float]] | None = None,
    fades: Sequence[float] = (),
    **changes: Any,
) -> ShotList:
    """Shots that begin at 0 and ``borders`` (seconds); ``dissolves`` maps some of those to their start and end."""
    gradual = dissolves or {}
    info = video(**{"duration": duration, "time_base": Fraction(1, 90000), "start_pts": 1800, **changes})
    rows = []
    starts = [0.0, *borders]
    for number, (start, end) in enumerate(zip(starts, [*borders, duration], strict=True), 1):
        kind = "none" if number == 1 else "fade" if start in fades else "dissolve" if start in gradual else "cut"
        begin, finish = gradual.get(start, (start, start))
        rows.append(ShotRow(number, start, end, info.pts_at(start), info.pts_at(end), kind, begin, finish))  # type: ignore[arg-type]
    return shot_list(info, rows, report(), {}, {"effort": "balanced"}, ())
