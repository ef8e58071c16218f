"""The similarity of two frames against its formula worked out in full, and what it says of pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from keyframe_samples import noisy, scene
from stills.select.pattern import Pairs, only_pointers, repeated_shots
from stills.select.presets import PRESETS
from stills.select.similarity import StillPairs, block_means, noise_power, views_of_hashes, views_of_thumbs

EMPTY = np.zeros(0, np.intp)
NO_PAIRS = (EMPTY, EMPTY)
NONE = StillPairs(NO_PAIRS, NO_PAIRS, NO_PAIRS)


def tiny(*pictures):
    return np.stack([cv2.resize(p, (64, 36), interpolation=cv2.INTER_AREA).ravel() for p in pictures])


def colors(count, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (count, 64)).astype(np.float32)


def test_blocks_are_means_less_the_mean_of_all():
    thumbs = tiny(scene(1), scene(2))
    expected = np.array([[p[4 * r : 4 * r + 4, 4 * c : 4 * c + 4].mean() for r in range(9) for c in range(16)]
                         for p in thumbs.reshape(2, 36, 64).astype(float)])  # fmt: skip
    np.testing.assert_allclose(block_means(thumbs, 16, 9), expected - expected.mean(axis=1, keepdims=True), atol=1e-3)
    whole = thumbs.astype(float)
    np.testing.assert_allclose(block_means(thumbs, 64, 36), whole - whole.mean(axis=1, keepdims=True), atol=1e-3)


def test_scene_similarity_is_the_formula_in_its_docstring():
    thumbs, histograms = tiny(scene(1), scene(1, shift=0.04), scene(2)), colors(3)
    similarity, energy = views_of_thumbs(thumbs, histograms, NONE, PRESETS["film"]).compare(slice(None), slice(None))
    blocks = block_means(thumbs, 16, 9).astype(float)
    roots = histograms / np.linalg.norm(histograms, axis=1, keepdims=True)
    for i in range(3):
        for j in range(3):
            length = np.linalg.norm(blocks[i]) * np.linalg.norm(blocks[j])
            structure = (blocks[i] @ blocks[j] + 4.0 * 144) / (length + 4.0 * 144)
            expected = (1 - np.clip(1 - structure, 0, 1) ** 2) * (1 - (1 - roots[i] @ roots[j]) ** 2 / 2)
            assert similarity[i, j] == pytest.approx(expected, abs=1e-4)
            assert energy[i, j] == pytest.approx(((blocks[i] - blocks[j]) ** 2).sum(), abs=2.0)


@pytest.mark.parametrize("preset", ["film", "screen", "medical"])
def test_equal_is_one_a_pan_falls_steadily_and_pairs_agree_with_the_matrix(preset):
    thumbs = tiny(*(scene(3, shift=x / 100) for x in range(0, 11, 2)))
    views = views_of_thumbs(thumbs, np.ones((6, 64), np.float32), NONE, PRESETS[preset])
    similarity, energy = views.compare(slice(None), slice(None))
    np.testing.assert_allclose(np.diag(similarity), 1.0, atol=0.02)
    assert (np.diff(similarity[0]) < 0).all()
    assert similarity.min() >= 0.0
    assert similarity.max() <= 1.0
    np.testing.assert_array_equal(similarity, similarity.T)
    first, second = np.array([0, 2, 5]), np.array([3, 1, 0])
    paired = views.compare_pairs(first, second)
    np.testing.assert_allclose(paired[0], similarity[first, second], atol=1e-4)
    np.testing.assert_allclose(paired[1], energy[first, second], rtol=1e-3)


def test_different_scenes_are_hardly_similar():
    thumbs = tiny(*(scene(i) for i in range(30)))
    similarity = views_of_thumbs(thumbs, colors(30), NONE, PRESETS["film"]).compare(slice(None), slice(None))[0]
    others = similarity[np.triu_indices(30, 1)]
    assert np.median(others) < 0.3
    assert np.quantile(others, 0.95) < 0.8


@pytest.mark.parametrize("sigma", [0.0, 3.0, 10.0])
def test_noise_is_measured_and_motion_is_not_noise(sigma):
    still = np.stack([noisy(scene(1, size=(64, 36)), sigma, i).ravel() for i in range(12)])
    every = (np.arange(11), np.arange(1, 12))
    assert noise_power(still, every) == pytest.approx(2 * sigma * sigma, rel=0.2, abs=0.4)
    moving = tiny(*(scene(1, shift=i / 100) for i in range(12)))
    assert noise_power(moving, every) < 12.0
    assert noise_power(still, NO_PAIRS) == 0.0
    film, grain = (
        views_of_thumbs(t, colors(12), StillPairs(every, NO_PAIRS, NO_PAIRS), PRESETS["film"]) for t in (moving, still)
    )
    assert film.compare(slice(None), slice(None))[1][0, 1] > film.apart
    assert grain.compare(slice(None), slice(None))[1].max() <= grain.apart


def test_grain_that_the_encoder_lets_stand_is_noise_and_a_loop_is_not():
    """Noise that changes every second only, and motion that comes back every two seconds."""
    time, shot = np.arange(120) / 4, np.zeros(120, np.intp)
    still = StillPairs.of(time, shot)
    grain = np.stack([noisy(scene(1, size=(64, 36)), 3.0, i // 6).ravel() for i in range(120)])
    views = views_of_thumbs(grain, colors(120), still, PRESETS["film"])
    assert views.compare(slice(None), slice(None))[1].max() <= views.apart
    loop = tiny(*(scene(1, shift=(i % 8) / 8) for i in range(120)))
    views = views_of_thumbs(loop, colors(120), still, PRESETS["film"])
    assert (views.compare(np.arange(1), slice(1, 8))[1] > 10 * views.apart).all()


def test_hashes_that_differ_in_a_few_bits_are_alike():
    hashes = np.array([0, 0b111, 0b1111111, 0xFFFFFFFF, 0xF0F0], np.uint64)
    views = views_of_hashes(hashes, np.array([False] * 5), np.zeros((5, 64), np.float32), PRESETS["film"])
    similarity, energy = views.compare(slice(None), slice(None))
    assert (energy[0] <= views.apart).tolist() == [True, True, False, False, False]
    assert similarity[0, 0] == pytest.approx(1.0)
    assert similarity[0, 3] < 0.2
    assert similarity[0, 2] > 0.9


def test_a_pointer_makes_two_small_changes_and_text_makes_another_kind():
    plain = np.full((36, 64), 200, np.uint8)
    moved, word, big = plain.copy(), plain.copy(), plain.copy()
    moved[5, 5], moved[20, 40] = 170, 175
    word[10, 10:18] = 175
    big[5:7, 5:7] = 100
    found = only_pointers(np.stack([plain.ravel()] * 4), np.stack([p.ravel() for p in (plain, moved, word, big)]))
    assert found.tolist() == [True, True, False, False]


def test_a_shot_repeats_an_earlier_one_where_most_of_it_has_an_equal_there():
    shot = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3])
    equal = Pairs(np.array([5, 6, 6, 3, 0, 8]), np.array([0, 1, 2, 0, 3, 8]))
    assert repeated_shots(equal, shot).tolist() == [False] * 5 + [True] * 3 + [False]
    assert not repeated_shots(Pairs(EMPTY, EMPTY), shot).any()
