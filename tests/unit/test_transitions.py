"""Cuts, dissolves and fades in made-up runs of tiny pictures, and what only looks like one."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stills.vision.transitions import (
    THUMB_SIZE,
    ShotChange,
    distance,
    find_changes,
    shots_from_changes,
    sparse_changes,
    step_changes,
)

WIDTH, HEIGHT = THUMB_SIZE
RATE = 25.0


def scene(seed: int, *, size: int = 256, detail: float = 9.0) -> np.ndarray:
    """A picture of its own, larger than a thumb: soft shapes on a gradient, mean and contrast of a film's."""
    rng = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(rng.uniform(0, 255, (size, size)).astype(np.float32), (0, 0), detail)
    picture = (picture - picture.mean()) / picture.std()
    return (picture * 45 + rng.uniform(90, 150)).astype(np.float32)


def shot(
    seed: int, frames: int, *, pan: float = 0.0, shake: float = 0.0, noise: float = 1.5, gain: float = 1.0
) -> np.ndarray:
    """A shot (frames, height, width): the scene, seen by a camera that pans (pixels of a thumb a frame) or shakes."""
    rng = np.random.default_rng([seed, frames])
    world = scene(seed)
    out = []
    for i in range(frames):
        x, y = 20 + pan * i + rng.normal(0, shake), 60 + rng.normal(0, shake)
        view = cv2.warpAffine(
            world, np.array([[1, 0, -x], [0, 1, -y]], float), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT
        )
        out.append(view * gain + rng.normal(0, noise, view.shape))
    return np.stack(out)


def film(*parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The parts as a run of thumbs, and its times."""
    thumbs = np.clip(np.concatenate(parts), 0, 255).astype(np.uint8)
    return thumbs, np.arange(len(thumbs)) / RATE


def mixed(a: np.ndarray, b: np.ndarray, overlap: int) -> np.ndarray:
    """``a`` dissolves into ``b`` over ``overlap`` frames."""
    t = (np.arange(1, overlap + 1) / (overlap + 1))[:, None, None]
    return np.concatenate([a[:-overlap], a[-overlap:] * (1 - t) + b[:overlap] * t, b[overlap:]])


def found(*parts: np.ndarray) -> list[ShotChange]:
    return find_changes(*film(*parts))


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_is_at_the_first_frame_of_the_new_shot(seed: int):
    (cut,) = found(shot(seed, 40, pan=0.2), shot(seed + 100, 40, pan=-0.2))
    assert cut.kind == "cut"
    assert cut.start == cut.end == cut.time == 40 / RATE


@pytest.mark.parametrize("length", [8, 12])
def test_short_shots_are_shots(length: int):
    changes = found(*(shot(seed, length) for seed in range(8)))
    assert [c.time for c in changes] == [k * length / RATE for k in range(1, 8)]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_blended_frame_between_two_shots_is_no_shot(share: float):
    a, b = shot(1, 40), shot(2, 40)
    blend = a[-1:] * (1 - share) + b[:1] * share
    (cut,) = found(a, blend, b)
    assert cut.kind == "cut"
    assert cut.time in {40 / RATE, 41 / RATE}


@pytest.mark.parametrize("gain", [0.25, 0.5])
def test_a_cut_in_the_dark_is_a_cut(gain: float):
    (cut,) = found(shot(1, 40, gain=gain), shot(2, 40, gain=gain))
    assert cut.time == 40 / RATE


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("light", [90.0, 300.0])
def test_a_flash_is_no_cut(frames: int, light: float):
    lit = shot(1, 60, pan=0.1)
    lit[30 : 30 + frames] += light
    assert not found(lit)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("pan", [0.1, 0.2, 0.3, 0.5, 1.0, 1.5])
def test_a_pan_is_no_transition(pan: float, seed: int):
    """Soft texture that moves is nearly a mix of its first and last picture."""
    assert not found(shot(seed, 120, pan=pan))


@pytest.mark.parametrize("shake", [0.5, 1.5])
def test_a_shaking_camera_is_no_cut(shake: float):
    assert not found(shot(4, 80, shake=shake))


def test_noise_in_black_is_nothing():
    black = np.full((80, HEIGHT, WIDTH), 16.0) + np.random.default_rng(0).normal(0, 4, (80, HEIGHT, WIDTH))
    assert not found(black)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_dissolve_is_one_transition_where_the_two_are_mixed(seconds: float, seed: int):
    overlap = round(seconds * RATE)
    a, b = shot(seed, 60 + overlap), shot(seed + 50, 60 + overlap)
    (change,) = found(mixed(a, b, overlap))
    assert change.kind == "dissolve"
    assert change.time == pytest.approx((60 + overlap / 2) / RATE, abs=0.2 * seconds)
    assert 60 / RATE - 0.1 <= change.start < change.end <= (60 + overlap) / RATE + 0.1


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_dissolve_between_moving_shots(seconds: float):
    overlap = round(seconds * RATE)
    changes = found(mixed(shot(3, 60 + overlap, pan=0.1), shot(33, 60 + overlap, pan=-0.1), overlap))
    assert [c.kind for c in changes] == ["dissolve"]


@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_out_to_black_and_in_again_is_found(seconds: float):
    half = round(seconds * RATE)
    out, into = shot(1, 60 + half), shot(2, 60 + half)
    ramp = np.linspace(1, 0, half)[:, None, None]
    out[-half:] = out[-half:] * ramp
    into[:half] = into[:half] * ramp[::-1]
    changes = found(out, into)
    assert changes
    assert {c.kind for c in changes} == {"fade"}
    border = (60 + half) / RATE
    assert all(abs(c.time - border) <= seconds + 0.1 for c in changes)


def test_a_cloud_before_the_sun_is_no_new_shot():
    sky = shot(5, 100)
    sky *= (1 + 0.5 * np.linspace(0, 1, 100))[:, None, None]
    assert not found(sky)


def test_a_dimmer_is_no_new_shot():
    room = shot(6, 100)
    room[40:65] *= np.linspace(1, 0.5, 25)[:, None, None]
    room[65:] *= 0.5
    assert not found(room)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_fewer_frames_show_the_same(step: int):
    """Non-reference frames are skipped: two of three may be missing."""
    a, b, c = shot(1, 75), shot(2, 75 + 25), shot(3, 75)
    thumbs, times = film(mixed(a, b, 25), c)
    changes = find_changes(thumbs[::step], times[::step])
    assert [c.kind for c in changes] == ["dissolve", "cut"]
    assert changes[0].time == pytest.approx(62.5 / RATE, abs=0.25)
    first_new = times[::step][times[::step] >= 150 / RATE][0]
    assert changes[1].time == first_new


def test_uneven_frames_show_the_same():
    thumbs, times = film(shot(1, 60), shot(2, 60))
    kept = np.flatnonzero(np.random.default_rng(1).random(120) < 0.6)
    (cut,) = find_changes(thumbs[kept], times[kept])
    assert cut.time == times[kept][times[kept] >= 60 / RATE][0]


@pytest.mark.parametrize("n", [0, 1])
def test_next_to_nothing_has_no_transition(n: int):
    thumbs, times = film(shot(1, 5))
    assert find_changes(thumbs[:n], times[:n]) == []
    assert sparse_changes(thumbs[:n], times[:n], [1.0]) == []
    assert len(step_changes(thumbs[:n])) == n


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_cut_in_very_few_frames(n: int):
    thumbs, times = film(shot(1, n // 2), shot(2, n - n // 2))
    assert [c.time for c in find_changes(thumbs, times)] == [(n // 2) / RATE]


def test_still_pictures_have_no_transition():
    assert not found(np.repeat(shot(1, 1), 50, axis=0))


def test_distance_is_0_for_equal_and_1_for_unrelated_pictures():
    thumbs, _ = film(*(shot(seed, 1) for seed in range(20)))
    assert distance(thumbs, thumbs).max() == 0
    apart = distance(thumbs[1:], thumbs[:-1])
    assert 0.6 < apart.mean() < 1.6
    np.testing.assert_allclose(apart, distance(thumbs[:-1], thumbs[1:]), rtol=1e-5)


def test_light_counts_less_than_structure():
    a, b = shot(1, 1)[0], shot(2, 1)[0]
    thumbs, _ = film(a[None], a[None] + 40, b[None])
    assert distance(thumbs[1:2], thumbs[:1])[0] < 0.4 * distance(thumbs[2:], thumbs[:1])[0]


def test_steps_are_distances_from_the_frame_before():
    thumbs, _ = film(shot(1, 4), shot(2, 3))
    steps = step_changes(thumbs)
    assert steps[0] == 0
    assert steps.argmax() == 4
    np.testing.assert_allclose(steps[1:], distance(thumbs[1:], thumbs[:-1]), rtol=1e-6)


@pytest.mark.parametrize(
    ("suspects", "borders"),
    [
        ([], [8.0, 16.0]),
        ([2.0, 5.5], [5.5, 16.0]),
        ([8.0, 8.1], [8.0, 16.0]),
        ([5.0, 6.0, 7.0, 13.0], [5.0, 7.0, 13.0]),  # what lies between suspects was not seen: nobody's
    ],
)
def test_sparse_frames_are_cut_at_suspects_between_them_else_at_the_later_one(
    suspects: list[float], borders: list[float]
):
    thumbs, _ = film(shot(1, 2), shot(2, 2), shot(3, 1))
    changes = sparse_changes(thumbs, np.array([0.0, 4.0, 8.0, 12.0, 16.0]), suspects)
    assert [(c.kind, c.time) for c in changes] == [("cut", t) for t in borders]


@st.composite
def runs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Anything a film may be: shots, mixes, flashes, black, at uneven times."""
    parts: list[np.ndarray] = []
    for seed in draw(st.lists(st.integers(0, 5), min_size=1, max_size=5)):
        part = shot(seed, draw(st.integers(1, 40)), pan=draw(st.floats(-3, 3)), shake=draw(st.floats(0, 1)))
        if draw(st.booleans()):
            part[:: draw(st.integers(2, 9))] += draw(st.floats(-200, 200))
        overlap = draw(st.integers(0, 20))
        if parts and 0 < overlap < min(len(part), len(parts[-1])):
            parts[-1] = mixed(parts[-1], part, overlap)
        else:
            parts.append(part)
    thumbs, _ = film(*parts)
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 5]), min_size=len(thumbs), max_size=len(thumbs)))
    return thumbs, np.cumsum(gaps) / RATE


@settings(max_examples=60, deadline=None)
@given(runs(), st.floats(0, 1))
def test_transitions_are_in_order_apart_and_tile_the_film(run: tuple[np.ndarray, np.ndarray], behind: float):
    thumbs, times = run
    changes = find_changes(thumbs, times)
    assert all(times[0] < c.time <= times[-1] for c in changes)
    assert all(c.start <= c.time <= c.end for c in changes)
    assert all(c.start == c.end for c in changes if c.kind == "cut")
    assert all(a.time < b.time for a, b in pairwise(changes))
    gradual = [c for c in changes if c.kind != "cut"]
    assert all(a.end <= b.start for a, b in pairwise(gradual))
    duration = float(times[-1]) + behind
    shots = shots_from_changes(changes, duration)
    assert shots[0].start == 0.0
    assert shots[-1].end == duration
    assert all(a.end == b.start for a, b in pairwise(shots))
    assert all(s.start < s.end for s in shots)
    assert shots[0].transition_in == "none"
    assert len(shots) <= len(changes) + 1


@given(st.lists(st.floats(-1, 20), max_size=8).map(sorted), st.floats(0.1, 15))
def test_shots_tile_any_duration(moments: list[float], duration: float):
    shots = shots_from_changes([ShotChange("cut", t, t, 1.0) for t in moments], duration)
    assert shots[0].start == 0.0
    assert shots[-1].end == duration
    assert all(a.end == b.start for a, b in pairwise(shots))
    assert all(s.start < s.end for s in shots)
