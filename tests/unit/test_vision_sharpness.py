"""Sharpness follows blur, and nothing else."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_samples import FIVE, pattern, portrait
from stills.errors import UsageError
from stills.vision.align import align_face
from stills.vision.sharpness import sharpness


def chips():
    face = cv2.cvtColor(align_face(portrait(), FIVE), cv2.COLOR_BGR2GRAY)
    return {
        "face": face,
        **{f"pattern {seed}": cv2.GaussianBlur(pattern(112, seed=seed), (0, 0), 0.7) for seed in (1, 2)},
    }


CHIPS = chips()


@pytest.fixture(params=CHIPS)
def chip(request):
    return CHIPS[request.param]


def test_a_sharp_face_is_sharp():
    assert sharpness(CHIPS["face"]) > 0.6


@pytest.mark.parametrize("contrast", [0.5, 0.75])
@pytest.mark.parametrize("shift", [-20, 0, 40])
def test_contrast_and_brightness_do_not_matter(chip, contrast, shift):
    base = chip * 0.7 + 40  # leaves room for the shift
    changed = (base - 128) * contrast + 128 + shift
    assert changed.min() > 0
    assert changed.max() < 255
    assert sharpness(changed.round().astype(np.uint8)) == pytest.approx(
        sharpness(base.round().astype(np.uint8)), abs=0.04
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_resolution_of_the_source_does_not_matter(seed):
    blurred = cv2.GaussianBlur(pattern(896, seed=seed), (0, 0), 8)  # 1 pixel at 112, so that it is not just 1.0
    values = []
    for side in (896, 448, 224):
        values.append(sharpness(cv2.resize(blurred, (side, side), interpolation=cv2.INTER_AREA)))
    assert 0.3 < values[0] < 1.0
    assert max(values) - min(values) < 0.05


@settings(max_examples=30)
@given(st.floats(0.0, 4.0), st.floats(0.3, 2.0), st.sampled_from(sorted(CHIPS)))
def test_falls_with_gaussian_blur(sigma, more, name):
    less = cv2.GaussianBlur(CHIPS[name], (0, 0), sigma) if sigma > 0.01 else CHIPS[name]
    wider = cv2.GaussianBlur(CHIPS[name], (0, 0), sigma + more)
    assert sharpness(wider) <= sharpness(less) + 0.005


def test_blur_halves_it(chip):
    assert sharpness(cv2.GaussianBlur(chip, (0, 0), 2)) < 0.6 * sharpness(chip)
    assert sharpness(cv2.GaussianBlur(chip, (0, 0), 5)) < 0.2


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 135])
def test_falls_with_motion_blur_in_any_direction(chip, angle):
    def moved(length):
        kernel = np.zeros((31, 31), np.float32)
        reach = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * length / 2
        a, b = (15 - reach) * 16, (15 + reach) * 16
        cv2.line(kernel, a.astype(int).tolist(), b.astype(int).tolist(), 1.0, 1, cv2.LINE_AA, 4)
        return cv2.filter2D(chip, -1, kernel / kernel.sum())

    values = [sharpness(chip), *(sharpness(moved(length)) for length in (4, 8, 14))]
    assert values == sorted(values, reverse=True)
    assert values[2] < 0.75 * values[0]


@pytest.mark.parametrize("noise", [3, 6, 10])
def test_noise_does_not_pass_for_sharpness(chip, noise):
    rng = np.random.default_rng(noise)
    for sigma in (1.0, 2.0, 4.0):
        blurred = cv2.GaussianBlur(chip, (0, 0), sigma)
        noisy = np.clip(blurred + rng.normal(0, noise, chip.shape), 0, 255).round().astype(np.uint8)
        assert sharpness(noisy) < sharpness(blurred) + 0.08


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_nothing_to_see_is_not_sharp(level):
    assert sharpness(np.full((112, 112), level, np.uint8)) == 0
    noise = np.clip(np.random.default_rng(9).normal(level, 5, (112, 112)), 0, 255).astype(np.uint8)
    assert sharpness(noise) < 0.35


def test_the_edge_of_the_frame_is_no_sharp_edge():
    blurred = cv2.GaussianBlur(CHIPS["face"], (0, 0), 3)
    cut = blurred.copy()
    cut[:, :40] = 0
    assert sharpness(cut) < sharpness(blurred) + 0.1


@pytest.mark.parametrize("shape", [(64, 64), (112, 120), (112, 112, 3)])
def test_refuses_what_is_no_chip(shape):
    with pytest.raises(UsageError, match="112"):
        sharpness(np.zeros(shape, np.uint8))
