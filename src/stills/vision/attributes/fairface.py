"""FairFace: age in nine bands, gender, and seven ethnic labels, from one network.

Kärkkäinen and Joo, "FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age for Bias Measurement and
Mitigation", WACV 2021; data CC BY 4.0, balanced over seven groups, which is why it is the better choice for ethnicity.
The graph is the one that the project UniFace publishes. It cannot be had from a published package and was never run
here: the tests prove the adapter on a graph of the same inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError
from stills.models.session import Session
from stills.types import Attribute, Box
from stills.vision.attributes import FaceCrop

SIDE = 224
MARGIN = 0.25
"""How much of the box is added on each side."""

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet, RGB
_STD = np.array([0.229, 0.224, 0.225], np.float32)

AGE_BANDS = ((0, 3), (3, 10), (10, 20), (20, 30), (30, 40), (40, 50), (50, 60), (60, 70), (70, 90))
"""Years of each band, the end not included; the last, "70+", is taken to end at 90."""

_MIDDLE = np.array([(a + b) / 2 for a, b in AGE_BANDS], np.float32)
_INSIDE = np.array([(b - a) ** 2 / 12 for a, b in AGE_BANDS], np.float32)
"""Variance of an even spread over each band."""


class FairFace:
    """See the module."""

    gives: tuple[Attribute, ...] = ("age", "gender", "ethnicity")

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``fairface``."""
        self._session = session
        self._input, shape = next(iter(session.inputs.items()))
        self._side = shape[2] if shape[2] > 0 else SIDE

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """See :class:`stills.vision.attributes.AttributeModel`. Faces run one by one."""
        age, gender = np.empty((len(faces), 2), np.float32), np.empty((len(faces), 2), np.float32)
        race = np.empty((len(faces), 7), np.float32)
        for n, face in enumerate(faces):
            logits = self._run(face)
            race[n] = softmax(logits[7])
            gender[n] = softmax(logits[2])[::-1]  # the network says male first
            bands = softmax(logits[9])
            years = float(bands @ _MIDDLE)
            age[n] = years, np.sqrt(float(bands @ (_INSIDE + (_MIDDLE - years) ** 2)))
        return {"age": age, "gender": gender, "ethnicity": race}

    def _run(self, face: FaceCrop) -> dict[int, NDArray[np.float32]]:
        """The outputs by their width, as exports differ in their order: 7 ethnic labels, 2 genders, 9 bands of age."""
        chip = cv2.resize(box_crop(face.bgr, face.box, MARGIN), (self._side, self._side), interpolation=cv2.INTER_AREA)
        scaled = (chip[..., ::-1].astype(np.float32) / np.float32(255) - _MEAN) / _STD
        outputs = self._session.run({self._input: np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])})
        by_width = {values.reshape(-1).shape[0]: values.reshape(-1) for values in outputs.values()}
        if not {2, 7, 9} <= by_width.keys():
            raise ModelError(f"FairFace gives 7, 2 and 9 values, this graph {sorted(by_width)}")
        return by_width


def box_crop(bgr: NDArray[np.uint8], box: Box, margin: float) -> NDArray[np.uint8]:
    """The box and a ``margin`` of it on each side, as far as there is picture; at least a pixel."""
    x, y, w, h = box
    height, width = bgr.shape[:2]
    left, top = min(width - 1, max(0, int(x - margin * w))), min(height - 1, max(0, int(y - margin * h)))
    right, bottom = min(width, int(np.ceil(x + (1 + margin) * w))), min(height, int(np.ceil(y + (1 + margin) * h)))
    return bgr[top : max(bottom, top + 1), left : max(right, left + 1)]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (k,) from logits (k,)."""
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    return np.asarray(shifted / shifted.sum(), np.float32)
