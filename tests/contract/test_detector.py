"""What every detector has to do; a new one is a line in ``DETECTORS`` and, without weights to fetch, a stand-in.

Detectors whose weights come with a published wheel run on them and look at a portrait; the others run on graphs of the
same inputs and outputs that the tests make (``detector_samples``), for which a red square is a face.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from detector_samples import BOX, POINTS, STAND_INS, grey, made_detector, with_red
from face_samples import FIVE, mirrored_points, portrait
from stills.errors import UsageError
from stills.models import open_session
from stills.models.catalog import WheelMirror, find
from stills.vision import DETECTORS, make_detector, stack_of
from stills.vision.detect import Detection, non_maximum_suppression

REAL = [name for name in DETECTORS if name not in STAND_INS]

TOLERANCE = {"yunet": 6, "mtcnn": 8, "blazeface": 8}
"""Pixels that the points may be off: a face of 90, marked by hand; BlazeFace does not know the corners of the mouth."""

CELL = 8
"""Pixels that a stand-in's points may be off: it sees cells."""


@dataclass(frozen=True)
class World:
    """What is a face to a detector: a picture of one, of two, and the points of the first."""

    one: Callable[[], np.ndarray]
    two: Callable[[], np.ndarray]
    points: np.ndarray
    tolerance: float


PORTRAITS = {
    name: World(portrait, lambda: np.hstack([portrait(), portrait()[:, ::-1]]), FIVE, TOLERANCE[name]) for name in REAL
}
SQUARES = World(
    lambda: with_red(grey(), 52, 44, side=16),
    lambda: with_red(with_red(grey(), 32, 32, side=16, strength=230), 104, 56, side=16),
    np.add(POINTS, (52, 44)),
    CELL,
)


def world(name: str) -> World:
    return PORTRAITS.get(name, SQUARES)


@pytest.fixture(params=DETECTORS, scope="module")
def named(request, tmp_path_factory):
    return request.param, made_detector(request.param, tmp_path_factory.mktemp("graphs"))


@pytest.fixture(params=REAL, scope="module")
def real(request, tmp_path_factory):
    return request.param, made_detector(request.param, tmp_path_factory.mktemp("graphs"))


def only(found: list[Detection]) -> Detection:
    assert len(found) == 1
    return found[0]


def test_stand_ins_are_only_for_weights_without_a_wheel():
    for name, stack in DETECTORS.items():
        wheels = all(isinstance(find(model).mirrors[0], WheelMirror) for model in stack.models)
        assert wheels == (name not in STAND_INS)


def test_finds_the_face_and_its_points(named):
    name, detector = named
    face = only(detector.detect(world(name).one()))
    assert 0.6 < face.score <= 1.0
    assert face.landmarks.shape == (5, 2)
    assert face.landmarks.dtype == np.float32
    assert np.abs(face.landmarks - world(name).points).max() < world(name).tolerance
    x, y, width, height = face.box
    assert np.all((face.landmarks >= (x, y)) & (face.landmarks <= (x + width, y + height)))
    assert all(type(v) is float for v in (*face.box, face.score))


def test_a_face_is_where_the_stand_in_says(tmp_path):
    for name in STAND_INS:
        face = only(made_detector(name, tmp_path).detect(with_red(grey(), 48, 40)))
        np.testing.assert_allclose(face.box, np.add(BOX, [48, 40, 0, 0]), atol=1e-2, err_msg=name)
        np.testing.assert_allclose(face.landmarks, np.add(POINTS, (48, 40)), atol=1e-2, err_msg=name)


def test_points_are_the_persons_right_and_left(real):
    name, detector = real
    width = portrait().shape[1]
    face = only(detector.detect(np.ascontiguousarray(portrait()[:, ::-1])))
    assert np.abs(face.landmarks - mirrored_points(FIVE, width)).max() < TOLERANCE[name]


@pytest.mark.parametrize("scale", [0.3, 0.6, 1.7])
def test_pixels_are_those_of_the_picture_given(real, scale):
    face = only(real[1].detect(cv2.resize(portrait(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))
    assert np.abs(face.landmarks / scale - FIVE).max() < 10


@pytest.mark.parametrize(("left", "top"), [(0, 0), (17, 5), (31, 63)])
def test_moves_with_the_picture(real, left, top):
    name, detector = real
    moved = cv2.copyMakeBorder(portrait(), top, 3, left, 1, cv2.BORDER_REPLICATE)
    face = only(detector.detect(moved))
    assert np.abs(face.landmarks - [left, top] - FIVE).max() < TOLERANCE[name]


def test_two_people_are_two(named):
    name, detector = named
    found = detector.detect(world(name).two())
    assert len(found) == 2
    assert found[0].score >= found[1].score


def test_the_surer_face_comes_first(tmp_path):
    for name in STAND_INS:
        found = made_detector(name, tmp_path).detect(SQUARES.two())
        assert found[0].score > found[1].score + 0.02, name
        assert found[0].landmarks[0, 0] > found[1].landmarks[0, 0], name


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (33, 31), (900, 3)])
def test_small_pictures_are_fine(named, size):
    assert named[1].detect(np.full((*size, 3), 127, np.uint8)) == []


def test_finds_nobody_in_nothing(named):
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    for picture in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        assert named[1].detect(picture) == []


def test_sizes_may_alternate(named):
    name, detector = named
    large = world(name).one()
    small = np.ascontiguousarray(large[: large.shape[0] * 3 // 4, : large.shape[1] * 3 // 4])
    once = [only(detector.detect(p)).landmarks for p in (large, small)]
    again = [only(detector.detect(p)).landmarks for p in (large, small)]
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])


def test_the_picture_is_left_as_it_was(named):
    name, detector = named
    picture = world(name).one().copy()
    before = picture.copy()
    detector.detect(picture)
    np.testing.assert_array_equal(picture, before)


def test_a_batch_gives_what_single_pictures_give(named):
    name, detector = named
    one = world(name).one()
    pictures = [one, np.ascontiguousarray(one[:, ::-1]), np.zeros_like(one)]
    together = detector.detect_batch(pictures)
    assert len(together) == len(pictures)
    for found, picture in zip(together, pictures, strict=True):
        alone = detector.detect(picture)
        assert len(found) == len(alone)
        for face, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(face.box, other.box, atol=1.0)
    assert detector.detect_batch([]) == []


def test_refuses_what_is_no_picture(named):
    detector = named[1]
    for wrong in (np.zeros((10, 10), np.uint8), np.zeros((0, 10, 3), np.uint8), np.zeros((10, 10, 4), np.uint8)):
        with pytest.raises(UsageError):
            detector.detect(wrong)
    with pytest.raises(UsageError, match="one size"):
        detector.detect_batch([np.zeros((10, 10, 3), np.uint8), np.zeros((10, 20, 3), np.uint8)])


@pytest.mark.parametrize("name", DETECTORS)
def test_a_higher_threshold_leaves_fewer(name, tmp_path):
    assert made_detector(name, tmp_path, score_threshold=0.99999).detect(world(name).one()) == []
    for wrong in (1.5, 0.0, -1.0):
        with pytest.raises(UsageError, match="score_threshold"):
            made_detector(name, tmp_path, score_threshold=wrong)


def test_unknown_detectors_are_refused():
    with pytest.raises(UsageError, match="known: yunet, blazeface"):
        make_detector("haar", open_session("yunet", device="cpu"))
    with pytest.raises(UsageError, match="known"):
        stack_of("detector", "YuNet")


def test_overlapping_boxes_give_way_to_the_best():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [30, 0, 10, 10], [0, 0, 10, 5]], float)
    assert non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.7, 0.6]), 0.3) == [1, 2]
    assert non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.7, 0.6]), 0.9) == [1, 0, 2, 3]
    assert non_maximum_suppression(np.empty((0, 4)), np.empty(0), 0.3) == []
