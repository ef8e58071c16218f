"""The mesh lies on the face, and reads it the same way in the mirror, larger, and turned."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_samples import FIVE, mirrored_points, portrait
from stills.errors import UsageError
from stills.models import open_session
from stills.vision import make_landmarker
from stills.vision.landmarks import BLENDSHAPES, eyes_open

MESH_FIVE = [(33, 133), (362, 263), (1,), (61,), (291,)]
"""Points of the mesh whose means are the detector's five."""


@pytest.fixture(scope="module")
def landmarker():
    return make_landmarker(open_session("landmarks", device="cpu"), open_session("blendshapes", device="cpu"))


@pytest.fixture(scope="module")
def mesh(landmarker):
    return landmarker.fit(portrait(), FIVE)


def five_of(mesh):
    return np.array([mesh.points[list(i), :2].mean(axis=0) for i in MESH_FIVE])


def test_lies_on_the_face(mesh):
    assert mesh.points.shape == (478, 3)
    assert mesh.presence > 0.95
    assert np.abs(five_of(mesh) - FIVE).max() < 8
    width = np.ptp(mesh.points[:, 0])
    assert 70 < width < 110


def test_reads_a_smiling_frontal_face_with_open_eyes(mesh):
    assert abs(mesh.yaw) < 10
    assert abs(mesh.roll) < 8
    assert mesh.eyes_open > 0.9
    assert mesh.smile > 0.5
    assert mesh.mouth_open < 0.3
    assert set(mesh.blendshapes) == set(BLENDSHAPES)
    assert all(0 <= v <= 1 for v in mesh.blendshapes.values())


def test_the_mirror_turns_the_signs_of_yaw_and_roll(landmarker, mesh):
    picture = cv2.warpAffine(portrait(), cv2.getRotationMatrix2D((220, 120), -20, 1), (512, 512))  # clockwise
    matrix = cv2.getRotationMatrix2D((220, 120), -20, 1)
    points = FIVE @ matrix[:, :2].T + matrix[:, 2]
    tilted = landmarker.fit(picture, points)
    assert 12 < tilted.roll - mesh.roll < 28
    mirrored = landmarker.fit(np.ascontiguousarray(picture[:, ::-1]), mirrored_points(points, 512))
    assert mirrored.roll == pytest.approx(-tilted.roll, abs=4)
    assert mirrored.yaw == pytest.approx(-tilted.yaw, abs=5)
    assert mirrored.pitch == pytest.approx(tilted.pitch, abs=5)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_pixels_are_those_of_the_picture_given(landmarker, mesh, scale):
    picture = cv2.resize(portrait(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    other = landmarker.fit(picture, FIVE * scale)
    assert np.abs(other.points[:, :2] / scale - mesh.points[:, :2]).mean() < 1.5
    assert other.yaw == pytest.approx(mesh.yaw, abs=4)


def test_no_face_has_no_presence(landmarker):
    noise = np.random.default_rng(4).integers(0, 256, (512, 512, 3), np.uint8)
    assert landmarker.fit(noise, FIVE).presence < 0.5
    assert landmarker.fit(np.zeros_like(noise), FIVE).presence < 0.5


def test_closed_eyes_are_seen(landmarker):
    """Eyes painted over with the skin around them, and a lid line."""
    picture = portrait().copy()
    for x, y in ((200, 101), (247, 102)):
        skin = tuple(int(v) for v in picture[y + 14 : y + 18, x - 4 : x + 4].reshape(-1, 3).mean(axis=0))
        cv2.ellipse(picture, (x, y), (13, 8), 0, 0, 360, skin, -1)
        cv2.ellipse(picture, (x, y), (11, 4), 0, 10, 170, (40, 50, 80), 2)
    assert landmarker.fit(picture, FIVE).eyes_open < 0.5


def test_refuses_what_are_not_five_points(landmarker):
    with pytest.raises(UsageError, match="5 × 2"):
        landmarker.fit(portrait(), FIVE[:4])


blinks = st.floats(0, 1)


@given(blinks, blinks, st.floats(-90, 90))
def test_eyes_open_is_a_share_and_falls_with_each_blink(left, right, yaw):
    value = eyes_open({"eyeBlinkLeft": left, "eyeBlinkRight": right}, yaw)
    assert 0 <= value <= 1
    assert eyes_open({"eyeBlinkLeft": min(1, left + 0.1), "eyeBlinkRight": right}, yaw) <= value
    assert eyes_open({"eyeBlinkLeft": left, "eyeBlinkRight": min(1, right + 0.1)}, yaw) <= value
    assert eyes_open({"eyeBlinkLeft": right, "eyeBlinkRight": left}, -yaw) == pytest.approx(value)


def test_the_far_eye_of_a_turned_head_does_not_count():
    shut_left = {"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.0}
    assert eyes_open(shut_left, 0) == 0
    assert eyes_open(shut_left, 50) == 1  # turned to the left: the left eye is the far one
    assert eyes_open(shut_left, -50) == 0
