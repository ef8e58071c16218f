"""Making a face unrecognisable for good: what is left of it are a few blocks of colour, smoothed.

A blur alone can be undone in part (it is a known linear filter, and many frames show the same face). Here a face is
averaged to :data:`CELLS` × :data:`CELLS` cells first, whose details are in no pixel any more, and the cells are blurred
into each other, so that frames with the cells elsewhere say nothing more. Below 8 × 8 cells neither people nor
recognisers name faces.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.media.upright import YuvPicture
from stills.types import Box

CELLS = 5
"""Cells along each side of what is hidden."""

MARGIN = 0.3
"""Added on each side of a box, as a share of it: the detector's box ends at brow, chin and cheeks; hair, ears and the
line of the jaw tell people apart as well. An ellipse around that covers the box's own corners."""

_FEATHER = 0.12  # outer share of the ellipse's radius in which it fades into the picture


def hide(picture: YuvPicture, box: Box) -> None:
    """Hide what is in ``box`` and a margin around it, an ellipse, in all planes of ``picture``."""
    x, y, width, height = box
    # Even edges: colour and brightness are hidden in the same place.
    left, top = (2 * math.floor(v / 2) for v in (x - MARGIN * width, y - MARGIN * height))
    right, bottom = (2 * math.ceil(v / 2) for v in (x + (1 + MARGIN) * width, y + (1 + MARGIN) * height))
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(picture.y.shape[1], right), min(picture.y.shape[0], bottom)
    if x1 <= x0 or y1 <= y0:
        return
    for plane, scale in zip(picture.planes, (1, 2, 2), strict=True):
        rows, columns = slice(y0 // scale, y1 // scale), slice(x0 // scale, x1 // scale)
        part = plane[rows, columns]
        mask = _ellipse(((right - left) // scale, (bottom - top) // scale))
        mask = mask[(y0 - top) // scale : (y1 - top) // scale, (x0 - left) // scale : (x1 - left) // scale]
        part[:] = cv2.blendLinear(_smoothed(part), part, mask, 1 - mask)


def _smoothed(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    cells = (min(CELLS, part.shape[1]), min(CELLS, part.shape[0]))
    small = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR), np.uint8)


@lru_cache(maxsize=64)
def _ellipse(size: tuple[int, int]) -> NDArray[np.float32]:
    """1 inside of the ellipse that fills ``size`` (width, height), 0 outside, with a soft edge."""
    width, height = size
    x = (np.arange(width, dtype=np.float32) + 0.5) / (width / 2) - 1
    y = (np.arange(height, dtype=np.float32) + 0.5) / (height / 2) - 1
    radius = np.sqrt(x[None] ** 2 + y[:, None] ** 2)
    return np.clip((1 - radius) / _FEATHER, 0, 1).astype(np.float32)
