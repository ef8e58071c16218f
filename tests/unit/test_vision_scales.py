"""Faces of any size in one picture: what the scales are, what is one face, and that none is lost between them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_samples import FIVE
from picture_samples import crowd, face_box, overlap, woman
from stills.models import open_session
from stills.vision import make_detector
from stills.vision.detect import Detection, Detector, Picture
from stills.vision.scales import (
    COARSEST,
    LEAST_SIDE,
    TILE,
    detect_at_scales,
    level_sizes,
    merge_detections,
    second_look,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def yunet() -> Detector:
    return make_detector("yunet", open_session("yunet", device="cpu"))


def boxes(detector: Detector, rgb: np.ndarray) -> list[tuple[float, ...]]:
    return [d.box for d in detect_at_scales(detector, np.ascontiguousarray(rgb[..., ::-1]))]


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_sizes_go_from_all_there_is_to_a_glance(width: int, height: int) -> None:
    sizes = level_sizes(width, height)
    assert max(sizes[0]) == max(LEAST_SIDE, width, height)
    assert max(sizes[-1]) <= COARSEST
    assert max(sizes[-1]) > COARSEST // 2 - 1
    for (w, h), (w2, h2) in itertools.pairwise(sizes):
        assert abs(w - 2 * w2) <= 2 or w2 == 1
        assert abs(h - 2 * h2) <= 2 or h2 == 1


def test_faces_of_all_sizes_are_found_once(yunet: Detector) -> None:
    """In a poster of 12 megapixels, faces from 17 to 1,550 pixels wide."""
    places = {(200, 300): 17.5, (2350, 250): 4.0, (2300, 1700): 1.5, (60, 60): 0.2, (2830, 3900): 0.25, (40, 3700): 0.6}
    found = boxes(yunet, crowd(3000, 4100, places))
    assert len(found) == len(places)
    for (x, y), scale in places.items():
        assert max(overlap(box, face_box(x, y, scale)) for box in found) > 0.5, scale


def test_a_face_on_the_border_of_tiles_is_found_once(yunet: Detector) -> None:
    for x in (860, 930, 1000):
        assert len(boxes(yunet, crowd(2000, 1400, {(x, 850): 0.7}))) == 1


@pytest.mark.parametrize("side", [32, 48, 100, 200])
def test_tiny_and_closely_cut_pictures_are_enough(yunet: Detector, side: int) -> None:
    import cv2

    face = cv2.resize(woman()[66:172, 172:266], (side, side), interpolation=cv2.INTER_AREA)
    found = boxes(yunet, face)
    assert len(found) == 1
    assert overlap(found[0], (0.05 * side, 0, 0.9 * side, side)) > 0.6


def test_a_face_that_fills_a_large_picture_is_found(yunet: Detector) -> None:
    import cv2

    assert len(boxes(yunet, cv2.resize(woman()[60:180, 165:275], (3300, 3600), interpolation=cv2.INTER_CUBIC))) == 1


def test_nobody_is_found_where_nobody_is(yunet: Detector) -> None:
    rng = np.random.default_rng(0)
    assert boxes(yunet, np.full((900, 1400, 3), 90, np.uint8)) == []
    assert boxes(yunet, rng.integers(0, 255, (300, 500, 3), np.uint8)) == []
    assert boxes(yunet, np.zeros((1, 1, 3), np.uint8)) == []


def detection(*values: float) -> Detection:
    """Of x, y, width, height and score."""
    x, y, w, h, score = values
    return Detection((x, y, w, h), np.zeros((5, 2), np.float32), score)


def test_of_what_is_one_face_the_surest_stays() -> None:
    best, shifted = detection(100, 100, 200, 240, 0.9), detection(110, 110, 200, 240, 0.7)
    inside, beside = detection(150, 150, 60, 60, 0.88), detection(400, 100, 200, 240, 0.65)
    assert merge_detections([inside, shifted, beside, best]) == [best, beside]


def test_a_face_in_front_of_another_stays() -> None:
    """Posters put the supporting cast before the lead's chin: half of a box in another is no reason."""
    lead, small = detection(100, 100, 800, 1000, 0.9), detection(300, 1050, 90, 110, 0.9)
    assert merge_detections([lead, small]) == [lead, small]


@pytest.mark.parametrize("scale", [0.35, 1.0, 5.0])
@pytest.mark.parametrize("at", [(200, 300), (-60, -20), (250, -15)])
def test_a_second_look_puts_the_points_where_they_are(yunet: Detector, scale: float, at: tuple[int, int]) -> None:
    """Also where the picture cuts off what is around the face."""
    x, y = (round(v * scale) for v in at)
    canvas = np.zeros((round(700 * scale), round(700 * scale), 3), np.uint8)
    head = woman(scale)[: round(230 * scale), round(110 * scale) : round(330 * scale)]
    part = head[max(0, -y) :, max(0, -x) :]
    canvas[max(0, y) : max(0, y) + part.shape[0], max(0, x) : max(0, x) + part.shape[1]] = part
    bx, by, bw, bh = face_box(x, y, scale)
    rough = Detection((bx - 0.1 * bw, by + 0.05 * bh, bw * 1.1, bh * 0.9), np.zeros((5, 2), np.float32), 0.61)
    face = second_look(yunet, np.ascontiguousarray(canvas[..., ::-1]), rough)
    points = (FIVE - [110, 0]) * scale + [x, y]
    assert np.abs(face.landmarks - points).max() < 0.07 * bw
    assert face.score > 0.8
    assert overlap(face.box, (bx, by, bw, bh)) > 0.6


def test_a_second_look_that_finds_nothing_changes_nothing(yunet: Detector) -> None:
    for box in ((10.0, 10.0, 50.0, 60.0), (900.0, 900.0, 50.0, 60.0), (-90.0, -90.0, 40.0, 40.0),
                (5.0, 5.0, 0.0, 9.0), (5.0, 5.0, 1.0, 90.0)):  # fmt: skip
        rough = Detection(box, np.ones((5, 2), np.float32), 0.7)
        assert second_look(yunet, np.full((200, 300, 3), 70, np.uint8), rough) is rough


class OnlySquares:
    """A detector that finds white squares wholly inside of what it is shown, and what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def detect(self, bgr: Picture) -> list[Detection]:
        self.seen.append(bgr.shape)
        ys, xs = np.nonzero(bgr[..., 0] > 200)
        if not len(ys):
            return []
        box = (float(xs.min()), float(ys.min()), float(np.ptp(xs) + 1), float(np.ptp(ys) + 1))
        points = np.array([[box[0], box[1]]] * 5, np.float32)
        return [Detection(box, points, 0.9)]

    def detect_batch(self, pictures: list[Picture]) -> list[list[Detection]]:
        return [self.detect(p) for p in pictures]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2600), st.integers(0, 1900), st.integers(24, 90))
def test_what_is_smaller_than_the_overlap_lies_whole_in_some_tile(x: int, y: int, side: int) -> None:
    bgr = np.zeros((2000, 2700, 3), np.uint8)
    bgr[y : y + side, x : x + side] = 255
    detector = OnlySquares()
    calls: list[int] = []
    found = detect_at_scales(detector, bgr, on_tile=lambda: calls.append(1))
    inside = (x, y, min(side, 2700 - x), min(side, 2000 - y))
    assert len(found) == 1
    assert overlap(found[0].box, inside) > 0.5
    assert np.allclose(found[0].landmarks[0], found[0].box[:2], atol=0.01)
    assert max(max(shape) for shape in detector.seen) <= TILE
    assert len(calls) == len(detector.seen)
