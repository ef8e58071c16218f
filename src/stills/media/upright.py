"""Decoded frames as pictures that can be drawn on and encoded again: upright, square pixels, 8-bit YUV 4:2:0, SDR."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.media import color, planes
from stills.media.frame import DecodedFrame
from stills.media.look import FrameLook
from stills.media.tone import ToneMapper
from stills.types import VideoInfo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Plane = NDArray[np.uint8]

_DIRECT = frozenset({"yuv420p", "yuvj420p"})
_CODES = {"bt709": 1, "bt601": 6, "smpte240m": 7, "bt2020": 9}
"""Matrices by their ITU-T H.273 code points."""
_UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class YuvPicture:
    """A picture whose planes may be written to: ``y`` (h, w), ``u`` and ``v`` (h/2, w/2), uint8; h and w are even.

    ``width`` and ``height`` are those of the picture itself: of an odd one, the last column or row is there twice.
    """

    y: Plane
    u: Plane
    v: Plane
    width: int
    height: int
    space: str
    full_range: bool

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """All three."""
        return self.y, self.u, self.v

    def code(self, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
        """Y, U, V of a colour in this picture."""
        return yuv_code(rgb, self.space, self.full_range)


@lru_cache(maxsize=256)
def yuv_code(rgb: tuple[int, int, int], space: str, full_range: bool) -> tuple[int, int, int]:
    """Y, U, V (0…255) of a full-range R'G'B' colour: the inverse of :func:`stills.media.color.yuv_to_bgr_matrix`."""
    matrix = color.yuv_to_bgr_matrix(space, full_range).astype(np.float64)
    code = np.linalg.solve(matrix[:, :3], np.array(rgb[::-1], np.float64) - matrix[:, 3])
    y, u, v = (int(value) for value in np.clip(np.rint(code), 0, 255))
    return y, u, v


@dataclass(frozen=True, slots=True)
class Tags:
    """How the samples of an encoded video are to be read: code points of ITU-T H.273."""

    matrix: int
    primaries: int
    transfer: int
    full_range: bool


class Upright:
    """Makes frames of one video into frames to be encoded, all of one size.

    8-bit 4:2:0 is taken as it is, other YUV converted with its matrix and range; RGB, grey and HDR pictures become
    BT.709 of limited range, HDR tone-mapped as all pictures are. A frame of another size than the first is scaled.
    """

    def __init__(self, info: VideoInfo, folder: Path) -> None:
        """For the video that ``info`` describes; ``folder`` is for temporary files."""
        self._look = FrameLook.of(info)
        self._tones: ToneMapper | None = None
        if info.hdr != "none":
            self._tones = ToneMapper(info.hdr, info.color_space, info.color_range == "full", folder)
        self.width, self.height = info.width + info.width % 2, info.height + info.height % 2
        self._keeps = info.hdr == "none" and info.color_space in _CODES and not info.pixel_format.startswith("gray")
        self.space = info.color_space if self._keeps else "bt709"
        self.full_range = self._keeps and info.color_range == "full"

    def tags(self, decoded: DecodedFrame) -> Tags:
        """The tags of the encoded video, given its first frame."""
        frame = decoded.native
        primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
        if not self._keeps or frame.format.is_rgb:
            primaries = transfer = _CODES["bt709"]
        return Tags(_CODES[self.space], primaries or _UNKNOWN, transfer or _UNKNOWN, self.full_range)

    def frame(self, decoded: DecodedFrame) -> tuple[VideoFrame, YuvPicture]:
        """A new frame with the picture of ``decoded``, and its planes to draw on."""
        from av.video.frame import VideoFrame

        look, source = self._look, decoded.native
        frame = VideoFrame(self.width, self.height, "yuv420p")
        targets = [planes.plane_rows(frame, index) for index in range(3)]
        form = source.format
        yuv = len(form.components) >= 3 and not form.is_rgb and not form.has_palette
        if yuv and (self._keeps or self._tones is not None):
            if self._tones is not None:
                source = self._tones.convert(source)
            elif form.name not in _DIRECT:
                source = color.converted(source, "yuv420p", look.space, look.full_range)
            width, height = look.coded(look.width, look.height)
            for index, target in enumerate(targets):
                part: Any = planes.plane_rows(source, index)
                size = (width, height) if index == 0 else ((width + 1) // 2, (height + 1) // 2)
                if (part.shape[1], part.shape[0]) != size:
                    enlarges = size[0] >= part.shape[1] and size[1] >= part.shape[0]
                    part = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if enlarges else cv2.INTER_AREA)
                _fill(target, color.upright(part, look.rotation, look.mirrored))
        else:
            whole = self._from_rgb(decoded.picture())
            for index, target in enumerate(targets):
                target[:] = planes.plane_rows(whole, index)
        y, u, v = targets
        return frame, YuvPicture(y, u, v, look.width, look.height, self.space, self.full_range)

    def _from_rgb(self, rgb: Plane) -> VideoFrame:
        from av.video.frame import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        spaces = {
            "bt709": Colorspace.ITU709,
            "bt601": Colorspace.ITU601,
            "smpte240m": Colorspace.SMPTE240M,
            "bt2020": 9,
        }
        even = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge")
        return VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=spaces[self.space],
            dst_color_range=ColorRange.JPEG if self.full_range else ColorRange.MPEG,
        )


def _fill(target: Plane, part: Plane) -> None:
    """Copy ``part`` to ``target``, which may be a row or a column larger: the last ones are repeated."""
    rows, columns = part.shape
    target[:rows, :columns] = part
    if columns < target.shape[1]:
        target[:rows, columns:] = part[:, -1:]
    if rows < target.shape[0]:
        target[rows:] = target[rows - 1]
