"""Pictures as bytes: JPEG, PNG or WebP, and the cut-out of a face."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import OutputError, UsageError
from stills.render.fit import Target, check_size
from stills.render.metadata import PictureMetadata
from stills.types import Box, FitMode, PictureFormat

DEFAULT_QUALITY = 92
"""JPEG and WebP; visually lossless for film material at about half the size of 98."""

_LARGEST_SIDE: dict[PictureFormat, int] = {"jpeg": 65535, "png": 2**31 - 1, "webp": 16383}
"""Pixels; what each format can store."""

_FULL_CHROMA_FROM = 90
"""From this JPEG quality on, colour is kept at full resolution: 4:2:0 smears red lips and ties."""

_CROP_HEIGHT = 2.2
"""Height of a face crop in longer sides of the face box: head, hair and shoulders."""

_CROP_ASPECT = 4 / 5
_CROP_FACE_AT = 0.46
"""The middle of the face in a crop, from its top, as a share of the crop's height."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How pictures are written. Raises :class:`UsageError` where a value is out of range.

    ``quality`` (1…100) counts for JPEG and WebP. ``fit`` and ``fit_mode`` as in :func:`stills.render.fit.fit`.
    ``crops`` adds a picture of the face beside every still of a person.
    """

    format: PictureFormat = "jpeg"
    quality: int = DEFAULT_QUALITY
    fit: Target = "source"
    fit_mode: FitMode = "crop"
    crops: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        _one_of("format", self.format, ("jpeg", "png", "webp"))
        _one_of("fit mode", self.fit_mode, ("crop", "pad"))
        if not 1 <= self.quality <= 100:
            raise UsageError(f"picture quality {self.quality} is out of range", remedy="use 1 to 100")
        if isinstance(self.fit, str):
            _one_of("fit", self.fit, ("source", "1080p"))
        else:
            check_size(self.fit)


def encode(
    rgb: NDArray[np.uint8],
    picture_format: PictureFormat,
    quality: int = DEFAULT_QUALITY,
    metadata: PictureMetadata | None = None,
) -> bytes:
    """``rgb`` (H, W, 3) as the bytes of a picture file that carries ``metadata``; the same input gives the same bytes.

    Raises :class:`OutputError` where the format cannot hold a picture of this size.
    """
    from PIL import Image

    side = max(rgb.shape[:2])
    if side > _LARGEST_SIDE[picture_format]:
        raise OutputError(
            f"a picture of {rgb.shape[1]}x{rgb.shape[0]} pixels does not fit into {picture_format.upper()}",
            remedy="use --format png, or --fit to make it smaller",
        )
    options: dict[str, Any] = {}
    if picture_format == "jpeg":
        options = {"quality": quality, "subsampling": 0 if quality >= _FULL_CHROMA_FROM else 2}
    elif picture_format == "webp":
        options = {"quality": quality, "method": 4}
    if metadata is not None:
        if picture_format == "png":
            options["pnginfo"] = metadata.png()
        else:
            options |= {"exif": metadata.exif(), "xmp": metadata.xmp()}
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, picture_format.upper(), **options)
    return buffer.getvalue()


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


def face_crop(rgb: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The portrait around the face ``box`` (pixels of ``rgb``): a view into ``rgb``, at its own resolution."""
    x, y, w, h = face_window(rgb.shape[1], rgb.shape[0], box)
    return rgb[y : y + h, x : x + w]


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"unknown {what} {value!r}", remedy=f"use {', '.join(allowed[:-1])} or {allowed[-1]}")
