"""Age: the Cydral age network (dlib-models, CC0), years from 0 to 80."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stills.models.session import Session
from stills.types import Attribute
from stills.vision.attributes import FaceCrop
from stills.vision.attributes.chips import BATCH, batches, both_ways, dlib_chip, dlib_input

SIDE = 64
"""Pixels of the chip that the network sees."""

YEARS: NDArray[np.float64] = np.array([0.25, *range(1, 81)])
"""What its 81 outputs stand for; the first are the infants."""
YEARS.setflags(write=False)

SPREAD_OF_NETWORK = 0.94
SPREAD_OF_AGE = 1.45
"""The spread is √((a·s)² + b²·age), s the standard deviation of what the network thinks possible. By itself s is far
too small: a third of the ages lie within it. The second part is what it does not know of, and grows with the age as
the looks of people of one age do. Most likely values (normal errors) on one half of the evaluation faces; see
``benchmarks/attribute_fit.py``."""


class CydralAge:
    """See the module. 0.45 ms a face, one thread.

    Ages are the expectation, over both ways round. They are not shifted to fit the evaluation faces: on the half that
    constants may be taken from, the best factor was 1.03.
    """

    gives: tuple[Attribute, ...] = ("age",)

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``age``."""
        self._session = session
        self._input = next(iter(session.inputs))

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """See :class:`stills.vision.attributes.AttributeModel`. Raises ``UsageError`` where five points coincide."""
        age = np.empty((len(faces), 2), np.float32)
        for where, part in batches(faces, BATCH):
            inputs = dlib_input(np.stack([dlib_chip(face, SIDE) for face in part]))
            age[where] = years_and_spread(both_ways(self._run, inputs))
        return {"age": age}

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(next(iter(self._session.run({self._input: inputs}).values())), np.float32)


def years_and_spread(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Expected years and their calibrated standard deviation, n × 2, of n × 81 ``probabilities``."""
    share = probabilities.astype(np.float64)
    share /= share.sum(axis=1, keepdims=True)
    years = share @ YEARS
    variance = np.maximum(share @ YEARS**2 - years**2, 0.0)
    spread = np.sqrt(SPREAD_OF_NETWORK**2 * variance + SPREAD_OF_AGE**2 * years)
    return np.stack((years, spread), axis=1).astype(np.float32)
