"""DDAMFN: seven emotions, learned from AffectNet.

Zhang et al., "A Dual-Direction Attention Mixed Feature Network for Facial Expression Recognition", Electronics 2023, as
the project UniFace publishes it: TorchScript, so it needs the extra ``stills[torch]``. AffectNet is for non-commercial
research. It cannot be had from a published package and was never run here: the tests prove the adapter on a graph of
the same inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stills.models.session import Session
from stills.types import Attribute
from stills.vision.align import align_face
from stills.vision.attributes import FaceCrop
from stills.vision.attributes.fairface import softmax
from stills.vision.expression import EMOTIONS

ORDER = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry")
"""The network's outputs; an eighth, contempt, which other versions have, is left out."""

_PLACE = [ORDER.index(name) for name in EMOTIONS]
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet, RGB
_STD = np.array([0.229, 0.224, 0.225], np.float32)


class Ddamfn:
    """See the module. Input n × 3 × 112 × 112, an aligned face."""

    gives: tuple[Attribute, ...] = ("emotion",)

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``affectnet``."""
        self._session = session
        self._input = next(iter(session.inputs))

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """See :class:`stills.vision.attributes.AttributeModel`. Faces run one by one."""
        emotion = np.empty((len(faces), len(EMOTIONS)), np.float32)
        for n, face in enumerate(faces):
            rgb = align_face(face.bgr, face.landmarks)[..., ::-1].astype(np.float32) / np.float32(255)
            scaled = np.ascontiguousarray(((rgb - _MEAN) / _STD).transpose(2, 0, 1)[None])
            logits = next(iter(self._session.run({self._input: scaled}).values())).reshape(-1)
            emotion[n] = softmax(logits[: len(ORDER)])[_PLACE]
        return {"emotion": emotion}
