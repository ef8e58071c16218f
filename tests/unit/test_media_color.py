"""Colours: against NumPy references written from the standards, independent of swscale and OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_factory import Movie, make
from stills.media import color
from stills.media.decode import decode
from stills.media.probe import probe


def reference_rgb(planes, kr, kb, full):
    """BT.709-6, 3.3 to 3.5 solved for R'G'B', 0…255."""
    y, u, v = planes
    if full:
        luma, cb, cr = y / 255, (u - 128) / 255, (v - 128) / 255
    else:
        luma, cb, cr = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    red = luma + 2 * (1 - kr) * cr
    blue = luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([red, green, blue], -1) * 255, 0, 255)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("space", "kr", "kb"), [(s, *k) for s, k in color.KR_KB.items()])
def test_matrix_against_the_standard(space, kr, kb, full):
    rng = np.random.default_rng(1)
    planes = [rng.integers(16, 240, (40, 50), np.uint8) for _ in range(3)]
    expected = reference_rgb([plane.astype(float) for plane in planes], kr, kb, full)
    assert np.abs(color.yuv_to_rgb(planes, space, full) - expected).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (127, 33), (128, 7), (129, 50), (300, 301)])
def test_a_picture_converted_in_strips_is_the_one_converted_whole(size):
    rng = np.random.default_rng(2)
    planes = [rng.integers(0, 256, (size[0], size[1] + 5), np.uint8)[:, : size[1]] for _ in range(3)]
    matrix = color.yuv_to_bgr_matrix("bt709", False)[::-1]
    assert np.array_equal(color.yuv_to_rgb(planes, "bt709", False), cv2.transform(cv2.merge(planes), matrix))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv422p10le", "yuv420p10le"])
def test_a_flat_colour_survives_encoding(tmp_path, pixel_format, full):
    """One colour through encoder, decoder and each of the ways to look at it."""
    wanted = np.array([200, 90, 60])

    def flat(_index, width, height):
        return np.tile(wanted.astype(np.uint8), (height, width, 1))

    movie = Movie(frames=2, pixel_format=pixel_format, full_range=full, matrix=1, picture=flat, options=(("crf", "1"),))
    path = make(tmp_path / "a.mkv", movie)
    info = probe(path)
    assert (info.color_space, info.color_range) == ("bt709", "full" if full else "limited")
    frame = next(iter(decode(path, info)))
    assert np.abs(frame.picture().reshape(-1, 3) - wanted).max() <= 4
    assert np.abs(frame.small_bgr(64, 48).reshape(-1, 3)[:, ::-1] - wanted).max() <= 4
    assert np.abs(frame.crop_bgr(10, 20, 30, 30).reshape(-1, 3)[:, ::-1] - wanted).max() <= 4
    luma = wanted @ [0.2126, 0.7152, 0.0722]
    assert np.abs(frame.small_luma(16, 12) - luma).max() <= 3


def test_pq_matches_its_published_points():
    """BT.2100-2: 10000 cd/m² is code 1; BT.2408-7: 203 cd/m² is 58 %; 100 cd/m² is 0.508."""
    assert color.nits_to_pq(10000.0) == pytest.approx(1.0)
    assert color.nits_to_pq(203.0) == pytest.approx(0.5807, abs=0.0005)
    assert color.nits_to_pq(100.0) == pytest.approx(0.5081, abs=0.0005)
    codes = np.linspace(0, 1, 100)
    assert np.allclose(color.nits_to_pq(color.pq_to_nits(codes)), codes, atol=1e-6)


def test_hlg_matches_its_published_points():
    """BT.2100-2: code 0.5 is 1/12 of the peak; BT.2408-7: reference white (203 of 1000 cd/m²) is 75 %."""
    assert color.hlg_to_scene(np.array([0.5]))[0] == pytest.approx(1 / 12)
    assert color.hlg_to_scene(np.array([1.0]))[0] == pytest.approx(1.0, abs=1e-4)
    assert 1000 * color.hlg_to_scene(np.array([0.75]))[0] ** 1.2 == pytest.approx(203, abs=2)


def test_tone_curve_rises_and_ends_at_white():
    nits = np.linspace(0, 1000, 500)
    out = color.compress_nits(nits)
    assert (np.diff(out) >= 0).all()
    assert out[-1] == pytest.approx(color.SDR_WHITE, rel=0.001)
    dark = nits < 60
    assert np.allclose(out[dark], nits[dark], rtol=0.01, atol=0.01)


@pytest.mark.parametrize("hdr", ["pq", "hlg"])
def test_hdr_greys_stay_grey_and_rise(hdr):
    ramp = np.repeat(np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None], 3, axis=2)
    out = color.tone_map(ramp, hdr).astype(int)
    assert (np.ptp(out, axis=2) <= 1).all()
    assert (np.diff(out[0, :, 0]) >= 0).all()
    assert out[0, 0, 0] == 0
    assert out[0, -1, 0] >= 254


def test_hdr_hue_stays_where_a_highlight_is_compressed():
    skin = np.array([[[46000, 40000, 36000]]], np.uint16)
    dim = (skin * 0.8).astype(np.uint16)
    bright, dark = color.tone_map(skin, "pq")[0, 0].astype(int), color.tone_map(dim, "pq")[0, 0].astype(int)
    assert bright[0] > bright[1] > bright[2]
    assert (bright > dark).all()


@given(st.integers(2, 30), st.integers(2, 30), st.sampled_from([0, 90, 180, 270]), st.booleans(), st.data())
def test_rectangle_before_the_turn_shows_the_same_pixels(width, height, rotation, mirrored, data):
    coded_size = (width, height) if rotation in {90, 270} else (height, width)
    coded = np.arange(width * height, dtype=np.int64).reshape(coded_size).astype(np.uint8)
    turned = color.upright(coded, rotation, mirrored)
    assert turned.shape == (height, width)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    cx, cy, cw, ch = color.coded_rectangle(x, y, w, h, width=width, height=height, rotation=rotation, mirrored=mirrored)
    part = color.upright(np.ascontiguousarray(coded[cy : cy + ch, cx : cx + cw]), rotation, mirrored)
    assert np.array_equal(part, turned[y : y + h, x : x + w])
