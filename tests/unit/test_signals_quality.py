"""Sharpness, noise, light, colours, text and bars of single pictures."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from stills.errors import UsageError
from stills.vision.bars import find_bars, stable_bars
from stills.vision.colors import color_counts, colorfulness, packed_counts
from stills.vision.light import measure_light
from stills.vision.noise import noise_sigma
from stills.vision.pictures import ArrayPictures
from stills.vision.signals import SignalMeter


def photo(name: str, width: int, height: int) -> np.ndarray:
    picture = getattr(data, name)()[..., 2::-1]
    rows = min(picture.shape[0], picture.shape[1] * 9 // 16)
    top = (picture.shape[0] - rows) // 2
    part = np.ascontiguousarray(picture[top : top + rows])
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if width < part.shape[1] else cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def collage() -> np.ndarray:
    """1080p, sharp enough: nine photographs side by side."""
    names = ("astronaut", "coffee", "chelsea", "rocket", "astronaut", "coffee", "chelsea", "rocket", "coffee")
    tiles = [photo(name, 640, 360) for name in names]
    return np.vstack([np.hstack(tiles[i : i + 3]) for i in (0, 3, 6)])


def measure(bgr: np.ndarray) -> dict[str, float]:
    meter = SignalMeter()
    meter.add(ArrayPictures(np.ascontiguousarray(bgr)))
    return {name: column[0] for name, column in meter.finish([]).items()}


def along(picture: np.ndarray, length: int) -> np.ndarray:
    """Moved by ``length`` pixels to the right while the shutter was open."""
    return cv2.blur(picture, (length, 1))


def test_sharpness_falls_with_blur(collage):
    found = [measure(cv2.GaussianBlur(collage, (0, 0), s))["sharpness"] for s in (1, 2, 4, 8, 16)]
    assert found[0] > 0.9
    assert all(a > b + 0.05 for a, b in pairwise(found))
    assert found[-1] < 0.1


def test_sharpness_falls_with_motion(collage):
    found = [measure(along(collage, n))["sharpness"] for n in (1, 11, 21, 41)]
    assert all(a > b + 0.05 for a, b in pairwise(found))


@pytest.mark.parametrize("scale", [2.0, 4 / 3, 2 / 3, 0.5])
@pytest.mark.parametrize("blur", [3.0, 6.0])
def test_sharpness_does_not_depend_on_the_size(collage, blur, scale):
    soft = cv2.GaussianBlur(collage, (0, 0), blur)
    size = (round(1920 * scale), round(1080 * scale))
    other = cv2.resize(soft, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    assert measure(other)["sharpness"] == pytest.approx(measure(soft)["sharpness"], abs=0.12)


@pytest.mark.parametrize("contrast", [0.6, 0.3])
def test_sharpness_does_not_depend_on_contrast(collage, contrast):
    soft = cv2.GaussianBlur(collage, (0, 0), 4)
    pale = (soft * contrast + 70).astype(np.uint8)
    assert measure(pale)["sharpness"] == pytest.approx(measure(soft)["sharpness"], abs=0.08)


@pytest.mark.parametrize("sigma", [4, 10])
def test_noise_is_no_sharpness(collage, sigma):
    rng = np.random.default_rng(sigma)
    soft = cv2.GaussianBlur(collage, (0, 0), 6)
    noisy = np.clip(soft + rng.normal(0, sigma, soft.shape[:2])[..., None], 0, 255).astype(np.uint8)
    assert measure(noisy)["sharpness"] == pytest.approx(measure(soft)["sharpness"], abs=0.1)


def test_a_shallow_depth_of_field_is_sharp(collage):
    blurred = cv2.GaussianBlur(collage, (0, 0), 12)
    portrait = blurred.copy()
    portrait[200:880, 640:1280] = collage[200:880, 640:1280]
    assert measure(portrait)["sharpness"] > measure(blurred)["sharpness"] + 0.4


def test_a_subtitle_does_not_make_a_blurred_frame_sharp(collage):
    blurred = cv2.GaussianBlur(collage, (0, 0), 12)
    titled = blurred.copy()
    cv2.putText(titled, "A line of dialogue below it", (450, 980), cv2.FONT_HERSHEY_SIMPLEX, 2, (255,) * 3, 5)
    assert measure(titled)["sharpness"] < measure(blurred)["sharpness"] + 0.1


@given(st.sampled_from([(1, 1), (1, 40), (40, 1), (7, 5), (64, 36), (130, 97), (100, 700)]), st.integers(0, 255))
@settings(deadline=None, max_examples=30)
def test_any_size_gives_numbers_in_range(size, level):
    rng = np.random.default_rng(level)
    picture = np.clip(rng.normal(level, 20, (size[1], size[0], 3)), 0, 255).astype(np.uint8)
    found = measure(picture)
    for name in ("sharpness", "exposure", "shadows", "highlights", "text", "detail", "novelty"):
        assert 0.0 <= found[name] <= 1.0, name
    assert np.isfinite([found[n] for n in ("noise", "colorfulness", "motion", "luma", "contrast")]).all()


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0, 20.0])
def test_noise_is_measured_in_grey_levels(sigma):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:720, 0:1280]
    smooth = 60 + 80 * x / 1280 + 50 * y / 720
    smooth[:, 600:] += 40
    noisy = np.clip(smooth + rng.normal(0, sigma, smooth.shape), 0, 255).astype(np.uint8)
    assert measure(noisy)["noise"] == pytest.approx(sigma, rel=0.15)


def test_edges_are_no_noise():
    tiles = np.full((6, 32, 32), 60, np.uint8)
    tiles[:, :, 16:] = 190
    assert noise_sigma(tiles) < 0.2
    assert noise_sigma(np.zeros((3, 32, 32), np.uint8)) == 0.0
    assert noise_sigma(np.zeros((3, 1, 1), np.uint8)) == 0.0


def test_light_tells_well_exposed_from_dark_and_burnt(collage):
    good, dark, burnt = (
        measure(collage),
        measure(collage // 6),
        measure(cv2.convertScaleAbs(collage, alpha=2.2, beta=90)),
    )
    assert good["exposure"] > 0.9
    assert dark["exposure"] < 0.3
    assert burnt["exposure"] < 0.3
    assert burnt["highlights"] > 0.3
    assert good["highlights"] < 0.05


def test_a_white_ground_is_not_burnt(collage):
    studio = np.full_like(collage, 255)
    studio[200:, 600:1320] = collage[200:, 600:1320]
    found = measure(studio)
    assert found["exposure"] > 0.8
    assert found["highlights"] > 0.6
    assert measure(np.full_like(collage, 255))["exposure"] == 0.0


def test_shares_of_clipped_pixels_are_exact():
    picture = np.full((100, 200), 120, np.uint8)
    picture[:, :40] = 0
    picture[:, 40:50] = 255
    light = measure_light(picture)
    assert (light.shadows, light.highlights) == (pytest.approx(0.2), pytest.approx(0.05))


def test_colorfulness_is_hasler_and_suesstrunk_s():
    pictures = np.stack([photo(n, 64, 36) for n in ("astronaut", "coffee", "chelsea")])
    for picture, found in zip(pictures, colorfulness(pictures), strict=True):
        b, g, r = (picture[..., i].astype(float) for i in range(3))
        rg, yb = r - g, (r + g) / 2 - b
        expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        assert found == pytest.approx(expected, rel=1e-4)
    gray = np.repeat(pictures[:1, ..., :1], 3, axis=-1)
    assert colorfulness(gray)[0] == 0.0


def test_color_cells_are_those_of_rgb():
    rng = np.random.default_rng(2)
    bgr = rng.integers(0, 256, (3, 36, 64, 3), np.uint8)
    expected = [np.histogramdd(p.reshape(-1, 3)[:, ::-1], bins=4, range=[(0, 256)] * 3)[0].ravel() for p in bgr]
    counts = color_counts(bgr)
    assert np.array_equal(counts, np.array(expected))
    packed = packed_counts(counts)
    assert packed.shape == (3, 64)
    assert (packed.max(axis=1) == 255).all()
    assert np.abs(packed / 255.0 - np.sqrt(counts / counts.max(axis=1, keepdims=True))).max() < 0.01


@pytest.mark.parametrize("line", ["What did he say?", "I have not seen him since the war."])
def test_a_subtitle_on_black_is_text_on_black(line):
    picture = np.zeros((1080, 1920, 3), np.uint8)
    cv2.putText(picture, line, (500, 960), cv2.FONT_HERSHEY_SIMPLEX, 2, (255,) * 3, 5, cv2.LINE_AA)
    found = measure(picture)
    assert found["text"] > 0.005
    assert found["shadows"] > 0.9
    assert not found["black"]
    assert found["bars"].tolist() == [0, 0, 0, 0]
    assert measure(np.zeros_like(picture))["text"] == 0.0


def test_a_page_is_text_and_photographs_are_not(collage):
    page = np.full((1080, 1920, 3), 255, np.uint8)
    for n in range(38):
        cv2.putText(
            page,
            f"def name_{n}(a, b): return a + {n} * b",
            (80, 40 + 27 * n),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.7,
            (30,) * 3,
            2,
        )
    assert measure(page)["text"] > 0.15
    assert measure(collage)["text"] < 0.05


@pytest.mark.parametrize("bars", [(138, 138, 0, 0), (0, 0, 240, 240), (60, 60, 100, 100), (0, 0, 0, 0)])
def test_bars_are_found_and_are_no_shadows(collage, bars):
    top, bottom, left, right = bars
    picture = np.zeros_like(collage)
    inside = cv2.resize(collage, (1920 - left - right, 1080 - top - bottom))
    picture[top : 1080 - bottom, left : 1920 - right] = inside
    found = measure(picture)
    assert found["bars"] == pytest.approx(np.array(bars) / [1080, 1080, 1920, 1920], abs=0.012)
    assert found["shadows"] < 0.06


def test_a_dark_room_has_no_bars():
    rng = np.random.default_rng(0)
    room = rng.normal(14, 5, (180, 320))
    room[60:120, 100:200] += 90
    assert find_bars(np.clip(room, 0, 255).astype(np.uint8)) == (0, 0, 0, 0)


def test_bars_have_to_hold_throughout_a_shot():
    seen = np.array([[0.12, 0.12, 0, 0], [0.3, 0.12, 0, 0], [0.12, 0.12, 0, 0], [0.4, 0.4, 0, 0]], np.float32)
    lit = np.array([True, True, True, False])
    bars = stable_bars(seen, lit, np.array([0, 0, 0, 1]))
    assert bars == pytest.approx(np.tile([0.12, 0.12, 0, 0], (4, 1)), abs=1e-6)
    assert stable_bars(seen[3:], lit[3:], np.array([0])).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3), np.float32), np.zeros((0, 4), np.uint8), np.zeros(5, np.uint8)])
def test_only_pictures_are_measured(bad):
    with pytest.raises(UsageError):
        ArrayPictures(bad)
