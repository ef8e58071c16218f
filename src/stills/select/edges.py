"""Where a film begins and ends: opening logos and closing credits, which say nothing of what is in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OPENING, CLOSING = (0.04, 60.0), (0.05, 120.0)
"""Share of the duration that always counts as the edge, and the seconds that bound it."""

LONGEST_OPENING, LONGEST_CLOSING = (0.10, 180.0), (0.15, 600.0)
"""The same with all titles behind or before it: feature films have up to ten minutes of credits."""

_GAP = 3.0  # seconds of picture that titles may be broken by


def middle_of(times: NDArray[np.float64], titles: NDArray[np.bool_], duration: float) -> tuple[float, float]:
    """From when to when, in seconds, a film is itself.

    ``times`` (n,) in order, and which of those frames are ``titles`` (n,). They move the borders inwards, as long as
    nothing else lasts for three seconds in between. At least the middle three quarters remain, of videos of any length.
    """
    opening = _border(times, titles, OPENING, LONGEST_OPENING, duration)
    closing = _border((duration - times)[::-1], titles[::-1], CLOSING, LONGEST_CLOSING, duration)
    return opening, duration - closing


def _border(
    away: NDArray[np.float64],
    titles: NDArray[np.bool_],
    always: tuple[float, float],
    longest: tuple[float, float],
    duration: float,
) -> float:
    """How far titles reach, in seconds from the edge from which the frames are ``away``, nearest first."""
    border = min(always[0] * duration, always[1])
    most = min(longest[0] * duration, longest[1])
    for place in away[titles]:
        if place > most or place > border + _GAP:
            break
        border = max(border, float(place) + 1e-3)
    return border
