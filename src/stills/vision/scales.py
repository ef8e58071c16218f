"""Finding the faces of a single picture, whatever their size: the picture is looked at at several scales.

A detector sees faces well over a range of sizes (YuNet from some 10 to 300 pixels). In a video the range is chosen; a
poster of 4000 pixels has faces of 16 and of 3000. So the picture is halved again and again, each size is looked at
(the large ones in tiles that overlap), and of the detections that are one face the surest stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.types import Box
from stills.vision.detect import Detection, Detector, Picture

LEAST_SIDE = 256
"""Longer side, in pixels, that smaller pictures are enlarged to: of 48 × 48 pictures of a face, 99 % are found there,
98 % at 160, 96 % at 384 (250 pictures of FER)."""

COARSEST = 160
"""The picture is halved while its longer side is longer than this: a face that fills it is then found surely."""

MARGIN = 0.25
"""Black border around the two coarsest sizes, as a share of the longer side: detectors that want to see the head
around a face miss it where it is cut closely."""

TILE = 1024
"""Longer side, in pixels, of what the detector is shown at a time: bounds the memory."""

OVERLAP = 128
"""Pixels that neighbouring tiles share; a face that is larger lies whole in a tile of a coarser size."""

SAME_IOU = 0.3
"""Overlap from which two detections are one face, as within a size (see ``YuNet``)."""

INSIDE = 0.7
"""Share of a smaller box inside a larger one from which they are one face: its parts look like faces to the finer
sizes, and a face that is cut off like a smaller one."""


@dataclass(frozen=True, slots=True)
class _Tile:
    """A part of the picture at one size: x, y, width, height there, and which sides are no side of the picture."""

    x: int
    y: int
    width: int
    height: int
    inner: tuple[bool, bool, bool, bool]  # left, top, right, bottom


def detect_at_scales(detector: Detector, bgr: Picture, *, on_tile: Callable[[], None] | None = None) -> list[Detection]:
    """The faces of one picture (BGR, height × width × 3), from some 10 pixels to all of it, best score first.

    The detections are in pixels of ``bgr``. ``on_tile`` is called for each part that was looked at. Raises
    ``ModelError`` where the runtime fails.
    """
    height, width = bgr.shape[:2]
    found: list[Detection] = []
    sizes = level_sizes(width, height)
    level = bgr
    for number, size in enumerate(sizes):
        level = _resized(level, size)  # from the size before: quicker, and an average of averages is one
        margin = round(MARGIN * max(size)) if number >= len(sizes) - 2 else 0
        unit = (width / size[0], height / size[1])
        found += [_scaled(d, unit) for d in _at_one_scale(detector, level, margin, on_tile)]
    return merge_detections(found)


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """The sizes (width, height) at which a picture of ``width`` × ``height`` is looked at, the largest first."""
    longer = max(width, height)
    side = float(max(LEAST_SIDE, longer))
    sizes = []
    while True:
        scale = side / longer
        sizes.append((max(1, round(width * scale)), max(1, round(height * scale))))
        if side <= COARSEST:
            return sizes
        side /= 2


def merge_detections(found: list[Detection]) -> list[Detection]:
    """The faces behind ``found``, best score first: of detections that are one face, the best.

    They are where their boxes overlap by more than :data:`SAME_IOU`, or the one lies in the other by more than
    :data:`INSIDE`.
    """
    order = sorted(range(len(found)), key=lambda i: -found[i].score)
    kept: list[Detection] = []
    for i in order:
        if not any(_same(found[i].box, other.box) for other in kept):
            kept.append(found[i])
    return kept


def _same(one: Box, other: Box) -> bool:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return False
    shared, areas = width * height, (one[2] * one[3], other[2] * other[3])
    return shared > SAME_IOU * (sum(areas) - shared) or shared > INSIDE * min(areas)


def _at_one_scale(
    detector: Detector, level: Picture, margin: int, on_tile: Callable[[], None] | None
) -> Iterator[Detection]:
    """The faces of ``level``, in its pixels, looked at tile by tile with ``margin`` black pixels around it."""
    height, width = level.shape[:2]
    for tile in _tiles(width, height):
        part = level[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        if margin:
            part = np.pad(part, ((margin, margin), (margin, margin), (0, 0)))
        for d in detector.detect(part):
            moved = _moved(d, tile.x - margin, tile.y - margin)
            if not _cut(d.box, tile):
                yield moved
        if on_tile is not None:
            on_tile()


def _tiles(width: int, height: int) -> Iterator[_Tile]:
    for y, tall in _spans(height):
        for x, wide in _spans(width):
            yield _Tile(x, y, wide, tall, (x > 0, y > 0, x + wide < width, y + tall < height))


def _spans(length: int) -> list[tuple[int, int]]:
    """Equal spans (start, length) of up to ``TILE`` that cover ``length`` and overlap by ``OVERLAP`` at least."""
    if length <= TILE:
        return [(0, length)]
    count = -(-(length - OVERLAP) // (TILE - OVERLAP))
    return [(round(i * (length - TILE) / (count - 1)), TILE) for i in range(count)]


def _cut(box: Box, tile: _Tile) -> bool:
    """Whether the face reaches the edge of its tile where the picture goes on: another tile or size has it whole."""
    left, top, right, bottom = tile.inner
    x, y, width, height = box
    beyond = (left and x <= 0, top and y <= 0, right and x + width >= tile.width, bottom and y + height >= tile.height)
    return any(beyond)


def _moved(d: Detection, x: float, y: float) -> Detection:
    box = (d.box[0] + x, d.box[1] + y, d.box[2], d.box[3])
    return Detection(box, np.asarray(d.landmarks + np.array([x, y], np.float32), np.float32), d.score)


def _scaled(d: Detection, unit: tuple[float, float]) -> Detection:
    sx, sy = unit
    box = (d.box[0] * sx, d.box[1] * sy, d.box[2] * sx, d.box[3] * sy)
    return Detection(box, np.asarray(d.landmarks * np.array(unit, np.float32), np.float32), d.score)


def _resized(picture: Picture, size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    method = cv2.INTER_AREA if size[0] <= width and size[1] <= height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
