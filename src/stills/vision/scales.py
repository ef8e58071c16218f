"""Finding the faces of a single picture, whatever their size: the picture is looked at at several scales.

A detector sees faces well over a range of sizes (YuNet from some 10 to 300 pixels). In a video the range is chosen; a
poster of 4000 pixels has faces of 16 and of 3000. So the picture is halved again and again, each size is looked at
(the large ones in tiles that overlap), and of the detections that are one face one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

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


LOOK_WIDTH = 200.0
"""Width, in pixels, that each face is given for a second look at where its points are. The farther off, the less exact
they are: of 25 portraits with faces of 60 pixels, same and different people lie 8.3 standard deviations apart after a
second look and 7.4 before; 7.3 and 6.5 of 30 pixels, 8.4 and 7.7 of 120."""

LOOK_MARGIN = 0.5
"""How much of a face's box is seen around it then, on each side; black where the picture ends."""


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
    looked = []
    for face in merge_detections(found):
        looked.append(second_look(detector, bgr, face))
        if on_tile is not None:
            on_tile()
    return looked


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


def merge_detections(found: Sequence[Detection]) -> list[Detection]:
    """The faces behind ``found``, best score first: of detections that are one face, the best.

    They are where their boxes overlap by more than :data:`SAME_IOU`, or the one lies in the other by more than
    :data:`INSIDE`.
    """
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: -d.score):
        if not any(_same(one.box, other.box) for other in kept):
            kept.append(one)
    return kept


def second_look(detector: Detector, bgr: Picture, face: Detection) -> Detection:
    """``face`` of the picture ``bgr`` with box and points as they are seen where it is :data:`LOOK_WIDTH` wide.

    It stays as it is where the detector does not find it again. The better of both scores counts.
    """
    x, y, width, height = face.box
    if not (width >= 1 and height >= 1):
        return face
    wide = LOOK_WIDTH * (1 + 2 * LOOK_MARGIN)
    size = (round(wide), max(1, round(wide * height / width)))
    if size[1] > TILE:  # no face is that tall
        return face
    left, top = round(x - LOOK_MARGIN * width), round(y - LOOK_MARGIN * height)
    right, bottom = round(x + (1 + LOOK_MARGIN) * width), round(y + (1 + LOOK_MARGIN) * height)
    unit = ((right - left) / size[0], (bottom - top) / size[1])
    part = _resized(_cut_out(bgr, left, top, right, bottom), size)
    again = [_moved(_scaled(d, unit), left, top) for d in detector.detect(part)]
    same = [d for d in again if _alike(d.box, face.box)]
    if not same:
        return face
    nearest = max(same, key=lambda d: _iou(d.box, face.box))
    return replace(nearest, score=max(nearest.score, face.score))


def _same(one: Box, other: Box) -> bool:
    return _alike(one, other) or _shared(one, other) > INSIDE * min(one[2] * one[3], other[2] * other[3])


def _alike(one: Box, other: Box) -> bool:
    """Whether two boxes show as much of a face: the one not a part of it, nor what is around it."""
    return _iou(one, other) > SAME_IOU


def _iou(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = _shared(one, other)
    union = one[2] * one[3] + other[2] * other[3] - shared
    return shared / union if union > 0 else 0.0


def _shared(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


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


def _cut_out(bgr: Picture, left: int, top: int, right: int, bottom: int) -> Picture:
    """The part of ``bgr`` between these pixels; black where that lies outside of it."""
    height, width = bgr.shape[:2]
    inside = bgr[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if inside.shape[:2] == (bottom - top, right - left):
        return inside
    edges = ((max(0, -top), max(0, bottom - max(top, height))), (max(0, -left), max(0, right - max(left, width))))
    return np.pad(inside, (*edges, (0, 0)))


def _resized(picture: Picture, size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    method = cv2.INTER_AREA if size[0] <= width and size[1] <= height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
