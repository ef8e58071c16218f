"""How a whole frame is exposed: clipped shadows and highlights, and how wide its tones are spread."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_BLACK, _WHITE = 6, 249  # grey levels at and beyond which a pixel is clipped; codecs scatter by a few
# What a picture may have clipped before it is marked down, and where nothing is left of the mark: night scenes and
# skies clip a fifth without harm.
_SHADOWS = (0.75, 0.25)
_HIGHLIGHTS = (0.45, 0.08)
# 95th percentile: under 30 the screen is dark. 5th: over 170 all is washed out.
_DARK = (25.0, 90.0)
_PALE = (200.0, 120.0)
_SPREAD = (20.0, 110.0)  # from the 5th to the 95th percentile: fog and veils lie under 60


@dataclass(frozen=True, slots=True)
class Light:
    """``exposure`` is 1 where the frame is well exposed; ``shadows`` and ``highlights`` are shares of the picture."""

    exposure: float
    shadows: float
    highlights: float


def measure_light(luma: NDArray[np.uint8]) -> Light:
    """The light of ``luma`` (h, w), without letterbox bars, which would count as shadows."""
    # every second pixel each way: shares do not need all
    counts = cv2.calcHist([np.ascontiguousarray(luma[::2, ::2])], [0], None, [256], [0, 256]).ravel()
    shares = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(shares, (0.05, 0.95)).tolist()
    shadows, highlights = float(shares[_BLACK]), float(1.0 - shares[_WHITE - 1])
    exposure = (
        _ramp(shadows, *_SHADOWS)
        * _ramp(highlights, *_HIGHLIGHTS)
        * _ramp(high, *_DARK)
        * _ramp(low, *_PALE)
        * _ramp(high - low, *_SPREAD) ** 0.5
    )
    return Light(exposure, shadows, highlights)


def _ramp(value: float, zero: float, one: float) -> float:
    """0 at ``zero`` and beyond, 1 at ``one`` and beyond, straight between; ``zero`` may be the larger."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))
