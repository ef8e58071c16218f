"""How noisy a frame is, from its flattest parts."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_CLIPPED = (10, 245)  # grey levels beyond which clipping hides noise


def noise_sigma(tiles: NDArray[np.uint8]) -> float:
    """Standard deviation of the noise in ``tiles`` (n, s, s) of a picture at full size, in grey levels.

    Immerkær, "Fast noise variance estimation", CVIU 1996: the response of a mask that is blind to planes and edges;
    its median in place of the mean (Donoho), over all tiles that are not clipped, so that edges do not count. 0 where
    there is nothing to look at. Compression flattens noise first, so a smooth area of a hard-pressed video gives 0.
    """
    if tiles.shape[1] < 3:
        return 0.0
    means = tiles.mean(axis=(1, 2))
    seen = tiles[(means > _CLIPPED[0]) & (means < _CLIPPED[1])]
    if not len(seen):
        return 0.0
    side = seen.shape[1]
    response = cv2.filter2D(seen.reshape(-1, side), cv2.CV_16S, _LAPLACIAN).reshape(seen.shape)[:, 1:-1, 1:-1]
    counts = np.bincount(np.abs(response).ravel())
    below = np.cumsum(counts)
    half = 0.5 * below[-1]
    at = int(np.searchsorted(below, half))
    # The response is whole; inside of the median's bin it is taken as evenly spread around the number.
    before = below[at] - counts[at]
    median = max(0.0, at - 0.5 + (half - before) / counts[at])
    if at == 0:
        median = 0.5 * half / counts[0] if counts[0] < below[-1] else 0.0
    return float(median) / 0.6745 / 6.0
