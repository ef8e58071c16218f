"""What every detector has to do; a new one is a line in ``MAKERS``."""

import cv2
import numpy as np
import pytest

from face_samples import FIVE, mirrored_points, portrait
from stills.errors import UsageError
from stills.models import open_session
from stills.vision import DETECTORS, make_detector
from stills.vision.detect import Detection, non_maximum_suppression

SESSIONS = {"yunet": "yunet"}


def test_every_detector_is_tested_here():
    assert set(SESSIONS) == set(DETECTORS)


@pytest.fixture(params=SESSIONS, scope="module")
def detector(request):
    return make_detector(request.param, open_session(SESSIONS[request.param], device="cpu"))


def only(found: list[Detection]) -> Detection:
    assert len(found) == 1
    return found[0]


def test_finds_the_face_and_its_points(detector):
    face = only(detector.detect(portrait()))
    assert 0.6 < face.score <= 1.0
    assert face.landmarks.shape == (5, 2)
    assert face.landmarks.dtype == np.float32
    assert np.abs(face.landmarks - FIVE).max() < 6
    x, y, width, height = face.box
    assert np.all((face.landmarks >= (x, y)) & (face.landmarks <= (x + width, y + height)))
    assert all(type(v) is float for v in (*face.box, face.score))


def test_points_are_the_persons_right_and_left(detector):
    width = portrait().shape[1]
    face = only(detector.detect(np.ascontiguousarray(portrait()[:, ::-1])))
    assert np.abs(face.landmarks - mirrored_points(FIVE, width)).max() < 6


@pytest.mark.parametrize("scale", [0.3, 0.6, 1.7])
def test_pixels_are_those_of_the_picture_given(detector, scale):
    face = only(detector.detect(cv2.resize(portrait(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))
    assert np.abs(face.landmarks / scale - FIVE).max() < 10


@pytest.mark.parametrize(("left", "top"), [(0, 0), (17, 5), (31, 63)])
def test_moves_with_the_picture(detector, left, top):
    moved = cv2.copyMakeBorder(portrait(), top, 3, left, 1, cv2.BORDER_REPLICATE)
    face = only(detector.detect(moved))
    assert np.abs(face.landmarks - [left, top] - FIVE).max() < 6


def test_two_people_are_two(detector):
    found = detector.detect(np.hstack([portrait(), portrait()[:, ::-1]]))
    assert len(found) == 2
    assert found[0].score >= found[1].score


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (33, 31)])
def test_small_pictures_are_fine(detector, size):
    assert detector.detect(np.full((*size, 3), 127, np.uint8)) == []


def test_finds_nobody_in_nothing(detector):
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
    for picture in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        assert detector.detect(picture) == []


def test_sizes_may_alternate(detector):
    small = cv2.resize(portrait(), (256, 256), interpolation=cv2.INTER_AREA)
    once = [only(detector.detect(p)).landmarks for p in (portrait(), small)]
    again = [only(detector.detect(p)).landmarks for p in (portrait(), small)]
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])


def test_a_batch_gives_what_single_pictures_give(detector):
    pictures = [portrait(), np.ascontiguousarray(portrait()[:, ::-1]), np.zeros_like(portrait())]
    for together, picture in zip(detector.detect_batch(pictures), pictures, strict=True):
        alone = detector.detect(picture)
        assert len(together) == len(alone)
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=1.0)
    assert detector.detect_batch([]) == []


def test_refuses_what_is_no_picture(detector):
    for wrong in (np.zeros((10, 10), np.uint8), np.zeros((0, 10, 3), np.uint8), np.zeros((10, 10, 4), np.uint8)):
        with pytest.raises(UsageError):
            detector.detect(wrong)
    with pytest.raises(UsageError, match="one size"):
        detector.detect_batch([np.zeros((10, 10, 3), np.uint8), np.zeros((10, 20, 3), np.uint8)])


def test_a_higher_threshold_leaves_fewer():
    session = open_session("yunet", device="cpu")
    assert make_detector("yunet", session, score_threshold=0.999).detect(portrait()) == []
    with pytest.raises(UsageError, match="score_threshold"):
        make_detector("yunet", session, score_threshold=1.5)


def test_unknown_detectors_are_refused():
    with pytest.raises(UsageError, match="known: yunet"):
        make_detector("scrfd", open_session("yunet", device="cpu"))


def test_overlapping_boxes_give_way_to_the_best():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [30, 0, 10, 10], [0, 0, 10, 5]], float)
    assert non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.7, 0.6]), 0.3) == [1, 2]
    assert non_maximum_suppression(boxes, np.array([0.8, 0.9, 0.7, 0.6]), 0.9) == [1, 0, 2, 3]
    assert non_maximum_suppression(np.empty((0, 4)), np.empty(0), 0.3) == []
