"""Turning a face upright into the square that an embedding network was trained on."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError

TEMPLATE_112: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where the five points go in a 112 × 112 chip: the template of ArcFace and SFace (Deng et al., CVPR 2019)."""
TEMPLATE_112.setflags(write=False)

MAX_OVERSAMPLING = 8
"""Largest face that is averaged over all of its pixels: 8 × 112 wide, more than a 4K close-up needs."""


def similarity_transform(source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """The 2 × 3 rotation, uniform scale and shift that takes n × 2 ``source`` nearest to ``target``, least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991, in the
    closed form that two dimensions allow: as complex numbers, target ≈ a·source + b. There is no mirroring. Raises
    ``UsageError`` where the points coincide or are not finite.
    """
    p = np.asarray(source, np.float64) @ (1, 1j)
    q = np.asarray(target, np.float64) @ (1, 1j)
    centred = p - p.mean()
    spread = float(np.sum(np.abs(centred) ** 2))
    if not math.isfinite(spread) or spread < 1e-6:
        raise UsageError("a face cannot be aligned: its five points coincide")
    a = np.sum(np.conj(centred) * (q - q.mean())) / spread
    b = q.mean() - a * p.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align_face(
    bgr: NDArray[np.uint8],
    landmarks: NDArray[Any],
    size: int = 112,
    *,
    offset: tuple[float, float] = (0.0, 0.0),
    replicate: bool = False,
) -> NDArray[np.uint8]:
    """The upright ``size`` × ``size`` chip of a face; what lies outside of the picture is black.

    With ``replicate`` it is what the picture's edge shows.

    ``landmarks`` are the detector's five points. Where ``bgr`` is a crop of a larger picture, ``offset`` is the x, y of
    its corner there, and the landmarks are those of the larger picture. A face larger than the chip is averaged over
    its pixels (areas, not single samples), so that fine patterns do not turn into false ones. Raises ``UsageError``
    where the points coincide.
    """
    points = np.asarray(landmarks, np.float64) - offset
    matrix = similarity_transform(points, TEMPLATE_112 * (size / 112))
    return warp_square(bgr, matrix, size, replicate=replicate)


def warp_square(
    bgr: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, *, replicate: bool = False
) -> NDArray[np.uint8]:
    """The ``size`` × ``size`` picture that the 2 × 3 similarity ``matrix`` cuts out of ``bgr``; black outside of it.

    With ``replicate`` the picture's edge goes on outside of it. Pixels are averaged by area where the picture shrinks
    by more than half.
    """
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    over = min(MAX_OVERSAMPLING, max(1, round(1 / scale))) if scale > 0 else 1
    if over > 1:
        matrix = matrix * over
        matrix[:, 2] += (over - 1) / 2  # pixel centres: c in the chip is over·c + (over − 1)/2 in the larger one
    border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT
    chip = cv2.warpAffine(bgr, matrix, (size * over, size * over), flags=cv2.INTER_LINEAR, borderMode=border)
    if over > 1:
        chip = cv2.resize(chip, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(chip, np.uint8)
