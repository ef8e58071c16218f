"""The default attribute models: chips, colours, calibration; what they say of a portrait."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from face_samples import FIVE, portrait
from stills.errors import ModelError, UsageError
from stills.index.schema import labels_of
from stills.models import open_session
from stills.models.heads import load_head
from stills.vision import ATTRIBUTE_MODELS, make_attributes, make_detector
from stills.vision.attributes import FaceCrop
from stills.vision.attributes.age import YEARS, years_and_spread
from stills.vision.attributes.chips import DLIB_MEAN, both_ways, dlib_chip, dlib_input, five_points, tempered
from stills.vision.attributes.emotion import FerEmotion, muscles
from stills.vision.attributes.ethnicity import LABELS, EthnicityHead
from stills.vision.expression import EMOTIONS
from stills.vision.landmarks import BLENDSHAPES
from stills.vision.scales import detect_at_scales

BOX = (170.0, 60.0, 100.0, 110.0)
CORPUS = Path(os.environ.get("STILLS_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus" / "dev")


@pytest.fixture(scope="module")
def models():
    """The default models by the attribute that each gives."""
    return {
        stack.gives[0]: make_attributes(stack, *(open_session(name, device="cpu") for name in stack.models))
        for stack in ATTRIBUTE_MODELS["default"]
    }


def face(bgr=None, landmarks=FIVE, mesh=None) -> FaceCrop:
    return FaceCrop(portrait() if bgr is None else bgr, BOX, np.asarray(landmarks, np.float32), mesh)


def turned_colours(bgr):
    return np.ascontiguousarray(bgr[..., ::-1])


def mirrored(bgr, points):
    width = bgr.shape[1]
    return np.ascontiguousarray(bgr[:, ::-1]), (np.array([width - 1, 0]) + points * [-1, 1])[[1, 0, 2, 4, 3]]


def test_a_portrait_of_a_woman_in_her_forties(models):
    values = {name: model.measure([face()])[name][0] for name, model in models.items()}
    assert values["age"][0] == pytest.approx(36, abs=12)  # Eileen Collins, born in 1956, in 1999 or before
    assert labels_of("default", "gender")[values["gender"].argmax()] == "female"
    assert labels_of("default", "ethnicity")[values["ethnicity"].argmax()] == "white"
    assert labels_of("default", "emotion")[values["emotion"].argmax()] == "happy"


def test_the_chip_is_where_dlib_would_cut_it():
    """Eyes at the height of the template, padded by a fifth on each side."""
    dots = np.zeros((512, 512, 3), np.uint8)
    for x, y in FIVE:
        cv2.circle(dots, (round(x), round(y)), 2, (255, 255, 255), -1)
    chip = dlib_chip(face(dots), 140).astype(float).mean(axis=2)
    eye = (np.array([0.2273, 0.2214]) + 0.2) / 1.4 * 140
    around = chip[round(eye[1]) - 6 : round(eye[1]) + 7, round(eye[0]) - 6 : round(eye[0]) + 7]
    assert around.max() > 100
    assert chip[: round(eye[1]) - 8].max() == 0  # nothing above the eyes


def test_at_the_edge_the_picture_goes_on():
    plain = np.full((90, 80, 3), (10, 120, 200), np.uint8)
    outside = dlib_chip(FaceCrop(plain, BOX, (FIVE - [195, 100]).astype(np.float32)), 64)
    assert (outside == (10, 120, 200)).all()


class Points:
    """A mesh of which only the five points count."""

    def __init__(self, five, presence):
        self.presence = presence
        self.points = np.full((478, 3), -1e6, np.float32)
        for corner, point in zip((33, 133), (five[0] - [8, 0], five[0] + [8, 0]), strict=True):
            self.points[corner, :2] = point
        for corner, point in zip((362, 263), (five[1] - [8, 0], five[1] + [8, 0]), strict=True):
            self.points[corner, :2] = point
        for index, point in zip((4, 61, 291), five[2:], strict=True):
            self.points[index, :2] = point


def test_a_mesh_that_fits_places_the_face():
    """The detector's points depend on the size at which it saw the face."""
    shifted = FIVE + np.array([6, -5])
    np.testing.assert_allclose(five_points(face(landmarks=shifted, mesh=Points(FIVE, 0.9))), FIVE)
    for doubtful in (0.2, float("nan")):
        np.testing.assert_allclose(five_points(face(landmarks=shifted, mesh=Points(FIVE, doubtful))), shifted)
    by_mesh = dlib_chip(face(landmarks=shifted, mesh=Points(FIVE, 0.9)), 64)
    assert np.array_equal(by_mesh, dlib_chip(face(), 64))
    assert not np.array_equal(by_mesh, dlib_chip(face(landmarks=shifted), 64))


def test_input_is_rgb_about_the_mean():
    chips = np.zeros((1, 4, 4, 3), np.uint8)
    chips[..., 2] = 255  # red, as BGR
    planes = dlib_input(chips)
    assert planes.shape == (1, 3, 4, 4)
    np.testing.assert_allclose(planes[0, 0], (255 - DLIB_MEAN[0]) / 256, rtol=1e-6)
    np.testing.assert_allclose(planes[0, 2], -DLIB_MEAN[2] / 256, rtol=1e-6)


def test_a_mirror_changes_nothing(models):
    bgr, points = mirrored(portrait(), FIVE)
    for name in ("age", "gender"):
        one, other = (models[name].measure([f])[name] for f in (face(), face(bgr, points)))
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.02)


def test_both_ways_is_the_mean_of_a_picture_and_its_mirror_image():
    inputs = np.random.default_rng(1).normal(size=(3, 1, 2, 2)).astype(np.float32)
    first_pixel = both_ways(lambda x: x[:, :, 0, 0], inputs)
    np.testing.assert_allclose(first_pixel, inputs[:, :, 0].mean(axis=-1), rtol=1e-6)


@pytest.mark.parametrize("name", ["age", "gender", "ethnicity"])
def test_exchanged_colours_give_another_answer(models, name):
    """The scripts that this replaces fed BGR to networks that learned from RGB."""
    right, wrong = (models[name].measure([face(bgr)])[name] for bgr in (portrait(), turned_colours(portrait())))
    assert np.abs(right - wrong).max() > (1.0 if name == "age" else 0.01)


@pytest.mark.slow
def test_exchanged_colours_are_worse(models):
    """On labelled faces of the evaluation corpus."""
    folder = CORPUS / "faces"
    if not folder.is_dir():
        pytest.skip(f"no corpus in {CORPUS}")
    detector = make_detector("yunet", open_session("yunet", device="cpu"))
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["age"] and float(row["age"]) >= 18][::3]
    known, right, wrong = [], [], []
    for row in rows:
        bgr = cv2.imread(str(folder / row["file"]))
        found = detect_at_scales(detector, bgr)
        if found:
            known.append(row)
            right.append(FaceCrop(bgr, found[0].box, found[0].landmarks))
            wrong.append(FaceCrop(turned_colours(bgr), found[0].box, found[0].landmarks))
    years = np.array([float(row["age"]) for row in known])
    off = [np.abs(models["age"].measure(f)["age"][:, 0] - years).mean() for f in (right, wrong)]
    assert off[0] + 0.5 < off[1]
    for name, least in (("gender", 0.04), ("ethnicity", 0.02)):
        truth = np.array([labels_of("default", name).index(row[name]) for row in known])
        share = [(models[name].measure(f)[name].argmax(axis=1) == truth).mean() for f in (right, wrong)]
        assert share[0] > share[1] + least


@pytest.mark.parametrize("name", ["age", "gender", "ethnicity"])
def test_points_at_one_place_are_no_face(models, name):
    with pytest.raises(UsageError, match="coincide"):
        models[name].measure([face(landmarks=np.full((5, 2), 50.0))])


def test_a_sure_age_still_has_a_spread_that_grows_with_it():
    sure = np.zeros((3, 81), np.float32)
    sure[0, 0] = sure[1, 30] = sure[2, 80] = 1
    given = years_and_spread(sure)
    np.testing.assert_allclose(given[:, 0], [0.25, 30, 80])
    assert 0 < given[0, 1] < 2 < given[1, 1] < given[2, 1]


def test_doubt_widens_the_spread():
    sure, torn = np.zeros((1, 81), np.float32), np.zeros((1, 81), np.float32)
    sure[0, 40] = 1
    torn[0, [20, 60]] = 0.5
    assert years_and_spread(torn)[0, 0] == pytest.approx(years_and_spread(sure)[0, 0])
    assert years_and_spread(torn)[0, 1] > years_and_spread(sure)[0, 1] + 3
    assert YEARS[0] == 0.25


rows = arrays(np.float32, (2, 4), elements=st.floats(0, 1, width=32)).filter(lambda a: (a.sum(axis=1) > 0.01).all())


@given(rows, st.floats(0.5, 4))
def test_temperature_keeps_the_order(values, temperature):
    shares = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    given_ = tempered(shares, temperature)
    np.testing.assert_allclose(given_.sum(axis=1), 1, atol=1e-5)
    for row, out in zip(shares, given_, strict=True):
        assert out[row.argmax()] >= out.max() - 1e-6


def test_temperature_over_one_makes_less_sure():
    shares = np.array([[0.9, 0.1], [0.0, 1.0]], np.float32)
    assert tempered(shares, 2.0)[0, 0] == pytest.approx(0.75)  # odds of 9 become 3
    assert 0 < tempered(shares, 2.0)[1, 0] < 0.01
    np.testing.assert_allclose(tempered(shares, 1.0), shares, atol=1e-5)


def test_the_heads_labels_are_those_of_the_index():
    assert labels_of("default", "ethnicity") == LABELS
    assert set(load_head("ethnicity_sface_gap").labels) == set(LABELS)
    assert labels_of("default", "emotion") == EMOTIONS


def test_ethnicity_needs_the_pooled_output():
    with pytest.raises(ModelError, match="pooled"):
        EthnicityHead(open_session("yunet", device="cpu"))


def shapes(**acting: float) -> dict[str, float]:
    return {**dict.fromkeys(BLENDSHAPES, 0.0), **acting}


@pytest.mark.parametrize(
    ("acting", "emotion"),
    [
        ({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9}, "happy"),
        ({"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8, "jawOpen": 0.7}, "surprise"),
        ({"browDownLeft": 0.8, "browDownRight": 0.8, "mouthPressLeft": 0.5, "mouthPressRight": 0.5}, "angry"),
        ({"mouthFrownLeft": 0.7, "mouthFrownRight": 0.7, "browInnerUp": 0.6}, "sad"),
    ],
)
def test_muscles_speak_for_their_emotion(acting, emotion):
    scores = muscles(shapes(**acting))
    assert EMOTIONS[scores.argmax()] == emotion
    assert scores[EMOTIONS.index("neutral")] == 0
    assert (muscles(shapes()) == 0).all()


class Unsure:
    """A session of the emotion network that cannot tell: 1/7 for each."""

    inputs = {"x": (1, 64, 64, 1)}  # noqa: RUF012

    def run(self, inputs):
        return {"y": np.full((1, 7), 1 / 7, np.float32)}


class Mesh:
    def __init__(self, **acting):
        self.blendshapes = shapes(**acting)


def test_the_mesh_moves_the_emotion():
    model = FerEmotion(Unsure())
    smiling = model.measure([face(mesh=Mesh(mouthSmileLeft=1.0, mouthSmileRight=1.0)), face()])["emotion"]
    assert smiling[0].argmax() == EMOTIONS.index("happy")
    np.testing.assert_allclose(smiling[1], 1 / 7, atol=1e-6)
    np.testing.assert_allclose(smiling.sum(axis=1), 1, atol=1e-6)


def test_a_box_without_area_shows_no_emotion(models):
    with pytest.raises(UsageError, match="area"):
        models["emotion"].measure([FaceCrop(portrait(), (10, 10, 0, 20), FIVE.astype(np.float32))])
