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
_HIGHLIGHTS = (0.5, 0.08)
# A white wall or page is a spike at white; what burns out has bright tones on the way there. White that is more than
# three times the tones just under it was meant to be white, unless hardly anything else is in the picture.
_SHOULDER = 209
_ON_PURPOSE = 3.0
_NOTHING_LEFT = 0.97
# 95th percentile: at 12 nothing is seen, at 40 a stage in red light is. 5th: over 170 all is washed out.
_DARK = (12.0, 70.0)
_PALE = (200.0, 120.0)
_SPREAD = (20.0, 110.0)  # from the 5th to the 95th percentile: fog and veils lie under 60


@dataclass(frozen=True, slots=True)
class Light:
    """``exposure`` is 1 where the frame is well exposed; ``shadows`` and ``highlights`` are shares of the picture."""

    exposure: float
    shadows: float
    highlights: float


def measure_light(luma: NDArray[np.uint8]) -> Light:
    """The light of ``luma`` (h, w), without letterbox bars, which would count as shadows.

    A white ground (a page, a studio) is no fault: then the rest is looked at; ``highlights`` says how much it is.
    """
    # every second pixel each way: shares do not need all
    counts = cv2.calcHist([np.ascontiguousarray(luma[::2, ::2])], [0], None, [256], [0, 256]).ravel()
    total = float(counts.sum())
    shadows = float(counts[: _BLACK + 1].sum()) / total
    highlights = burnt = float(counts[_WHITE:].sum()) / total
    shoulder = float(counts[_SHOULDER:_WHITE].sum()) / total
    if highlights > _ON_PURPOSE * shoulder and highlights < _NOTHING_LEFT:
        burnt = _ON_PURPOSE * shoulder
        counts[_WHITE:] = 0.0  # the rest is what is to be exposed
    shares = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(shares, (0.05, 0.95)).tolist()
    exposure = (
        _ramp(shadows, *_SHADOWS)
        * _ramp(burnt, *_HIGHLIGHTS)
        * _ramp(high, *_DARK)
        * _ramp(low, *_PALE)
        * _ramp(high - low, *_SPREAD) ** 0.5
    )
    return Light(exposure, shadows, highlights)


def _ramp(value: float, zero: float, one: float) -> float:
    """0 at ``zero`` and beyond, 1 at ``one`` and beyond, straight between; ``zero`` may be the larger."""
    return min(1.0, max(0.0, (value - zero) / (one - zero)))
