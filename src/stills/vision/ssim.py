"""Structural similarity of small grey pictures, fast enough for every frame.

Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE
TIP 2004, with a uniform window of 7 × 7 and sample covariances: scikit-image's ``structural_similarity`` with its
default settings gives the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WINDOW = 7
"""Pixels a side of the window."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SAMPLE = WINDOW * WINDOW / (WINDOW * WINDOW - 1)  # from the mean of squares to the variance of a sample
_MARGIN = WINDOW // 2


@dataclass(frozen=True, slots=True)
class SsimPicture:
    """A picture with its local means and variances, so that they are computed once for many comparisons."""

    luma: NDArray[np.uint8]
    mean: Any
    mean_square: Any  # the square of the mean
    variance: Any

    @classmethod
    def of(cls, luma: NDArray[np.uint8]) -> SsimPicture:
        """Prepare ``luma``, (h, w) of at least 7 × 7."""
        mean = cv2.boxFilter(luma, cv2.CV_32F, (WINDOW, WINDOW))
        square = cv2.multiply(mean, mean)
        variance = cv2.subtract(cv2.sqrBoxFilter(luma, cv2.CV_32F, (WINDOW, WINDOW)), square)
        return cls(luma, mean, square, variance)


def ssim_map(a: SsimPicture, b: SsimPicture) -> NDArray[np.float32]:
    """SSIM around each pixel, (h, w); near the edges it is not what the definition asks for."""
    product = cv2.boxFilter(cv2.multiply(a.luma, b.luma, dtype=cv2.CV_32F), cv2.CV_32F, (WINDOW, WINDOW))
    means = cv2.multiply(a.mean, b.mean)
    covariance = cv2.addWeighted(product, 2 * _SAMPLE, means, -2 * _SAMPLE, _C2)
    above = cv2.multiply(cv2.addWeighted(means, 2, means, 0, _C1), covariance)
    energy = cv2.addWeighted(a.mean_square, 1, b.mean_square, 1, _C1)
    spread = cv2.addWeighted(a.variance, _SAMPLE, b.variance, _SAMPLE, _C2)
    return np.asarray(cv2.divide(above, cv2.multiply(energy, spread)), np.float32)


def ssim(a: SsimPicture, b: SsimPicture) -> float:
    """Mean SSIM of two pictures of one size, −1…1: 1 for equal ones."""
    inner = slice(_MARGIN, -_MARGIN)
    return float(cv2.mean(ssim_map(a, b)[inner, inner])[0])
