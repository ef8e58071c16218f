"""How much of a picture looks like text: thin strokes of high contrast, close together, in lines."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.vision.texture import texture_cells

CELL = 8
"""Pixels a side of the cells that are text or not, in a picture some 320 wide."""

_STROKE = cv2.getStructuringElement(cv2.MORPH_RECT, (7, 5))  # strokes are thinner than this
_CONTRAST = 40  # grey levels by which a stroke stands out
_DENSE = 0.16  # least share of a cell's pixels that are strokes
_UNEVEN = 10  # grey levels a pixel of mean gradient in the ground: grass and gravel have more
_LINE = 3  # least cells of a line of text: a word


def text_cells(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Which cells of ``luma`` (h, w) look like text: 255 or 0, (rows, columns), at least 1 × 1.

    Strokes are what a top-hat (or, for dark text, a bottom-hat) leaves; a cell is text where strokes are dense, its
    ground is one tone, and it lies in a row of such cells.
    """
    size = max(1, luma.shape[1] // CELL), max(1, luma.shape[0] // CELL)
    if luma.shape[0] < CELL or luma.shape[1] < CELL:
        return np.zeros(size[::-1], np.uint8)
    luma = luma[: size[1] * CELL, : size[0] * CELL]
    below, above = (cv2.morphologyEx(luma, how, _STROKE) for how in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE))
    bright = _lines(cv2.subtract(luma, below), below, size)
    dark = _lines(cv2.subtract(above, luma), above, size)
    return np.asarray(cv2.bitwise_or(bright, dark), np.uint8)


def text_share(cells: NDArray[np.uint8]) -> float:
    """The share of :func:`text_cells` that are text, 0…1."""
    return cv2.countNonZero(cells) / cells.size


def _lines(strokes: Any, ground: Any, size: tuple[int, int]) -> Any:
    """Cells of lines of ``strokes`` on an even ``ground``."""
    ink = cv2.threshold(strokes, _CONTRAST - 1, 255, cv2.THRESH_BINARY)[1]
    dense = cv2.threshold(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), 255 * _DENSE, 255, cv2.THRESH_BINARY)[1]
    if not cv2.countNonZero(dense):
        return dense
    dense[texture_cells(ground) > _UNEVEN] = 0
    return cv2.morphologyEx(dense, cv2.MORPH_OPEN, np.ones((1, _LINE), np.uint8))
