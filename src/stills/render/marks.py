"""Marks on the planes of a picture: a line around a face, and a plate that says whose it is. Nothing is converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.media.upright import YuvPicture
from stills.render.lettering import cut_to, drawable, font
from stills.render.palette import Colour, ink_on
from stills.types import Box

Placed: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom of what is drawn, in pixels."""

_SHIFT = 4  # OpenCV's fixed point: sixteenths of a pixel, so that slow lines do not jump
_ROUND = 0.12  # radius of a corner, of the box's shorter side
_ARC = 6  # points of a corner
_DARK = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in pixels for a picture: of lines, letters, and the space around them."""

    line: int
    letter: int
    space: int

    @classmethod
    def of(cls, width: int, height: int) -> Sizes:
        """What looks alike in small and large pictures, wide and tall ones."""
        short = min(width, height)
        return cls(line=max(2, round(short / 300)), letter=max(11, round(short / 45)), space=max(2, round(short / 180)))


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A small opaque picture of even size: planes as in :class:`~stills.media.upright.YuvPicture`."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.y.shape[0])

    def put(self, picture: YuvPicture, left: int, top: int) -> None:
        """Lay it on ``picture``, inside of it as far as it is not larger; ``left`` and ``top`` are even."""
        rows, columns = picture.y.shape
        height, width = min(self.height, rows - top), min(self.width, columns - left)
        picture.y[top : top + height, left : left + width] = self.y[:height, :width]
        half = slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2)
        for plane, own in ((picture.u, self.u), (picture.v, self.v)):
            plane[half] = own[: height // 2, : width // 2]


def draw_box(picture: YuvPicture, box: Box, colour: Colour, line: int) -> None:
    """A line ``line`` pixels wide along the inside of ``box``, corners rounded, on a darker one for light grounds."""
    for tint, thickness in ((_DARK, line + 2), (colour, line)):
        code = picture.code(tint)
        for plane, level, scale in zip(picture.planes, code, (1.0, 0.5, 0.5), strict=True):
            if tint is _DARK and scale < 1:
                continue  # darkness has no colour of its own
            points = _outline(box, scale)
            width = max(1, round(thickness * scale))
            cv2.polylines(plane, [points], True, level, width, cv2.LINE_AA, _SHIFT)


def make_plate(picture: YuvPicture, text: str, colour: Colour, sizes: Sizes) -> Plate:
    """A plate in ``colour`` with one line of ``text``, cut to what fits into the picture."""
    return _plate(text, colour, sizes, picture.width, picture.code(colour), picture.code(ink_on(colour)))


@lru_cache(maxsize=512)
def _plate(  # noqa: PLR0917 - the key of a cache
    text: str, colour: Colour, sizes: Sizes, most: int, ground: tuple[int, int, int], ink: tuple[int, int, int]
) -> Plate:
    mask = lettered(cut_to(drawable(text), sizes.letter, most - 2 * sizes.space), sizes.letter, sizes.space)
    small = cv2.resize(mask, (mask.shape[1] // 2, mask.shape[0] // 2), interpolation=cv2.INTER_AREA)
    parts: list[Any] = []
    for level, letters, share in zip(ground, ink, (mask, small, small), strict=True):
        parts.append(np.rint(level + (letters - level) * (share / np.float32(255))).astype(np.uint8))
    return Plate(*parts)


def lettered(text: str, letter: int, space: int) -> NDArray[np.uint8]:
    """How much of each pixel (0…255) letters cover: ``text`` (drawable) with ``space`` around it, both sides even."""
    from PIL import Image, ImageDraw

    face = font(letter)
    ascent, descent = round(0.95 * letter), round(0.25 * letter)  # of the tallest and deepest letters
    width, height = int(face.getlength(text)) + 2 * space, ascent + descent + space
    image = Image.new("L", (width + width % 2, height + height % 2))
    ImageDraw.Draw(image).text((space, ascent + space // 2), text, fill=255, font=face, anchor="ls")
    return np.asarray(image)


def places(box: Box, plate: Plate, picture: YuvPicture, gap: int, floor: int) -> list[Placed]:
    """Where a plate can go, the best first: above the box, below it, inside at its top; all inside the picture.

    Nothing goes below the row ``floor``, where something else lies.
    """
    x, y, _, height = box
    left = _even(min(max(0.0, x), picture.width - plate.width))
    found = []
    for top in (y - plate.height - gap, y + height + gap, y + gap):
        if top >= 0 and top + plate.height <= floor:
            found.append(_even(top))
    if not found:
        found = [_even(min(max(0.0, y), floor - plate.height))]
    return [(left, top, left + plate.width, top + plate.height) for top in found]


def overlap(a: Placed, others: Sequence[Placed]) -> int:
    """Pixels of ``a`` that ``others`` take."""
    return sum(max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1])) for b in others)


def _even(value: float) -> int:
    return max(0, int(value)) & ~1


def _outline(box: Box, scale: float) -> NDArray[np.int32]:
    """The rounded rectangle in OpenCV's fixed point, in a plane smaller by ``scale`` (its pixels lie between ours)."""
    x, y, width, height = box
    radius = _ROUND * min(width, height)
    turn = np.linspace(0, np.pi / 2, _ARC)
    corners = []
    for number, (cx, cy) in enumerate(
        ((x + width - radius, y + height - radius), (x + radius, y + height - radius), (x + radius, y + radius),
         (x + width - radius, y + radius))
    ):  # fmt: skip
        angle = turn + number * np.pi / 2
        corners.append(np.stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)], axis=1))
    points = np.concatenate(corners) * scale - 0.5
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)[:, None]
