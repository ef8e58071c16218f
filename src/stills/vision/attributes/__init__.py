"""What faces tell of age, gender, ethnicity and emotion: the attribute family's Protocol. One model a file.

Everything here is inferred from looks. Models state what they were measured to be worth; docs/models.md has the cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from stills.types import Attribute, Box

if TYPE_CHECKING:
    from stills.vision.landmarks import FaceMesh


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """A face and the picture around it: BGR, with at least a third of the box on each side where there is picture.

    ``box`` and the detector's five ``landmarks`` (5 × 2) are in pixels of ``bgr``. ``mesh`` is what the landmark mesh
    shows, where it was fitted.
    """

    bgr: NDArray[np.uint8]
    box: Box
    landmarks: NDArray[np.float32]
    mesh: FaceMesh | None = None


class AttributeModel(Protocol):
    """Infers attributes of faces. Values are calibrated: of faces given 0.8, four in five should be right."""

    @property
    def gives(self) -> tuple[Attribute, ...]:
        """The attributes that it infers."""

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        """What it thinks of n faces, by attribute: all of ``gives``.

        ``age`` is n × 2: years (expectation) and their standard deviation; the others n × labels, probabilities in the
        order of ``index.schema.labels_of``. Raises ``ModelError``.
        """
