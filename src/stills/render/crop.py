"""Cutting a picture to another shape: the largest crop that keeps the faces, or what there is to look at.

A crop of the largest size can move along one axis only: across a picture that is too wide, up and down in one that is
too tall. All that is decided here is where it lies on that axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.types import Box

SALIENCY_EDGE = 96
"""Longest side of a saliency map in cells; finer ones find the same places."""

_ABOVE, _BELOW, _BESIDE = 0.5, 0.2, 0.35
"""Room for hair, chin and ears around a face box, in its heights and widths: a detector's box ends at the forehead."""

_EYES = 0.4
"""The line of the eyes in a face box, from its top, in its heights."""

_THIRD = 1 / 3
_CENTRE_PULL = 0.15
"""How much of the weight of a picture a crop at its edge must show more than one in the middle to be taken."""

_SPREAD = 0.02
"""Radius to which an edge counts, as a share of the map's longest side."""

_FAINT = 0.06
"""Root of the gradient that film grain and soft ramps leave: nothing to look at."""


def smart_crop(
    size: tuple[int, int],
    aspect: tuple[int, int],
    faces: Sequence[Box] = (),
    weights: NDArray[np.float32] | None = None,
) -> Box:
    """The largest part of a picture of ``size`` (width, height) with the shape ``aspect``, as whole pixels x, y, w, h.

    It shows all of ``faces`` with room for their hair where that is possible, else all of them, else the largest and
    as many others, from large to small, as fit in with it. One face is put on a third of a wide crop, on the side
    where it is, and in the middle of a square or tall one; eyes are put on the upper third. Without faces the crop
    shows most of ``weights`` (a map of any size over the picture, as :func:`saliency` makes it), and leans to the
    middle; without those, too, it is centred. Faces outside of the picture count for nothing; the order of faces does
    not matter.

    Raises :class:`UsageError` where the size or the aspect is not positive.
    """
    if min(*size, *aspect) < 1:
        raise UsageError(f"cannot cut {size[0]}x{size[1]} pixels to {aspect[0]}:{aspect[1]}", remedy="use 16:9 or such")
    wide, tall = largest(size, aspect)
    axis = 0 if wide < size[0] else 1
    length, window = size[axis], (wide, tall)[axis]
    inside = [face for face in (_clipped(face, size) for face in faces) if face is not None]
    if window >= length:
        at = 0
    elif inside:
        at = _around(inside, axis, length, window, centred=aspect[1] >= aspect[0])
    else:
        at = _by_weight(weights, axis, length, window)
    left, top = (at, 0) if axis == 0 else (0, at)
    return float(left), float(top), float(wide), float(tall)


def largest(size: tuple[int, int], aspect: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the largest crop of ``aspect`` in ``size``, in whole pixels, at least one each."""
    width, height = size
    if width * aspect[1] >= height * aspect[0]:
        return min(width, max(1, round(height * aspect[0] / aspect[1]))), height
    return width, min(height, max(1, round(width * aspect[1] / aspect[0])))


def cut(rgb: NDArray[np.generic], box: Box) -> NDArray[np.generic]:
    """The part ``box`` (whole pixels inside the picture) of ``rgb`` (H, W, 3): a view."""
    x, y, w, h = (int(v) for v in box)
    return rgb[y : y + h, x : x + w]


def saliency(rgb: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.float32]:
    """Where there is something to look at in ``rgb`` (H, W, 3): a small map that adds up to 1.

    What has edges counts (Sobel's gradient, root-compressed so that one hard edge does not outweigh a face, spread to
    what the edges enclose), more so where its colour is rare in the picture, as its distance from the mean colour
    (the idea of Achanta, Hemami, Estrada and Süsstrunk, "Frequency-tuned salient region detection", CVPR 2009). A
    large even area counts for nothing, whatever its colour; a picture that is all even gives an even map.
    """
    import cv2

    height, width = rgb.shape[:2]
    scale = min(1.0, SALIENCY_EDGE / max(width, height))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    full = float(np.iinfo(rgb.dtype).max)
    small = cv2.resize(rgb, small_size, interpolation=cv2.INTER_AREA).astype(np.float32) / full
    luma = small @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    gradient = np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
    detail = cv2.GaussianBlur(np.sqrt(gradient), (0, 0), _SPREAD * SALIENCY_EDGE)
    rarity = np.linalg.norm(small - small.mean(axis=(0, 1)), axis=-1)
    energy = np.asarray(np.maximum(detail - _FAINT, 0) ** 2 * (1 + rarity / max(float(rarity.max()), 1e-6)), np.float32)
    total = float(energy.sum())
    return energy / np.float32(total) if total > 0 else np.full(luma.shape, 1 / luma.size, np.float32)


def _clipped(face: Box, size: tuple[int, int]) -> Box | None:
    """What of ``face`` is in the picture; None where that is nothing."""
    if not all(math.isfinite(v) for v in face):
        return None
    x0, y0 = max(0.0, face[0]), max(0.0, face[1])
    x1, y1 = min(float(size[0]), face[0] + face[2]), min(float(size[1]), face[1] + face[3])
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def _around(faces: list[Box], axis: int, length: int, window: int, *, centred: bool) -> int:
    """Where the crop begins on its axis, with faces in the picture."""
    ordered = sorted(faces, key=lambda f: (-f[2] * f[3], f))
    kept: list[Box] = []
    for face in ordered:  # the largest is always kept, even where it is larger than the crop
        if not kept or _extent(_bare([*kept, face], axis)) <= window:
            kept.append(face)
    bare = _bare(kept, axis)
    wish = _wish(kept, axis, length, window, centred=centred)
    if _extent(bare) > window:  # the one face is larger than the crop
        wish, low, high = sum(bare) / 2 - window / 2, 0, length - window
    else:
        low, high = max(0, bare[1] - window), min(bare[0], length - window)
        roomy = _bare([_roomy(face) for face in kept], axis)
        roomy = (max(0, roomy[0]), min(length, roomy[1]))
        if _extent(roomy) <= window:
            low, high = max(low, roomy[1] - window), min(high, roomy[0])
        else:  # not all of the room fits: as much of it on either side
            wish = sum(roomy) / 2 - window / 2
    return int(min(max(round(wish), low), high))


def _wish(faces: list[Box], axis: int, length: int, window: int, *, centred: bool) -> float:
    """Where the crop would begin if only the look of it counted."""
    areas = [face[2] * face[3] for face in faces]
    at = 0.5 if axis == 0 else _EYES
    middle = sum(area * (face[axis] + at * face[axis + 2]) for area, face in zip(areas, faces, strict=True))
    middle /= sum(areas)
    if axis == 1:
        return middle - _THIRD * window
    if len(faces) > 1 or centred:
        return middle - window / 2
    # From one side to the other the place moves evenly from one third to the other: no jump between two frames.
    share = min(max((middle / length - _THIRD) / _THIRD, 0.0), 1.0)
    return middle - (_THIRD + share * _THIRD) * window


def _roomy(face: Box) -> Box:
    x, y, w, h = face
    return x - _BESIDE * w, y - _ABOVE * h, w * (1 + 2 * _BESIDE), h * (1 + _ABOVE + _BELOW)


def _bare(faces: list[Box], axis: int) -> tuple[int, int]:
    """From where to where ``faces`` reach along ``axis``, in whole pixels."""
    return math.floor(min(f[axis] for f in faces)), math.ceil(max(f[axis] + f[axis + 2] for f in faces))


def _extent(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def _by_weight(weights: NDArray[np.float32] | None, axis: int, length: int, window: int) -> int:
    """Where the crop begins on its axis, so that it shows most of ``weights``."""
    middle = (length - window) / 2
    if weights is None or weights.size == 0 or not np.isfinite(weights).all() or float(weights.sum()) <= 0:
        return round(middle)
    profile = np.maximum(weights, 0).astype(np.float64).sum(axis=axis)  # over rows for the place from left to right
    reached = np.concatenate([[0.0], np.cumsum(profile)]) / profile.sum()
    edges = np.linspace(0, length, len(reached))
    starts = np.arange(length - window + 1, dtype=np.float64)
    shown = np.interp(starts + window, edges, reached) - np.interp(starts, edges, reached)
    score = shown - _CENTRE_PULL * np.abs(starts - middle) / max(middle, 1.0)
    best = np.flatnonzero(score >= score.max() - 1e-9)
    return int(best[np.argmin(np.abs(best - middle))])
