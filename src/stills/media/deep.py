"""Decoded samples to upright SDR RGB with 16 bits a channel: what 10-bit and 12-bit videos have is kept.

The same sources as :mod:`stills.media.color`; in floats from the samples to the result. swscale only enlarges chroma:
its own 16-bit RGB ends at 65280 where white is 65535.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stills.media import color, planes
from stills.types import Hdr

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_STRIP = 128  # rows in floats at a time: bounds them to 36 MB at 8K
_TOP = 65535.0


@lru_cache(maxsize=64)
def depth_of(name: str) -> int:
    """Bits of one channel of a pixel format."""
    from av.video.format import VideoFormat

    return max((component.bits for component in VideoFormat(name).components), default=8)


def to_rgb16(frame: VideoFrame, space: str, full_range: bool, hdr: Hdr) -> NDArray[np.uint16]:
    """The whole ``frame`` as SDR RGB, uint16 (H, W, 3) in 0…65535, as coded: not turned, nor scaled.

    Frames of 8 bits a channel give what :func:`stills.media.color.to_rgb` gives, times 257.
    """
    name = frame.format.name
    depth, layout = depth_of(name), planes.layout_of(name)
    if depth <= 8:
        return color.to_rgb(frame, space, full_range, hdr).astype(np.uint16) * np.uint16(257)
    if layout is None:
        packed = color.converted(frame, "rgb48le", space, full_range)
        rgb: NDArray[np.uint16] = np.ascontiguousarray(color.packed_rows(packed)).view(np.uint16)
        return rgb if hdr == "none" else _tone_map(rgb, hdr)
    if layout.gray:
        parts, shift = planes.channels(frame, layout), layout.shift
    else:
        whole = color.converted(frame, f"yuv444p{depth}le", space, full_range)
        plain = planes.layout_of(whole.format.name)
        assert plain is not None  # noqa: S101 - a planar format by its name
        parts, shift = planes.channels(whole, plain), plain.shift
    rgb = yuv_to_rgb16(parts, 8 + shift, space, full_range)
    return rgb if hdr == "none" else _tone_map(rgb, hdr)


def yuv_to_rgb16(parts: Sequence[NDArray[np.uint16]], depth: int, space: str, full_range: bool) -> NDArray[np.uint16]:
    """Y, U, V (``depth`` bits, equal sizes; or Y alone) to R'G'B' (H, W, 3) in 0…65535.

    Ranges as in BT.709-6, 3.5 and BT.2100-2, table 9.
    """
    import cv2

    kr, kb = color.KR_KB.get(space, color.KR_KB["bt601"])
    kg, scale = 1 - kr - kb, 1 << (depth - 8)
    if full_range:
        luma = chroma = _TOP / ((1 << depth) - 1)
        black = 0
    else:
        luma, chroma, black = _TOP / (219 * scale), _TOP / (224 * scale), 16 * scale
    middle = 128 * scale
    height, width = parts[0].shape
    result = np.empty((height, width, 3), np.uint16)
    blue, red = 2 * (1 - kb) * chroma, 2 * (1 - kr) * chroma
    rows = np.array([[luma, 0, red], [luma, -blue * kb / kg, -red * kr / kg], [luma, blue, 0]])
    matrix = np.column_stack([rows, -rows @ np.array([black, middle, middle])]).astype(np.float32)
    for top in range(0, height, _STRIP):
        strip: list[Any] = [part[top : top + _STRIP].astype(np.float32) for part in parts]
        if len(strip) == 1:
            values = np.repeat(((strip[0] - np.float32(black)) * np.float32(luma))[..., None], 3, axis=-1)
        else:
            values = np.asarray(cv2.transform(cv2.merge(strip), matrix), np.float32)
        result[top : top + _STRIP] = np.clip(values + np.float32(0.5), 0, _TOP).astype(np.uint16)
    return result


def _tone_map(rgb: NDArray[np.uint16], hdr: Hdr) -> NDArray[np.uint16]:
    """As :func:`stills.media.color.tone_map`, but in floats to the end."""
    result = np.empty(rgb.shape, np.uint16)
    for top in range(0, rgb.shape[0], _STRIP):
        light = np.clip(color.sdr_light(rgb[top : top + _STRIP], hdr), 0, 1)
        result[top : top + _STRIP] = (color.bt709_oetf(light) * _TOP + 0.5).astype(np.uint16)
    return result
