"""SCRFD, InsightFace's detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError
from stills.models.session import Session
from stills.vision.detect import Floats, Picture
from stills.vision.detectors.common import NOTHING, Found, Letterboxed, by_columns, cells, check_proposals, joined


class Scrfd(Letterboxed):
    """SCRFD, as InsightFace exports it: ``det_10g``, ``det_2.5g`` and ``det_500m`` with key points.

    Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021, arXiv:2105.04714.

    Nine outputs: score, distances to the four sides, and offsets of the five points, in strides, for each of the
    strides 8, 16 and 32. A cell's anchors all lie at its upper left corner. Input: RGB, (v − 127.5) / 128.
    """

    strides = (8, 16, 32)

    def __init__(self, session: Session, *, score_threshold: float = 0.5, nms_iou: float = 0.4) -> None:
        """See :class:`Letterboxed`; the defaults are InsightFace's."""
        super().__init__(session, score_threshold=score_threshold, nms_iou=nms_iou)

    def _blob(self, canvas: Picture) -> Floats:
        rgb = canvas[..., ::-1].astype(np.float32)
        return np.ascontiguousarray(((rgb - 127.5) / 128.0).transpose(2, 0, 1)[None])

    def _decode(self, outputs: Sequence[NDArray[Any]], rows: int, columns: int) -> Found:
        scores, sides, points = (by_columns(outputs, n) for n in (1, 4, 10))
        if not len(scores) == len(sides) == len(points) == len(self.strides):
            shapes = [o.shape for o in outputs]
            raise ModelError(f"the graph is no SCRFD with key points: its outputs have the shapes {shapes}")
        parts = [NOTHING]
        for stride, score, side, point in zip(self.strides, scores, sides, points, strict=True):
            corners = cells(rows, columns, stride) * stride
            anchors = max(1, len(score) // max(1, len(corners)))
            for output in (score, side, point):
                check_proposals(len(output), anchors * len(corners), "SCRFD")
            found = np.flatnonzero(score[:, 0] >= self._threshold)
            corner, distance = corners[found // anchors], side[found] * stride
            boxes = np.hstack((corner - distance[:, :2], distance[:, :2] + distance[:, 2:]))
            parts.append((boxes, corner[:, None] + point[found].reshape(-1, 5, 2) * stride, score[found, 0]))
        return joined(parts)
