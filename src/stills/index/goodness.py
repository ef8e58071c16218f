"""How good a frame is as a still, whatever it shows: from its row in ``frames``, so that scan and selection agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
"""Columns of ``frames`` (those of the layer ``signals``) as arrays of one length."""

SIGNAL_COLUMNS = (
    "contrast", "sharpness", "noise", "exposure", "motion", "in_transition", "flat", "black", "flash",
)  # fmt: skip
"""Columns that the score is made of."""

WEIGHTS: Mapping[str, float] = {
    "sharpness": 0.4,
    "exposure": 0.25,
    "stillness": 0.2,
    "contrast": 0.1,
    "cleanness": 0.05,
}
"""Parts of the score and their weights."""

EDGE_SECONDS, EDGE_DISCOUNT = 0.2, 0.1
"""Seconds around the border of a shot in which its frames are less wanted, and the share of the score that they lose at
it: movements are cut there."""

SPOILED = 0.1
"""What is left of the score of a frame in a transition, of one colour, black, or lit by a flash."""

_MOTION = 0.25  # picture widths per second at which stillness has fallen to 1/e
_CONTRAST = (6.0, 45.0)  # standard deviation of the luma: a flat picture, an ordinary one
_NOISE = (1.5, 12.0)  # grey levels: none to be seen, grain that covers detail


def frame_parts(columns: Columns) -> dict[str, NDArray[np.float32]]:
    """The parts of :data:`WEIGHTS` of each frame, each in 0…1."""
    return {
        "sharpness": columns["sharpness"].astype(np.float32),
        "exposure": columns["exposure"].astype(np.float32),
        "stillness": np.exp(-columns["motion"].astype(np.float32) / _MOTION),
        "contrast": _ramp(columns["contrast"], *_CONTRAST),
        "cleanness": 1.0 - _ramp(columns["noise"], *_NOISE),
    }


def spoiled(columns: Columns) -> NDArray[np.bool_]:
    """Frames that nobody wants: inside a transition, of one colour, black, or lit by a flash."""
    bad: NDArray[np.bool_] = columns["in_transition"] | columns["flat"] | columns["black"] | columns["flash"]
    return bad


def edge_factor(seconds: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """What is left of the score of frames so many seconds away from the border of their shot."""
    return np.asarray(1.0 - EDGE_DISCOUNT * (1.0 - np.clip(np.asarray(seconds) / EDGE_SECONDS, 0.0, 1.0)), np.float64)


def weighted(parts: Columns, weights: Mapping[str, float] = WEIGHTS) -> NDArray[np.float32]:
    """The mean of ``parts`` by ``weights``; 0 where nothing weighs anything."""
    total = sum(weights.values())
    score = sum((weights[name] * parts[name] for name in weights), np.zeros(len(parts["sharpness"]), np.float32))
    return np.asarray(score / total if total > 0 else score, np.float32)


def goodness(columns: Columns, weights: Mapping[str, float] = WEIGHTS) -> NDArray[np.float32]:
    """The score of each frame, 0…1: the weighted mean of its parts, nearly nothing where it is spoiled."""
    score = weighted(frame_parts(columns), weights)
    return np.asarray(np.where(spoiled(columns), SPOILED * score, score), np.float32)


def _ramp(values: NDArray[Any], zero: float, one: float) -> NDArray[np.float32]:
    return np.asarray(np.clip((values.astype(np.float32) - zero) / (one - zero), 0.0, 1.0), np.float32)
