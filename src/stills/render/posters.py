"""Posters with their faces marked: a box for each, in the colour of its person, with who it is and how near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.render.lettering import cut_to, drawable, font
from stills.render.palette import NOBODY, ink_on, person_color
from stills.types import Estimate, Poster, PosterFace

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LEAST_SIDE = 720
"""Longer side, in pixels, that smaller posters are enlarged to: below it labels would cover what they are about."""

_TEXT = 1 / 52  # of the longer side
_LEAST_TEXT = 14
_LINE = 1 / 320
_DASH = 5  # line widths
_ON_LABEL = 10  # what covering a label's pixel costs, of a face's
_RIM = (0, 0, 0)

_Rect: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class _Style:
    """Sizes in pixels."""

    text: int
    line: int

    @property
    def pad(self) -> int:
        """Air around a label's text."""
        return max(3, self.text // 3)

    @property
    def row(self) -> int:
        """Height of a label's line."""
        return round(self.text * 1.3)


@dataclass(frozen=True, slots=True)
class _Label:
    """What is written at a face, and how large that is."""

    lines: tuple[str, ...]
    width: int
    height: int


def annotated_poster(
    rgb: NDArray[np.uint8], poster: Poster, *, names: Mapping[int, str] | None = None
) -> NDArray[np.uint8]:
    """``rgb`` (height, width, 3), a picture of ``poster`` of any size, with a box and a label for each face.

    People of the film have a whole box in their colour (``palette.person_color``) and a label with their number, or
    what ``names`` calls them, and the cosine distance; strangers a dashed grey one and the distance to whom they are
    most like. Attributes that were asked for stand below. Labels lie beside other faces and labels where there is room,
    and always inside the picture. A copy is returned; one smaller than :data:`LEAST_SIDE` is enlarged to it.
    """
    from PIL import Image, ImageDraw

    large = _enlarged(rgb)
    height, width = large.shape[:2]
    longer = max(height, width)
    style = _Style(max(_LEAST_TEXT, round(longer * _TEXT)), max(2, round(longer * _LINE)))
    unit = (width / max(1, poster.width), height / max(1, poster.height))
    boxes = [_rect(face, unit) for face in poster.faces]
    canvas = Image.fromarray(large)
    draw = ImageDraw.Draw(canvas)
    for face, box in zip(poster.faces, boxes, strict=True):
        _box(draw, box, person_color(face.person) if face.person is not None else NOBODY, style, face.person is None)
    placed: list[_Rect] = []
    for face, box in zip(poster.faces, boxes, strict=True):
        label = _label(face, names or {}, style, width)
        taken = [(other, 1) for other in boxes] + [(other, _ON_LABEL) for other in placed]
        where = _place(label, box, taken, (width, height), style.line)
        placed.append(where)
        _write(draw, label, where, person_color(face.person) if face.person is not None else NOBODY, style)
    return np.array(canvas, np.uint8)


def _enlarged(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = LEAST_SIDE / max(height, width)
    if scale <= 1:
        return np.ascontiguousarray(rgb)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _rect(face: PosterFace, unit: tuple[float, float]) -> _Rect:
    x, y, w, h = face.box
    return round(x * unit[0]), round(y * unit[1]), round((x + w) * unit[0]), round((y + h) * unit[1])


def _label(face: PosterFace, names: Mapping[int, str], style: _Style, room: int) -> _Label:
    """Who it is and how far, and below that what was inferred."""
    who = "Stranger" if face.person is None else names.get(face.person, f"Person {face.person}")
    first = who if face.distance is None else f"{who} · {face.distance:.2f}"
    told = [_said(name, one) for name, one in face.attributes.items() if one.value is not None]
    widest = room - 2 * style.pad
    lines = tuple(cut_to(drawable(line), style.text, widest) for line in (first, ", ".join(told)) if line)
    wide = max((font(style.text).getlength(line) for line in lines), default=0.0)
    return _Label(lines, round(wide) + 2 * style.pad, style.row * len(lines) + style.pad)


def _said(attribute: str, estimate: Estimate) -> str:
    value = estimate.value
    return value if isinstance(value, str) else f"{attribute} {value:.0f}"


def _place(label: _Label, box: _Rect, taken: Sequence[tuple[_Rect, int]], size: tuple[int, int], gap: int) -> _Rect:
    """Where the label of ``box`` goes: of the places around and in it the one that covers the least of ``taken``.

    Those are rectangles, and what a pixel of them is worth.
    """
    left, top, right, bottom = box
    above, below = top - label.height - gap, bottom + gap
    places = [
        (left - gap, above),
        (left - gap, below),
        (right + gap - label.width, above),
        (right + gap - label.width, below),
        (right + 2 * gap, top),
        (left - label.width - 2 * gap, top),
        (left, top),
        (left, bottom - label.height),
    ]

    def cost(number: int) -> tuple[int, int]:
        where = inside(*places[number])
        return sum(worth * _shared(where, other) for other, worth in taken), number

    def inside(x: int, y: int) -> _Rect:
        x = max(0, min(x, size[0] - label.width))
        y = max(0, min(y, size[1] - label.height))
        return x, y, x + label.width, y + label.height

    return inside(*places[min(range(len(places)), key=cost)])


def _shared(one: _Rect, other: _Rect) -> int:
    """Pixels that two rectangles share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


def _box(draw: ImageDraw, box: _Rect, color: tuple[int, int, int], style: _Style, dashed: bool) -> None:
    """A frame around the face, with a dark rim, so that it is seen on any ground."""
    left, top, right, bottom = box
    line = style.line
    rim = max(1, line // 3)
    if right - left < 2 or bottom - top < 2:
        return
    strokes = (
        [(left, top, right, top), (left, bottom, right, bottom), (left, top, left, bottom), (right, top, right, bottom)]
        if not dashed
        else [*_dashes(left, top, right, bottom, _DASH * line)]
    )
    half = line // 2
    for grow, fill in ((half + rim, _RIM), (half, color)):
        for x0, y0, x1, y1 in strokes:
            draw.rectangle((x0 - grow, y0 - grow, x1 + grow, y1 + grow), fill=fill)


def _dashes(left: int, top: int, right: int, bottom: int, dash: int) -> list[_Rect]:
    """Strokes of equal length along the four sides, one in each corner."""
    found: list[_Rect] = []
    for low, high, others, level in ((left, right, (top, bottom), True), (top, bottom, (left, right), False)):
        count = max(1, round((high - low) / (2 * dash)))
        step = (high - low) / (2 * count)
        for n in range(count + 1):  # the first and the last are half as long
            start = round(max(low, low + (2 * n - 0.5) * step))
            end = round(min(high, low + (2 * n + 0.5) * step))
            found += [(start, at, end, at) if level else (at, start, at, end) for at in others]
    return found


def _write(draw: ImageDraw, label: _Label, where: _Rect, color: tuple[int, int, int], style: _Style) -> None:
    left, top, right, bottom = where
    draw.rectangle((left, top, right - 1, bottom - 1), fill=color, outline=_RIM)
    for number, line in enumerate(label.lines):
        baseline = top + style.pad // 2 + round(style.row * number + style.text * 1.02)
        draw.text((left + style.pad, baseline), line, fill=ink_on(color), font=font(style.text), anchor="ls")
