"""Ethnicity as others label it: a linear head on what SFace sees, five labels.

The head and its card are ``stills/models/data``. Labels are those of its training pictures (UTKFace), not a claim about
people; the data are for non-commercial research. Never to decide about a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError
from stills.models.heads import load_head
from stills.models.session import Session
from stills.types import Attribute
from stills.vision.align import align_face
from stills.vision.attributes import FaceCrop
from stills.vision.attributes.chips import batches, five_points

OUTPUT = "pooled"
"""SFace's last feature map averaged over space, which ``models.prepare`` gives beside the embedding."""

LABELS = ("white", "black", "asian", "indian", "other")
"""Order of the probabilities, as in ``index.schema``."""

BATCH = 4
"""Chips a run, as for the embedding."""


class EthnicityHead:
    """See the module. 2.4 ms a face with bf16, as SFace runs once more; the head itself takes nothing."""

    gives: tuple[Attribute, ...] = ("ethnicity",)

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``sface``; that of the embedder will do.

        Raises ``ModelError`` where the head is damaged or the graph has no pooled output.
        """
        self._head = load_head("ethnicity_sface_gap")
        if set(self._head.labels) != set(LABELS):
            raise ModelError(f"the head knows {', '.join(self._head.labels)}, not {', '.join(LABELS)}")
        if OUTPUT not in session.outputs:
            raise ModelError(f"the graph has no output {OUTPUT!r}, only {', '.join(session.outputs)}")
        self._order = [self._head.labels.index(label) for label in LABELS]
        self._session = session
        self._input = next(iter(session.inputs))

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """See :class:`stills.vision.attributes.AttributeModel`. Raises ``UsageError`` where five points coincide.

        The picture's edge goes on where a face leaves it: with black corners, 3 of 100 faces more were mislabelled.
        """
        ethnicity = np.empty((len(faces), len(LABELS)), np.float32)
        for where, part in batches(faces, BATCH):
            chips = np.stack([align_face(face.bgr, five_points(face), replicate=True) for face in part])
            rgb = np.ascontiguousarray(chips[..., ::-1].transpose(0, 3, 1, 2), np.float32)
            pooled = self._session.run({self._input: rgb})[OUTPUT]
            ethnicity[where] = self._head.probabilities(pooled)[:, self._order]
        return {"ethnicity": ethnicity}
