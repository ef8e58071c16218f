"""Finding faces: the detector family's Protocol, and YuNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.models.session import Session
from stills.types import Box

Floats: TypeAlias = NDArray[np.float32]
Picture: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face in a picture, in pixels of that picture.

    ``box`` may reach beyond the picture where the face does. ``landmarks`` is 5 × 2: the person's right eye, left eye,
    nose tip, right and left corner of the mouth ("right" is the person's, so it lies left in the picture). ``score`` is
    in 0…1.
    """

    box: Box
    landmarks: Floats
    score: float


class Detector(Protocol):
    """Finds faces. Pictures are BGR, 0…255, height × width × 3, of any size from 1 × 1."""

    def detect(self, bgr: Picture) -> list[Detection]:
        """The faces of one picture, best score first. Raises ``ModelError`` where the runtime fails."""

    def detect_batch(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """As :meth:`detect`, for pictures of one size; the results are the same."""


class YuNet:
    """YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023) as OpenCV Zoo publishes it.

    Decoding follows OpenCV's ``FaceDetectorYN``: three strides, one anchor-free prediction a cell. It sees the picture
    as it is, padded to multiples of 32 at the right and the bottom; faces from about 10 pixels on are found, those over
    some 300 pixels less surely, so give it pictures of 320 to 1280 pixels.
    """

    strides = (8, 16, 32)

    def __init__(self, session: Session, *, score_threshold: float = 0.6, nms_iou: float = 0.3) -> None:
        """``score_threshold`` is the least score of a face; of faces that overlap by over ``nms_iou`` the best stays.

        Raises ``UsageError`` where a threshold is not inside 0…1.
        """
        for name, value in (("score_threshold", score_threshold), ("nms_iou", nms_iou)):
            if not 0.0 < value < 1.0:
                raise UsageError(f"{name} must be between 0 and 1, not {value}")
        self._session = session
        self._input = next(iter(session.inputs))
        self._threshold = score_threshold
        self._nms_iou = nms_iou
        self._blob: Floats = np.empty(0, np.float32)
        self._shape = (0, 0, 0)  # pictures, height, width that the blob was made for
        self._cells: list[tuple[int, Floats]] = []

    def detect(self, bgr: Picture) -> list[Detection]:
        """See :class:`Detector`."""
        return self.detect_batch([bgr])[0]

    def detect_batch(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """See :class:`Detector`. Raises ``UsageError`` where the sizes differ."""
        if not pictures:
            return []
        height, width = pictures[0].shape[:2]
        if any(p.shape != (height, width, 3) for p in pictures) or not height or not width:
            raise UsageError(f"a batch holds BGR pictures of one size, not {sorted({p.shape for p in pictures})}")
        self._fit(len(pictures), height, width)
        for plane, picture in zip(self._blob, pictures, strict=True):
            for channel in range(3):
                plane[channel, :height, :width] = picture[..., channel]
        outputs = self._session.run({self._input: self._blob})
        return [self._decode(outputs, i) for i in range(len(pictures))]

    def _fit(self, count: int, height: int, width: int) -> None:
        """Have a zeroed input for this size; pictures of a video are all alike, so it is kept."""
        if (count, height, width) == self._shape:
            return
        rows, columns = -(-height // 32) * 32, -(-width // 32) * 32
        self._blob = np.zeros((count, 3, rows, columns), np.float32)
        self._shape = (count, height, width)
        self._cells = []
        for stride in self.strides:
            y, x = np.mgrid[0 : rows // stride, 0 : columns // stride]
            self._cells.append((stride, np.stack((x.ravel(), y.ravel()), axis=1).astype(np.float32)))

    def _decode(self, outputs: dict[str, NDArray[Any]], i: int) -> list[Detection]:
        boxes, points, scores = [], [], []
        for stride, cells in self._cells:
            product = np.clip(outputs[f"cls_{stride}"][i, :, 0], 0, 1) * np.clip(
                outputs[f"obj_{stride}"][i, :, 0], 0, 1
            )
            found = np.flatnonzero(product >= self._threshold**2)
            if not found.size:
                continue
            box, cell = outputs[f"bbox_{stride}"][i, found], cells[found]
            size = np.exp(box[:, 2:]) * stride
            boxes.append(np.hstack(((cell + box[:, :2]) * stride - size / 2, size)))
            points.append((outputs[f"kps_{stride}"][i, found].reshape(-1, 5, 2) + cell[:, None]) * stride)
            scores.append(np.sqrt(product[found]))
        if not boxes:
            return []
        all_boxes, all_points, all_scores = np.concatenate(boxes), np.concatenate(points), np.concatenate(scores)
        return [
            Detection(_as_box(all_boxes[k]), np.asarray(all_points[k], np.float32), float(all_scores[k]))
            for k in non_maximum_suppression(all_boxes, all_scores, self._nms_iou)
        ]


def non_maximum_suppression(boxes: NDArray[Any], scores: NDArray[Any], iou: float) -> list[int]:
    """Indices of the boxes (n × 4, xywh) to keep, best first: none overlaps a better one by more than ``iou``.

    Greedy, as usual; equal scores keep their order, so the result does not depend on the sorting algorithm.
    """
    order = np.argsort(-scores, kind="stable")
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    area = boxes[:, 2] * boxes[:, 3]
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        order = rest[shared <= iou * (area[best] + area[rest] - shared)]
    return kept


def _as_box(values: NDArray[Any]) -> Box:
    x, y, width, height = (float(v) for v in values)
    return x, y, width, height
