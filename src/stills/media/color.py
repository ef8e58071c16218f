"""Decoded samples to upright SDR RGB: YUV matrices and ranges, HDR tone mapping, rotation.

Sources: ITU-R BT.601-7, BT.709-6, BT.2020-2 (matrices, primaries), BT.2100-2 (PQ and HLG), BT.2390-11 Annex 5 (tone
curve), BT.2408-7 (reference white 203 cd/m²), BT.2087-0 (BT.2020 to BT.709).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stills.types import Hdr

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

KR_KB = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
}
"""Luma coefficients of red and blue by name of the matrix."""

_EIGHT_BIT_YUV = re.compile(r"(yuvj?(420|422|440|444)p|nv12|nv16|nv24)$")
_SWS_SPACES = {"bt601": 5, "bt709": 1, "bt2020": 9, "smpte240m": 7}
_BICUBIC, _FULL_CHROMA, _ACCURATE, _BITEXACT = 0x4, 0x2000, 0x40000, 0x80000
_SWS_FLAGS = _BICUBIC | _FULL_CHROMA | _ACCURATE | _BITEXACT

SDR_WHITE = 203.0
"""cd/m² of an HDR picture that becomes SDR white at most (HDR reference white, BT.2408)."""

HDR_PEAK = 1000.0
"""cd/m² taken as the brightest of an HDR picture (the usual mastering display; HLG's nominal peak)."""

_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_local = threading.local()
_Sample = TypeVar("_Sample", np.uint8, np.uint16)
_Float = TypeVar("_Float", np.float32, np.float64)
_STRIP = 128  # rows converted at a time: bounds the floats of an 8K picture to 36 MB, keeps samples in the cache


@lru_cache(maxsize=32)
def yuv_to_bgr_matrix(space: str, full_range: bool) -> NDArray[np.float32]:
    """3×4 matrix that takes (Y, U, V, 1) in 0…255 to (B, G, R) in 0…255 (BT.709-6, 3.3 to 3.5; others alike)."""
    kr, kb = KR_KB.get(space, KR_KB["bt601"])
    kg = 1 - kr - kb
    luma = 1.0 if full_range else 255 / 219
    chroma = 1.0 if full_range else 255 / 224
    blue, red = 2 * (1 - kb) * chroma, 2 * (1 - kr) * chroma
    rows = np.array([[luma, blue, 0], [luma, -blue * kb / kg, -red * kr / kg], [luma, 0, red]])
    offset = -rows @ np.array([0 if full_range else 16, 128, 128])
    return np.column_stack([rows, offset]).astype(np.float32)


def to_rgb(frame: VideoFrame, space: str, full_range: bool, hdr: Hdr) -> NDArray[np.uint8]:
    """The whole ``frame`` as SDR RGB, uint8 (H, W, 3), as coded: not turned, nor scaled for its sample aspect.

    The same samples always give the same picture.
    """
    if hdr != "none":
        return tone_map(packed_rows(converted(frame, "rgb48le", space, full_range)).view(np.uint16), hdr)
    if _EIGHT_BIT_YUV.match(frame.format.name):
        # Chroma is enlarged by swscale, the matrix is OpenCV's: swscale's own with full chroma has no fast path.
        planes = converted(frame, "yuv444p", space, full_range).planes
        return yuv_to_rgb([_rows_of(plane) for plane in planes], space, full_range)
    return np.ascontiguousarray(packed_rows(converted(frame, "rgb24", space, full_range)))


def yuv_to_rgb(planes: Sequence[NDArray[np.uint8]], space: str, full_range: bool) -> NDArray[np.uint8]:
    """Y, U, V (uint8, equal sizes) to R'G'B' (H, W, 3)."""
    import cv2

    rgb = np.empty((*planes[0].shape, 3), np.uint8)
    matrix = yuv_to_bgr_matrix(space, full_range)[::-1]
    # Merged whole, the samples would leave the cache before they are looked at again: twice the time at 720p.
    for top in range(0, len(rgb), _STRIP):
        merged = cv2.merge([plane[top : top + _STRIP] for plane in planes])
        cv2.transform(merged, matrix, dst=rgb[top : top + _STRIP])
    return rgb


def converted(frame: VideoFrame, target: str, space: str, full_range: bool) -> VideoFrame:
    """``frame`` in the pixel format ``target``, with as much care as swscale takes; no range or matrix is changed."""
    source, coded_range = _SWS_SPACES.get(space), 2 if full_range else 1
    return _reformatter().reformat(
        frame,
        format=target,
        src_colorspace=source,
        dst_colorspace=source,
        src_color_range=coded_range,
        dst_color_range=coded_range if target.startswith("yuv") else 2,
        interpolation=_SWS_FLAGS,
        threads=1,
    )


def _rows_of(plane: Any) -> NDArray[np.uint8]:
    rows: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    return rows


def packed_rows(frame: VideoFrame) -> NDArray[np.uint8]:
    """The bytes of a packed three-channel frame: (H, W, 3), or (H, W, 6) with 16 bits a channel."""
    plane: Any = frame.planes[0]  # a buffer, but its stub does not say so
    size = 6 if frame.format.name == "rgb48le" else 3
    view = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width * size]
    rows: NDArray[np.uint8] = np.ascontiguousarray(view).reshape(plane.height, plane.width, size)
    return rows


def _reformatter() -> VideoReformatter:
    """This thread's converter: setting one up costs as much as converting a small crop, and none is thread-safe."""
    from av.video.reformatter import VideoReformatter

    found: VideoReformatter | None = getattr(_local, "reformatter", None)
    if found is None:
        found = _local.reformatter = VideoReformatter()
    return found


def pq_to_nits(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """PQ EOTF (BT.2100-2, table 4): code value 0…1 to cd/m² 0…10000."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.maximum(code, 0) ** (1 / m2)
    return np.asarray(10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))


def nits_to_pq(nits: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Inverse of :func:`pq_to_nits`."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = (np.maximum(nits, 0) / 10000) ** m1
    return np.asarray(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def hlg_to_scene(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse HLG OETF (BT.2100-2, table 5): code value 0…1 to scene light 0…1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


def compress_nits(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2390-11 EETF from ``HDR_PEAK`` to ``SDR_WHITE``, black at 0: dark tones stay, highlights roll off."""
    top = float(nits_to_pq(HDR_PEAK))
    limit = float(nits_to_pq(SDR_WHITE)) / top
    knee = 1.5 * limit - 0.5
    value = np.minimum(nits_to_pq(nits) / top, 1.0)
    t = np.maximum(value - knee, 0) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * limit
    return pq_to_nits(np.where(value < knee, value, spline) * top)


def bt709_oetf(light: NDArray[_Float]) -> NDArray[_Float]:
    """BT.709-6 OETF: linear light 0…1 to code value 0…1."""
    return np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 0.018) ** 0.45 - 0.099)


@lru_cache(maxsize=4)
def _light_table(hdr: Hdr) -> NDArray[np.float32]:
    """Linear light of every 16-bit code: cd/m² for PQ, scene light for HLG."""
    codes = np.arange(65536) / 65535
    return (pq_to_nits(codes) if hdr == "pq" else hlg_to_scene(codes)).astype(np.float32)


@lru_cache(maxsize=1)
def _gain_table() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Nodes (cd/m²) and factors that take the brightest channel of a pixel to SDR light (1 = white)."""
    nits = np.linspace(0.01, np.sqrt(10000), 4096) ** 2
    return nits.astype(np.float32), (compress_nits(nits) / nits / SDR_WHITE).astype(np.float32)


@lru_cache(maxsize=1)
def _code_table() -> NDArray[np.uint8]:
    return np.rint(bt709_oetf(np.arange(65536) / 65535) * 255).astype(np.uint8)


def tone_map(rgb: NDArray[np.uint16], hdr: Hdr) -> NDArray[np.uint8]:
    """HDR R'G'B' with BT.2020 primaries (uint16, 0…65535, (H, W, 3)) to SDR BT.709 R'G'B' (uint8).

    The curve acts on a pixel's brightest channel and scales all three alike, so hues stay.
    """
    result = np.empty(rgb.shape, np.uint8)
    codes = _code_table()
    for top in range(0, rgb.shape[0], _STRIP):
        light = sdr_light(rgb[top : top + _STRIP], hdr)
        result[top : top + _STRIP] = codes[(np.clip(light, 0, 1) * 65535 + 0.5).astype(np.uint16)]
    return result


def sdr_light(rgb: NDArray[np.uint16], hdr: Hdr) -> NDArray[np.float32]:
    """The tone-mapped linear light of BT.709's primaries, 1 = white; what is out of gamut lies beyond 0…1."""
    nodes, gains = _gain_table()
    linear = _light_table(hdr)[rgb]
    if hdr == "hlg":
        # OOTF of a display with HDR_PEAK (BT.2100-2, table 5): gamma 1.2 on the luminance.
        luminance = linear @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        linear *= (HDR_PEAK * np.maximum(luminance, 1e-6) ** np.float32(0.2))[..., None]
    linear *= np.interp(linear.max(axis=-1), nodes, gains).astype(np.float32)[..., None]
    return np.asarray(linear @ _BT2020_TO_BT709.T, np.float32)


@lru_cache(maxsize=4)
def quick_curve(hdr: Hdr) -> NDArray[np.uint8]:
    """256 values that make an HDR channel (full-range 8-bit code) look SDR, for pictures that are only analysed."""
    codes = np.arange(256) / 255
    nits = pq_to_nits(codes) if hdr == "pq" else HDR_PEAK * hlg_to_scene(codes) ** 1.2
    return np.rint(bt709_oetf(np.clip(compress_nits(nits) / SDR_WHITE, 0, 1)) * 255).astype(np.uint8)


@lru_cache(maxsize=8)
def luma_table(full_range: bool, hdr: Hdr) -> NDArray[np.uint8]:
    """256 values that take 8-bit luma as coded to full-range SDR luma."""
    codes = np.arange(256.0)
    full = codes if full_range else np.clip((codes - 16) * 255 / 219, 0, 255)
    rounded = np.rint(full).astype(np.uint8)
    return rounded if hdr == "none" else quick_curve(hdr)[rounded]


def upright(picture: NDArray[_Sample], rotation: int, mirrored: bool) -> NDArray[_Sample]:
    """``picture`` (H, W[, 3]) turned clockwise by ``rotation`` degrees (0, 90, 180, 270), then flipped left-right."""
    import cv2

    if rotation:
        code = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}[rotation]
        picture = np.asarray(cv2.rotate(picture, code), picture.dtype)
    return np.asarray(cv2.flip(picture, 1), picture.dtype) if mirrored else picture


def coded_rectangle(
    x: int, y: int, w: int, h: int, *, width: int, height: int, rotation: int, mirrored: bool
) -> tuple[int, int, int, int]:
    """Where a rectangle of the upright picture (``width`` × ``height``) lies before the turn and the flip."""
    if mirrored:
        x = width - x - w
    if rotation == 90:
        return y, width - x - w, h, w
    if rotation == 180:
        return width - x - w, height - y - h, w, h
    if rotation == 270:
        return height - y - h, x, h, w
    return x, y, w, h
