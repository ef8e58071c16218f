"""Expressions: the chip that the network sees, the mean of a picture's faces, and the network itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face_samples import FIVE, portrait
from stills.errors import UsageError
from stills.index import schema
from stills.models import open_session
from stills.vision.expression import EMOTIONS, SIDE, MiniXception, expression_chip, mean_expression

BOX = (170.0, 60.0, 100.0, 110.0)
"""Her face."""


@pytest.fixture(scope="module")
def model() -> MiniXception:
    return MiniXception(open_session("emotion", device="cpu"))


def test_the_order_of_emotions_is_the_one_of_the_index():
    assert EMOTIONS == schema.EMOTIONS


@pytest.mark.parametrize("angle", [-30, 20])
def test_a_tilted_face_is_turned_upright(angle: float):
    picture, points = portrait(), FIVE
    upright = expression_chip(picture, BOX, points)
    centre = (BOX[0] + BOX[2] / 2, BOX[1] + BOX[3] / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    tilted = cv2.warpAffine(picture, matrix, picture.shape[1::-1])
    turned = points @ matrix[:, :2].T + matrix[:, 2]
    again = expression_chip(tilted, BOX, turned)
    inner = slice(8, 56)
    right = np.corrcoef(upright[inner, inner].ravel(), again[inner, inner].ravel())[0, 1]
    left_so = expression_chip(tilted, BOX, points)
    wrong = np.corrcoef(upright[inner, inner].ravel(), left_so[inner, inner].ravel())[0, 1]
    assert right > 0.97 > wrong


def test_grey_and_colour_give_the_same_chip():
    gray = cv2.cvtColor(portrait(), cv2.COLOR_BGR2GRAY)
    assert np.array_equal(expression_chip(portrait(), BOX, FIVE), expression_chip(gray, BOX, FIVE))


def test_a_face_at_the_edge_has_a_chip():
    chip = expression_chip(portrait()[80:], (BOX[0], BOX[1] - 80, *BOX[2:]), FIVE - [0, 80])
    assert chip.shape == (SIDE, SIDE)
    assert not chip[:5, 20:40].any()


def test_a_box_without_area_is_refused():
    with pytest.raises(UsageError, match="area"):
        expression_chip(portrait(), (10, 10, 0, 20), FIVE)


def test_a_smile_is_happy_whatever_else_is_in_the_batch(model: MiniXception):
    smile = expression_chip(portrait(), BOX, FIVE)
    grey = np.full((SIDE, SIDE), 120, np.uint8)
    values = model.classify(np.stack([smile, grey, smile[:, ::-1]]))
    assert values.shape == (3, 7)
    assert values.sum(axis=1) == pytest.approx(1, abs=1e-3)
    happy = EMOTIONS.index("happy")
    assert values[0].argmax() == values[2].argmax() == happy
    assert values[1, happy] < 0.5
    assert np.array_equal(values[0], model.classify(smile[None])[0])
    assert model.classify(np.zeros((0, SIDE, SIDE), np.uint8)).shape == (0, 7)


def test_chips_of_another_size_are_refused(model: MiniXception):
    with pytest.raises(UsageError, match="64 × 64"):
        model.classify(np.zeros((1, 48, 48), np.uint8))


def test_the_mean_counts_faces_by_their_size():
    values = np.eye(7, dtype=np.float32)[[3, 6]]
    mean = mean_expression(values, np.array([300.0, 100.0]))
    assert mean is not None
    assert mean[3] == pytest.approx(0.75)
    assert mean[6] == pytest.approx(0.25)
    assert mean_expression(values[:0], np.zeros(0)) is None
