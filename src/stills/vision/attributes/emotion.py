"""Expressed emotion: FER mini-XCEPTION, and what the face's muscles do where the mesh was fitted; seven labels.

The network (see ``vision.expression``) sees the face at three heights, both ways round, and the mean counts. The mesh's
blendshapes say which muscles act; each emotion gets the mean of its own (Friesen and Ekman, "EMFACS-7", 1983), by one
weight for all. A head of 100 and more weights was tried on the same faces and was worse on those it had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stills.models.session import Session
from stills.types import Attribute
from stills.vision.attributes import FaceCrop
from stills.vision.expression import EMOTIONS, MiniXception, expression_chip

SHIFTS = (-0.05, 0.0, 0.05)
"""How far down the face lies in each chip, in sides: boxes of detectors differ by as much."""

TEMPERATURE = 1.05
WEIGHT = 1.12
"""How sure the network's mean is allowed to be, and what the muscles weigh (a coefficient of 1 adds this to the log
odds): most likely values on one half of the evaluation faces; see ``benchmarks/attribute_fit.py``."""

FLOOR = 1e-3
"""Least probability of the network that is believed."""

_UNITS = {  # action units of the Facial Action Coding System, as the mesh calls them; mean of left and right
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    6: ("cheekSquintLeft", "cheekSquintRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    9: ("noseSneerLeft", "noseSneerRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    16: ("mouthLowerDownLeft", "mouthLowerDownRight"),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    23: ("mouthPressLeft", "mouthPressRight"),
    26: ("jawOpen",),
}
_EXPRESSED_BY: Mapping[str, tuple[int, ...]] = {
    "angry": (4, 5, 7, 23),
    "disgust": (9, 15, 16),
    "fear": (1, 2, 4, 5, 7, 20, 26),
    "happy": (6, 12),
    "sad": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
    "neutral": (),
}


class FerEmotion:
    """See the module. 2.1 ms a face, one thread."""

    gives: tuple[Attribute, ...] = ("emotion",)

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``emotion``."""
        self._network = MiniXception(session)

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """See :class:`stills.vision.attributes.AttributeModel`. Raises ``UsageError`` for a box without area."""
        emotion = np.empty((len(faces), len(EMOTIONS)), np.float32)
        for n, face in enumerate(faces):
            upright = [
                expression_chip(face.bgr, face.box, face.landmarks, shift=shift, replicate=True) for shift in SHIFTS
            ]
            chips = np.stack([*upright, *(chip[:, ::-1] for chip in upright)])
            odds = np.log(np.maximum(self._network.classify(chips).mean(axis=0), FLOOR)).astype(np.float64)
            odds /= TEMPERATURE
            if face.mesh is not None:
                odds += WEIGHT * muscles(face.mesh.blendshapes)
            share = np.exp(odds - odds.max())
            emotion[n] = share / share.sum()
        return {"emotion": emotion}


def muscles(blendshapes: Mapping[str, float]) -> NDArray[np.float64]:
    """How much the muscles of each of ``EMOTIONS`` act, 0…1 (7,), by the mesh's 52 ``blendshapes``; 0 for neutral."""
    acting = {unit: float(np.mean([blendshapes[name] for name in names])) for unit, names in _UNITS.items()}
    return np.array(
        [float(np.mean([acting[unit] for unit in _EXPRESSED_BY[e]])) if _EXPRESSED_BY[e] else 0.0 for e in EMOTIONS]
    )
