"""Gender as it looks: the Cydral gender network (dlib-models, CC0), two labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stills.models.session import Session
from stills.types import Attribute
from stills.vision.attributes import FaceCrop
from stills.vision.attributes.chips import BATCH, batches, both_ways, dlib_chip, dlib_input, tempered

SIDE = 32
"""Pixels of the chip that the network sees."""

TEMPERATURE = 2.3
"""By itself the network is right less often than it says (91 % at a mean of 96 %): the most likely value on one half of
the evaluation faces; see ``benchmarks/attribute_fit.py``."""


class CydralGender:
    """See the module: female, male. 0.15 ms a face, one thread; both ways round. Children are told apart poorly."""

    gives: tuple[Attribute, ...] = ("gender",)

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``gender``."""
        self._session = session
        self._input = next(iter(session.inputs))

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """See :class:`stills.vision.attributes.AttributeModel`. Raises ``UsageError`` where five points coincide."""
        gender = np.empty((len(faces), 2), np.float32)
        for where, part in batches(faces, BATCH):
            inputs = dlib_input(np.stack([dlib_chip(face, SIDE) for face in part]))
            gender[where] = both_ways(self._run, inputs)  # female first, as the index has it
        return {"gender": tempered(gender, TEMPERATURE)}

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(next(iter(self._session.run({self._input: inputs}).values())), np.float32)
