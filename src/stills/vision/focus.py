"""How sharp a frame is: comparable between sizes, contrasts and subjects, and hard to fool with noise.

The idea is that of :mod:`stills.vision.sharpness` (Elder and Zucker, PAMI 1998; Zhuo and Sim, Pattern Recognition
2011): smooth once more and see how much the gradients lose. Sharp edges lose much, soft ones little. As it is a ratio,
contrast cancels; what noise adds is known and taken away.

A frame is judged by tiles with edges, spread over the picture. The better tiles count, so that a shallow depth of field
is not blur; of the directions the worst counts, as motion blurs one and spares the one across it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

SCALE_WIDTH = 960
"""Width of a 16:9 picture at which the scales below are pixels."""

TILE_SIDE = 32
"""Pixels a side of a tile at that width."""

_FINE, _COARSE = 0.8, 2.0
_LEAST_FINE = 0.6  # pixels: below, a Gaussian is none
_SHARP = _COARSE / _FINE  # ratio of the energies of a step: a Gaussian's gradient has energy 1/(2 √π scale)
_SMOOTH = 1.5  # scale from which every second pixel tells all
_QUANTISATION = 1.0 / 12.0  # variance that rounding to whole grey levels adds
_LEAST_ENERGY = 0.5  # grey levels² a pixel²: less is no edge
_LEAST_SHARE = 0.01  # of the tile's energy: a direction in which a tile has hardly any edge tells nothing
_BEST = 0.25  # the tile a quarter down from the sharpest speaks for the picture
_LEAST_TILES = 2  # one tile may be a logo


def tile_factor(width: int, height: int) -> int:
    """By what whole factor a picture of ``width`` × ``height`` is reduced for its tiles."""
    return max(1, math.floor(_wide(width, height) / (SCALE_WIDTH * 0.94)))


def tile_scale(width: int, height: int) -> float:
    """How many pixels of the reduced picture are one pixel of a picture of :data:`SCALE_WIDTH`."""
    return _wide(width, height) / tile_factor(width, height) / SCALE_WIDTH


def _wide(width: int, height: int) -> float:
    """Width of a 16:9 picture with as many pixels."""
    return math.sqrt(width * height * 16 / 9)


def frame_sharpness(tiles: NDArray[np.uint8], scale: float, noise: float) -> float:
    """How sharp ``tiles`` (n, s, s) with edges are: 0 (blurred) … 1 (sharp).

    ``scale`` is :func:`tile_scale`; ``noise`` the standard deviation of the noise in the tiles, in grey levels. An edge
    blurred by a Gaussian of 1, 2 and 4 pixels of a picture 960 wide gives about 0.5, 0.2 and 0.06. 0 where there is
    no edge.
    """
    fine, coarse = max(_LEAST_FINE, _FINE * scale), _COARSE / _FINE * max(_LEAST_FINE, _FINE * scale)
    margin = math.ceil(2 * coarse) + 1
    if tiles.shape[1] < 2 * margin + 4:
        margin = 1
    if tiles.shape[1] < 4 or not len(tiles):
        return 0.0
    variance = noise**2 + _QUANTISATION
    low = _energies(tiles, coarse, margin) - variance * _noise_gain(coarse)
    high = _energies(tiles, fine, margin) - variance * _noise_gain(fine)
    edges = (low >= _LEAST_ENERGY) & (low >= _LEAST_SHARE * low[:, :2].sum(axis=1, keepdims=True))
    ratio = np.where(edges, high / np.maximum(low, _LEAST_ENERGY), -1.0)
    found = edges.sum(axis=0)
    best = -np.sort(-ratio, axis=0)
    chosen = best[np.floor(_BEST * np.maximum(found - 1, 0)).astype(int), np.arange(4)]
    known = found >= min(_LEAST_TILES, int(found.max()))
    known &= found > 0
    if not known.any():
        return 0.0
    return float(np.clip((chosen[known].min() - 1.0) / (_SHARP - 1.0), 0.0, 1.0))


def _energies(tiles: NDArray[np.uint8], scale: float, margin: int) -> NDArray[np.float32]:
    """Mean squared gradient of each tile smoothed at ``scale``, in directions x, y, and both diagonals: (n, 4)."""
    n, side, _ = tiles.shape
    taps = _taps(scale)
    smooth = cv2.GaussianBlur(tiles.reshape(n * side, side).astype(np.float32), (taps, taps), scale)
    # Differences over the borders between tiles come along, and are left out with the margin.
    x = np.zeros((n, side, side), np.float32)
    y = np.zeros((n, side, side), np.float32)
    cv2.subtract(smooth[:, 2:], smooth[:, :-2], dst=x.reshape(n * side, side)[:, 1:-1])
    cv2.subtract(smooth[2:], smooth[:-2], dst=y.reshape(n * side, side)[1:-1])
    step = 2 if scale >= _SMOOTH else 1
    inner = slice(margin, side - margin, step)
    across, down = (np.ascontiguousarray(part[:, inner, inner]).reshape(n, -1) for part in (x, y))
    pairs = ((across, across), (down, down), (across, down))
    xx, yy, xy = (np.einsum("ij,ij->i", a, b) / (4.0 * across.shape[1]) for a, b in pairs)
    return np.stack([xx, yy, (xx + yy) / 2 + xy, (xx + yy) / 2 - xy], axis=1)


def _taps(scale: float) -> int:
    """Length of a Gaussian's kernel: to 2.5 times its scale on either side."""
    return 2 * math.ceil(2.5 * scale) + 1


@lru_cache(maxsize=64)
def _noise_gain(scale: float) -> float:
    """Variance of the central difference of white noise of variance 1 that was smoothed at ``scale``."""
    kernel = cv2.getGaussianKernel(_taps(scale), scale)[:, 0]
    padded = np.pad(kernel, 2)
    slope = (padded[2:] - padded[:-2]) / 2
    return float(np.square(slope).sum() * np.square(kernel).sum())
