"""A slim time line at the lower edge of a video: when each person is on screen, and where it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.media.upright import YuvPicture
from stills.render.marks import lettered
from stills.render.palette import Colour

MOST_ROWS = 6
"""People who get a row: those longest on screen."""

_GROUND = 0.62  # how much the picture behind is darkened
_LEAST_PITCH = 4  # pixels of a row; letters only in rows of 10 and more
_LETTERED = 10
_TRACK: Colour = (64, 64, 64)
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """One person: the number shown, the colour, and when on screen, in seconds."""

    name: str
    colour: Colour
    spans: Sequence[tuple[float, float]]


class Strip:
    """The time line of a film of ``duration`` seconds, drawn once for one size of picture."""

    def __init__(self, rows: Sequence[Row], duration: float, picture: YuvPicture) -> None:
        """Prepare at most :data:`MOST_ROWS` of ``rows`` for pictures like ``picture``."""
        rows = rows[:MOST_ROWS]
        height, width = picture.y.shape
        # All even, so that a bar fills whole samples of colour.
        pitch = max(_LEAST_PITCH, 2 * round(min(width, height) / 192))
        pad = max(2, 2 * (pitch // 6))
        tall = min(height, len(rows) * pitch + 2 * pad)
        self.height = tall
        self._top = height - tall
        self._pad, self._duration = pad, max(duration, 1e-6)
        names = pitch >= _LETTERED
        gutter = 2 * pad + (max(lettered(row.name, pitch, 0).shape[1] for row in rows) if names and rows else 0)
        self._left, self._right = gutter, width - 2 * pad
        sheet = _Sheet(picture, tall)
        for number, row in enumerate(rows):
            top = pad + number * pitch
            bar = slice(top, top + pitch - 2)
            sheet.fill(bar, slice(gutter, self._right), _TRACK, 0.85)
            for start, end in row.spans:
                first = self._column(start)
                sheet.fill(bar, slice(first, max(first + 2, self._column(end))), row.colour, 1.0)
            if names:
                sheet.write(lettered(row.name, pitch, 0), pad, top + pitch // 2 - 1)
        self._keep, self._add = sheet.layers()

    def draw(self, picture: YuvPicture, time: float) -> None:
        """Lay the line on ``picture``, with the play head at ``time`` seconds."""
        if not self.height:
            return
        code = picture.code(_WHITE)
        column = min(self._column(time), picture.y.shape[1] - 2) & ~1
        for index, plane in enumerate(picture.planes):
            part = plane[self._top // (1 if index == 0 else 2) :]
            part[:] = cv2.add(cv2.multiply(part, self._keep[index], scale=1 / 255), self._add[index])
            scale = 1 if index == 0 else 2
            part[:, column // scale : column // scale + 2 // scale] = code[index]

    def _column(self, time: float) -> int:
        share = min(1.0, max(0.0, time / self._duration))
        return int(self._left + round(share * (self._right - self._left)))


class _Sheet:
    """What is laid over the lower edge: colours by plane, and how much of what is behind they cover (0…1)."""

    def __init__(self, picture: YuvPicture, height: int) -> None:
        self._picture = picture
        self.cover = np.full((height, picture.y.shape[1]), _GROUND, np.float32)
        self.ink = [np.full(self.cover.shape, level, np.float32) for level in picture.code(_BLACK)]

    def fill(self, rows: slice, columns: slice, colour: Colour, cover: float) -> None:
        """A bar of one colour."""
        self.cover[rows, columns] = cover
        for plane, level in zip(self.ink, self._picture.code(colour), strict=True):
            plane[rows, columns] = level

    def write(self, letters: NDArray[np.uint8], left: int, middle: int) -> None:
        """White letters around the row ``middle``."""
        top = max(0, middle - letters.shape[0] // 2)
        part = letters[: self.cover.shape[0] - top].astype(np.float32) / 255
        where = slice(top, top + part.shape[0]), slice(left, left + part.shape[1])
        self.cover[where] = np.maximum(self.cover[where], part)
        for plane, level in zip(self.ink, self._picture.code(_WHITE), strict=True):
            plane[where] += (level - plane[where]) * part

    def layers(self) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
        """By plane: what is kept of the picture, of 255, and what is added to that."""
        keep, add = [], []
        for index, plane in enumerate(self.ink):
            covered, inked = self.cover, plane * self.cover
            if index:
                covered, inked = _halved(covered), _halved(inked)
            keep.append(np.rint(255 * (1 - covered)).astype(np.uint8))
            add.append(np.rint(inked).astype(np.uint8))
        return keep, add


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    half = (plane.shape[1] // 2, plane.shape[0] // 2)
    return np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.float32)
