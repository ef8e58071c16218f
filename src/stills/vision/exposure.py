"""Whether a face is lit well enough to be seen: neither sunk in black nor burnt out, whatever the skin's own tone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.vision.sharpness import FACE_MASK

# Grey levels of the face's bright parts (90th percentile): the mean would call dark skin badly lit. On 1,100 photos
# of faces of all skin tones 99 % lie over 75; under 25 hardly anything is seen on a screen.
_DARK = (25.0, 75.0)
# Share of the face that is burnt out (over 250): highlights on a nose are 1 to 2 %; with a third gone, so is the face.
_BURNT_LEVEL = 250
_BURNT = (0.35, 0.03)
# Range from the 5th to the 95th percentile: fog, veils and fades lie under 40.
_FLAT = (10.0, 40.0)


def exposure(gray: NDArray[np.uint8]) -> float:
    """How well the face in an aligned 112 × 112 grey chip is exposed: 0 (nothing to see) … 1 (well)."""
    counts = np.bincount(gray[FACE_MASK], minlength=256)
    shares = np.cumsum(counts) / counts.sum()
    low, high_light, high = np.searchsorted(shares, (0.05, 0.90, 0.95))
    dark = _ramp(high_light, *_DARK)
    flat = _ramp(high - low, *_FLAT)
    burnt = _ramp(1.0 - shares[_BURNT_LEVEL], *_BURNT)
    return dark * flat * burnt


def _ramp(value: Any, zero: float, one: float) -> float:
    """0 at ``zero`` and beyond, 1 at ``one`` and beyond, straight between; ``zero`` may be the larger."""
    return float(min(1.0, max(0.0, (float(value) - zero) / (one - zero))))
