"""Letterbox and pillarbox: black bars that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.letterbox import stable_bars

__all__ = ["find_bars", "stable_bars"]

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
