"""Temporal patterns: shots that show again what was shown a moment ago, and small things that come and go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.select.similarity import HEIGHT, WIDTH

_REPEATED_SHARE = 0.6
"""Share of a shot's candidates that must have an equal in one earlier shot. Loops and cut-backs to the same take reach
1; the same person filmed a moment later, below 0.1."""

POINTER_ENERGY = 4000.0
"""Most energy of the change that a pointer and a caret make: at 720p a pointer blackens up to 15 % of a cell, 40 grey
levels, both where it was and where it is; a caret half of that."""

_CHANGED_CELL = 64.0
"""Energy from which a cell of the tiny picture has changed: eight grey levels."""


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


def only_pointers(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether pictures ``a`` and ``b`` (n, 2304) differ by no more than a pointer, moved, and a caret: (n,).

    Those touch two neighbouring cells at most; text that is long enough to matter changes three in a row, or some of
    them more than a pointer can.
    """
    away = (a.astype(np.float32) - b).reshape(-1, HEIGHT, WIDTH) ** 2
    changed = away >= _CHANGED_CELL
    written = (changed[:, :, :-2] & changed[:, :, 1:-1] & changed[:, :, 2:]).any(axis=(1, 2))
    return np.asarray(~written & (away.sum(axis=(1, 2)) <= POINTER_ENERGY), np.bool_)
