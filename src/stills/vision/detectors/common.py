"""What detectors share: checking pictures, fitting one into a graph's input, and ordering what was found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError, UsageError
from stills.models.session import Session
from stills.vision.detect import Detection, Floats, Picture, non_maximum_suppression

MULTIPLE = 32
"""Pictures are padded to multiples of the coarsest stride, so that every stride divides them."""

Found: TypeAlias = tuple[Floats, Floats, Floats]
"""Boxes (n × 4, xywh), points (n × 5 × 2) and scores (n), in pixels."""

NOTHING: Found = (np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))
"""No faces."""


def check_shares(**values: float) -> None:
    """Raise ``UsageError`` unless every value lies inside 0…1."""
    for name, value in values.items():
        if not 0.0 < value < 1.0:
            raise UsageError(f"{name} must be between 0 and 1, not {value}")


def check_pictures(pictures: Sequence[Picture]) -> None:
    """Raise ``UsageError`` unless the pictures are BGR, not empty, and of one size."""
    height, width = pictures[0].shape[:2]
    if any(p.shape != (height, width, 3) for p in pictures) or not height or not width:
        raise UsageError(f"a batch holds BGR pictures of one size, not {sorted({p.shape for p in pictures})}")


def resized(bgr: Picture, width: int, height: int) -> Picture:
    """``bgr`` at another size: averaged by area where it shrinks, interpolated where it grows."""
    shrinks = width < bgr.shape[1] or height < bgr.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(bgr, (width, height), interpolation=way), np.uint8)


def detections(found: Found, nms_iou: float) -> list[Detection]:
    """Faces from what a network proposed: the best of those that overlap, best first."""
    boxes, points, scores = found
    return [
        Detection(
            (float(boxes[k, 0]), float(boxes[k, 1]), float(boxes[k, 2]), float(boxes[k, 3])),
            np.asarray(points[k], np.float32),
            min(1.0, max(0.0, float(scores[k]))),
        )
        for k in non_maximum_suppression(boxes, scores, nms_iou)
    ]


def joined(parts: Sequence[Found]) -> Found:
    """What several parts found, together."""
    if not parts:
        return NOTHING
    boxes, points, scores = zip(*parts, strict=True)
    return np.concatenate(boxes), np.concatenate(points), np.concatenate(scores)


def sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + e^−v), without overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -60, 60))))


def by_columns(outputs: Sequence[NDArray[Any]], columns: int) -> list[Floats]:
    """The outputs with ``columns`` numbers a proposal, as n × columns, the one with most proposals first.

    Exports of one network differ in the names and the order of their outputs, and in whether they keep the batch of
    one; what an output means shows in its last dimension, and its stride in its length.
    """
    chosen = [np.asarray(o, np.float32).reshape(-1, columns) for o in outputs if o.shape and o.shape[-1] == columns]
    return sorted(chosen, key=len, reverse=True)


class Letterboxed(ABC):
    """A detector whose graph sees a whole picture at once, one at a time.

    A graph of a fixed size sees the picture scaled to fit, alike in both directions (to the pixel); one of free size
    sees it as it is. The rest, at the right and the bottom, is filled. Pictures of a batch are run one after another:
    upstream's exports have a batch of one.
    """

    fill = 0
    """Grey of what is filled."""

    def __init__(self, session: Session, *, score_threshold: float, nms_iou: float) -> None:
        """``score_threshold`` is the least score of a face; of faces that overlap by over ``nms_iou`` the best stays.

        Raises ``UsageError`` where a threshold is not inside 0…1, ``ModelError`` for a graph that takes no pictures.
        """
        check_shares(score_threshold=score_threshold, nms_iou=nms_iou)
        self._session = session
        self._threshold = score_threshold
        self._nms_iou = nms_iou
        self._input, shape = next(iter(session.inputs.items()))
        if len(shape) != 4 or shape[1] != 3:
            raise ModelError(f"a detector's input is batch × 3 × height × width, not {shape}")
        self._rows, self._columns = shape[2], shape[3]

    def detect(self, bgr: Picture) -> list[Detection]:
        """See :class:`~stills.vision.detect.Detector`."""
        return self.detect_batch([bgr])[0]

    def detect_batch(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """See :class:`~stills.vision.detect.Detector`. Raises ``UsageError`` where the sizes differ."""
        if not pictures:
            return []
        check_pictures(pictures)
        return [self._find(picture) for picture in pictures]

    @abstractmethod
    def _blob(self, canvas: Picture) -> Floats:
        """The graph's input (1 × 3 × rows × columns) for a BGR picture of its size."""

    @abstractmethod
    def _decode(self, outputs: Sequence[NDArray[Any]], rows: int, columns: int) -> Found:
        """Proposals of at least the score threshold, in pixels of the input. Raises ``ModelError``."""

    def _find(self, bgr: Picture) -> list[Detection]:
        canvas, (x_scale, y_scale) = self._fit(bgr)
        rows, columns = canvas.shape[:2]
        outputs = list(self._session.run({self._input: self._blob(canvas)}).values())
        boxes, points, scores = self._decode(outputs, rows, columns)
        scale: Floats = np.array([x_scale, y_scale, x_scale, y_scale], np.float32)
        return detections((boxes / scale, points / scale[:2], scores), self._nms_iou)

    def _fit(self, bgr: Picture) -> tuple[Picture, tuple[float, float]]:
        """The picture in the graph's input, and how many pixels of that one of its own is, across and down."""
        height, width = bgr.shape[:2]
        rows = self._rows if self._rows > 0 else -(-height // MULTIPLE) * MULTIPLE
        columns = self._columns if self._columns > 0 else -(-width // MULTIPLE) * MULTIPLE
        if (rows, columns) == (height, width):
            return bgr, (1.0, 1.0)
        fixed = self._rows > 0 or self._columns > 0
        scale = min(rows / height, columns / width) if fixed else 1.0
        across, down = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.full((rows, columns, 3), self.fill, np.uint8)
        canvas[:down, :across] = resized(bgr, across, down) if fixed else bgr
        return canvas, (across / width, down / height)


def cells(rows: int, columns: int, stride: int) -> Floats:
    """Column and row (n × 2) of every cell of a feature map, row by row."""
    y, x = np.mgrid[0 : rows // stride, 0 : columns // stride]
    return np.stack((x.ravel(), y.ravel()), axis=1).astype(np.float32)


def check_proposals(count: int, expected: int, what: str) -> None:
    """Raise ``ModelError`` where a graph's output has not the length that its input's size asks for."""
    if count != expected:
        raise ModelError(f"the graph is no {what}: {count} proposals where {expected} were expected")
