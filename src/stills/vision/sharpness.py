"""How sharp a face is: comparable between people, exposures and sizes, and hard to fool with noise.

The idea is that of edge-based defocus estimation (Elder and Zucker, "Local scale control for edge detection and blur
estimation", PAMI 1998; Zhuo and Sim, "Defocus map estimation from a single image", Pattern Recognition 2011): blur the
picture once more, and see how much its gradients lose. Sharp edges lose much, soft ones little. As it is a ratio,
brightness and contrast cancel. Gradients are taken over the face only, in four directions, each against itself, and
the worst counts: motion blurs one direction and spares the one across it. What noise adds to the gradients is known
(σ²/(8πs⁴) after a Gaussian of scale s, and as often as its square) and is taken away.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError

SIDE = 112
"""Pixels of the aligned chip in which sharpness is measured; the face itself is some 84 wide in it."""

_FINE, _COARSE = 1.0, 2.5
# Ratio of the gradients' energies at the two scales, in directions x, y and both diagonals: medians over 25 sharp
# photographs of faces. With everything blurred away the ratio tends to 1.
_SHARP = np.array([2.63, 3.12, 2.94, 3.01])
_BLURRED = 1.0
_QUANTISATION = 1.0 / 12.0  # variance that rounding to whole grey levels adds
_NOISE_GAIN_FINE = 1.0 / (8.0 * math.pi * _FINE**4)
_NOISE_GAIN_COARSE = 1.0 / (8.0 * math.pi * _COARSE**4)
_LEAST_ENERGY = 0.02  # grey levels² a pixel²: flatter faces (a wall, a black frame) have no edges to judge


def _ellipse() -> NDArray[np.bool_]:
    """The face in the aligned chip, without hair and ground."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    mask: NDArray[np.bool_] = ((x - 56.0) / 42.0) ** 2 + ((y - 68.0) / 50.0) ** 2 < 1.0
    mask.setflags(write=False)
    return mask


FACE_MASK = _ellipse()
"""112 × 112: where the face is in an aligned chip."""

_WINDOW = (slice(15, SIDE), slice(11, 102))  # the ellipse and three pixels around it; less to compute
_FACE = FACE_MASK[_WINDOW]

_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def sharpness(gray: NDArray[np.uint8]) -> float:
    """How sharp the face in an aligned grey chip (112 × 112, or a larger square) is: 0 (blurred) … 1 (sharp).

    On sharp photographs a Gaussian blur of 1, 2 and 3 pixels of the chip leaves about 0.70, 0.39 and 0.23. The same
    face photographed larger scores the same, as long as there are 112 pixels for the chip; one enlarged to twice its
    pixels scores as one blurred by 1. Black pixels, as beyond the frame's edge, are not looked at. Raises
    ``UsageError`` where the chip is not a grey square of at least 112 pixels.
    """
    if gray.ndim != 2 or gray.shape[0] != gray.shape[1] or gray.shape[0] < SIDE:
        raise UsageError(f"a grey square of at least {SIDE} pixels is needed, not {' × '.join(map(str, gray.shape))}")
    if gray.shape[0] > SIDE:
        gray = np.asarray(cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    gray = np.ascontiguousarray(gray[_WINDOW])
    mask = _seen(gray)
    if mask.sum() < _FACE.sum() / 4:
        return 0.0
    picture, weight = gray.astype(np.float32), mask.astype(np.float32)
    variance = noise_level(picture, mask) ** 2 + _QUANTISATION
    fine = _energies(picture, _FINE, weight) - variance * _NOISE_GAIN_FINE
    coarse = _energies(picture, _COARSE, weight) - variance * _NOISE_GAIN_COARSE
    if coarse.min() < _LEAST_ENERGY:
        return 0.0
    ratio = fine / coarse
    return float(np.clip((ratio - _BLURRED) / (_SHARP - _BLURRED), 0.0, 1.0).min())


def noise_level(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Standard deviation of a grey picture's noise where ``mask`` is set, in grey levels.

    Immerkær, "Fast noise variance estimation", CVIU 1996, with the median in place of the mean (Donoho's estimate), so
    that edges do not count as noise.
    """
    response = np.abs(cv2.filter2D(picture, cv2.CV_32F, _LAPLACIAN)[mask])
    middle = response.size // 2
    return float(np.partition(response, middle)[middle]) / 0.6745 / 6.0


def _seen(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The face's pixels whose surroundings hold no pure black, which is what lies beyond the frame's edge."""
    black = gray == 0
    if not black.any():
        return _FACE
    reach = np.ones((9, 9), np.uint8)
    # single black pixels are shadows; an edge of the frame is a solid area
    solid = cv2.morphologyEx(black.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    seen: NDArray[np.bool_] = _FACE & (cv2.dilate(solid, reach) == 0)
    return seen


def _energies(picture: NDArray[np.float32], scale: float, weight: NDArray[np.float32]) -> NDArray[Any]:
    """Mean squared gradient of the picture smoothed at ``scale``, in directions x, y, and both diagonals."""
    smooth = cv2.GaussianBlur(picture, (0, 0), scale, borderType=cv2.BORDER_REPLICATE)
    x = (smooth[1:-1, 2:] - smooth[1:-1, :-2]).ravel()
    y = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]).ravel()
    inner = weight[1:-1, 1:-1].ravel()
    wx, wy = x * inner, y * inner
    xx, yy, xy = (float(np.dot(a, b)) / (4.0 * float(inner.sum())) for a, b in ((wx, x), (wy, y), (wx, y)))
    return np.array([xx, yy, (xx + yy) / 2 + xy, (xx + yy) / 2 - xy])
