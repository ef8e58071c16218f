"""How much a picture differs from the one before: as a whole, in its colours, and in any small part."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def mean_change(difference: NDArray[np.uint8]) -> float:
    """Mean of an absolute difference of pictures, in grey levels."""
    return float(cv2.mean(difference)[0])


def local_change(difference: NDArray[np.uint8]) -> float:
    """The largest change of any small part, 0…1 (1: from black to white), from an absolute difference (h, w).

    Parts are squares of two pixels. In a picture of 320 × 180 one changed digit of a 1080p screen (10 × 16 pixels)
    gives 0.08 and more; the noise of compression and grain stays under 0.04, as it was averaged away.
    """
    rows, columns = difference.shape[0] // 2, difference.shape[1] // 2
    if rows and columns:
        cut = difference[: 2 * rows, : 2 * columns]
        difference = np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.minMaxLoc(difference)[1] / 255.0


def histogram_changes(counts: NDArray[np.int64], last: NDArray[np.int64] | None) -> NDArray[np.float32]:
    """The share of pixels that changed their bin, from each of ``counts`` (n, bins) to the next: (n,), 0…1.

    ``last``: the histogram before the first (bins,), or ``None``: the first has not changed.
    """
    before = np.concatenate([counts[:1] if last is None else last[None], counts[:-1]])
    moved = np.abs(counts - before).sum(axis=1) / np.maximum(2 * counts.sum(axis=1), 1)
    return np.asarray(moved, np.float32)


def row_histograms(values: NDArray[Any], bins: int) -> NDArray[np.int64]:
    """How often each of 0…``bins`` − 1 occurs in each row of ``values`` (n, pixels): (n, bins)."""
    n = len(values)
    offsets = (np.arange(n, dtype=np.int32) * bins)[:, None]
    return np.bincount((values + offsets).ravel(), minlength=n * bins).reshape(n, bins)
