"""Letterbox and pillarbox: black bars that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLACK = 24  # grey levels: the brightest that a bar may have
_EVEN = 10  # grey levels between the darkest and the brightest of a bar; a dark room has more
_LARGEST = 0.4  # of the picture, each side


def find_bars(luma: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Black rows and columns at the edges of ``luma`` (h, w), in pixels: top, bottom, left, right.

    All 0 where one would be over 40 % of the picture: that is night, or a title on black. One dark frame proves
    nothing: see :func:`stable_bars`.
    """
    rows, columns = luma.shape
    top, bottom = _ends(luma, 1)
    if max(top, bottom) > _LARGEST * rows:
        return 0, 0, 0, 0
    left, right = _ends(luma[top : rows - bottom], 0)
    if max(left, right) > _LARGEST * columns:
        return 0, 0, 0, 0
    return top, bottom, left, right


def stable_bars(bars: NDArray[np.float32], lit: NDArray[np.bool_], shots: NDArray[np.intp]) -> NDArray[np.float32]:
    """The bars of each of n frames that hold throughout its shot: (n, 4) as shares: top, bottom, left, right.

    ``bars`` (n, 4) are those seen in each frame, ``lit`` (n,) says which frames are bright enough to tell, ``shots``
    (n,) numbers the shots. A frame in a shot that is dark throughout takes what the lit shots agree on.
    """
    out = np.zeros((len(bars), 4), np.float32)
    if not len(bars):
        return out
    common = np.median(bars[lit], axis=0) if lit.any() else np.zeros(4, np.float32)
    for shot in np.unique(shots):
        here = shots == shot
        seen = bars[here & lit]
        out[here] = seen.min(axis=0) if len(seen) else common
    return out


def _ends(luma: NDArray[np.uint8], axis: int) -> tuple[int, int]:
    """How many rows (``axis`` 1) or columns (0) at both ends are even and black."""
    outer = (luma[0], luma[-1]) if axis else (luma[:, 0], luma[:, -1])
    if all(_open(line.max(), line.min()) for line in outer):
        return 0, 0  # the usual case, for a hundredth of the price
    lines = np.flatnonzero(_open(luma.max(axis=axis), luma.min(axis=axis)))
    length = luma.shape[1 - axis]
    if not len(lines):
        return length, 0
    return int(lines[0]), length - 1 - int(lines[-1])


def _open(brightest: Any, darkest: Any) -> Any:
    """Whether lines are no bars."""
    return (brightest > _BLACK) | (brightest - darkest > _EVEN)
