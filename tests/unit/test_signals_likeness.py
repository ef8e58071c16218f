"""How alike pictures are: against scikit-image, and by what people see."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import data
from skimage.metrics import structural_similarity

from stills.media import planes
from stills.vision.change import histogram_changes, local_change, row_histograms
from stills.vision.novelty import HISTORY, NoveltyMeter
from stills.vision.phash import hash_distances, perceptual_hashes
from stills.vision.signals import LOCAL_CHANGE, SETTLED_CHANGE
from stills.vision.ssim import SsimPicture, ssim

SHAPES = st.tuples(st.integers(8, 40), st.integers(8, 40))


def photo(name: str, size: tuple[int, int] = (80, 45)) -> np.ndarray:
    picture = getattr(data, name)()
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture[..., :3], cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1), spread=st.integers(1, 128))
@settings(max_examples=60, deadline=None)
def test_ssim_is_that_of_scikit_image(shape, seed, spread):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, shape, np.uint8)
    b = np.clip(a + rng.integers(-spread, spread + 1, shape), 0, 255).astype(np.uint8)
    expected = structural_similarity(a, b, win_size=7, data_range=255)
    assert ssim(SsimPicture.of(a), SsimPicture.of(b)) == pytest.approx(expected, abs=2e-4)


@given(arrays(np.uint8, SHAPES))
@settings(max_examples=40, deadline=None)
def test_a_picture_is_like_itself(picture):
    assert ssim(SsimPicture.of(picture), SsimPicture.of(picture)) == pytest.approx(1.0, abs=1e-3)


def test_novelty_is_against_all_that_were_distinct():
    pictures = [photo(name) for name in ("astronaut", "coffee", "chelsea", "rocket")]
    meter = NoveltyMeter()
    first = [meter.add(SsimPicture.of(p)) for p in pictures]
    assert first[0] == 1.0
    assert min(first) > 0.5
    again = [meter.add(SsimPicture.of(p)) for p in pictures]
    assert max(again) < 1e-4
    expected = 1 - max(structural_similarity(photo("camera"), p, data_range=255) for p in pictures)
    assert meter.add(SsimPicture.of(photo("camera"))) == pytest.approx(expected, abs=1e-3)


def test_novelty_forgets_what_is_long_ago():
    rng = np.random.default_rng(3)
    meter = NoveltyMeter()
    first = SsimPicture.of(photo("astronaut"))
    meter.add(first)
    for _ in range(HISTORY):
        meter.add(SsimPicture.of(rng.integers(0, 256, (45, 80), np.uint8)))
    assert meter.add(first) > 0.5


def screen(lines: list[str], down: int = 0, stroke: int = 1, scale: float = 0.55) -> np.ndarray:
    """A 1080p screen with text; at 0.55 its digits are 12 pixels tall."""
    picture = np.full((1080, 1920), 250, np.uint8)
    for at, line in enumerate(lines):
        place = (100, 60 + down + 30 * at)
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 30, stroke, cv2.LINE_AA)
    return picture


def change_between(a: np.ndarray, b: np.ndarray) -> float:
    return local_change(cv2.absdiff(planes.reduce(a, 6), planes.reduce(b, 6)))


@pytest.mark.parametrize(("stroke", "scale"), [(1, 0.55), (2, 0.55), (2, 0.8)])
def test_one_changed_digit_of_a_screen_is_seen(stroke, scale):
    """As good as always: rows are skipped, so a thin line between them can be missed."""
    found = [
        change_between(screen(["total: 0"], down, stroke, scale), screen([f"total: {digit}"], down, stroke, scale))
        for digit in range(1, 10)
        for down in range(6)
    ]
    assert np.mean(np.array(found) > LOCAL_CHANGE) >= 0.9


def test_a_typed_line_is_seen_and_compression_is_not():
    page = screen([f"row {n}: a line of text on a screen" for n in range(20)])
    typed = page.copy()
    cv2.putText(typed, "x = 1", (100, 700), cv2.FONT_HERSHEY_SIMPLEX, 0.55, 30, 1, cv2.LINE_AA)
    assert change_between(page, typed) > LOCAL_CHANGE
    coded = [cv2.imdecode(cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, q])[1], 0) for q in (70, 80)]
    assert change_between(*coded) < SETTLED_CHANGE
    rng = np.random.default_rng(0)
    grain = [np.clip(page - 60 + rng.normal(0, 4, page.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    assert change_between(*grain) < SETTLED_CHANGE


def test_histograms_count_each_row_for_itself():
    rng = np.random.default_rng(5)
    rows = rng.integers(0, 16, (7, 300), np.uint8)
    expected = np.stack([np.bincount(row, minlength=16) for row in rows])
    assert np.array_equal(row_histograms(rows, 16), expected)


def test_histogram_change_is_the_share_that_moved():
    counts = np.array([[100, 0, 0], [75, 25, 0], [75, 25, 0], [0, 0, 100]])
    assert histogram_changes(counts, None).tolist() == [0.0, 0.25, 0.0, 1.0]
    assert histogram_changes(counts[:1], np.array([0, 100, 0])).tolist() == [1.0]


NAMES = ("astronaut", "coffee", "chelsea", "rocket", "camera", "moon")


@pytest.mark.parametrize("name", NAMES)
def test_a_hash_stays_when_size_light_and_coding_change(name):
    full = photo(name, (640, 360))

    def small(picture):
        return cv2.resize(picture, (64, 36), interpolation=cv2.INTER_AREA)

    brighter = cv2.convertScaleAbs(full, alpha=0.8, beta=30)
    coded = cv2.imdecode(cv2.imencode(".jpg", full, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 0)
    scaled = cv2.resize(full, (200, 120), interpolation=cv2.INTER_AREA)
    hashes = perceptual_hashes(np.stack([small(p) for p in (full, brighter, coded, scaled)]))
    assert hash_distances(hashes[:1], hashes[1:]).max() <= 6


def test_hashes_of_other_pictures_differ():
    hashes = perceptual_hashes(np.stack([photo(name, (64, 36)) for name in NAMES]))
    apart = hash_distances(hashes[:, None], hashes[None])
    assert apart[~np.eye(len(NAMES), dtype=bool)].min() >= 16


def test_a_hash_is_the_cosine_transform_s_signs():
    thumb = photo("coffee", (64, 36)).astype(np.float32)
    spectrum = cv2.dct(thumb)[1:9, 1:9].ravel()
    # cv2.dct is orthonormal: all these frequencies have the same factor
    bits = spectrum > np.median(spectrum)
    expected = int("".join("1" if bit else "0" for bit in bits), 2)
    assert int(perceptual_hashes(thumb.astype(np.uint8)[None])[0]) == expected


def test_pictures_of_one_tone_have_the_hash_nought():
    flat = np.stack([np.full((36, 64), level, np.uint8) for level in (0, 90, 255)])
    assert perceptual_hashes(flat).tolist() == [0, 0, 0]
