"""Foreign pictures (posters, photos, covers) decoded with care: upright, sRGB, of a size that memory allows.

What a picture is decides its content, never its name. Sizes are checked before anything is decoded, and a picture for
print is reduced while it is read: JPEG by its decoder, others strip by strip. Call it where decoding may fail, in a
worker.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import InputError, LimitError, MemoryLimitError, NotAVideoError
from stills.media.source import PathLike, open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
"""What is read, whatever it calls itself: Pillow also knows formats that run programs, such as EPS."""

KEEP_PIXELS = 40_000_000
"""Pixels of a picture that are kept (120 MB); of a poster of 10,000 × 15,000 a quarter of them shows all there is."""

FRAMES = 2
"""How many times the pixels of the largest frame a picture may have: one is decoded at a time, and a poster for print
has more than any video. With the default settings 16,384 × 16,384."""

MAX_FILE_BYTES = 1 << 30
"""Largest file that is opened: some decoders read it whole, and no picture of the allowed size takes that much."""

STRIP_PIXELS = 1 << 22
"""Pixels that are converted at a time: colour management and transparency take several times their memory."""

_REMEDY = "give a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture"
# EXIF orientation: quarter turns to the left, and whether it is flipped top to bottom after them.
_TURNS = {2: (2, True), 3: (2, False), 4: (0, True), 5: (1, True), 6: (-1, False), 7: (-1, True), 8: (1, False)}
_ORIENTATION = 0x0112
_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})

# What Pillow's decoders raise on damaged data, found by damaging pictures of each format.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error, RuntimeError)

_Convert: TypeAlias = "Callable[[Image], Image]"


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """``rgb`` (height, width, 3) upright, maybe reduced; ``width`` and ``height`` are those of the whole picture.

    ``warnings`` say what is odd about it.
    """

    rgb: NDArray[np.uint8]
    width: int
    height: int
    warnings: tuple[str, ...] = ()


def decode_image(
    source: PathLike | bytes,
    *,
    max_pixels: int,
    keep_pixels: int | None = KEEP_PIXELS,
    formats: tuple[str, ...] = FORMATS,
) -> DecodedImage:
    """Decode the picture in a file, or in ``source`` itself: upright, 8-bit sRGB, on white where it is transparent.

    Of several frames or pages the first counts. A picture of more than ``max_pixels`` is refused before any is decoded,
    one of more than ``keep_pixels`` is reduced by a whole number (``None``: never).

    Raises:
        InputError: It is missing, no regular file, may not be read; no picture of ``formats``, or damaged.
        LimitError: It is too large.
    """
    if isinstance(source, bytes):
        return _decoded(io.BytesIO(source), None, max_pixels, keep_pixels, formats)
    path = os.fspath(source)
    try:
        descriptor = open_regular(path)
    except NotAVideoError as error:
        raise InputError(error.message, path=path, remedy=_REMEDY) from None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_size > MAX_FILE_BYTES:
            raise LimitError(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB", path=path, remedy=_REMEDY)
        return _decoded(file, path, max_pixels, keep_pixels, formats)


def _decoded(
    file: IO[bytes], path: str | None, max_pixels: int, keep_pixels: int | None, formats: tuple[str, ...]
) -> DecodedImage:
    from PIL import Image, UnidentifiedImageError

    try:
        with _unbounded(), Image.open(file, formats=formats) as picture:
            size = picture.size
            _check_size(size, max_pixels, path)
            if (factor := _reduction(size, keep_pixels)) > 1:
                picture.draft(None, (max(1, size[0] // factor), max(1, size[1] // factor)))  # which only JPEG does
            picture.load()
            turned = _orientation(picture)
            rgb, notes = _as_rgb(picture, keep_pixels)
    except UnidentifiedImageError as error:
        raise InputError("it is no picture that can be read", path=path, remedy=_REMEDY) from error
    except MemoryError:
        raise MemoryLimitError("it takes more memory than there is", path=path, remedy="give a smaller one") from None
    except _DAMAGED as error:
        raise InputError(f"it is damaged ({error})", path=path, remedy="copy or download it again") from error
    if not rgb.size:
        raise InputError("it has no pixels", path=path, remedy=_REMEDY)
    if (size[0] > size[1]) != (picture.size[0] > picture.size[1]):  # some formats are turned as they are loaded
        size = size[::-1]
    if turned in {5, 6, 7, 8}:
        size = size[::-1]
    return DecodedImage(_upright(rgb, turned), *size, tuple(notes))


def _check_size(size: tuple[int, int], max_pixels: int, path: str | None) -> None:
    if size[0] * size[1] > max_pixels:
        what = f"it has {size[0]} × {size[1]} pixels, more than is allowed"
        raise LimitError(what, path=path, remedy="give a smaller one, or allow more with --max-pixels")


@contextlib.contextmanager
def _unbounded() -> Iterator[None]:
    """Without Pillow's own limit and its warnings of odd metadata: the limit here is the caller's."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _orientation(picture: Image) -> int:
    """How the picture is to be turned, as EXIF counts (1: not at all); damaged metadata costs no picture."""
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except _DAMAGED:
        return 1
    return value if value in range(1, 9) else 1


def _upright(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    turns, flipped = _TURNS.get(orientation, (0, False))
    turned = np.rot90(rgb, turns)
    return np.ascontiguousarray(turned[::-1] if flipped else turned)


def _reduction(size: tuple[int, int], keep_pixels: int | None) -> int:
    """By how much a picture is to be reduced so that ``keep_pixels`` are left."""
    return 1 if keep_pixels is None else max(1, math.ceil(math.sqrt(size[0] * size[1] / keep_pixels)))


def _as_rgb(picture: Image, keep_pixels: int | None) -> tuple[NDArray[np.uint8], list[str]]:
    """The loaded picture as 8-bit RGB, reduced to ``keep_pixels``, strip by strip; and what is odd about it."""
    width, height = picture.size
    factor = _reduction(picture.size, keep_pixels)
    convert, notes = _conversion(picture)
    rgb = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    tall = max(1, STRIP_PIXELS // max(1, width * factor)) * factor
    for top in range(0, height, tall):
        strip = convert(picture.crop((0, top, width, min(height, top + tall))))
        if factor > 1:
            strip = strip.reduce(factor)
        rgb[top // factor : top // factor + strip.height] = np.asarray(strip)
    return rgb, notes


def _conversion(picture: Image) -> tuple[_Convert, list[str]]:
    """What makes a strip of the picture RGB, and what is odd about it."""
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits and more: Pillow would clip them
        return _deep(picture), []
    if "transparency" in picture.info or picture.mode in _ALPHA:
        return _on_white, []
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in {"CMYK", "RGB", "LAB"}:
        try:
            managed = _managed(profile, picture.mode)
        except _DAMAGED:
            return _plain, ["its colour profile is damaged"]
        return managed or _plain, []
    return _plain, []


def _plain(strip: Image) -> Image:
    return strip.convert("RGB")


def _on_white(strip: Image) -> Image:
    from PIL import Image

    layer = strip.convert("RGBA")
    ground = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, layer).convert("RGB")


def _deep(picture: Image) -> _Convert:
    """Grey of more than 8 bits: 16 bits by their range, odder numbers by the largest; those up to 255 as they are."""
    from PIL import Image

    values = np.asarray(picture)
    top = float(np.max(values, initial=0, where=np.isfinite(values)))
    if picture.mode == "F" and top <= 1.0:
        scale = 255.0
    elif top <= 255:
        scale = 1.0
    else:
        scale = 1 / 257.0 if top <= 65535 else 255.0 / top

    def convert(strip: Image.Image) -> Image.Image:
        gray = np.nan_to_num(np.asarray(strip, np.float64), posinf=top, neginf=0.0) * scale
        return Image.fromarray(np.rint(np.clip(gray, 0, 255)).astype(np.uint8)).convert("RGB")

    return convert


def _managed(profile: bytes, mode: str) -> _Convert | None:
    """The conversion from the embedded colour profile to sRGB; ``None`` where it makes no difference or does not fit.

    Raises what :data:`_DAMAGED` lists where the profile cannot be used.
    """
    from PIL import ImageCms

    opened: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if opened.profile.xcolor_space.strip() != {"LAB": "Lab"}.get(mode, mode):
        return None
    if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(opened):
        return None
    try:
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
    except ImageCms.PyCMSError as error:
        raise ValueError(str(error)) from error

    def convert(strip: Image) -> Image:
        done = ImageCms.applyTransform(strip, transform)
        assert done is not None  # noqa: S101 - only a transform in place gives nothing
        return done

    return convert
