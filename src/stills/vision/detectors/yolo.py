"""YOLO5Face and YOLOv8-face, as UniFace exports them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError
from stills.models.session import Session
from stills.vision.detect import Floats, Picture
from stills.vision.detectors.common import NOTHING, Found, Letterboxed, cells, check_proposals, joined, sigmoid

STRIDES = (8, 16, 32)

BINS = 16
"""Distances, in strides, that YOLOv8 gives a probability each; the distance meant is their mean."""

V5_COLUMNS, V8_CHANNELS = 16, 4 * BINS + 1 + 3 * 5


class YoloFace(Letterboxed):
    """The two forms of YOLO with five points; which one a graph is shows in its outputs.

    YOLO5Face (Qi et al., "YOLO5Face: Why Reinventing a Face Detector", 2021, arXiv:2105.12931): one output with, for
    each proposal, the box's centre and size, the chance of an object, five points and the chance that it is a face; all
    are decoded in the graph, in pixels of its input. The score is the product of both chances.

    YOLOv8-face: a map for each of the strides 8, 16 and 32 with 80 channels: the four sides' distances as
    distributions (Li et al., "Generalized Focal Loss", 2020), a face's logit, and five points with a visibility each,
    which is not used. Distances start at a cell's middle; a point p of the cell c lies at (2p + c) strides.

    Input: RGB in 0…1, filled with the grey 114.
    """

    fill = 114

    def __init__(self, session: Session, *, score_threshold: float = 0.5, nms_iou: float = 0.45) -> None:
        """See :class:`Letterboxed`; the defaults are UniFace's for YOLOv8-face."""
        super().__init__(session, score_threshold=score_threshold, nms_iou=nms_iou)

    def _blob(self, canvas: Picture) -> Floats:
        return np.ascontiguousarray((canvas[..., ::-1].astype(np.float32) / 255).transpose(2, 0, 1)[None])

    def _decode(self, outputs: Sequence[NDArray[Any]], rows: int, columns: int) -> Found:
        shapes = [o.shape for o in outputs]
        if shapes and len(shapes[0]) == 3 and shapes[0][2] == V5_COLUMNS:
            return self._decode_v5(np.asarray(outputs[0], np.float32)[0])
        maps = [o for o in outputs if o.ndim == 4 and o.shape[1] == V8_CHANNELS]
        if len(maps) == len(STRIDES):
            return self._decode_v8(sorted(maps, key=lambda o: -o.size), rows, columns)
        raise ModelError(f"the graph is no YOLO-face with five points: its outputs have the shapes {shapes}")

    def _decode_v5(self, table: Floats) -> Found:
        scores = table[:, 4] * table[:, 15]
        found = np.flatnonzero(scores >= self._threshold)
        centre, size = table[found, :2], table[found, 2:4]
        return np.hstack((centre - size / 2, size)), table[found, 5:15].reshape(-1, 5, 2), scores[found]

    def _decode_v8(self, maps: Sequence[NDArray[Any]], rows: int, columns: int) -> Found:
        parts = [NOTHING]
        for stride, values in zip(STRIDES, maps, strict=True):
            table = np.asarray(values[0], np.float32).reshape(V8_CHANNELS, -1).T
            grid = cells(rows, columns, stride)
            check_proposals(len(table), len(grid), "YOLOv8-face")
            scores = sigmoid(table[:, 4 * BINS])
            found = np.flatnonzero(scores >= self._threshold)
            row, cell = table[found], grid[found]
            distance = expectation(row[:, : 4 * BINS].reshape(-1, 4, BINS)) * stride
            corner = (cell + 0.5) * stride - distance[:, :2]
            points = row[:, 4 * BINS + 1 :].reshape(-1, 5, 3)[..., :2]
            parts.append((
                np.hstack((corner, distance[:, :2] + distance[:, 2:])),
                (2 * points + cell[:, None]) * stride,
                scores[found].astype(np.float32),
            ))  # fmt: skip
        return joined(parts)


def expectation(logits: NDArray[Any]) -> Floats:
    """The mean of 0, 1, 2, … with the probabilities that the last axis of ``logits`` has after a softmax."""
    chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
    chances /= chances.sum(axis=-1, keepdims=True)
    return np.asarray(chances @ np.arange(logits.shape[-1], dtype=np.float32), np.float32)
