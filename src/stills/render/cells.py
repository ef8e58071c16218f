"""Pictures of all kinds as equal 8-bit cells: what contact sheets and previews are put together from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8] | NDArray[np.uint16]
"""Upright rgb (H, W, 3); of 16 bits where deep colour was asked for, full scale 65535."""

_TO_EIGHT_BITS = ((np.arange(65536, dtype=np.uint32) + 128) // 257).astype(np.uint8)
"""Full scale to full scale: 65535 becomes 255."""


def eight_bit(rgb: Picture) -> NDArray[np.uint8]:
    """``rgb`` in 8 bits, rounded; itself where it has them."""
    return _TO_EIGHT_BITS[rgb] if rgb.dtype == np.uint16 else np.asarray(rgb, np.uint8)


def inscribed(rgb: Picture, size: tuple[int, int]) -> NDArray[np.uint8]:
    """``rgb`` as large as fits into ``size`` (width, height), not stretched; at least one pixel wide and high."""
    height, width = rgb.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    return _resized(rgb, (max(1, round(width * scale)), max(1, round(height * scale))))


def letterboxed(rgb: Picture, size: tuple[int, int], ground: tuple[int, int, int]) -> NDArray[np.uint8]:
    """``rgb`` whole in the middle of ``size`` (width, height), on ``ground``."""
    shown = inscribed(rgb, size)
    if shown.shape[:2] == (size[1], size[0]):
        return shown
    cell = np.empty((size[1], size[0], 3), np.uint8)
    cell[:] = ground
    top, left = (size[1] - shown.shape[0]) // 2, (size[0] - shown.shape[1]) // 2
    cell[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return cell


def filled(rgb: Picture, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The middle of ``rgb`` that fills ``size`` (width, height), not stretched."""
    height, width = rgb.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    wide, tall = min(float(width), size[0] / scale), min(float(height), size[1] / scale)
    left, top = (width - wide) / 2, (height - tall) / 2
    return _resized(rgb, size, (left, top, left + wide, top + tall))


def _resized(
    rgb: Picture, size: tuple[int, int], window: tuple[float, float, float, float] | None = None
) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(eight_bit(rgb)))
    if image.size == size and window in (None, (0, 0, *size)):
        return np.asarray(image)
    enlarge = size[0] > image.width or size[1] > image.height
    resample = Image.Resampling.BICUBIC if enlarge else Image.Resampling.HAMMING  # as in stills.render.fit
    return np.asarray(image.resize(size, resample, box=window))
