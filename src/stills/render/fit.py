"""Fitting a picture into a size without stretching it: cover-crop around a face, or letterbox."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.types import Box, FitMode

Target: TypeAlias = Literal["source", "1080p"] | tuple[int, int]
"""What ``--fit`` takes: the size of the source, full HD by orientation, or a width and height in pixels."""

Rgb: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""A picture: (H, W, 3), 8 or 16 bits a channel, full range."""

MAX_SIDE = 16384
_MARGIN = 0.3
"""Room kept around a face, as a share of its size: hair and chin lie outside a detector's box."""

_FACE_AT = (0.5, 0.42)
"""Where the middle of the face goes in a crop: centred, and a little above the middle, as portraits are framed."""


_EPSILON = 1e-6
"""Pixels; forgives what float arithmetic adds to a whole number."""


@dataclass(frozen=True, slots=True)
class Transform:
    """From source to fitted pixels: ``x' = (x - left) * scale``, ``y' = (y - top) * scale``; the size of the result."""

    scale: float
    left: float
    top: float
    width: int
    height: int

    def box(self, box: Box) -> Box:
        """A box of the source in the fitted picture, clipped to it."""
        x, y, w, h = box
        x0, x1 = (min(max((v - self.left) * self.scale, 0.0), self.width) for v in (x, x + w))
        y0, y1 = (min(max((v - self.top) * self.scale, 0.0), self.height) for v in (y, y + h))
        return (x0, y0, x1 - x0, y1 - y0)


def parse_target(text: str) -> Target:
    """``"source"``, ``"1080p"`` or ``"WxH"`` as a :data:`Target`. Raises :class:`UsageError` naming what is allowed."""
    if text in ("source", "1080p"):
        return "source" if text == "source" else "1080p"
    width, _, height = text.lower().replace("×", "x").partition("x")
    if width.isascii() and width.isdigit() and height.isascii() and height.isdigit():
        return check_size((int(width), int(height)))
    raise UsageError(f"cannot fit pictures to {text!r}", remedy="use source, 1080p or WxH, as in 1280x720")


def check_size(size: tuple[int, int]) -> tuple[int, int]:
    """``size`` where both sides are 1…16384 pixels; else raises :class:`UsageError`."""
    if not all(1 <= side <= MAX_SIDE for side in size):
        raise UsageError(
            f"cannot fit pictures to {size[0]}x{size[1]}", remedy=f"both sides must be 1 to {MAX_SIDE} pixels"
        )
    return size


def target_size(width: int, height: int, target: Target) -> tuple[int, int]:
    """The size in pixels that a ``width`` × ``height`` picture gets; a square one counts as landscape."""
    if target == "source":
        return width, height
    if target == "1080p":
        return (1920, 1080) if width >= height else (1080, 1920)
    return check_size(target)


def fit(rgb: Rgb, target: Target, mode: FitMode = "crop", focus: Box | None = None) -> tuple[Rgb, Transform]:
    """``rgb`` at the size of ``target``, never stretched, and how to find things in it.

    ``"crop"`` fills the size and cuts what is over, keeping ``focus`` (a face, in pixels of ``rgb``) inside with some
    room; where it is larger than what can be kept, the crop is centred on it. ``"pad"`` shows everything on black.
    Enlarges with Lanczos, reduces by windowed area averaging (Pillow's Hamming filter: as plain area averaging, but
    without its uneven pixels at fractional factors). Raises :class:`UsageError` for a size out of range.
    """
    height, width = rgb.shape[:2]
    size = target_size(width, height, target)
    if size == (width, height):
        return rgb, Transform(1.0, 0.0, 0.0, width, height)
    transform = plan((width, height), size, mode, focus)
    # The window of the source that is seen; a letterboxed one ends where the bars begin.
    inner = _inner(transform, (width, height))
    window = tuple(
        (low / transform.scale + offset, high / transform.scale + offset)
        for (low, high), offset in zip(inner, (transform.left, transform.top), strict=True)
    )
    shown = _resize(rgb, window[0], window[1], (inner[0][1] - inner[0][0], inner[1][1] - inner[1][0]))
    if shown.shape[:2] == (size[1], size[0]):
        return shown, transform
    canvas = np.zeros((size[1], size[0], 3), rgb.dtype)
    canvas[inner[1][0] : inner[1][1], inner[0][0] : inner[0][1]] = shown
    return canvas, transform


def plan(source: tuple[int, int], size: tuple[int, int], mode: FitMode, focus: Box | None = None) -> Transform:
    """Which part of a ``source`` (width, height) goes where in ``size``; arguments as in :func:`fit`."""
    ratios = (size[0] / source[0], size[1] / source[1])
    scale = max(ratios) if mode == "crop" else min(ratios)
    offsets = []
    for axis in (0, 1):
        window = size[axis] / scale
        if mode == "pad" or focus is None or window >= source[axis]:
            offsets.append((source[axis] - window) / 2)
        else:
            offsets.append(_place(source[axis], window, focus[axis], focus[axis + 2], _FACE_AT[axis]))
    return Transform(scale, offsets[0], offsets[1], size[0], size[1])


def _place(length: float, window: float, start: float, extent: float, anchor: float) -> float:
    """Where a window begins along one axis of ``length``, so that ``start … start + extent`` is well inside it."""
    start, end = max(0.0, start), min(length, start + extent)
    middle, room = (start + end) / 2, _MARGIN * (end - start)
    if end - start >= window:
        offset = middle - window / 2
    else:
        offset = middle - anchor * window
        room = min(room, (window - (end - start)) / 2)
        offset = min(max(offset, end + room - window), start - room)
    return min(max(offset, 0.0), length - window)


def _inner(transform: Transform, source: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The pixels (from, to) of the result along x and y that show the source; at least one each.

    Whole pixels only, rounded inwards: a fraction of a pixel is cut rather than stretched.
    """
    out = []
    sides = ((transform.left, transform.width), (transform.top, transform.height))
    for extent, (offset, length) in zip(source, sides, strict=True):
        low = max(0, math.ceil(-offset * transform.scale - _EPSILON))
        high = min(length, math.floor((extent - offset) * transform.scale + _EPSILON))
        if high <= low:  # the source is thinner than a pixel here: take the one in its middle
            low = min(length - 1, int((extent / 2 - offset) * transform.scale))
            high = low + 1
        out.append((low, high))
    return out[0], out[1]


def _resize(rgb: Rgb, x: tuple[float, float], y: tuple[float, float], size: tuple[int, int]) -> Rgb:
    """The window ``x``, ``y`` of ``rgb`` (fractions of pixels count) at ``size``."""
    from PIL import Image

    height, width = rgb.shape[:2]
    enlarge = size[0] > x[1] - x[0]
    window = (max(0.0, x[0]), max(0.0, y[0]), min(float(width), x[1]), min(float(height), y[1]))
    resample = Image.Resampling.LANCZOS if enlarge else Image.Resampling.HAMMING
    if rgb.dtype == np.uint8:
        image = Image.fromarray(np.ascontiguousarray(rgb))
        return np.asarray(image.resize(size, resample, box=window), np.uint8)
    # Pillow has no pictures of three 16-bit channels: each goes by itself, in floats.
    shown = np.empty((size[1], size[0], 3), rgb.dtype)
    for channel in range(3):
        image = Image.fromarray(rgb[..., channel].astype(np.float32))
        values = np.asarray(image.resize(size, resample, box=window))
        shown[..., channel] = np.clip(values + np.float32(0.5), 0, 65535)
    return shown
