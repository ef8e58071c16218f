"""The constants of the attribute models: fitted on one half of the labelled faces, so that the other half can judge.

A face is in the half to fit on where the CRC-32 of its file's name is even. Each constant is the most likely value: the
least mean negative logarithm of what was said to be probable, or of a normal density for ages.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from stills.vision.attributes.age import SPREAD_OF_AGE, SPREAD_OF_NETWORK
from stills.vision.attributes.emotion import TEMPERATURE as EMOTION_TEMPERATURE
from stills.vision.attributes.emotion import WEIGHT
from stills.vision.attributes.gender import TEMPERATURE as GENDER_TEMPERATURE

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A constant: its name, the value in the code, the one that fits best, and what the ``other`` half wants."""

    name: str
    value: float
    fitted: float
    other: float


def to_fit(file: str) -> bool:
    """Whether the face in ``file`` is of the half that constants may be taken from."""
    return zlib.crc32(file.encode()) % 2 == 0


def fit_age(age: Floats, truth: Floats, half: NDArray[np.bool_]) -> tuple[Fitted, ...]:
    """The two parts of the spread, of measured ``age`` (n × 2), and the factor that ages would want."""
    years, spread = age[:, 0], age[:, 1]
    variance = np.maximum(spread**2 - SPREAD_OF_AGE**2 * years, 0.0) / SPREAD_OF_NETWORK**2

    def loss(values: Floats, part: NDArray[np.bool_]) -> float:
        of_network, of_age, factor = values
        sigma = np.sqrt(of_network**2 * variance + of_age**2 * years + 1e-3)[part]
        return float(np.mean(0.5 * ((truth - factor * years)[part] / sigma) ** 2 + np.log(sigma)))

    one, other = _least(loss, half, (1.0, 1.0, 1.0))
    names = ("age: spread of the network", "age: spread of the age", "age: factor")
    values = (SPREAD_OF_NETWORK, SPREAD_OF_AGE, 1.0)
    return tuple(Fitted(*row) for row in zip(names, values, one, other, strict=True))


def fit_gender(gender: Floats, truth: NDArray[np.int64], half: NDArray[np.bool_]) -> tuple[Fitted, ...]:
    """The temperature, of measured ``gender`` (n × 2) and the right columns."""
    logits = np.log(np.maximum(gender, 1e-12)) * GENDER_TEMPERATURE
    (one,), (other,) = _least(lambda x, part: _surprise(logits / x[0], truth, part), half, (1.0,))
    return (Fitted("gender: temperature", GENDER_TEMPERATURE, one, other),)


def fit_emotion(
    network: Floats, muscles: Floats, truth: NDArray[np.int64], half: NDArray[np.bool_]
) -> tuple[Fitted, ...]:
    """Temperature and weight, of the ``network``'s part of the emotion (n × 7) and the ``muscles``' (n × 7)."""
    logits = np.log(np.maximum(network, 1e-12)) * EMOTION_TEMPERATURE
    one, other = _least(lambda x, part: _surprise(logits / x[0] + x[1] * muscles, truth, part), half, (1.0, 0.0))
    names, values = ("emotion: temperature", "emotion: weight of the muscles"), (EMOTION_TEMPERATURE, WEIGHT)
    return tuple(Fitted(*row) for row in zip(names, values, one, other, strict=True))


def fit_temperature(name: str, values: Floats, truth: NDArray[np.int64], half: NDArray[np.bool_]) -> tuple[Fitted, ...]:
    """The temperature that probabilities (n × k) would want on top of what they have: 1 where they are honest."""
    logits = np.log(np.maximum(values, 1e-12))
    (one,), (other,) = _least(lambda x, part: _surprise(logits / x[0], truth, part), half, (1.0,))
    return (Fitted(name, 1.0, one, other),)


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence from the share that is right, over equal ``bins``.

    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015. 0 for no values.
    """
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    parts = [where == b for b in range(bins) if (where == b).any()]
    return float(sum(abs(float(confidence[p].mean()) - float(right[p].mean())) * p.mean() for p in parts))


def _surprise(logits: Floats, truth: NDArray[np.int64], part: NDArray[np.bool_]) -> float:
    top = logits.max(axis=1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    return float(np.mean((total - logits[np.arange(len(truth)), truth])[part]))


def _least(
    loss: Callable[[Floats, NDArray[np.bool_]], float], half: NDArray[np.bool_], start: tuple[float, ...]
) -> tuple[list[float], list[float]]:
    """Where ``loss`` is least on ``half``, and where on the other."""
    found = []
    for part in (half, ~half):
        begin, options = np.array(start, np.float64), {"maxiter": 4000, "xatol": 1e-4, "fatol": 1e-8}
        best = minimize(loss, begin, args=(part,), method="Nelder-Mead", options=options)
        found.append([float(v) for v in best.x])
    return found[0], found[1]
