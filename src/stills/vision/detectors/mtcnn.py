"""MTCNN: a cascade of three small networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np

from stills.errors import UsageError
from stills.models.session import Session
from stills.vision.detect import Detection, Floats, Picture, non_maximum_suppression
from stills.vision.detectors.common import Found, check_pictures, check_shares, detections, resized

CELL, STRIDE = 12, 2
"""Side of what the first network sees at once, and the pixels from one look to the next."""

FACTOR = 0.709
"""From one size of the pyramid to the next: about the square root of a half, so each has half the pixels."""

FIRST, SECOND = 0.6, 0.7
"""Least scores of the first two networks: the authors'."""

SAME_SCALE_IOU, SAME_IOU = 0.5, 0.7
"""Overlap from which proposals count as one, within a size of the pyramid and after each network: the authors'."""

BATCH = 64
"""Crops that are run at once: runs of even length keep the runtime from compiling for every number of crops."""

Corners: TypeAlias = Floats
"""Boxes as n × 4: left, top, right, bottom."""


class Mtcnn:
    """MTCNN, with the weights that facenet-pytorch publishes.

    Zhang et al., "Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks", IEEE Signal
    Processing Letters 2016, arXiv:1604.02878.

    The first network looks at every place of a pyramid of sizes; what it proposes is cut out, made square and shown to
    the second (24 × 24) and third one (48 × 48), each of which refines the box; the third gives the points. What a crop
    takes from outside of the picture is black, as in training.
    """

    def __init__(
        self,
        proposal: Session,
        refinement: Session,
        output: Session,
        *,
        score_threshold: float = 0.7,
        nms_iou: float = 0.4,
        smallest: int = 20,
    ) -> None:
        """``score_threshold`` is the third network's least score; of faces over ``nms_iou`` alike the best stays.

        ``smallest`` is the side in pixels of the faces to look for, at least 12. Raises ``UsageError`` for a value out
        of its range.
        """
        check_shares(score_threshold=score_threshold, nms_iou=nms_iou)
        if smallest < CELL:
            raise UsageError(f"MTCNN finds faces from {CELL} pixels on, not {smallest}")
        self._networks = (proposal, refinement, output)
        self._threshold = score_threshold
        self._nms_iou = nms_iou
        self._smallest = smallest

    def detect(self, bgr: Picture) -> list[Detection]:
        """See :class:`~stills.vision.detect.Detector`."""
        return self.detect_batch([bgr])[0]

    def detect_batch(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """See :class:`~stills.vision.detect.Detector`. Raises ``UsageError`` where the sizes differ."""
        if not pictures:
            return []
        check_pictures(pictures)
        return [self._find(picture) for picture in pictures]

    def _find(self, bgr: Picture) -> list[Detection]:
        height, width = bgr.shape[:2]
        parts = [self._propose(bgr, scale) for scale in scales(width, height, self._smallest)]
        if not parts:
            return []
        boxes, scores = (np.concatenate(values) for values in zip(*parts, strict=True))
        kept = _suppress(boxes, scores, SAME_IOU)
        boxes = squared(boxes[kept])
        boxes, scores = self._refine(bgr, boxes)
        return detections(self._finish(bgr, boxes), self._nms_iou)

    def _propose(self, bgr: Picture, scale: float) -> tuple[Corners, Floats]:
        height, width = bgr.shape[:2]
        across, down = int(width * scale) + 1, int(height * scale) + 1
        outputs = self._run(0, normalised([resized(bgr, across, down)]))
        chances, offsets = outputs["scores"][0, 1], outputs["boxes"][0]
        rows, columns = np.nonzero(chances >= FIRST)
        corner = np.stack((columns, rows), axis=1).astype(np.float32) * STRIDE
        # The pyramid's size is whole pixels, so its scale is not quite the one asked for.
        real = np.array([width / across, height / down], np.float32)
        boxes = np.hstack((corner * real, (corner + CELL) * real))
        scores = chances[rows, columns]
        boxes = regressed(boxes, offsets[:, rows, columns].T)
        kept = _suppress(boxes, scores, SAME_SCALE_IOU)
        return boxes[kept], scores[kept]

    def _refine(self, bgr: Picture, boxes: Corners) -> tuple[Corners, Floats]:
        outputs = self._judge(1, bgr, boxes, 24)
        scores = outputs["scores"][:, 1]
        found = np.flatnonzero(scores >= SECOND)
        boxes, scores, offsets = boxes[found], scores[found], outputs["boxes"][found]
        kept = _suppress(boxes, scores, SAME_IOU)
        return squared(regressed(boxes[kept], offsets[kept])), scores[kept]

    def _finish(self, bgr: Picture, boxes: Corners) -> Found:
        outputs = self._judge(2, bgr, boxes, 48)
        scores = outputs["scores"][:, 1]
        found = np.flatnonzero(scores >= self._threshold)
        boxes, scores = boxes[found], scores[found]
        size = boxes[:, 2:] - boxes[:, :2]
        # All x come first, then all y.
        points = outputs["points"][found].reshape(-1, 2, 5).transpose(0, 2, 1)
        points = boxes[:, None, :2] + points * size[:, None]
        boxes = regressed(boxes, outputs["boxes"][found])
        return np.hstack((boxes[:, :2], boxes[:, 2:] - boxes[:, :2])), points, scores

    def _judge(self, network: int, bgr: Picture, boxes: Corners, side: int) -> dict[str, Floats]:
        """What a network says of each box, cut out of the picture and brought to ``side`` pixels."""
        parts = []
        for start in range(0, max(1, len(boxes)), BATCH):
            chosen = boxes[start : start + BATCH]
            blob = np.zeros((BATCH if len(boxes) > BATCH else _padded(len(chosen)), 3, side, side), np.float32)
            if len(chosen):
                blob[: len(chosen)] = normalised([cropped(bgr, box, side) for box in chosen])
            outputs = self._run(network, blob)
            parts.append({name: values[: len(chosen)] for name, values in outputs.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run(self, network: int, blob: Floats) -> dict[str, Floats]:
        session = self._networks[network]
        return session.run({next(iter(session.inputs)): blob})


def scales(width: int, height: int, smallest: int) -> list[float]:
    """Sizes of the pyramid, as shares of the picture: from the one at which ``smallest`` pixels are one look, down."""
    made, scale = [], CELL / smallest
    while min(width, height) * scale >= CELL:
        made.append(scale)
        scale *= FACTOR
    return made


def normalised(pictures: Sequence[Picture]) -> Floats:
    """BGR pictures of one size as the networks see them: RGB, (v − 127.5) / 128, channels first."""
    rgb = np.stack(pictures)[..., ::-1].astype(np.float32)
    return np.ascontiguousarray(((rgb - 127.5) / 128.0).transpose(0, 3, 1, 2))


def regressed(boxes: Corners, offsets: Floats) -> Corners:
    """Boxes whose corners are moved by ``offsets`` (n × 4), in widths and heights of the boxes."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return np.asarray(boxes + offsets * size, np.float32)


def squared(boxes: Corners) -> Corners:
    """The squares of the longer side around the same middles."""
    half = np.max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True, initial=0) / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.hstack((middle - half, middle + half))


def cropped(bgr: Picture, box: Floats, side: int) -> Picture:
    """What lies in a square box, at ``side`` × ``side`` pixels; black outside of the picture."""
    height, width = bgr.shape[:2]
    left, top, right, bottom = (round(float(v)) for v in box)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    inside = bgr[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    before = (max(0, -top), max(0, -left))
    after = (max(0, bottom - max(height, top)), max(0, right - max(width, left)))
    if any(before) or any(after):
        canvas = np.zeros((bottom - top, right - left, 3), np.uint8)
        canvas[before[0] : before[0] + inside.shape[0], before[1] : before[1] + inside.shape[1]] = inside
        inside = canvas
    return np.asarray(cv2.resize(inside, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _suppress(boxes: Corners, scores: Floats, iou: float) -> list[int]:
    return non_maximum_suppression(np.hstack((boxes[:, :2], boxes[:, 2:] - boxes[:, :2])), scores, iou)


def _padded(count: int) -> int:
    """The next power of two: few different numbers of crops."""
    return 1 << max(0, count - 1).bit_length()
