"""Small pictures inside a page: thumbnails and faces as ``data:`` URIs."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stills.render.pictures import face_window

if TYPE_CHECKING:
    from PIL.Image import Image

FACE_SIDE = 144
"""Pixels of a face's side: shown at half that size, so it is sharp on dense screens."""

_QUALITY = 80
_EDGES = ((150, 480), (600, 360), (2000, 240))
"""Longest edge of a thumbnail in pixels, by how many the page has: a report stays below some ten megabytes."""

_SMALLEST_EDGE = 160
_TINY = (80, 45)
_TINY_QUALITY = 40

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture in a page: its ``data:`` URI and size in pixels; ``face`` is the URI of the square around the face."""

    uri: str
    width: int
    height: int
    face: str | None = None


def edge_for(count: int) -> int:
    """The longest edge in pixels of the thumbnails of a page that has ``count`` of them."""
    return next((edge for limit, edge in _EDGES if count <= limit), _SMALLEST_EDGE)


def thumbnail(path: Path, edge: int, face: Sequence[float] | None = None) -> Thumbnail | None:
    """The picture at ``path``, reduced to ``edge`` pixels; None, and logged, where it is missing or damaged.

    ``face`` (x, y, w, h in pixels of the picture) is cut out of the full picture, so a small face stays sharp.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            size = opened.size
            opened.draft("RGB", _enough(size, edge, face))  # a JPEG is decoded at a fraction of its size
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        _log.warning("%s: not shown in the report: %s", path, error)
        return None
    zoom = None
    if face is not None:
        ratio = image.width / size[0]
        window = _square(image.width, image.height, [float(v) * ratio for v in face])
        zoom = _uri(image.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.BICUBIC, box=window, reducing_gap=2.0))
    image.thumbnail((edge, edge), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return Thumbnail(_uri(image), image.width, image.height, zoom)


def smaller_edges(edge: int) -> list[int]:
    """What else to try, from large to small, where a page with thumbnails of ``edge`` is too large."""
    return [one for one in (360, 240, _SMALLEST_EDGE, 96) if one < edge]


def tiny(uri: str) -> str:
    """A thumbnail's ``data:`` URI as one of some 500 bytes, for a row in a table; empty where there is none."""
    from PIL import Image, features

    if not uri:
        return ""
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as opened:
        opened.draft("RGB", _TINY)
        image = opened.convert("RGB")
    image.thumbnail(_TINY, Image.Resampling.BICUBIC)
    if not features.check("webp"):
        return _uri(image, quality=_TINY_QUALITY, optimize=True)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_TINY_QUALITY)  # a JPEG's tables alone are larger
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _enough(size: tuple[int, int], edge: int, face: Sequence[float] | None) -> tuple[int, int]:
    """The smallest size to decode at that leaves thumbnail and face as sharp as they can be."""
    scale = edge / max(size)
    if face is not None:
        left, _, right, _ = _square(*size, face)
        scale = max(scale, FACE_SIDE / max(1.0, right - left))
    scale = min(1.0, scale)
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _square(width: int, height: int, face: Sequence[float]) -> tuple[float, float, float, float]:
    """The square in the upper middle of a face's portrait: head and hair (left, top, right, bottom)."""
    x, y, w, h = (float(v) for v in face)
    left, top, wide, tall = face_window(width, height, (x, y, w, h))
    side = min(wide, tall)
    above = min(max(y + h / 2 - side * 0.48, top), top + tall - side)
    return left, above, left + side, above + side


def _uri(image: Image, *, quality: int = _QUALITY, optimize: bool = False) -> str:
    buffer = io.BytesIO()
    image.save(
        buffer, "JPEG", quality=quality, optimize=optimize
    )  # a third larger than WebP, and made ten times as fast
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
