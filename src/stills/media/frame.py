"""A decoded frame, and the cheap and the exact ways to look at it."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import CorruptVideoError
from stills.media import color, deep, planes
from stills.media.look import FrameLook

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Picture = NDArray[np.uint8]

_MAGIC = b"STF1"
_ANALYSIS_AREA = 36_000  # least pixels of the picture that is measured: details of faces and lines of text are left
_CROP_MARGIN = 8  # pixels around a crop, so that the chroma filter sees what it sees in the whole picture


class DecodedFrame:
    """One frame of a video, still as the decoder gave it; every method converts no more than it needs.

    ``pts`` is exact, in ticks of the stream's time base. ``index`` counts the frames of one decode call. ``is_key``:
    the decoder says it is a sync sample. ``is_corrupt``: the decoder had to conceal errors. ``native`` is the decoder's
    own frame, not to be written to.
    """

    __slots__ = ("_frame", "_layout", "_look", "_reduced", "_rgb", "index", "is_corrupt", "is_key", "native", "pts")

    def __init__(self, frame: VideoFrame, look: FrameLook, pts: int, index: int) -> None:
        """Wrap ``frame``; its samples are not copied."""
        self._frame = self.native = frame
        self._layout = planes.layout_of(frame.format.name)
        self._look = look
        self._rgb: Picture | None = None
        self._reduced: Picture | None = None
        self.pts = pts
        self.index = index
        self.is_key = frame.key_frame
        self.is_corrupt = frame.is_corrupt

    @property
    def time(self) -> float:
        """Seconds from the first frame shown, rounded to the microsecond."""
        numerator, denominator = self._look.time_base
        return round((self.pts - self._look.start_pts) * numerator / denominator, 6)

    @property
    def width(self) -> int:
        """Width of the upright picture in pixels."""
        return self._look.width

    @property
    def height(self) -> int:
        """Height of the upright picture in pixels."""
        return self._look.height

    def small_luma(self, width: int, height: int) -> Picture:
        """Brightness at ``width`` × ``height`` of the upright picture: uint8 (height, width), full range.

        Nearly free: rows are skipped where there are plenty, then averaged. Averaging is by whole factors, so of what
        it starts from a few columns and rows at the end may be left out (see :func:`planes.scale`).
        """
        return self._shown(self._small(self._look.coded(width, height)))

    def analysis_luma(self) -> Picture:
        """Brightness of the upright picture, small: uint8 (h, w), full range, for measuring every frame.

        The picture as coded by a whole factor, down to 36,000 to 140,000 pixels: 320 × 180 for 16:9 of 360, 720, 1080,
        1440 and 2160 rows. Its sample aspect ratio is not applied, and nothing is enlarged. Rows are skipped.
        """
        return self._shown(self._analysis())

    def small_pictures(self, width: int, height: int) -> tuple[Picture, Picture]:
        """:meth:`small_luma`, and a rough :meth:`small_bgr` at a fraction of its price (rows of chroma are skipped)."""
        look, layout = self._look, self._layout
        size = look.coded(width, height)
        small = self._small(size)
        luma = self._shown(small)
        if layout is None:
            return luma, self.small_bgr(width, height)
        if layout.gray:
            return luma, np.asarray(cv2.merge([luma, luma, luma]), np.uint8)
        chroma = [planes.to_8_bit(part, layout) for part in planes.small_chroma(self._frame, layout, size)]
        bgr: Any = cv2.transform(cv2.merge([small, *chroma]), color.yuv_to_bgr_matrix(look.space, look.full_range))
        if look.hdr != "none":
            bgr = cv2.LUT(bgr, color.quick_curve(look.hdr))
        return luma, color.upright(np.asarray(bgr, np.uint8), look.rotation, look.mirrored)

    def luma_tiles(self, centres: NDArray[np.float64], side: int, factor: int) -> Picture:
        """Squares of the brightness, averaged by ``factor``: uint8 (n, side', side'), full range.

        ``centres`` (n, 2) are x, y as shares of the upright picture; a tile that would reach over the edge is moved
        inside. side' is ``side``, or less where the picture is smaller. Tiles lie as the video is coded: not turned,
        not stretched by the sample aspect ratio.
        """
        look = self._look
        luma, layout = self._luma_plane()
        rows, columns = luma.shape
        factor = max(1, min(factor, rows, columns))
        side = min(side, rows // factor, columns // factor)
        whole = side * factor
        x, y = centres[:, 0], centres[:, 1]
        x = 1.0 - x if look.mirrored else x
        x, y = {0: (x, y), 90: (y, 1.0 - x), 180: (1.0 - x, 1.0 - y), 270: (1.0 - y, x)}[look.rotation]
        left = np.clip(np.rint(x * columns - whole / 2), 0, columns - whole).astype(int).tolist()
        top = np.clip(np.rint(y * rows - whole / 2), 0, rows - whole).astype(int).tolist()
        tiles = np.empty((len(left), side, side), luma.dtype)
        for tile, x0, y0 in zip(tiles, left, top, strict=True):
            part = luma[y0 : y0 + whole, x0 : x0 + whole]
            tile[:] = part if factor == 1 else cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
        flat = tiles.reshape(-1, side)
        if layout is not None and len(flat):
            flat = planes.to_8_bit(flat, layout)
            if not self._full_range or look.hdr != "none":
                flat = cv2.LUT(flat, color.luma_table(self._full_range, look.hdr))
        return np.asarray(flat, np.uint8).reshape(tiles.shape)

    def small_bgr(self, width: int, height: int) -> Picture:
        """The upright picture at ``width`` × ``height``: uint8 BGR (height, width, 3); HDR only roughly.

        Planes are scaled one by one, so only the small picture is converted.
        """
        look, layout = self._look, self._layout
        size = look.coded(width, height)
        if layout is None:
            small = cv2.resize(self._whole(), size, interpolation=cv2.INTER_AREA)
            return color.upright(np.ascontiguousarray(small[..., ::-1], np.uint8), look.rotation, look.mirrored)
        parts = [planes.to_8_bit(planes.scale(part, size), layout) for part in planes.channels(self._frame, layout)]
        if layout.gray:
            gray = parts[0]
            picture = cv2.merge([gray, gray, gray])
        else:
            picture = cv2.transform(cv2.merge(parts), color.yuv_to_bgr_matrix(look.space, look.full_range))
        if look.hdr != "none":
            picture = cv2.LUT(picture, color.quick_curve(look.hdr))
        return color.upright(np.asarray(picture, np.uint8), look.rotation, look.mirrored)

    def crop_bgr(self, x: float, y: float, w: float, h: float) -> Picture:
        """A region of the upright picture at display resolution: uint8 BGR (h', w', 3), clipped to the picture.

        ``x, y, w, h`` are upright display pixels, rounded outwards. Only that region is converted. Empty where the
        region lies outside.
        """
        look, frame = self._look, self._frame
        left, top = max(0, math.floor(x)), max(0, math.floor(y))
        right, bottom = min(look.width, math.ceil(x + w)), min(look.height, math.ceil(y + h))
        if right <= left or bottom <= top:
            return np.empty((max(0, bottom - top), max(0, right - left), 3), np.uint8)
        cx, cy, cw, ch = color.coded_rectangle(
            left, top, right - left, bottom - top,
            width=look.width, height=look.height, rotation=look.rotation, mirrored=look.mirrored,
        )  # fmt: skip
        full_w, full_h = look.coded(look.width, look.height)
        scale_x, scale_y = full_w / frame.width, full_h / frame.height
        x0 = max(0, math.floor(cx / scale_x) - _CROP_MARGIN) & ~7
        y0 = max(0, math.floor(cy / scale_y) - _CROP_MARGIN) & ~7
        x1 = min(frame.width, (math.ceil((cx + cw) / scale_x) + _CROP_MARGIN + 7) & ~7)
        y1 = min(frame.height, (math.ceil((cy + ch) / scale_y) + _CROP_MARGIN + 7) & ~7)
        layout = self._layout
        part: Any
        if layout is None:
            part = self._whole()[y0:y1, x0:x1]
        else:
            part = color.to_rgb(planes.cut(frame, x0, y0, x1, y1), look.space, look.full_range, look.hdr)
        if (full_w, full_h) == (frame.width, frame.height):
            region = part[cy - y0 : cy - y0 + ch, cx - x0 : cx - x0 + cw]
        else:
            # Pixel centres of the scaled region, looked up in the part.
            to_part = np.array(
                [
                    [1 / scale_x, 0, (cx + 0.5) / scale_x - 0.5 - x0],
                    [0, 1 / scale_y, (cy + 0.5) / scale_y - 0.5 - y0],
                ]
            )
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            region = cv2.warpAffine(part, to_part, (cw, ch), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        bgr = cv2.cvtColor(np.asarray(region), cv2.COLOR_RGB2BGR)
        return color.upright(np.asarray(bgr, np.uint8), look.rotation, look.mirrored)

    def crop_luma(self, x: float, y: float, w: float, h: float) -> Picture:
        """The brightness of :meth:`crop_bgr`'s region: uint8 (h', w'), full range. Nearly free where pixels are square.

        May be a view of the decoder's memory: not to be written to.
        """
        look, frame = self._look, self._frame
        layout = self._layout
        if layout is None or look.coded(look.width, look.height) != (frame.width, frame.height):
            region = self.crop_bgr(x, y, w, h)
            if not region.size:
                return np.empty(region.shape[:2], np.uint8)
            return np.asarray(cv2.cvtColor(region, cv2.COLOR_BGR2GRAY), np.uint8)
        left, top = max(0, math.floor(x)), max(0, math.floor(y))
        right, bottom = min(look.width, math.ceil(x + w)), min(look.height, math.ceil(y + h))
        if right <= left or bottom <= top:
            return np.empty((max(0, bottom - top), max(0, right - left)), np.uint8)
        cx, cy, cw, ch = color.coded_rectangle(
            left, top, right - left, bottom - top,
            width=look.width, height=look.height, rotation=look.rotation, mirrored=look.mirrored,
        )  # fmt: skip
        luma: Any = planes.to_8_bit(planes.samples(frame, 0, layout)[cy : cy + ch, cx : cx + cw], layout)
        if not self._full_range or look.hdr != "none":
            luma = cv2.LUT(luma, color.luma_table(self._full_range, look.hdr))
        return color.upright(np.asarray(luma, np.uint8), look.rotation, look.mirrored)

    def picture(self) -> Picture:
        """The whole picture as a viewer sees it: uint8 RGB (height, width, 3), upright, square pixels, SDR.

        Bit-identical however the frame was reached.
        """
        look = self._look
        whole = self._rgb if self._rgb is not None else self._convert()
        size = look.coded(look.width, look.height)
        if size != (whole.shape[1], whole.shape[0]):
            enlarges = size[0] >= whole.shape[1] and size[1] >= whole.shape[0]
            method = cv2.INTER_CUBIC if enlarges else cv2.INTER_AREA
            whole = np.asarray(cv2.resize(whole, size, interpolation=method), np.uint8)
        result = color.upright(whole, look.rotation, look.mirrored)
        return result.copy() if result is self._rgb else result

    def picture16(self) -> NDArray[np.uint16]:
        """The whole picture as :meth:`picture`, but uint16 in 0…65535, with all that a deeper source has.

        Of a source of 8 bits a channel it is :meth:`picture` times 257.
        """
        look, frame = self._look, self._frame
        if deep.depth_of(frame.format.name) <= 8:
            return self.picture().astype(np.uint16) * np.uint16(257)
        rgb = deep.to_rgb16(self._plain(), look.space, look.full_range, look.hdr)[: frame.height, : frame.width]
        whole, size = np.ascontiguousarray(rgb), look.coded(look.width, look.height)
        if size != (frame.width, frame.height):
            enlarges = size[0] >= frame.width and size[1] >= frame.height
            method = cv2.INTER_CUBIC if enlarges else cv2.INTER_AREA
            whole = np.asarray(cv2.resize(whole, size, interpolation=method), np.uint16)
        return color.upright(whole, look.rotation, look.mirrored)

    def raw(self) -> bytes:
        """The frame without loss, compressed: :meth:`from_raw` gives a frame with the same :meth:`picture`."""
        import pyarrow as pa

        frame = self._frame
        samples = b"".join(planes.plane_rows(frame, index).tobytes() for index in range(len(frame.planes)))
        head: dict[str, Any] = {
            "pts": self.pts,
            "index": self.index,
            "key": self.is_key,
            "corrupt": self.is_corrupt,
            "format": frame.format.name,
            "size": [frame.width, frame.height],
            "tags": [frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries],
            "bytes": len(samples),
            "look": asdict(self._look),
        }
        text = json.dumps(head).encode()
        packed = pa.Codec("lz4").compress(pa.py_buffer(samples))
        return b"".join([_MAGIC, struct.pack("<I", len(text)), text, packed.to_pybytes()])

    @classmethod
    def from_raw(cls, data: bytes) -> DecodedFrame:
        """The frame that :meth:`raw` wrote. Raises ``CorruptVideoError`` where ``data`` is damaged."""
        import pyarrow as pa
        from av.video.frame import VideoFrame

        try:
            magic, length = struct.unpack_from("<4sI", data)
            if magic != _MAGIC:
                raise CorruptVideoError("this is not a stored frame")
            head: dict[str, Any] = json.loads(data[8 : 8 + length])
            unpacked = pa.Codec("lz4").decompress(pa.py_buffer(data)[8 + length :], decompressed_size=head["bytes"])
            samples = np.frombuffer(memoryview(unpacked), np.uint8)
            width, height = head["size"]
            frame = VideoFrame(width, height, head["format"])
            frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries = head["tags"]
            at = 0
            for index in range(len(frame.planes)):
                target = planes.plane_rows(frame, index)
                target[:] = samples[at : at + target.size].reshape(target.shape)
                at += target.size
            look = FrameLook(**{**head["look"], "time_base": tuple(head["look"]["time_base"])})
        except (ValueError, KeyError, TypeError, struct.error, OSError) as error:
            raise CorruptVideoError(f"a stored frame is damaged: {error}") from error
        restored = cls(frame, look, head["pts"], head["index"])
        restored.is_key, restored.is_corrupt = head["key"], head["corrupt"]
        return restored

    @property
    def _full_range(self) -> bool:
        """Whether brightness is 0…255 as coded. Grey formats are, whatever their tag says: swscale takes them so."""
        return self._look.full_range or (self._layout is not None and self._layout.gray)

    def _luma_plane(self) -> tuple[NDArray[Any], planes.Layout | None]:
        """Brightness as coded, and the layout of its samples (``None``: 8 bit, full range, converted)."""
        layout = self._layout
        if layout is None:
            return np.asarray(cv2.cvtColor(self._whole(), cv2.COLOR_RGB2GRAY)), None
        return planes.samples(self._frame, 0, layout), layout

    def _analysis(self) -> Picture:
        """:meth:`analysis_luma` as coded, in 8 bits; kept for the next call."""
        if self._reduced is None:
            plane, layout = self._luma_plane()
            plane = planes.reduce(plane, planes.reduction(plane.shape[1], plane.shape[0], area=_ANALYSIS_AREA))
            self._reduced = np.asarray(plane if layout is None else planes.to_8_bit(plane, layout), np.uint8)
        return self._reduced

    def _small(self, size: tuple[int, int]) -> Picture:
        """Brightness at ``size`` (width, height) as coded, in 8 bits."""
        width, height = self._frame.width, self._frame.height
        factor = planes.reduction(width, height, area=_ANALYSIS_AREA)
        fits = planes.reduction(width, height, least=(2 * size[0], 2 * size[1]))
        if fits >= factor:
            return np.asarray(planes.scale(self._analysis(), size), np.uint8)
        plane, layout = self._luma_plane()
        plane = planes.scale(planes.reduce(plane, fits), size)
        return np.asarray(plane if layout is None else planes.to_8_bit(plane, layout), np.uint8)

    def _shown(self, luma: Picture) -> Picture:
        """8-bit luma as coded, as a viewer sees it: full range, SDR, upright."""
        look = self._look
        if self._layout is not None and (not self._full_range or look.hdr != "none"):
            luma = np.asarray(cv2.LUT(luma, color.luma_table(self._full_range, look.hdr)), np.uint8)
        return color.upright(luma, look.rotation, look.mirrored)

    def _whole(self) -> Picture:
        """The converted picture as coded, kept for the next call: for formats that have no quicker way."""
        if self._rgb is None:
            self._rgb = self._convert()
        return self._rgb

    def _convert(self) -> Picture:
        look, frame = self._look, self._frame
        rgb = color.to_rgb(self._plain(), look.space, look.full_range, look.hdr)
        return np.ascontiguousarray(rgb[: frame.height, : frame.width])

    def _plain(self) -> VideoFrame:
        """The samples without the decoder's tags; odd sizes are even in it."""
        frame = self._frame
        if self._layout is not None:
            return planes.cut(frame, 0, 0, frame.width, frame.height)
        return planes.untagged(frame)
