"""Quality: one number with its parts, that only ever rises with each of them."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_samples import FIVE, portrait
from stills.types import Pose
from stills.vision.align import align_face
from stills.vision.exposure import exposure
from stills.vision.quality import (
    FLOOR,
    WEIGHTS,
    combine,
    detector_part,
    face_quality,
    pose_part,
    quick_quality,
    size_part,
    visible_part,
)

CHIP = align_face(portrait(), FIVE)
GRAY = cv2.cvtColor(CHIP, cv2.COLOR_BGR2GRAY)
BOX = (178.0, 62.0, 90.0, 114.0)
FRAME = (512, 512)
share = st.floats(0, 1)
all_parts = st.fixed_dictionaries(dict.fromkeys(WEIGHTS, share))


def quick(**changed):
    given = {"box": BOX, "landmarks": FIVE, "score": 0.93, "chip": CHIP, "frame_size": FRAME}
    return quick_quality(**{**given, **changed})


def mesh(**changed):
    good = {"presence": 1.0, "yaw": 0.0, "pitch": 0.0, "roll": 0.0, "eyes_open": 1.0}
    return SimpleNamespace(**{**good, **changed})


def test_weights_add_up_to_one():
    assert sum(WEIGHTS.values()) == pytest.approx(1)


@given(all_parts)
def test_value_is_a_share_between_the_parts(parts):
    quality = combine(parts)
    floored = [max(FLOOR, v) for v in parts.values()]
    assert min(floored) - 1e-9 <= quality.value <= max(floored) + 1e-9
    assert dict(quality.parts) == parts


@given(all_parts, st.sampled_from(sorted(WEIGHTS)), share)
def test_value_never_falls_when_a_part_rises(parts, name, higher):
    raised = {**parts, name: max(parts[name], higher)}
    assert combine(raised).value >= combine(parts).value - 1e-12
    if raised[name] > max(parts[name], FLOOR) + 1e-6:
        assert combine(raised).value > combine(parts).value


@given(all_parts, st.sampled_from(sorted(WEIGHTS)))
def test_what_is_not_measured_counts_as_one(parts, name):
    without = {k: v for k, v in parts.items() if k != name}
    assert combine(without).value == pytest.approx(combine({**parts, name: 1.0}).value)


def test_a_good_face_is_good_and_has_every_quick_part():
    quality = quick()
    assert quality.value > 0.6
    assert list(quality.parts) == [name for name in WEIGHTS if name != "eyes"]
    assert all(0 <= v <= 1 for v in quality.parts.values())


@pytest.mark.parametrize(
    "worse",
    [
        {"box": (178.0, 62.0, 45.0, 57.0)},
        {"box": (-30.0, 62.0, 90.0, 114.0)},
        {"chip": cv2.GaussianBlur(CHIP, (0, 0), 2)},
        {"chip": cv2.convertScaleAbs(CHIP, alpha=0.1)},
        {"score": 0.65},
        {"landmarks": np.add(FIVE, [[0, 0], [0, 0], [18, 0], [0, 0], [0, 0]])},
    ],
    ids=["small", "cut off", "blurred", "dark", "doubtful", "turned"],
)
def test_each_flaw_lowers_it(worse):
    assert quick(**worse).value < quick().value - 0.005


def test_grey_chips_will_do():
    assert quick(chip=GRAY).value == pytest.approx(quick().value)


@given(share)
def test_the_mesh_adds_the_eyes(eyes):
    before = quick()
    after = face_quality(before, mesh(eyes_open=eyes))
    assert after.parts["eyes"] == eyes
    assert after.parts["pose"] == 1.0
    assert after.parts["sharpness"] == before.parts["sharpness"]
    assert face_quality(before, mesh(eyes_open=min(1, eyes + 0.1))).value >= after.value


def test_closed_eyes_spoil_a_picture():
    assert face_quality(quick(), mesh(eyes_open=0.0)).value < 0.65 * face_quality(quick(), mesh()).value


def test_a_mesh_that_sees_no_face_is_not_believed():
    before = quick()
    after = face_quality(before, mesh(presence=0.1, yaw=0.0, eyes_open=1.0))
    assert after.parts["pose"] == before.parts["pose"]
    assert after.parts["eyes"] == 0
    assert after.value < 0.5 * before.value


@given(st.floats(1, 2000), st.floats(1.0, 2.0))
def test_larger_is_better_up_to_the_still(side, more):
    frame = (1920, 1080)
    one, other = size_part((0, 0, side, side), frame), size_part((0, 0, side * more, side * more), frame)
    assert 0 < one <= other <= 1
    assert size_part((0, 0, 2 * side, 2 * side), (3840, 2160)) == pytest.approx(one)  # no more in a still at 1080p


@given(st.floats(-90, 90), st.floats(-90, 90), st.floats(-90, 90), st.floats(0, 1))
def test_frontal_is_best(yaw, pitch, roll, nearer):
    one = pose_part(Pose(yaw, pitch, roll))
    assert 0 <= one <= pose_part(Pose(yaw * nearer, pitch * nearer, roll * nearer)) <= 1


@given(st.floats(-300, 900), st.floats(-300, 900), st.floats(1, 400), st.floats(1, 400))
def test_visible_is_a_share(x, y, width, height):
    value = visible_part((x, y, width, height), FRAME)
    assert 0 <= value <= 1
    inside = width * 0.1 <= x <= 512 - width * 1.1 and height * 0.1 <= y <= 512 - height * 1.1
    assert not inside or value == pytest.approx(1)


def test_leaving_the_frame_is_seen_step_by_step():
    values = [visible_part((x, 200, 100, 100), FRAME) for x in (300, 405, 420, 450, 480, 620)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(1)
    assert values[-1] == 0


@given(st.floats(0, 1), st.floats(0, 1))
def test_detector_part_rises_with_the_score(one, other):
    low, high = sorted((one, other))
    assert 0 <= detector_part(low) <= detector_part(high) <= 1


@given(st.floats(0.7, 1.1), st.integers(-20, 15))
def test_ordinary_light_is_well_exposed(contrast, shift):
    changed = np.clip((GRAY.astype(float) - 128) * contrast + 128 + shift, 0, 255).astype(np.uint8)
    assert exposure(changed) > 0.8


def test_dark_skin_is_not_badly_exposed():
    assert exposure(np.clip(GRAY * 0.45, 0, 255).astype(np.uint8)) > 0.9


@pytest.mark.parametrize(
    ("contrast", "shift"), [(0.1, 0), (3.0, 200), (0.05, 120), (1.0, 255)], ids=["black", "burnt", "fog", "white"]
)
def test_unseeable_faces_are_badly_exposed(contrast, shift):
    assert exposure(np.clip(GRAY * contrast + shift, 0, 255).astype(np.uint8)) < 0.3
