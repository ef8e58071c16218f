"""Pictures as bytes: JPEG, PNG, WebP or AVIF, 8 or 16 bits a channel, and the cut-out of a face."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np

from stills.errors import OutputError, UsageError
from stills.render.cells import eight_bit
from stills.render.fit import Rgb, Target, check_size
from stills.render.metadata import PictureMetadata
from stills.types import Box, FitMode, PictureFormat

if TYPE_CHECKING:
    from stills.settings_model import OutputSettings

BitDepth: TypeAlias = Literal[8, 16]

DEFAULT_QUALITY = 92
"""JPEG, WebP and AVIF; visually lossless for film material at about half the size of 98."""

DEFAULT_COMPRESSION = 6
"""PNG; zlib's own default. 9 takes five times as long for 4 %, 1 a third for 24 % more, measured on film material."""

WAITING_BYTES = 192 << 20
"""Seven pictures of 4K, three with 16 bits."""

_LARGEST_SIDE: dict[PictureFormat, int] = {"jpeg": 65535, "png": 2**31 - 1, "webp": 16383, "avif": 32768}
"""Pixels; what each format can store, and for AVIF what libavif reads."""

_FULL_CHROMA_FROM = 90
"""From this JPEG and AVIF quality on, colour is kept at full resolution: 4:2:0 smears red lips and ties."""

_AVIF_SPEED = 8
"""Of libavif's 0…10: within 2 % of the size at its default 6 in a seventh of the time, measured at 1080p."""

_LOSSLESS_EFFORT = 50
"""Of WebP's 0…100, where nothing is lost: 100 takes twice as long for nothing, measured on film material."""

_PNG_HEAD = 8 + 25
"""Bytes of a PNG's signature and of its first chunk, IHDR."""

_CROP_HEIGHT = 2.2
"""Height of a face crop in longer sides of the face box: head, hair and shoulders."""

_CROP_ASPECT = 4 / 5
_CROP_FACE_AT = 0.46
"""The middle of the face in a crop, from its top, as a share of the crop's height."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How pictures are written. Raises :class:`UsageError` where values are out of range or contradict each other.

    ``quality`` (0…100) counts for JPEG, AVIF and lossy WebP, ``compression`` (0…9) for PNG, ``lossless`` for WebP.
    ``bit_depth`` 16 needs PNG. AVIF needs a Pillow that has it. ``fit`` and ``fit_mode`` as in
    :func:`stills.render.fit.fit`. ``crops`` adds a picture of the face beside every still of a person.
    ``name_template`` names the pictures (:mod:`stills.name_fields`). ``aspect`` (width, height) cuts key frames and
    thumbnails to that shape; ``sheet`` (columns, rows) adds a contact sheet of them, ``preview`` an animation.
    Pictures that are being encoded, or wait for it, take ``waiting_bytes`` at most.
    """

    format: PictureFormat = "jpeg"
    quality: int = DEFAULT_QUALITY
    fit: Target = "source"
    fit_mode: FitMode = "crop"
    crops: bool = False
    compression: int = DEFAULT_COMPRESSION
    lossless: bool = False
    bit_depth: BitDepth = 8
    name_template: str | None = None
    aspect: tuple[int, int] | None = None
    sheet: tuple[int, int] | None = None
    preview: Literal["webp", "gif"] | None = None
    waiting_bytes: int = WAITING_BYTES

    def __post_init__(self) -> None:
        """Check the values."""
        _one_of("format", self.format, tuple(_LARGEST_SIDE))
        _one_of("fit mode", self.fit_mode, ("crop", "pad"))
        if self.preview is not None:
            _one_of("preview", self.preview, ("webp", "gif"))
        if not 0 <= self.quality <= 100:
            raise UsageError(f"picture quality {self.quality} is out of range", remedy="use 0 to 100")
        if not 0 <= self.compression <= 9:
            raise UsageError(f"PNG compression {self.compression} is out of range", remedy="use 0 to 9")
        if isinstance(self.fit, str):
            _one_of("fit", self.fit, ("source", "1080p"))
        else:
            check_size(self.fit)
        for what, pair in (("aspect", self.aspect), ("sheet", self.sheet)):
            if pair is not None and min(pair) < 1:
                raise UsageError(f"{what} {pair[0]}x{pair[1]} is out of range", remedy="both numbers must be 1 or more")
        self._check_template()
        self._check_together()

    @classmethod
    def of(
        cls,
        output: OutputSettings,
        *,
        aspect: str | None = None,
        preview: Literal["webp", "gif"] | None = None,
    ) -> Self:
        """The options of a tree of settings: of its ``output``, and of what else shapes a recipe's pictures.

        ``aspect`` is like ``"9:16"`` (``thumbnails.aspect``), ``preview`` as in ``thumbnails.preview``. Call it before
        any work: it raises :class:`UsageError` where the settings cannot be met together, or not on this machine.
        """
        return cls(
            format=output.format,
            quality=output.quality,
            fit=output.fit_size,
            fit_mode=output.fit_mode,
            crops=output.crops,
            compression=output.compression,
            lossless=output.lossless,
            bit_depth=output.bit_depth,
            name_template=output.name_template,
            aspect=_pair(aspect, ":"),
            sheet=_pair(output.sheet, "x"),
            preview=preview,
        )

    def _check_template(self) -> None:
        from stills.name_fields import check_template

        if self.name_template is not None:
            try:
                check_template(self.name_template)
            except ValueError as error:
                raise UsageError(f"the name template {self.name_template!r} {error}") from error

    def _check_together(self) -> None:
        if self.bit_depth not in (8, 16):
            raise UsageError(f"pictures with {self.bit_depth} bits are not written", remedy="use 8 or 16")
        if self.bit_depth == 16 and self.format != "png":
            raise UsageError(f"{self.format.upper()} has no 16 bits a channel", remedy="use --format png")
        if self.lossless and self.format in ("jpeg", "avif"):
            raise UsageError(f"{self.format.upper()} is not written without loss", remedy="use --format webp or png")
        if self.format == "avif" and not has_avif():
            raise UsageError(
                "this installation of Pillow cannot write AVIF",
                remedy="install a Pillow wheel (they have it), or use another --format",
            )
        if self.aspect is not None and not isinstance(self.fit, str):
            wanted, given = self.aspect[0] / self.aspect[1], self.fit[0] / self.fit[1]
            if abs(wanted / given - 1) > 0.02:
                raise UsageError(
                    f"pictures of {self.fit[0]}x{self.fit[1]} are not {self.aspect[0]}:{self.aspect[1]}",
                    remedy="leave out --fit or --aspect",
                )


def has_avif() -> bool:
    """Whether Pillow can write AVIF here: its wheels can, a build of one's own may not."""
    from PIL import features

    return bool(features.check("avif"))


def encode(
    rgb: Rgb,
    picture_format: PictureFormat,
    quality: int = DEFAULT_QUALITY,
    metadata: PictureMetadata | None = None,
    *,
    compression: int = DEFAULT_COMPRESSION,
    lossless: bool = False,
) -> bytes:
    """``rgb`` (H, W, 3) as the bytes of a picture file that carries ``metadata``; the same input gives the same bytes.

    uint16 pictures become PNG of 16 bits a channel, every value as it is; other formats have 8 bits. Raises
    :class:`OutputError` where the format cannot hold a picture of this size, :class:`UsageError` where it cannot hold
    16 bits.
    """
    side = max(rgb.shape[:2])
    if side > _LARGEST_SIDE[picture_format]:
        raise OutputError(
            f"a picture of {rgb.shape[1]}x{rgb.shape[0]} pixels does not fit into {picture_format.upper()}",
            remedy="use --format png, or --fit to make it smaller",
        )
    if rgb.dtype == np.uint16:
        if picture_format != "png":
            raise UsageError(f"{picture_format.upper()} has no 16 bits a channel", remedy="use --format png")
        return _png16(rgb, compression, metadata)
    from PIL import Image

    options: dict[str, Any] = {}
    chroma = "4:4:4" if quality >= _FULL_CHROMA_FROM else "4:2:0"
    if picture_format == "jpeg":
        options = {"quality": quality, "subsampling": chroma}
    elif picture_format == "avif":  # one thread: how pictures are cut into tiles must not depend on the machine
        options = {"quality": quality, "subsampling": chroma, "speed": _AVIF_SPEED, "max_threads": 1}
    elif picture_format == "webp":
        options = {"quality": _LOSSLESS_EFFORT if lossless else quality, "method": 4, "lossless": lossless}
    else:
        options = {"compress_level": compression}
    if metadata is not None:
        options["exif"] = metadata.exif()
        if picture_format == "png":
            options["pnginfo"] = metadata.png()
        else:
            options["xmp"] = metadata.xmp()
    buffer = io.BytesIO()
    image = Image.new("RGB", (rgb.shape[1], rgb.shape[0]), None)  # not filled, as fromarray() would have it first
    image.frombytes(np.ascontiguousarray(rgb).data)
    image.save(buffer, picture_format.upper(), **options)
    return buffer.getvalue()


def _png16(rgb: Rgb, compression: int, metadata: PictureMetadata | None) -> bytes:
    """A PNG of 16 bits a channel, with the chunks that Pillow writes at 8 (it has no 16-bit RGB)."""
    import cv2

    options = [cv2.IMWRITE_PNG_COMPRESSION, compression]
    # Contiguous: OpenCV takes no reversed view.
    done, data = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]), options)
    if not done:
        raise OutputError(f"a picture of {rgb.shape[1]}x{rgb.shape[0]} pixels could not be written as PNG")
    plain = data.tobytes()
    if metadata is None:
        return plain
    chunks = [(bytes(kind), bytes(content)) for kind, content, *_ in metadata.png().chunks]
    chunks.append((b"eXIf", metadata.exif().removeprefix(b"Exif\0\0")))  # without JPEG's marker: PNG 3rd ed., 11.3.4.5
    between = b"".join(_chunk(kind, content) for kind, content in chunks)
    return plain[:_PNG_HEAD] + between + plain[_PNG_HEAD:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk: length, type, data, CRC (PNG specification, 5.3)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_depth(rgb: Rgb, bits: BitDepth) -> Rgb:
    """``rgb`` with 8 or 16 bits a channel, as it is where it has them: 255 becomes 65535, and the other way rounded."""
    if bits == 8:
        return eight_bit(rgb)
    return rgb if rgb.dtype == np.uint16 else rgb.astype(np.uint16) * np.uint16(257)


def face_window(width: int, height: int, box: Box) -> tuple[int, int, int, int]:
    """The portrait (4:5) around the face ``box`` in a ``width`` × ``height`` picture: x, y, w, h in whole pixels.

    It is moved to stay inside the picture, and made smaller only where the picture is smaller than it.
    """
    x, y, w, h = box
    tall = min(max(w, h) * _CROP_HEIGHT, float(height))
    wide = min(tall * _CROP_ASPECT, float(width))
    left = min(max(x + w / 2 - wide / 2, 0.0), width - wide)
    top = min(max(y + h / 2 - tall * _CROP_FACE_AT, 0.0), height - tall)
    x0, y0 = min(int(left), width - 1), min(int(top), height - 1)
    return x0, y0, max(1, min(round(wide), width - x0)), max(1, min(round(tall), height - y0))


def face_crop(rgb: Rgb, box: Box) -> Rgb:
    """The portrait around the face ``box`` (pixels of ``rgb``): a view into ``rgb``, at its own resolution."""
    x, y, w, h = face_window(rgb.shape[1], rgb.shape[0], box)
    return rgb[y : y + h, x : x + w]


def _pair(text: str | None, separator: str) -> tuple[int, int] | None:
    """Two numbers from text that the settings have checked."""
    if text is None:
        return None
    first, _, second = text.partition(separator)
    return int(first), int(second)


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"unknown {what} {value!r}", remedy=f"use {', '.join(allowed[:-1])} or {allowed[-1]}")
