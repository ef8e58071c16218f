"""Colours of small pictures: how vivid they are, and which there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stills.vision.change import row_histograms

COLOR_CELLS = 64
"""4 × 4 × 4 cells of RGB; red is the most significant."""


def colorfulness(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How colourful each of ``bgr`` (n, h, w, 3) is: 0 for grey, about 15 slightly, 60 and more very: (n,).

    M3 of Hasler and Süsstrunk, "Measuring colourfulness in natural images", SPIE 5007, 2003.
    """
    x = bgr.reshape(len(bgr), bgr.shape[1] * bgr.shape[2], 3).astype(np.float32)
    blue, green, red = x[..., 0], x[..., 1], x[..., 2]
    opponents = (red - green, 0.5 * (red + green) - blue)
    deviation = np.sqrt(sum(o.var(axis=1) for o in opponents))
    mean = np.sqrt(sum(np.square(o.mean(axis=1)) for o in opponents))
    return np.asarray(deviation + 0.3 * mean, np.float32)


def color_counts(bgr: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels of each of ``bgr`` (n, h, w, 3) lie in each of :data:`COLOR_CELLS`: (n, 64)."""
    x = bgr.reshape(len(bgr), bgr.shape[1] * bgr.shape[2], 3)
    cells = (x[..., 2] >> 6 << 4) | (x[..., 1] >> 6 << 2) | (x[..., 0] >> 6)
    return row_histograms(cells, COLOR_CELLS)


def packed_counts(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """``counts`` (n, 64) as bytes: square roots, so that small areas are not lost, the largest of each is 255."""
    roots = np.sqrt(counts.astype(np.float32))
    largest = np.maximum(roots.max(axis=1, keepdims=True), 1.0)
    packed: NDArray[np.uint8] = np.rint(roots * (255.0 / largest)).astype(np.uint8)
    return packed
