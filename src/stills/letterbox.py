"""Letterbox bars that stay: what single frames show of them, made into what holds for a shot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shot_bars(
    bars: NDArray[np.float32], lit: NDArray[np.bool_], shots: NDArray[np.intp], count: int
) -> NDArray[np.float32]:
    """The bars that hold throughout each of ``count`` shots: (count, 4) as shares: top, bottom, left, right.

    ``bars`` (n, 4) are those seen in each frame, ``lit`` (n,) says which frames are bright enough to tell, ``shots``
    (n,) numbers the shot of each from 0. A dark edge makes bars look larger than they are, so the least of a shot's
    lit frames counts. A shot without any takes what the lit frames of the others agree on (their median).
    """
    known = bars[lit]
    common = np.median(known, axis=0) if len(known) else np.zeros(4)
    least = np.full((count, 4), np.inf)
    np.minimum.at(least, shots[lit], known)
    return np.where(np.isfinite(least), least, common).astype(np.float32)


def stable_bars(bars: NDArray[np.float32], lit: NDArray[np.bool_], shots: NDArray[np.intp]) -> NDArray[np.float32]:
    """The bars of each of n frames that hold throughout its shot, (n, 4): see :func:`shot_bars`."""
    if not len(bars):
        return np.zeros((0, 4), np.float32)
    return shot_bars(bars, lit, shots, int(shots.max()) + 1)[shots]
