"""How a picture is composed: its subject on the lines of thirds, and a calm part where a title could stand.

Places are shares of the picture, 0…1 from its upper left corner. Where there are faces they are the subject; else it is
where the detail of the tiny luma picture lies.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Thumbs = NDArray[np.uint8]

_SPREAD = 0.17  # distance from a crossing of the thirds at which a subject is worth 61 %
_CENTRED = 0.8  # what a subject in the middle is worth, a little above half height: right for one large face
_TITLE_SHARE = 0.36  # of the width or height that a title takes
_CALM = 9.0  # mean step between neighbouring pixels, grey levels, at which the calm has fallen to 1/e


def subject_place(x: Floats, y: Floats) -> Floats:
    """How well a subject lies at (``x``, ``y``), each (n,): 1 on a crossing of the thirds, less well in the middle.

    The upper crossings count most, as a face in the lower third looks sunk.
    """
    nearest = np.minimum(np.abs(x - 1 / 3), np.abs(x - 2 / 3))
    upper = np.exp(-(nearest**2 + (y - 1 / 3) ** 2) / (2 * _SPREAD**2))
    lower = 0.7 * np.exp(-(nearest**2 + (y - 2 / 3) ** 2) / (2 * _SPREAD**2))
    middle = _CENTRED * np.exp(-((x - 0.5) ** 2) / (2 * 0.1**2) - (y - 0.42) ** 2 / (2 * 0.2**2))
    return np.maximum(np.maximum(upper, lower), middle)


def detail_place(thumbs: Thumbs) -> Floats:
    """The same for pictures without faces, ``thumbs`` (n, h, w): whether detail gathers where a subject should be.

    0.5 for detail that is everywhere alike, and for pictures without any.
    """
    energy = _energy(thumbs)
    n, height, width = energy.shape
    wanted = _place_map(height, width)
    flat = energy.reshape(n, -1)
    total = flat.sum(axis=1)
    met = np.divide(flat @ wanted, total, out=np.full(n, wanted.mean()), where=total > 0)
    return np.asarray(np.clip(0.5 + (met - wanted.mean()) / (2 * wanted.std()), 0.0, 1.0), np.float64)


def room_for_title(thumbs: Thumbs, covered: Floats) -> Floats:
    """How calm the calmest of left, right, top and bottom is (n,): 1 where a title could stand on it.

    ``covered`` (n, 4) is the share of each of those parts that faces take, as :func:`title_cover` gives it.
    """
    energy = _energy(thumbs)
    calm = np.stack([np.exp(-energy[:, y0:y1, x0:x1].mean(axis=(1, 2)) / _CALM) for y0, y1, x0, x1 in _parts()], axis=1)
    return np.asarray((calm * np.clip(1.0 - 2.0 * covered, 0.0, 1.0)).max(axis=1), np.float64)


def title_cover(boxes: Floats) -> Floats:
    """The share that each of ``boxes`` (m, 4: x, y, width, height) takes of left, right, top and bottom: (m, 4)."""
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    s = _TITLE_SHARE

    def inside(x0: float, x1: float, y0: float, y1: float) -> Floats:
        across = np.clip(np.minimum(right, x1) - np.maximum(left, x0), 0.0, None)
        down = np.clip(np.minimum(bottom, y1) - np.maximum(top, y0), 0.0, None)
        return np.asarray(across * down / ((x1 - x0) * (y1 - y0)), np.float64)

    return np.stack([inside(0, s, 0, 1), inside(1 - s, 1, 0, 1), inside(0, 1, 0, s), inside(0, 1, 1 - s, 1)], axis=1)


def kept_by_crop(length: Floats, crop: Floats) -> Floats:
    """How much of ``length`` (n,) a ``crop`` (n,) can keep, both shares of the side: 1 where it fits."""
    return np.asarray(np.clip(crop / np.maximum(length, 1e-6), 0.0, 1.0), np.float64)


def _energy(thumbs: Thumbs) -> NDArray[np.float32]:
    """Steps to the pixels at the right and below, summed: (n, h - 1, w - 1)."""
    x = thumbs.astype(np.float32)
    return np.asarray(np.abs(x[:, :-1, 1:] - x[:, :-1, :-1]) + np.abs(x[:, 1:, :-1] - x[:, :-1, :-1]), np.float32)


@lru_cache(maxsize=4)
def _place_map(height: int, width: int) -> Floats:
    y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    wanted = subject_place(x.ravel(), y.ravel())
    wanted.setflags(write=False)
    return wanted


@lru_cache(maxsize=1)
def _parts() -> tuple[tuple[int, int, int, int], ...]:
    """Left, right, top, bottom of a tiny picture: rows from, to, columns from, to."""
    from stills.index.schema import THUMB_SIZE

    width, height = THUMB_SIZE
    across, down = round(_TITLE_SHARE * width), round(_TITLE_SHARE * height)
    return (
        (0, height, 0, across),
        (0, height, width - across, width),
        (0, down, 0, width),
        (height - down, height, 0, width),
    )
