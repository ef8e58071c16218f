"""The samples of a decoded frame where they lie: plane views, cuts and cheap scaling, without conversion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_PLANAR = re.compile(
    r"yuvj?a?(420|422|440|444)p(9|10|12|14|16)?(le)?$|nv(12|16|24)$|p[024]1[026]le$|gray(9|10|12|14|16)?(le)?$"
)


_FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""By how much :func:`reduce` reduces: 3, and powers of two times 1 or 3."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of a pixel format lie in its planes, for those that are looked at without conversion."""

    depth: int
    shift: int  # right shift that takes a stored sample to 8 bits
    semi_planar: bool
    gray: bool


@lru_cache(maxsize=64)
def layout_of(name: str) -> Layout | None:
    """The layout of a pixel format, or ``None`` where only conversion helps (packed, paletted, RGB, big-endian)."""
    if not _PLANAR.match(name):
        return None
    from av.video.format import VideoFormat

    depth = VideoFormat(name).components[0].bits
    high = name[0] == "p"  # p010: the ten bits are the upper ones of sixteen
    shift = 8 if high else depth - 8
    return Layout(depth, shift, semi_planar=high or name.startswith("nv"), gray=name.startswith("gray"))


@lru_cache(maxsize=256)
def _column_bits(name: str, index: int) -> int:
    """Bits that one column of plane ``index`` takes in a row."""
    from av.video.format import VideoFormat

    fmt = VideoFormat(name)
    if not fmt.is_planar:
        return fmt.padded_bits_per_pixel
    return 8 * sum((component.bits + 7) // 8 for component in fmt.components if component.plane == index)


def plane_rows(frame: VideoFrame, index: int) -> NDArray[np.uint8]:
    """Plane ``index`` as bytes, (rows, bytes of samples): a view into the decoder's memory, top row first."""
    plane: Any = frame.planes[index]  # a buffer, but its stub does not say so
    name = frame.format.name
    if name == "pal8" and index == 1:
        return np.frombuffer(plane, np.uint8).reshape(1, -1)  # 256 colours
    stride = plane.line_size
    view: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(plane.height, abs(stride))
    if stride < 0:
        view = view[::-1]
    return view[:, : (plane.width * _column_bits(name, index) + 7) // 8]


def samples(frame: VideoFrame, index: int, layout: Layout) -> NDArray[Any]:
    """Plane ``index`` as a 2-D view of its samples (uint8 or uint16)."""
    rows: NDArray[Any] = plane_rows(frame, index)
    return rows.view(np.uint16) if layout.depth > 8 else rows


def channels(frame: VideoFrame, layout: Layout) -> list[NDArray[Any]]:
    """Y, U, V (or only Y) as 2-D views, each in its own resolution."""
    luma = samples(frame, 0, layout)
    if layout.gray:
        return [luma]
    if layout.semi_planar:
        both = samples(frame, 1, layout)
        return [luma, np.ascontiguousarray(both[:, 0::2]), np.ascontiguousarray(both[:, 1::2])]
    return [luma, samples(frame, 1, layout), samples(frame, 2, layout)]


def scale(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """``plane`` at ``size`` (width, height): averaged by a whole factor, then linear for the rest.

    OpenCV averages fast by whole factors only (0.03 against 0.9 ms for 720p luma); at most factor − 1 columns are cut.
    """
    height, width = plane.shape
    if (width, height) == size:
        return plane
    across, down = max(1, width // size[0]), max(1, height // size[1])
    if across > 1 or down > 1:
        columns, rows = width // across, height // down
        plane = plane[: rows * down, : columns * across]
        plane = np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA))
        if (columns, rows) == size:
            return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR))


def reduction(width: int, height: int, *, least: tuple[int, int] = (1, 1), area: int = 1) -> int:
    """The largest factor of :data:`_FACTORS` that leaves ``least`` (width, height) and ``area`` pixels, or 1."""
    factor = 1
    for f in _FACTORS:
        columns, rows = width // f, height // f
        if columns >= least[0] and rows >= least[1] and columns * rows >= area:
            factor = f
    return factor


def reduce(plane: NDArray[Any], factor: int) -> NDArray[Any]:
    """``plane`` smaller by a ``factor`` of :data:`_FACTORS`; the last ``factor`` − 1 columns and rows at most are cut.

    For looking at, not for measuring: of every ``factor`` rows two are averaged and the others skipped. 0.07 ms from
    1080p by 6, where the exact average takes 0.4: OpenCV is fast only at averaging 2 × 2.
    """
    rows, columns = plane.shape[0] // factor, plane.shape[1] // factor
    if factor == 1:
        return plane
    if factor % 2:
        plane = plane[: rows * factor, : columns * factor]
        return np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA))
    half = factor // 2
    plane = plane[: rows * factor : half, : columns * factor]
    plane = np.asarray(cv2.resize(plane, (columns * half, rows), interpolation=cv2.INTER_AREA))
    while half % 2 == 0:
        half //= 2
        # exactly between two columns, so linear interpolation is their mean
        plane = np.asarray(cv2.resize(plane, (columns * half, rows), interpolation=cv2.INTER_LINEAR))
    if half == 3:
        # Three columns weighed as if they were red, green and blue: a low-pass filter, ten times as fast as the mean.
        plane = np.asarray(cv2.cvtColor(plane.reshape(rows, columns, 3), cv2.COLOR_RGB2GRAY))
    return plane


def small_chroma(frame: VideoFrame, layout: Layout, size: tuple[int, int]) -> list[NDArray[Any]]:
    """U and V at ``size`` (width, height), of one row to each of the result: colours are smooth."""
    parts = [samples(frame, 1, layout)] if layout.semi_planar else [samples(frame, i, layout) for i in (1, 2)]
    step = max(1, parts[0].shape[0] // size[1])
    parts = [part[step // 2 :: step] for part in parts]
    if layout.semi_planar:
        parts = [np.ascontiguousarray(parts[0][:, i::2]) for i in (0, 1)]
    return [scale(part, size) for part in parts]


def to_8_bit(plane: Any, layout: Layout) -> Any:
    """Samples of any depth as uint8."""
    return plane if layout.depth == 8 else cv2.convertScaleAbs(plane, alpha=1 / (1 << layout.shift))


def cut(frame: VideoFrame, x0: int, y0: int, x1: int, y1: int) -> VideoFrame:
    """The rectangle of ``frame`` (samples as coded, upper left corner on a multiple of 8) as a frame of its own.

    Odd sizes grow to even ones, the last column and row repeated: swscale enlarges the chroma of 131 columns by 131/66,
    that of a part by 2, so the part would get other colours. The new frame has none of the decoder's tags that PyAV
    does not show (chroma position, interlacing) and that change how swscale converts: a frame restored from
    ``DecodedFrame.raw`` has none either, and must give the same picture.
    """
    from av.video.frame import VideoFrame

    part = VideoFrame(x1 - x0 + (x1 - x0) % 2, y1 - y0 + (y1 - y0) % 2, frame.format.name)
    for index, plane in enumerate(frame.planes):
        source, target = plane_rows(frame, index), plane_rows(part, index)
        sample = source.shape[1] // plane.width
        left = x0 // (1 if plane.width == frame.width else 2) * sample
        top = y0 // (1 if plane.height == frame.height else 2)
        inside = source[top : top + target.shape[0], left : left + target.shape[1]]
        rows, columns = inside.shape
        target[:rows, :columns] = inside
        if columns < target.shape[1]:
            target[:rows, columns:] = inside[:, columns - sample :]
        target[rows:] = target[rows - 1]
    return part


def untagged(frame: VideoFrame) -> VideoFrame:
    """A copy of ``frame`` (of any format) without the decoder's tags."""
    from av.video.frame import VideoFrame

    copy = VideoFrame(frame.width, frame.height, frame.format.name)
    for index in range(len(frame.planes)):
        plane_rows(copy, index)[:] = plane_rows(frame, index)
    return copy
