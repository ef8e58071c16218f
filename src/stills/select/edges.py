"""Where a film begins and ends: opening logos and closing credits, which say nothing of what is in between."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

OPENING, CLOSING = (0.04, 60.0), (0.05, 120.0)
"""Share of the duration that always counts as the edge, and the seconds that bound it."""

LONGEST_OPENING, LONGEST_CLOSING = (0.10, 180.0), (0.15, 600.0)
"""The same with all titles behind or before it: feature films have up to ten minutes of credits."""

_GAP = 3.0  # seconds of picture that titles may be broken by
_TEXT = 0.015  # share of the picture that looks like text: two words
_DARK = 40.0  # mean luma under which a picture without faces may be a title's ground


def middle_of(
    times: NDArray[np.float64],
    luma: NDArray[Any],
    text: NDArray[Any],
    faces: NDArray[np.bool_],
    duration: float,
) -> tuple[float, float]:
    """From when to when, in seconds, a film is itself.

    ``times`` (n,) in order, with the mean ``luma`` (0…255) and the share of ``text`` (0…1) of those frames, and whether
    they show ``faces``. Dark or written frames without faces move the borders inwards, as long as nothing else lasts
    for three seconds in between. At least the middle three quarters remain, of videos of any length.
    """
    title = ~faces & ((text >= _TEXT) | (luma < _DARK))
    opening = _border(times, title, OPENING, LONGEST_OPENING, duration)
    closing = _border((duration - times)[::-1], title[::-1], CLOSING, LONGEST_CLOSING, duration)
    return opening, duration - closing


def _border(
    away: NDArray[np.float64],
    title: NDArray[np.bool_],
    always: tuple[float, float],
    longest: tuple[float, float],
    duration: float,
) -> float:
    """How far titles reach, in seconds from the edge from which the frames are ``away``, nearest first."""
    border = min(always[0] * duration, always[1])
    most = min(longest[0] * duration, longest[1])
    for place in away[title]:
        if place > most or place > border + _GAP:
            break
        border = max(border, float(place) + 1e-3)
    return border
