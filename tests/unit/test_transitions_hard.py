"""What is easily taken for a shot change, and shot changes that are easily missed, in painted films.

Worlds have the 1/f texture of photographs with edges in it; somebody sways before them, the camera pans, sensors make
noise. Frames are painted at 192×108 and shrunk, as a scan does it.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from stills.vision.transitions import THUMB_SIZE, ShotChange, find_changes

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 192, 108
SEEDS = (1, 3, 4)


@cache
def world(seed: int, size: int = 768) -> np.ndarray:
    """A landscape to look at parts of, (size, size)."""
    rng = np.random.default_rng([seed, 7])
    spectrum = np.fft.rfft2(rng.normal(size=(size, size)))
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    picture = np.fft.irfft2(spectrum / np.maximum(radius, 4 / size) ** 1.3, s=(size, size)).astype(np.float32)
    picture = (picture - picture.mean()) / picture.std() * 30 + rng.uniform(80, 150)
    for _ in range(30):
        (x, y), side, light = rng.integers(0, size, 2).tolist(), int(rng.integers(15, 110)), float(rng.uniform(10, 245))
        cv2.rectangle(picture, (x, y), (x + side, y + int(side * rng.uniform(0.5, 2))), light, -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def look(seed: int, x: float, y: float = 250.0, *, blur: float = 0.0) -> np.ndarray:
    """What a camera at ``x, y`` sees of the world; ``blur`` pixels of motion."""
    there = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
    seen = cv2.warpAffine(world(seed), there, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    return cv2.blur(seen, (int(blur), 1)) if blur > 1 else seen


def shot(
    seed: int, frames: int, *, fps: float = 25.0, pan: float = 0.05, shake: float = 0.0, sway: float = 0.06
) -> np.ndarray:
    """``frames`` of a shot. ``pan`` is in picture widths a second, ``shake`` in widths, somebody sways by ``sway``."""
    rng = np.random.default_rng([seed, frames])
    out = []
    for i in range(frames):
        t = i / fps
        x, y = 200 + 30 * (seed % 5) + pan * WIDTH * t, 250.0
        x, y = x + rng.normal(0, shake) * WIDTH, y + rng.normal(0, shake) * WIDTH
        picture = look(seed, x, y, blur=abs(pan) * WIDTH / fps / 2).copy()
        who = int(WIDTH * (0.5 + sway * np.sin(2 * t + seed))), int(HEIGHT * 0.75)
        cv2.ellipse(picture, who, (30, 45), 0, 0, 360, float(40 + (seed * 71) % 180), -1)
        cv2.circle(picture, (who[0], who[1] - 50), 20, float(80 + (seed * 31) % 120), -1)
        out.append(picture)
    return np.stack(out)


def found(frames: np.ndarray, times: np.ndarray | float, *, noise: float = 1.5) -> list[ShotChange]:
    """The changes in ``frames``, shown at ``times`` or at as many a second."""
    rng = np.random.default_rng(0)
    noisy = np.clip(frames + rng.normal(0, noise, frames.shape), 0, 255).astype(np.uint8)
    thumbs = np.stack([cv2.resize(frame, THUMB_SIZE, interpolation=cv2.INTER_AREA) for frame in noisy])
    return find_changes(thumbs, np.arange(len(frames)) / times if isinstance(times, float) else times)


def cuts(changes: list[ShotChange]) -> list[float]:
    assert all(c.kind == "cut" for c in changes)
    return [c.time for c in changes]


def mix(a: np.ndarray, b: np.ndarray, overlap: int) -> np.ndarray:
    share = (np.arange(1, overlap + 1) / (overlap + 1))[:, None, None]
    return np.concatenate([a[:-overlap], a[-overlap:] * (1 - share) + b[:overlap] * share, b[overlap:]])


# What is none


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("seconds", [0.04, 0.08, 0.16])
@pytest.mark.parametrize("fps", [12.0, 25.0, 60.0, 120.0])
def test_a_flash_is_none_at_any_rate(fps: float, seconds: float, seed: int):
    film = shot(seed, int(3 * fps), fps=fps)
    film[int(1.5 * fps) :][: max(1, round(seconds * fps))] += 140
    assert not found(film, fps)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_the_afterglow_of_a_flash_is_none(fps: float, seed: int):
    film = shot(seed, int(4 * fps), fps=fps)
    since = np.arange(len(film)) / fps - 2
    film += np.where(since >= 0, 200 * np.exp(-np.maximum(since, 0) / 0.1), 0)[:, None, None]
    assert not found(film, fps)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("fps", "on", "off"), [(25.0, 1, 1), (25.0, 2, 2), (25.0, 3, 3), (25.0, 1, 4), (60.0, 6, 6)])
def test_a_strobe_is_none(fps: float, on: int, off: int, seed: int):
    film = shot(seed, int(4 * fps), fps=fps)
    number = np.arange(len(film))
    party = ((number > fps) & (number < 3 * fps))[:, None, None]
    lit = (number % (on + off) < on)[:, None, None]
    assert not found(np.where(party, np.where(lit, film * 1.1 + 60, film * 0.35), film * 1.1 + 60), fps)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_light_that_is_switched_is_none(seed: int):
    film = shot(seed, 100)
    film[50:] *= 0.4
    assert not found(film, 25.0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("widths", "seconds"), [(1.0, 0.15), (1.5, 0.2), (2.0, 0.4)])
def test_a_whip_pan_is_none(widths: float, seconds: float, seed: int):
    way = np.clip((np.arange(100) / 25 - 2) / seconds, 0, 1)
    at = 100 + (3 * way**2 - 2 * way**3) * widths * WIDTH
    film = np.stack([look(seed, x, blur=b) for x, b in zip(at, np.gradient(at) * 0.6, strict=True)])
    assert not found(film, 25.0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pan", [0.2, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("fps", [12.0, 25.0, 60.0])
def test_a_fast_pan_is_none(fps: float, pan: float, seed: int):
    assert not found(shot(seed, int(2 * fps), fps=fps, pan=pan), fps)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shake", [0.02, 0.05])
def test_a_camera_that_is_shaken_is_none(shake: float, seed: int):
    assert not found(shot(seed, 100, shake=shake), 25.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_inset_and_a_title_are_none(seed: int):
    film = shot(seed, 150, pan=0.0, sway=0.0)
    film[60:100, 10:50, 120:185] = shot(seed + 10, 40)[:, 10:50, 120:185]
    assert not found(film, 25.0)
    title = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(title, "A TITLE", (30, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 4)
    shown = np.clip((np.arange(150) - 50) / 20, 0, 1)[:, None, None] * (title / 255.0)
    assert not found(shot(seed, 150) * (1 - shown) + 235 * shown, 25.0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("rate", "times"), [(12, 2), (8, 3), (6, 4)])
def test_animation_that_repeats_its_pictures_has_its_cuts_and_no_more(rate: int, times: int, seed: int):
    film = np.concatenate([shot(seed, 2 * rate, fps=rate, pan=0.2), shot(seed + 10, 2 * rate, fps=rate, pan=-0.2)])
    assert cuts(found(np.repeat(film, times, axis=0), float(rate * times))) == [2.0]


# What is one


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fps", [12.0, 24.0, 30.0, 60.0, 120.0])
def test_cuts_at_any_rate(fps: float, seed: int):
    n = int(1.5 * fps)
    film = np.concatenate([shot(seed + 10 * k, n, fps=fps, pan=pan) for k, pan in enumerate((0.05, -0.1, 0.2))])
    assert cuts(found(film, fps)) == [n / fps, 2 * n / fps]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("fps", "frames"), [(25.0, 6), (12.0, 5), (60.0, 15), (120.0, 25)])
def test_a_montage_of_very_short_shots(fps: float, frames: int, seed: int):
    film = np.concatenate([shot(seed + 10 * k, frames, fps=fps, pan=0.1) for k in range(8)])
    assert cuts(found(film, fps)) == [k * frames / fps for k in range(1, 8)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pan", [0.5, 1.0])
def test_a_cut_between_shots_that_move_fast(pan: float, seed: int):
    assert cuts(found(np.concatenate([shot(seed, 40, pan=pan), shot(seed + 10, 40, pan=-pan)]), 25.0)) == [1.6]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cut_in_the_dark(seed: int):
    assert cuts(found(np.concatenate([shot(seed, 50), shot(seed + 10, 50)]) * 0.2 + 14, 25.0)) == [2.0]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_blended_or_combed_frame_at_a_cut(share: float, seed: int):
    a, b = shot(seed, 40), shot(seed + 10, 40)
    for between in (a[-1] * (1 - share) + b[0] * share, np.where(np.arange(HEIGHT)[:, None] % 2, b[0], a[-1])):
        (cut,) = cuts(found(np.concatenate([a, between[None], b]), 25.0))
        assert cut in {40 / 25, 41 / 25}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bars", [(24, 0), (0, 40), (24, 60)])
def test_a_cut_between_bars(bars: tuple[int, int], seed: int):
    film = np.concatenate([shot(seed, 50), shot(seed + 10, 50)])
    top, side = bars
    film[:, :top] = film[:, HEIGHT - top :] = film[:, :, :side] = film[:, :, WIDTH - side :] = 0
    assert cuts(found(film, 25.0)) == [2.0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_film_with_three_frame_rates(seed: int):
    parts = [shot(seed, 120, fps=60), shot(seed + 10, 30, fps=15), shot(seed + 20, 120, fps=60)]
    times = np.concatenate([np.arange(120) / 60, 2 + np.arange(30) / 15, 4 + np.arange(120) / 60])
    assert cuts(found(np.concatenate(parts), times)) == [2.0, 4.0]


@pytest.mark.parametrize("seed", SEEDS)
def test_frames_that_were_dropped_at_random(seed: int):
    kept = np.flatnonzero(np.random.default_rng(seed).random(150) < 0.6)
    film = mix(np.concatenate([shot(seed, 50), shot(seed + 10, 70, pan=0.0)]), shot(seed + 20, 50, pan=0.0), 20)[kept]
    cut, dissolve = found(film, kept / 25)
    assert cut.time == kept[kept >= 50][0] / 25
    assert dissolve.kind == "dissolve"
    assert 4.0 < dissolve.time < 4.8


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("seconds", [0.32, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("fps", [12.0, 25.0, 60.0])
def test_dissolves_between_moving_shots(fps: float, seconds: float, seed: int):
    before, overlap = int(2 * fps), max(4, int(seconds * fps))
    a, b = (shot(s, before + overlap, fps=fps, pan=0.04, sway=0.03) for s in (seed, seed + 10))
    (change,) = found(mix(a, b, overlap), fps)
    assert change.kind == "dissolve"
    assert before / fps < change.time < (before + overlap) / fps


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dissolve_as_long_as_four_seconds(seed: int):
    a, b = (shot(s, 150, pan=0.02, sway=0.02) for s in (seed, seed + 10))
    (change,) = found(mix(a, b, 100), 25.0)
    assert change.kind == "dissolve"
    assert 2.5 < change.time < 5.5


@pytest.mark.parametrize("seed", SEEDS)
def test_white_between_two_shots_is_no_shot(seed: int):
    white = np.full((4, HEIGHT, WIDTH), 250.0)
    (cut,) = cuts(found(np.concatenate([shot(seed, 50), white, shot(seed + 10, 50)]), 25.0))
    assert cut == 54 / 25


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stray_frame_between_two_shots_hides_no_cut(seed: int):
    stray = shot(seed + 20, 1)
    (cut, *more) = cuts(found(np.concatenate([shot(seed, 50), stray, shot(seed + 10, 50)]), 25.0))
    assert cut in {50 / 25, 51 / 25}
    assert more in ([], [51 / 25])
