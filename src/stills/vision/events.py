"""What only a run of frames tells: flashes, and frames that belong to a transition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stills.vision.transitions import ShotChange

FLASH_LIGHT = 25.0
"""Grey levels by which a flash is brighter than the frames around it."""

FLASH_SECONDS = 0.25
"""Longest flash; a light that stays longer was switched on."""

_BLEND = (0.08, 0.92)  # share of the new shot in a frame that is a blend of both
_BLEND_RESIDUAL = 0.25  # largest part of the change that the blend may leave unexplained
_LEAST_CHANGE = 4.0  # grey levels between the shots; less shows no blend


def shot_numbers(times: NDArray[np.float64], changes: Sequence[ShotChange]) -> NDArray[np.intp]:
    """The number of the shot that each of ``times`` lies in, from 0."""
    return np.searchsorted(np.array([c.time for c in changes]), times, side="right")


def find_flashes(luma: NDArray[np.float32], times: NDArray[np.float64], shots: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which frames are far brighter than what they stand between, within :data:`FLASH_SECONDS` and one shot.

    ``luma`` (n,) are mean grey levels. Where a side is missing, at the start or end of a shot or run, nothing is a
    flash: it could be a light that comes or goes.
    """
    n = len(luma)
    sides = []
    for step in (-1, 1):
        darkest = np.full(n, np.inf, np.float32)
        other = np.arange(n)
        near = np.ones(n, bool)
        while near.any():
            other = other + step
            clipped = np.clip(other, 0, n - 1)
            near &= (other >= 0) & (other < n) & (shots[clipped] == shots)
            near &= np.abs(times[clipped] - times) <= FLASH_SECONDS
            darkest = np.where(near, np.minimum(darkest, luma[clipped]), darkest)
        sides.append(darkest)
    return np.asarray(luma - np.maximum(*sides) >= FLASH_LIGHT)


def frames_in_transition(
    thumbs: Sequence[NDArray[np.uint8]], times: NDArray[np.float64], changes: Sequence[ShotChange]
) -> NDArray[np.bool_]:
    """Which frames lie inside of a dissolve or fade, or are a blend of both shots at a cut.

    ``thumbs`` are the tiny pictures of all frames (h, w).
    """
    inside = np.zeros(len(times), bool)
    for change in changes:
        if change.end > change.start:
            inside |= (times >= change.start) & (times <= change.end)
            continue
        first = int(np.searchsorted(times, change.time - 1e-6))
        # The blended frame may count as the last of the old shot or the first of the new one.
        for at in (first - 1, first):
            if 1 <= at < len(times) - 1 and _blended(thumbs[at - 1], thumbs[at], thumbs[at + 1]):
                inside[at] = True
    return inside


def _blended(before: NDArray[np.uint8], middle: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
    """Whether ``middle`` is a mix of its neighbours, by least squares."""
    start = before.astype(np.float32)
    change, way = after - start, middle - start
    if np.abs(change).mean() < _LEAST_CHANGE:
        return False
    share = float((way * change).sum() / np.square(change).sum())
    left = np.abs(way - share * change).mean() / np.abs(change).mean()
    return bool(_BLEND[0] < share < _BLEND[1] and left < _BLEND_RESIDUAL)
