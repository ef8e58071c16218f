"""Aligned chips show the same face whatever the picture's size, turn and place."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_samples import FIVE, portrait
from stills.errors import UsageError
from stills.vision.align import TEMPLATE_112, align_face, similarity_transform


@given(st.floats(0.05, 20), st.floats(-180, 180), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_found_exactly(scale, angle, dx, dy):
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    wanted = np.array([[c, -s, dx], [s, c, dy]])
    target = TEMPLATE_112 @ wanted[:, :2].T + wanted[:, 2]
    np.testing.assert_allclose(similarity_transform(TEMPLATE_112, target), wanted, atol=1e-6 * max(1, scale))


@given(st.integers(0, 2**32 - 1))
def test_no_other_similarity_fits_better(seed):
    rng = np.random.default_rng(seed)
    source, target = rng.uniform(0, 100, (5, 2)), rng.uniform(0, 100, (5, 2))
    best = similarity_transform(source, target)

    def error(m):
        return float(((source @ m[:, :2].T + m[:, 2] - target) ** 2).sum())

    for _ in range(20):
        turn, shift = rng.normal(0, 0.01, 2), rng.normal(0, 1, 2)
        other = best + np.array([[turn[0], -turn[1], shift[0]], [turn[1], turn[0], shift[1]]])
        assert error(best) <= error(other) + 1e-9


def test_never_mirrors():
    matrix = similarity_transform(TEMPLATE_112 * [-1, 1], TEMPLATE_112)
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.full((5, 2), 7.0)])
def test_points_at_one_place_are_refused(points):
    with pytest.raises(UsageError, match="coincide"):
        align_face(portrait(), points)


def difference(one, other):
    inner = np.s_[8:-8, 8:-8]
    return float(np.abs(one[inner].astype(float) - other[inner]).mean())


def test_turned_and_scaled_pictures_give_the_same_chip():
    plain = align_face(portrait(), FIVE)
    matrix = cv2.getRotationMatrix2D((220, 120), 25, 1.6)
    turned = cv2.warpAffine(portrait(), matrix, (700, 700), flags=cv2.INTER_CUBIC)
    points = FIVE @ matrix[:, :2].T + matrix[:, 2]
    assert difference(align_face(turned, points), plain) < 4


def test_a_crop_with_its_offset_gives_the_same_chip():
    crop = portrait()[30:220, 120:330]
    np.testing.assert_allclose(align_face(crop, FIVE, offset=(120, 30)), align_face(portrait(), FIVE), atol=1)


@pytest.mark.parametrize("scale", [2, 4, 7])
def test_large_faces_are_averaged_not_sampled(scale):
    """A pattern finer than the chip's pixels must come out as its mean, not as a pattern of its own."""
    large = np.full((512 * scale, 512 * scale, 3), 128, np.uint8)
    large[::2] = 0
    large[1::2] = 255
    chip = align_face(large, FIVE * scale)
    if scale > 2:  # at 2 the face is some 1.6 times the chip: nothing to average yet
        assert chip[20:90, 20:90].std() < 25  # single samples: over 100
    assert abs(chip[20:90, 20:90].mean() - 127.5) < 6


def test_beyond_the_picture_is_black():
    chip = align_face(portrait(), FIVE - [180, 0])
    assert not chip[:, :5].any()
