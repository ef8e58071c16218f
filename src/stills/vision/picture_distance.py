"""How different tiny luma pictures are, in units of their own contrast.

So dark and pale films need no thresholds of their own.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CONTRAST_FLOOR = 8.0
"""Luma levels added to the contrast, so that noise in black pictures does not count as change."""

LIGHT_WEIGHT = 0.2
"""Weight of a change of mean brightness against one of structure: a cloud or a dimmer is no new shot."""

BLACK = 24
"""Luma of bars, at most."""

DIFFERENT = 0.15
"""Difference of pixels that changed, in units of contrast."""

_SHIFT = 2
UNIT = 1 << _SHIFT
"""Steps to a luma level in ``centered``: fine enough that rounding is far below any threshold."""


class Pictures:
    """A run of pictures, ready to be compared with each other many times: 1 µs a pair.

    ``thumbs`` are (n, height, width). ``mean`` and ``contrast`` (standard deviation) are (n,), in luma levels;
    ``centered`` are the pictures less their mean, in quarters of a level.
    """

    __slots__ = ("centered", "contrast", "mean", "thumbs")

    def __init__(self, thumbs: NDArray[np.uint8]) -> None:
        """Measure all pictures once."""
        self.thumbs = thumbs
        n = len(thumbs)
        self.mean, self.contrast = np.empty(n, np.float32), np.empty(n, np.float32)
        for i in range(n):
            mean, deviation = cv2.meanStdDev(thumbs[i])
            self.mean[i], self.contrast[i] = mean[0, 0], deviation[0, 0]
        centered = np.left_shift(thumbs, _SHIFT, dtype=np.int16)
        centered -= np.rint(self.mean * UNIT).astype(np.int16)[:, None, None]
        self.centered = centered

    def __len__(self) -> int:
        """How many there are."""
        return len(self.thumbs)

    def between(self, first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float32]:
        """Distances (see :func:`distance`) of pictures ``first`` from ``last``; indices are clipped to the run."""
        top = len(self) - 1
        a, b = np.clip(first, 0, top), np.clip(last, 0, top)
        x, size = self.centered, self.centered[0].size if len(self) else 1
        away = np.fromiter(
            (cv2.norm(x[i], x[j], cv2.NORM_L1) for i, j in zip(a.tolist(), b.tolist(), strict=True)), np.float64, len(a)
        )
        contrast = 0.5 * (self.contrast[a] + self.contrast[b]) + CONTRAST_FLOOR
        structure = away / (UNIT * size)
        return np.asarray((structure + LIGHT_WEIGHT * np.abs(self.mean[a] - self.mean[b])) / contrast, np.float32)

    def steps(self) -> NDArray[np.float32]:
        """The distance of each picture from the one before; 0 for the first."""
        every = np.arange(len(self))
        return self.between(every - 1, every)


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean absolute difference of pictures in units of their mean contrast.

    ``a`` and ``b`` are (n, height, width); the answer is (n,). About 0.1 for motion, about 1 for unrelated pictures.
    """
    every = np.arange(len(a))
    return Pictures(np.concatenate([a, b])).between(every, every + len(a))


def step_changes(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The distance of each of ``thumbs`` (n, height, width) from the one before; 0 for the first."""
    return Pictures(thumbs).steps()


def correlation(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Pearson's correlation of two pictures, -1…1: 1 for the same structure in other light, 0 where one is flat."""
    x, y = a.ravel().astype(np.float32), b.ravel().astype(np.float32)
    x -= x.mean()
    y -= y.mean()
    power = float(x @ x) * float(y @ y)
    return float(x @ y) / power**0.5 if power > 0 else 0.0


def spread(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """The share of pixels that differ between two pictures, of those that are not bars."""
    shown = np.maximum(a, b) > BLACK
    least = DIFFERENT * (0.5 * (float(a.std()) + float(b.std())) + CONTRAST_FLOOR)
    away = np.abs(b.astype(np.int16) - a)[shown]
    return float(np.mean(away > least)) if away.size else 0.0
