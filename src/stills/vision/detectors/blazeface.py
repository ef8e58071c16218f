"""BlazeFace, the short-range detector inside MediaPipe's Face Landmarker."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError
from stills.models.session import Session
from stills.vision.align import TEMPLATE_112
from stills.vision.detect import Detection, Floats, Picture
from stills.vision.detectors.common import (
    NOTHING,
    Found,
    check_pictures,
    check_shares,
    detections,
    joined,
    resized,
    sigmoid,
)

SIDE = 128
"""Side of the graph's input, in pixels."""

LAYERS = ((8, 2), (16, 6))
"""Stride, and anchors a cell: MediaPipe's options (strides 8, 16, 16, 16; two anchors each) merge the equal strides."""

BLEND_IOU = 0.3
"""Overlap from which proposals in one view are of one face and are averaged: MediaPipe's ``min_suppression``."""

MOUTH_HALF = float((TEMPLATE_112[4, 0] - TEMPLATE_112[3, 0]) / 2 / (TEMPLATE_112[1, 0] - TEMPLATE_112[0, 0]))
"""Half the width of a mouth in distances of the eyes, of the mean face that faces are aligned to: 0.41."""

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = range(4)
"""The key points that are used; two more are the ears."""

VIEW_OVERLAP = 0.5
"""Share that neighbouring views have in common: a face of up to half a view lies wholly in one of them."""


class BlazeFace:
    """BlazeFace, short range: made for selfies, it finds faces that fill a sixth or more of its 128 × 128 input.

    Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019, arXiv:1907.05047; as
    MediaPipe publishes and decodes it. So that it finds smaller ones, it looks at the whole picture and at square views
    of a half, a quarter … of the longer side, half overlapping, down to views in which a face of ``smallest`` pixels is
    about a sixth. What a view's inner edge cuts is left to the next view.

    It knows the middle of the mouth only. The corners given are derived: from there, along the line of the eyes, as far
    as in the mean face. A wide smile or an open mouth does not move them.
    """

    def __init__(
        self, session: Session, *, score_threshold: float = 0.7, nms_iou: float = 0.3, smallest: int = 40
    ) -> None:
        """``score_threshold`` is the least score of a face; of faces that overlap by over ``nms_iou`` the best stays.

        MediaPipe takes 0.5, for one view; 35 views of a frame find more that is no face.

        ``smallest`` is the side in pixels of the faces to look for: half of it takes four times as long. Raises
        ``UsageError`` where a threshold is not inside 0…1, ``ModelError`` for another graph.
        """
        check_shares(score_threshold=score_threshold, nms_iou=nms_iou)
        self._session = session
        self._threshold = score_threshold
        self._nms_iou = nms_iou
        self._least_view = smallest * 6
        self._input, shape = next(iter(session.inputs.items()))
        if tuple(shape[1:]) != (SIDE, SIDE, 3):
            raise ModelError(f"the graph is no BlazeFace (short range): its input is {shape}")

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
        parts = [NOTHING]
        for left, top, side in views(width, height, self._least_view):
            boxes, points, scores = self._look(bgr, left, top, side)
            # A face that the view cuts is seen whole in the next one.
            ends = boxes[:, :2] + boxes[:, 2:]
            whole = ((boxes[:, 0] >= left) | (left <= 0)) & ((boxes[:, 1] >= top) | (top <= 0))
            whole &= ((ends[:, 0] <= left + side) | (left + side >= width)) & (
                (ends[:, 1] <= top + side) | (top + side >= height)
            )
            parts.append((boxes[whole], points[whole], scores[whole]))
        return detections(joined(parts), self._nms_iou)

    def _look(self, bgr: Picture, left: int, top: int, side: int) -> Found:
        """The faces of one square view, in pixels of the picture."""
        part = bgr[top : top + side, left : left + side]
        square = np.zeros((side, side, 3), np.uint8)
        square[: part.shape[0], : part.shape[1]] = part
        small = resized(square, SIDE, SIDE)
        blob = small[None, ..., ::-1].astype(np.float32) / 127.5 - 1.0
        outputs = list(self._session.run({self._input: np.ascontiguousarray(blob)}).values())
        boxes, keys, scores = blended(*decode(outputs, self._threshold), BLEND_IOU)
        scale, corner = side / SIDE, np.array([left, top], np.float32)
        boxes = boxes * scale
        boxes[:, :2] += corner
        return boxes, five_points(keys) * scale + corner, scores


def views(width: int, height: int, least: int) -> Iterator[tuple[int, int, int]]:
    """Left, top and side of the squares to look at: all of the picture first, then each time half the side.

    As often as brings the side nearest to ``least``, in the sense of ratios.
    """
    longer = max(width, height)
    yield 0, 0, longer
    for halvings in range(1, round(math.log2(max(longer / least, 1))) + 1):
        side = -(-longer // 2**halvings)
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield left, top, side


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin that cover ``length``, even steps of at most ``1 − VIEW_OVERLAP`` sides apart."""
    room = max(0, length - side)
    steps = -int(-room // (side * (1 - VIEW_OVERLAP)))
    return [round(room * i / steps) for i in range(steps + 1)] if steps else [0]


@cache
def anchors() -> Floats:
    """Middle (896 × 2, in shares of the input) of every anchor: MediaPipe's SsdAnchorsCalculator, sizes fixed to 1."""
    made = []
    for stride, count in LAYERS:
        y, x = np.mgrid[0 : SIDE // stride, 0 : SIDE // stride]
        middle = (np.stack((x.ravel(), y.ravel()), axis=1) + 0.5) * stride / SIDE
        made.append(np.repeat(middle, count, axis=0))
    values = np.concatenate(made).astype(np.float32)
    values.setflags(write=False)
    return values


def decode(outputs: Sequence[NDArray[Any]], threshold: float) -> tuple[Floats, Floats, Floats]:
    """Boxes (n × 4, xywh), six key points (n × 6 × 2) and scores of the proposals, in pixels of the input.

    Offsets are pixels from an anchor's middle; a score is a logit. Raises ``ModelError`` for another graph's outputs.
    """
    by_size = {o.shape[-1]: np.asarray(o, np.float32).reshape(-1, o.shape[-1]) for o in outputs if o.ndim}
    if set(by_size) != {16, 1} or any(len(o) != len(anchors()) for o in by_size.values()):
        raise ModelError(f"the graph is no BlazeFace: its outputs have the shapes {[o.shape for o in outputs]}")
    scores = sigmoid(by_size[1][:, 0])
    found = np.flatnonzero(scores >= threshold)
    middle, raw = anchors()[found] * SIDE, by_size[16][found]
    boxes = np.asarray(np.hstack((middle + raw[:, :2] - raw[:, 2:4] / 2, raw[:, 2:4])), np.float32)
    keys = np.asarray(middle[:, None] + raw[:, 4:].reshape(-1, 6, 2), np.float32)
    return boxes, keys, scores[found].astype(np.float32)


def blended(boxes: Floats, keys: Floats, scores: Floats, iou: float) -> tuple[Floats, Floats, Floats]:
    """Proposals of one face averaged by their scores: MediaPipe's weighted non-maximum suppression. Best first."""
    ends = boxes[:, :2] + boxes[:, 2:]
    area = np.prod(np.maximum(boxes[:, 2:], 0), axis=1)
    order = np.argsort(-scores, kind="stable")
    kept: list[tuple[NDArray[Any], NDArray[Any], float]] = []
    while order.size:
        best = order[0]
        size = np.minimum(ends[best], ends[order]) - np.maximum(boxes[best, :2], boxes[order, :2])
        shared = np.prod(np.maximum(size, 0), axis=1)
        same = shared > iou * (area[best] + area[order] - shared)
        same[0] = True  # also a box without area
        group = order[same]
        kept.append((
            np.average(boxes[group], axis=0, weights=scores[group]),
            np.average(keys[group], axis=0, weights=scores[group]),
            float(scores[best]),
        ))  # fmt: skip
        order = order[~same]
    if not kept:
        return boxes, keys, scores
    all_boxes, all_keys, all_scores = (np.array(values, np.float32) for values in zip(*kept, strict=True))
    return all_boxes, all_keys, all_scores


def five_points(keys: Floats) -> Floats:
    """The five points (n × 5 × 2) from BlazeFace's six; the corners of the mouth are derived (see the class)."""
    eyes = keys[:, LEFT_EYE] - keys[:, RIGHT_EYE]
    corners = (keys[:, MOUTH] - eyes * MOUTH_HALF, keys[:, MOUTH] + eyes * MOUTH_HALF)
    points = (keys[:, RIGHT_EYE], keys[:, LEFT_EYE], keys[:, NOSE], *corners)
    return np.stack(points, axis=1).astype(np.float32)
