"""InsightFace's ``genderage``: age and gender from one small network.

Part of InsightFace's model packs, for non-commercial research only. It cannot be had from a published package and was
never run here: the tests prove the adapter on a graph of the same inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.models.session import Session
from stills.types import Attribute
from stills.vision.attributes import FaceCrop
from stills.vision.attributes.fairface import softmax

SIDE = 96
ROOM = 1.5
"""Side of the square that is seen, in longer sides of the box."""

SPREAD = 8.0
"""Years. The network gives no measure of its doubt; 8 is what age networks of its size err by, not measured here."""


class GenderAge:
    """See the module. Input n × 3 × 96 × 96, RGB 0…255; output: logits of female and male, and the age in centuries."""

    gives: tuple[Attribute, ...] = ("age", "gender")

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``genderage``."""
        self._session = session
        self._input, shape = next(iter(session.inputs.items()))
        self._side = shape[2] if shape[2] > 0 else SIDE

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """See :class:`stills.vision.attributes.AttributeModel`. Faces run one by one."""
        age, gender = np.empty((len(faces), 2), np.float32), np.empty((len(faces), 2), np.float32)
        for n, face in enumerate(faces):
            x, y, w, h = face.box
            scale = self._side / (ROOM * max(w, h, 1e-6))
            shift = self._side / 2 - scale * np.array([x + w / 2, y + h / 2])
            matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
            chip = cv2.warpAffine(face.bgr, matrix, (self._side, self._side), flags=cv2.INTER_LINEAR)
            rgb = np.ascontiguousarray(chip[..., ::-1].transpose(2, 0, 1)[None], np.float32)
            values = next(iter(self._session.run({self._input: rgb}).values())).reshape(-1)
            age[n] = 100 * float(values[2]), SPREAD
            gender[n] = softmax(values[:2])
        return {"age": age, "gender": gender}
