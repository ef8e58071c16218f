"""ArcFace and AdaFace: embedders of 512 numbers, from graphs that all take the same aligned chip.

ArcFace (Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019) as InsightFace
trained it, and AdaFace (Kim et al., "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022). Both see
(x − 127.5) / 127.5; they differ in the order of colours. Their weights cannot be had from a published package, and were
never run here: the tests prove the adapters on graphs of the same inputs and outputs.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.models.session import Session
from stills.vision.embed import normalise


class ArcFace:
    """Any graph of InsightFace's recognition family: n × 3 × 112 × 112 RGB to n × 512."""

    size = 512
    batch = 4
    """Most chips a run, where the graph takes several."""

    _first_channel: ClassVar[int] = 2  # of BGR: red

    def __init__(self, session: Session) -> None:
        """``session`` is of one of the catalog's ``arcface`` entries."""
        self._session = session
        self._input, shape = next(iter(session.inputs.items()))
        self._batch = self.batch if shape[0] == -1 else shape[0]

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`stills.vision.embed.Embedder`."""
        if chips.ndim != 4 or chips.shape[1:] != (112, 112, 3):
            raise UsageError(f"chips are n × 112 × 112 × 3, not {' × '.join(map(str, chips.shape))}")
        vectors = np.empty((len(chips), self.size), np.float32)
        ordered = chips if self._first_channel == 0 else chips[..., ::-1]
        for start in range(0, len(chips), self._batch):
            part = ordered[start : start + self._batch].transpose(0, 3, 1, 2).astype(np.float32)
            part = part / np.float32(127.5) - np.float32(1.0)
            count = len(part)
            if self._batch > count and self._session.inputs[self._input][0] != -1:  # a fixed batch is always full
                part = np.concatenate([part, np.zeros((self._batch - count, *part.shape[1:]), np.float32)])
            found = next(iter(self._session.run({self._input: part}).values()))
            vectors[start : start + count] = found[:count].reshape(count, self.size)
        return normalise(vectors)


class AdaFace(ArcFace):
    """AdaFace, which sees BGR."""

    _first_channel: ClassVar[int] = 0
