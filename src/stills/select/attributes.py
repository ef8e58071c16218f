"""From what models say of single faces to what is said of a person: weighted, and no surer than the faces allow.

Everything here is inferred from looks. Nothing is read of an attribute that was not named.

**Weight of a face**: detector's confidence × sharpness × frontality, each in 0…1 (see ``vision.quality``); none where
one of the limits of :class:`AttributeOptions` is missed or the value is no number.

**How many faces it is worth**: faces of a person err alike, those of one track most of all. With correlations ``r`` of
two faces' errors, weights adding up to 1 give ``n = 1 / Σᵢⱼ wᵢ wⱼ rᵢⱼ`` independent faces (Kish, "Survey Sampling",
1965: the effective size of a correlated sample). It is at most 1 / ``OTHER_TRACK``, however often somebody is seen.

**Ages** are averaged by Huber's M-estimator (1964), so that a few wild faces do not count in full. The variance of the
mean is that of one face (``age_spread``, squared; the weighted mean) divided by ``n``. The confidence is the
probability that a normal error of that size is within ``AGE_WITHIN`` years: erf(5 / (σ√2)).

**Gender and ethnicity** stay the same from face to face, so their evidence adds up: probabilities are in proportion to
exp(n · Σᵢ wᵢ log pᵢ), a logarithmic pool (Genest and Zidek, "Combining Probability Distributions", 1986) that counts
correlated faces as the ``n`` they are worth. No label is worth less than what ``SUREST`` leaves it: no face has a veto.

**Emotion** changes, so the arithmetic mean is right: the share of the looks that showed it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import IndexFormatError, UsageError
from stills.index.index import Index
from stills.index.pictures import PictureFace
from stills.index.schema import labels_of
from stills.types import Attribute, Estimate

AGE_WITHIN = 5.0
"""Years that count as right."""

AGES = (0.0, 120.0)
"""Years that somebody can be old; other values are no ages."""

SAME_TRACK, OTHER_TRACK = 0.8, 0.7
"""Correlation of the errors of two faces of a person: in one track, and in different ones.

Of the error that single faces have, faces of one person share what they do not differ by: 1 - variance / spread². For
the ages of 12 people in one film that gave 0.80 and 0.66, for 8 in another, held out, 0.83 and 0.80 (243 faces).
"""

SUREST = 0.99
"""A label's greatest probability by one face."""

HUBER = 1.345
"""Standard deviations from which a value counts less: 95 % efficient where errors are normal (Huber, 1964)."""

_MAD = 1.4826  # of a normal distribution: standard deviation over median absolute deviation
_STEPS = 30


@dataclass(frozen=True, slots=True)
class AttributeOptions:
    """Which ``attributes`` are wanted, and which faces they are read from.

    ``min_confidence`` is the detector's, ``min_sharpness`` in 0…1, ``max_angle`` the most degrees of yaw and of pitch.
    Labels less probable than ``certainty`` are not given.
    """

    attributes: tuple[Attribute, ...] = ()
    min_confidence: float = 0.7
    min_sharpness: float = 0.15
    max_angle: float = 45.0
    certainty: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class FaceValues:
    """The values of one attribute by face: ``values`` (n, k), NaN where there are none; k is 2 for the age.

    ``weights`` (n,) say how good the faces are, 0 for those that do not count; ``tracks`` (n,) which ones err alike.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    tracks: NDArray[np.int64]


class AttributeReader:
    """Reads the attributes of an index's faces once, for any number of persons."""

    def __init__(self, index: Index, options: AttributeOptions) -> None:
        """Raises ``UsageError`` where ``index`` lacks a named attribute, ``IndexFormatError`` where it is damaged."""
        missing = [a for a in options.attributes if a not in index.layers]
        if missing:
            raise UsageError(
                f"the index has no {', '.join(missing)}", remedy=f"scan with the layers {', '.join(options.attributes)}"
            )
        self._options = options
        self._model = str(index.parameters.get("attributes_model", "default"))
        self._values = {a: _column(index, a, self._model) for a in options.attributes}
        if options.attributes:
            self._weights = face_weights({name: index.faces[name].to_numpy() for name in TRAITS}, options)
            self._tracks = index.faces["track"].to_numpy().astype(np.int64)

    def of(self, rows: NDArray[np.int64]) -> dict[str, Estimate]:
        """What is said of the person whose faces are ``rows`` of the index: each named attribute."""
        return {
            a: estimate(
                a,
                FaceValues(self._values[a][rows], self._weights[rows], self._tracks[rows]),
                self._model,
                self._options,
            )
            for a in self._options.attributes
        }


def picture_estimates(face: PictureFace, model: str, options: AttributeOptions) -> dict[str, Estimate]:
    """What is said of a face in a picture, such as a poster: of each named attribute.

    ``model`` is the name of the attributes model. Raises ``IndexFormatError`` where it gives other labels.
    """
    given = {"score": face.score, "yaw": face.yaw, "pitch": face.pitch}
    given |= {f"quality_{name}": face.parts.get(name) for name in ("sharpness", "pose")}
    weights = face_weights({k: np.array([math.nan if v is None else v]) for k, v in given.items()}, options)
    found: dict[str, Estimate] = {}
    for a in options.attributes:
        values = np.asarray(face.attributes.get(a, np.full(_length(a, model), math.nan)), np.float64).reshape(1, -1)
        _check(values.shape[1], a, model)
        found[a] = estimate(a, FaceValues(values, weights, np.zeros(1, np.int64)), model, options)
    return found


TRAITS = ("score", "quality_sharpness", "quality_pose", "yaw", "pitch")
"""Columns of ``faces`` that say how good a face is to read attributes from."""


def face_weights(traits: Mapping[str, NDArray[Any]], options: AttributeOptions) -> NDArray[np.float64]:
    """What n faces count, by their :data:`TRAITS`: 0 where a limit of ``options`` is missed or one is unknown."""
    values = {name: np.asarray(traits[name], np.float64) for name in TRAITS}
    good = (values["score"] >= options.min_confidence) & (values["quality_sharpness"] >= options.min_sharpness)
    good &= (np.abs(values["yaw"]) <= options.max_angle) & (np.abs(values["pitch"]) <= options.max_angle)
    weight = values["score"] * values["quality_sharpness"] * values["quality_pose"]
    return np.where(good & np.isfinite(weight), np.maximum(weight, 0.0), 0.0)


def estimate(attribute: Attribute, faces: FaceValues, model: str, options: AttributeOptions) -> Estimate:
    """What ``faces`` together say of ``attribute``; the value is ``None``, with the reason, where it is too little."""
    valid = _valid_ages(faces.values) if attribute == "age" else _valid_probabilities(faces.values)
    measured = int(valid.sum())
    use = valid & (faces.weights > 0)
    if not use.any():
        reason = f"none of {measured} measured faces is good enough" if measured else "no face was measured"
        return Estimate(None, 0.0, 0.0, 0, {}, reason)
    weights = faces.weights[use] / faces.weights[use].sum()
    worth = effective_faces(weights, faces.tracks[use])
    if attribute == "age":
        return _age(faces.values[use], weights, worth)
    single = np.maximum(faces.values[use], 0.0)
    single /= single.sum(axis=1, keepdims=True)
    pooled = weights @ single if attribute == "emotion" else _pooled(single, weights, worth)
    return _label(single, weights, pooled, labels_of(model, attribute), options.certainty)


def effective_faces(weights: NDArray[np.float64], tracks: NDArray[np.int64]) -> float:
    """How many independent faces n correlated ones are worth; ``weights`` (n,) add up to 1, ``tracks`` (n,) group them.

    1 for one face, never more than 1 / ``OTHER_TRACK``.
    """
    own = float(np.sum(weights**2))
    same = float(np.sum(np.bincount(np.unique(tracks, return_inverse=True)[1], weights) ** 2))
    return 1.0 / (own + SAME_TRACK * (same - own) + OTHER_TRACK * (1.0 - same))


def _age(values: NDArray[np.float64], weights: NDArray[np.float64], worth: float) -> Estimate:
    years, spreads = values.T
    single = math.sqrt(float(np.sum(weights * spreads**2)))
    mean = _robust_mean(years, weights, least=single * math.sqrt(1 - OTHER_TRACK))
    error = single / math.sqrt(worth)
    apart = math.sqrt(float(np.sum(weights * (years - mean) ** 2)))
    within = math.erf(AGE_WITHIN / (error * math.sqrt(2)))
    return Estimate(round(mean, 1), round(within, 4), round(apart, 2), len(years))


def _robust_mean(values: NDArray[np.float64], weights: NDArray[np.float64], least: float) -> float:
    """Huber's location estimate by iterated weights, from the weighted median.

    The scale is the weighted MAD, but not below ``least``: what faces of one person differ by anyway.
    """
    mean = _median(values, weights)
    limit = HUBER * max(least, _MAD * _median(np.abs(values - mean), weights))
    for _ in range(_STEPS):
        away = np.maximum(np.abs(values - mean), limit)
        now = weights * limit / away
        mean = float(np.sum(now * values) / np.sum(now))
    return mean


def _median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The weighted median: the middle of the two values that halve the weight, where it falls between them."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / np.sum(weights)
    low = int(np.searchsorted(reached, 0.5 - 1e-9))
    high = min(len(values) - 1, int(np.searchsorted(reached, 0.5 + 1e-9)))
    return float(0.5 * (values[order[low]] + values[order[high]]))


def _pooled(single: NDArray[np.float64], weights: NDArray[np.float64], worth: float) -> NDArray[np.float64]:
    """The logarithmic pool of probabilities ``single`` (n, k) as ``worth`` independent faces."""
    least = (1 - SUREST) / (single.shape[1] - 1)
    logs = worth * (weights @ np.log(np.maximum(single, least)))
    pooled = np.exp(logs - logs.max())
    return np.asarray(pooled / pooled.sum(), np.float64)


def _label(
    single: NDArray[np.float64],
    weights: NDArray[np.float64],
    pooled: NDArray[np.float64],
    labels: tuple[str, ...],
    certainty: float,
) -> Estimate:
    best = int(np.argmax(pooled))
    confidence = round(float(pooled[best]), 4)
    other = float(weights[single.argmax(axis=1) != best].sum())
    known = float(pooled[best]) >= certainty
    return Estimate(
        value=labels[best] if known else None,
        confidence=confidence,
        spread=round(min(1.0, other), 4),
        faces=len(single),
        probabilities={label: round(float(p), 4) for label, p in zip(labels, pooled, strict=True)},
        reason=None if known else f"too uncertain: the likeliest, {labels[best]}, has {confidence:.0%}",
    )


def _valid_ages(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    years, spreads = values.T
    possible = (years >= AGES[0]) & (years <= AGES[1])
    return np.asarray(possible & np.isfinite(spreads) & (spreads > 0))


def _valid_probabilities(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    finite = np.asarray(np.isfinite(values).all(axis=1), bool)
    some = np.maximum(np.where(finite[:, None], values, 0.0), 0.0).sum(axis=1) > 0
    return np.asarray(finite & some, bool)


def _length(attribute: Attribute, model: str) -> int:
    return 2 if attribute == "age" else len(labels_of(model, attribute))


def _check(length: int, attribute: Attribute, model: str) -> None:
    if length != _length(attribute, model):
        expected = _length(attribute, model)
        raise IndexFormatError(
            f"{attribute} has {length} values a face where the attributes model {model!r} has {expected}",
            remedy="scan again",
        )


def _column(index: Index, attribute: Attribute, model: str) -> NDArray[np.float64]:
    """The values of every face, (n, k); NaN where there are none."""
    table = index.faces
    if attribute == "age":
        return np.stack([table[n].to_numpy().astype(np.float64) for n in ("age", "age_spread")], axis=1)
    column = table[attribute].combine_chunks()
    out = np.full((len(table), _length(attribute, model)), np.nan)
    for length in np.unique(column.drop_null().value_lengths().to_numpy()):
        _check(int(length), attribute, model)
    at = np.flatnonzero(column.is_valid())
    if len(at):
        flat = column.drop_null().flatten().to_numpy(zero_copy_only=False)
        out[at] = np.asarray(flat, np.float64).reshape(len(at), -1)
    return out
