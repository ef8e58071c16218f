"""RetinaFace, as UniFace exports it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError
from stills.models.session import Session
from stills.vision.detect import Floats, Picture
from stills.vision.detectors.common import Found, Letterboxed, by_columns, cells, check_proposals

PRIORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""Stride, and the sides in pixels of the squares that sit at the middle of each of its cells."""

CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
"""What the network's offsets are multiples of: a tenth of a prior's side; a fifth of the logarithm of its growth."""

MEAN = np.array([104, 117, 123], np.float32)
"""Blue, green and red that are taken off: the means of ImageNet that the network was trained with."""


class RetinaFace(Letterboxed):
    """RetinaFace, in the PyTorch form that UniFace's MobileNet and ResNet exports and those of biubug6 share.

    Deng et al., "Single-Shot Multi-Level Face Localisation in the Wild", CVPR 2020, arXiv:1905.00641.

    Three outputs for all priors of the strides 8, 16 and 32: offsets of box (4) and points (10), and the probabilities
    of background and face (2, after the softmax). Input: BGR less the mean.
    """

    def __init__(self, session: Session, *, score_threshold: float = 0.5, nms_iou: float = 0.4) -> None:
        """See :class:`Letterboxed`; the defaults are UniFace's."""
        super().__init__(session, score_threshold=score_threshold, nms_iou=nms_iou)

    def _blob(self, canvas: Picture) -> Floats:
        return np.ascontiguousarray((canvas.astype(np.float32) - MEAN).transpose(2, 0, 1)[None])

    def _decode(self, outputs: Sequence[NDArray[Any]], rows: int, columns: int) -> Found:
        boxes, chances, points = (by_columns(outputs, n) for n in (4, 2, 10))
        if not len(boxes) == len(chances) == len(points) == 1:
            raise ModelError(f"the graph is no RetinaFace: its outputs have the shapes {[o.shape for o in outputs]}")
        centres, sides = priors(rows, columns)
        for output in (boxes[0], chances[0], points[0]):
            check_proposals(len(output), len(centres), "RetinaFace")
        score = chances[0][:, 1]
        found = np.flatnonzero(score >= self._threshold)
        centre, side, box = centres[found], sides[found, None], boxes[0][found]
        size = side * np.exp(box[:, 2:] * SIZE_VARIANCE)
        middle = centre + box[:, :2] * CENTRE_VARIANCE * side
        offsets = points[0][found].reshape(-1, 5, 2) * CENTRE_VARIANCE * side[:, None]
        return np.hstack((middle - size / 2, size)), centre[:, None] + offsets, score[found]


@lru_cache(maxsize=8)
def priors(rows: int, columns: int) -> tuple[Floats, Floats]:
    """Centres (n × 2) and sides (n) of all priors of an input, in pixels: by stride, then cell, then side."""
    centres, lengths = [], []
    for stride, sides in PRIORS:
        middle = (cells(rows, columns, stride) + 0.5) * stride
        centres.append(np.repeat(middle, len(sides), axis=0))
        lengths.append(np.tile(np.array(sides, np.float32), len(middle)))
    made = np.concatenate(centres), np.concatenate(lengths)
    for array in made:
        array.setflags(write=False)
    return made
