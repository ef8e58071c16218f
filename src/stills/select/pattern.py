"""Temporal patterns: shots that show again what was shown a moment ago, and small things that come and go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.select.similarity import HEIGHT, WIDTH

_REPEATED_SHARE = 0.6
"""Share of a shot's candidates that must have an equal in one earlier shot. Loops and cut-backs to the same take reach
1; the same person filmed a moment later, below 0.1."""

POINTER_ENERGY = 1600.0
"""Most energy of the change that a pointer makes in one place: at 720p it blackens 15 % of a cell, 40 grey levels."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of candidates ``first`` and ``second`` (rows), both ways round."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]


def repeated_shots(equal: Pairs, shot: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which candidates lie in a shot that repeats an earlier one: (n,).

    ``equal`` are the pairs of different shots that are as good as equal and lie within the window; ``shot`` (n,) are
    the shots of the candidates.
    """
    later, earlier = shot[equal.first], shot[equal.second]
    back = later > earlier
    if not back.any():
        return np.zeros(len(shot), np.bool_)
    count = int(shot.max()) + 1
    # Each candidate counts once for each earlier shot, however many equals it has there.
    match = np.unique(np.stack([equal.first[back], earlier[back]], axis=1), axis=0)
    both = shot[match[:, 0]].astype(np.int64) * count + match[:, 1]
    pairs, matches = np.unique(both, return_counts=True)
    size = np.bincount(shot, minlength=count)
    repeats = pairs[matches >= _REPEATED_SHARE * size[pairs // count]] // count
    return np.asarray(np.isin(shot, repeats), np.bool_)


def only_pointers(a: NDArray[np.uint8], b: NDArray[np.uint8], limit: float) -> NDArray[np.bool_]:
    """Whether pictures ``a`` and ``b`` (n, 2304) differ in no more than where a pointer was and where it is: (n,).

    Two patches of 2 × 2 cells that do not touch may differ as much as a pointer makes them; of what differs elsewhere,
    the energy must be below ``limit``. Text that was written makes one change, wider than a patch or stronger.
    """
    away = (a.astype(np.float32) - b).reshape(-1, HEIGHT, WIDTH) ** 2
    here = np.arange(len(away))
    total, small = away.sum(axis=(1, 2)), np.ones(len(away), np.bool_)
    for _ in range(2):
        patch = away[:, :-1, :-1] + away[:, 1:, :-1] + away[:, :-1, 1:] + away[:, 1:, 1:]
        place = patch.reshape(len(away), -1).argmax(axis=1)
        top, left = np.divmod(place, WIDTH - 1)
        energy = patch[here, top, left]
        total -= energy
        small &= energy <= POINTER_ENERGY
        for y in range(-1, 3):  # the patch, and the cells around it, where the second may not be
            for x in range(-1, 3):
                away[here, np.clip(top + y, 0, HEIGHT - 1), np.clip(left + x, 0, WIDTH - 1)] = 0.0
    return np.asarray(small & (total < limit), np.bool_)
