"""Presets of key frames, each on material made for it: a screen with text, pointer and caret; speckled slow motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from keyframe_samples import keyframes_index, noisy, scene
from stills.select.keyframes import KeyframesOptions, select_keyframes

SCREEN = (1920, 1080)
WORDS = "the quick brown fox jumps over a lazy dog while seven wizards mix jam with vodka for the judge".split()


def page(lines: int, *, seed: int = 0, size: tuple[int, int] = SCREEN) -> np.ndarray:
    """A white page with ``lines`` lines of black text of ordinary size."""
    picture = np.full((size[1], size[0]), 255, np.uint8)
    rng = np.random.default_rng(seed)
    for line in range(lines):
        text = " ".join(rng.choice(WORDS, 6))
        cv2.putText(picture, text, (120, 100 + 34 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 1, cv2.LINE_AA)
    return picture


def with_pointer(picture: np.ndarray, x: int, y: int) -> np.ndarray:
    """``picture`` under a white arrow with a black outline, 12 × 19 pixels."""
    arrow = np.array([[0, 0], [0, 16], [4, 13], [7, 19], [9, 18], [7, 12], [12, 12]]) + np.array((x, y))
    drawn = cv2.fillPoly(picture.copy(), [arrow], 255)
    return cv2.polylines(drawn, [arrow], True, 0, 1)


def with_caret(picture: np.ndarray, on: bool) -> np.ndarray:
    """``picture`` with a caret of 2 × 20 pixels, or without."""
    drawn = picture.copy()
    if on:
        drawn[400:420, 600:602] = 0
    return drawn


def count(pictures, preset, *, per_second=2.0, **options):
    index = keyframes_index(pictures, per_second=per_second)
    return len(select_keyframes(index, KeyframesOptions(preset=preset, **options)).frames)


def test_each_new_line_on_a_screen_is_news_and_to_a_film_it_is_not():
    typed = [page(5 + i // 4) for i in range(32)]
    assert count(typed, "screen") == 8
    assert count(typed[::4], "screen") == 8  # no two pictures alike, which is not noise
    assert count(typed, "film") < 8


@pytest.mark.parametrize("size", [(1280, 720), SCREEN])
def test_a_pointer_that_moves_about_is_no_news(size):
    rng = np.random.default_rng(3)
    plain = page(15, size=size)
    pictures = [with_pointer(plain, *rng.integers(40, 600, 2)) for _ in range(60)]
    assert count(pictures, "screen") == 1


def test_a_caret_that_blinks_is_no_news():
    assert count([with_caret(page(9), bool(i % 2)) for i in range(60)], "screen") == 1


def test_a_button_that_blinks_is_kept_lit_and_unlit_once():
    lit = page(9)
    lit[700:760, 800:1000] = 90
    assert count([lit if i // 2 % 2 else page(9) for i in range(80)], "screen") == 2


def test_a_page_that_comes_back_soon_is_no_news_and_much_later_it_is():
    def visits(away: int) -> list[np.ndarray]:
        return [page(12, seed=s) for s in (1, 2, 1) for _ in range(20 if s == 1 else away)]

    assert count(visits(30), "screen") == 2
    assert count(visits(150), "screen") == 3


def test_scrolling_text_gives_what_differs():
    long = page(60, seed=4, size=(1920, 2200))
    pictures = [long[a : a + 1080] for a in [0] * 6 + list(range(0, 1000, 100)) + [1000] * 6]
    assert 3 <= count(pictures, "screen") <= 14


def speckled(clean: np.ndarray, seed: int, strength: float = 0.35) -> np.ndarray:
    """``clean`` as ultrasound shows it: multiplied with noise whose grain is some pixels wide."""
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.standard_normal(clean.shape).astype(np.float32), (0, 0), 1.2)
    return np.clip(clean * (1.0 + strength * grain / grain.std()), 0, 255).astype(np.uint8)


def organ(phase: float) -> np.ndarray:
    """A grey wall around a dark chamber that is ``phase`` (0…1) open, 640 × 360."""
    picture = np.full((360, 640), 25, np.float32)
    cv2.ellipse(picture, (320, 180), (240, 150), 10, 0, 360, 120.0, -1)
    cv2.ellipse(picture, (320, 180), (int(60 + 120 * phase), int(30 + 80 * phase)), 10, 0, 360, 40.0, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 3))


def test_speckle_alone_is_no_news():
    still = [speckled(organ(0.5), i) for i in range(60)]
    assert count(still, "medical", per_second=5) == 1
    assert count(still, "medical", per_second=5, target=20) == 1


def test_slow_motion_under_speckle_gives_a_frame_for_each_phase():
    sweep = [speckled(organ(i / 119), i) for i in range(120)]
    index = keyframes_index(sweep, per_second=4)
    selection = select_keyframes(index, KeyframesOptions(preset="medical"))
    assert 3 <= len(selection.frames) <= 12
    assert len(selection.frames) > len(select_keyframes(index).frames)
    at = [0.0, *(p.time for p in selection.frames), 30.0]
    assert max(np.diff(at)) < 12.0


def test_a_target_spreads_over_slow_motion():
    sweep = [speckled(organ(i / 119), i) for i in range(120)]
    index = keyframes_index(sweep, per_second=4)
    selection = select_keyframes(index, KeyframesOptions(preset="medical", target=8))
    assert len(selection.frames) == 8
    gaps = np.diff([p.time for p in selection.frames])
    assert gaps.max() < 2.5 * gaps.mean()


def test_a_beat_that_repeats_is_kept_for_one_beat_only():
    beats = [speckled(organ(0.5 + 0.5 * np.sin(2 * np.pi * i / 20)), i) for i in range(200)]
    assert abs(count(beats, "medical", per_second=10) - count(beats[:40], "medical", per_second=10)) <= 2


def test_energy_grows_with_the_difference_and_equal_pictures_are_alike():
    pictures = [noisy(scene(1), 0.0, 0), scene(1), scene(1, shift=0.05), scene(1, shift=0.1), scene(1, shift=0.2)]
    for preset in ("film", "screen", "medical"):
        index = keyframes_index(pictures, per_second=1)
        selection = select_keyframes(index, KeyframesOptions(preset=preset, target=5))
        assert selection.distinct == 4
        assert len(selection.frames) == 4
