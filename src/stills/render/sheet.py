"""Contact sheets: the pictures of a result in equal cells, each with its time, under the name of the video."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.files import atomic_write
from stills.render.cells import Picture, inscribed, letterboxed
from stills.render.lettering import write
from stills.render.metadata import clock
from stills.render.names import base_name
from stills.render.pictures import encode
from stills.types import PictureFormat

DEFAULT_WIDTH = 1920
"""Pixels of a full sheet's width: it can be looked at whole on a common screen."""

MIN_CELL = 112
"""Least width of a cell in pixels, so that ``1:02:03.5`` under it can be read; many columns make a sheet wider."""

MAX_PIXELS = 100_000_000
"""Largest sheet: 300 MB while it is made."""

_GROUND, _WELL = (24, 25, 28), (14, 15, 17)
_BRIGHT, _SOFT = (238, 238, 234), (164, 168, 174)
_SHAPES = (0.4, 2.6)
"""Cells are no taller and no wider than this (width over height); odd pictures are letterboxed in them."""

_TEXT = (13, 28)
"""Least and largest size of a caption in pixels."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Sizes in pixels."""

    cell: int
    gap: int
    margin: int
    text: int
    title: int

    @property
    def caption(self) -> int:
        """Height of a caption with the air around it."""
        return round(self.text * 1.75)

    def width(self, columns: int) -> int:
        """Of a sheet."""
        return 2 * self.margin + columns * self.cell + (columns - 1) * self.gap

    def head(self, lines: int) -> int:
        """Height of the heading, with the margin above the cells."""
        if lines == 0:
            return self.margin
        return self.margin + round(self.title * 1.2) + round(self.text * 1.5) * (lines - 1) + round(self.text * 1.1)


def sheet(
    pictures: Iterable[tuple[Picture, str]],
    columns: int,
    rows: int,
    *,
    width: int = DEFAULT_WIDTH,
    heading: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """A contact sheet of ``pictures`` (upright rgb of 8 or 16 bits, and a caption each) as rgb (H, W, 3).

    ``heading`` are lines above the pictures, the first larger. All cells are equal: of the pictures' own shape, where
    they share one, else of the middle one of their shapes; others are letterboxed. Nothing is stretched or cut.

    A full sheet is ``width`` pixels wide, wider where a cell would get narrower than :data:`MIN_CELL`. Fewer pictures
    than cells make a sheet of fewer rows (and columns), with cells of the same size. Of more pictures the first
    ``columns`` × ``rows`` are taken: which they are to be is the caller's choice (see :func:`chosen`). Each is reduced
    as it comes, and no further one asked for, so that they may be decoded one at a time.

    Raises :class:`UsageError` where there is no picture, the grid is not positive, or the sheet would be larger than
    :data:`MAX_PIXELS`.
    """
    if columns < 1 or rows < 1 or width < 1:
        raise UsageError(f"cannot make a contact sheet of {columns}x{rows}", remedy="use COLUMNSxROWS like 4x5")
    layout = _layout(width, columns)
    small: list[tuple[NDArray[np.uint8], str]] = []
    tallest = math.ceil(layout.cell / _SHAPES[0])
    for rgb, words in itertools.islice(pictures, columns * rows):
        if layout.cell * layout.cell * (len(small) + 1) > MAX_PIXELS:  # before it takes the memory
            raise _too_large(columns, rows)
        small.append((inscribed(rgb, (layout.cell, tallest)), words))
    if not small:
        raise UsageError("there is no picture for a contact sheet")
    columns, rows = min(columns, len(small)), math.ceil(len(small) / columns)
    shape = float(np.median([rgb.shape[1] / rgb.shape[0] for rgb, _ in small]))
    tall = max(1, round(layout.cell / min(max(shape, _SHAPES[0]), _SHAPES[1])))
    top = layout.head(len(heading))
    size = (layout.width(columns), top + rows * (tall + layout.caption) + (rows - 1) * layout.gap + layout.margin // 2)
    if size[0] * size[1] > MAX_PIXELS:
        raise _too_large(columns, rows)
    return _drawn(small, columns, tall, size=size, layout=layout, heading=heading)


def chosen(frames: Sequence[Mapping[str, Any]], cells: int) -> list[int]:
    """Which of a result's ``frames`` go onto a sheet of ``cells``, as their places, in order; all where they fit.

    Where all have a ``rank`` the ``cells`` best do (the ranking of key frames is nested: those are the frames that a
    target of ``cells`` would have given); else they are spread evenly, the first and the last among them.
    """
    if len(frames) <= cells:
        return list(range(len(frames)))
    ranks = [frame.get("rank") for frame in frames]
    if all(isinstance(rank, int) for rank in ranks):
        return sorted(sorted(range(len(frames)), key=lambda i: (ranks[i], i))[:cells])
    if cells == 1:
        return [len(frames) // 2]
    return [round(i * (len(frames) - 1) / (cells - 1)) for i in range(cells)]


def parse_grid(text: str) -> tuple[int, int]:
    """``"4x5"`` as columns and rows. Raises :class:`UsageError` for anything else."""
    columns, _, rows = text.lower().replace("×", "x").partition("x")
    if all(n.isascii() and n.isdigit() and int(n) for n in (columns, rows)):
        return int(columns), int(rows)
    raise UsageError(f"cannot make a contact sheet of {text!r}", remedy="use COLUMNSxROWS like 4x5")


def heading_lines(video: Mapping[str, Any]) -> tuple[str, str]:
    """What stands above a sheet, from the ``video`` part of a result: its name; its length, size and frame rate."""
    facts = [clock(float(video["duration"]), digits=0), f"{video['width']} x {video['height']}"]
    if video.get("frame_rate") is not None:
        rate = f"{float(video['frame_rate']):.3f}".rstrip("0").rstrip(".")
        facts.append(f"about {rate} fps" if video.get("variable_frame_rate") else f"{rate} fps")
    return base_name(str(video["path"])) or str(video["path"]), "  ·  ".join(facts)


def caption(frame: Mapping[str, Any], *, ranked: bool = False) -> str:
    """What stands below a frame of a result: its time, with its rank where that counts."""
    words = "Cover" if frame.get("time") is None else clock(float(frame["time"]))
    return f"{frame['rank']}  ·  {words}" if ranked and frame.get("rank") is not None else words


def write_sheet(
    path: Path,
    pictures: Iterable[tuple[Picture, str]],
    grid: str,
    *,
    heading: Sequence[str] = (),
    width: int = DEFAULT_WIDTH,
    picture_format: PictureFormat = "jpeg",
    quality: int = 90,
) -> Path:
    """Write the :func:`sheet` of ``pictures`` with the ``grid`` ``"4x5"`` to ``path``, atomically; returns it.

    Raises :class:`UsageError` as :func:`sheet` does, and :class:`stills.errors.OutputError` where it cannot be written.
    """
    columns, rows = parse_grid(grid)
    rgb = sheet(pictures, columns, rows, width=width, heading=heading)
    return atomic_write(path, encode(rgb, picture_format, quality))


def _layout(width: int, columns: int) -> _Layout:
    margin, gap = max(12, round(width / 64)), max(6, round(width / 160))
    cell = max(MIN_CELL, (width - 2 * margin - (columns - 1) * gap) // columns)
    text = min(max(_TEXT[0], round(cell * 0.046)), _TEXT[1])
    return _Layout(cell, gap, margin, text, min(max(16, round(width / 58)), 2 * text))


def _too_large(columns: int, rows: int) -> UsageError:
    return UsageError(
        f"a contact sheet of {columns}x{rows} would be larger than {MAX_PIXELS // 1_000_000} megapixels",
        remedy="ask for fewer columns or rows",
    )


def _drawn(
    small: list[tuple[NDArray[np.uint8], str]],
    columns: int,
    tall: int,
    *,
    size: tuple[int, int],
    layout: _Layout,
    heading: Sequence[str],
) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(canvas)
    room = size[0] - 2 * layout.margin
    for number, line in enumerate(heading):
        text, colour = (layout.text, _SOFT) if number else (layout.title, _BRIGHT)
        below = layout.margin + round(layout.title * 0.95) + round(layout.text * 1.6) * number
        write(draw, (layout.margin, below), line, size=text, width=room, colour=colour)
    top = layout.head(len(heading))
    for number, (rgb, words) in enumerate(small):
        row, column = divmod(number, columns)
        x = layout.margin + column * (layout.cell + layout.gap)
        y = top + row * (tall + layout.caption + layout.gap)
        canvas.paste(Image.fromarray(letterboxed(rgb, (layout.cell, tall), _WELL)), (x, y))
        write(
            draw,
            (x + 1, y + tall + round(layout.text * 1.25)),
            words,
            size=layout.text,
            width=layout.cell,
            colour=_BRIGHT,
        )
    return np.asarray(canvas)
