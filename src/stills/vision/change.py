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

    The largest of a picture that was averaged down is that of a small part. In one of 320 × 180, one changed digit of a
    1080p screen (10 × 12 pixels, strokes of 1 to 2) gives 0.12 to 0.4 nine times out of ten; compression and grain of
    4 grey levels stay under 0.05, as they were averaged away.
    """
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
