from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from render_samples import picture
from stills.errors import UsageError
from stills.render.fit import Transform, fit, parse_target, plan, target_size
from stills.types import Box, FitMode

sides = st.integers(2, 400)
sizes = st.tuples(sides, sides)


@st.composite
def sources_with_face(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    """A picture's size and a face wholly inside it."""
    width, height = draw(sizes)
    w, h = draw(st.floats(0.5, width)), draw(st.floats(0.5, height))
    x, y = draw(st.floats(0, 1)) * (width - w), draw(st.floats(0, 1)) * (height - h)
    return (width, height), (x, y, w, h)


def window(transform: Transform) -> tuple[float, float, float, float]:
    """What a transform shows, in pixels of the source: left, top, right, bottom."""
    return (
        transform.left,
        transform.top,
        transform.left + transform.width / transform.scale,
        transform.top + transform.height / transform.scale,
    )


@given(sources_with_face(), sizes)
def test_a_crop_is_of_exact_aspect_inside_the_frame_and_keeps_the_face(
    source: tuple[tuple[int, int], Box], size: tuple[int, int]
) -> None:
    (width, height), face = source
    transform = plan((width, height), size, "crop", face)
    left, top, right, bottom = window(transform)
    assert (right - left) * size[1] == pytest.approx((bottom - top) * size[0])
    assert left >= -1e-9
    assert top >= -1e-9
    assert right <= width + 1e-6
    assert bottom <= height + 1e-6
    for low, high, start, extent, length in (
        (left, right, face[0], face[2], width),
        (top, bottom, face[1], face[3], height),
    ):
        if extent <= high - low:
            assert low <= start + 1e-6
            assert start + extent <= high + 1e-6
        else:
            middle = min(max(start + extent / 2, (high - low) / 2), length - (high - low) / 2)
            assert (low + high) / 2 == pytest.approx(middle)


@given(sources_with_face())
def test_a_face_keeps_room_where_there_is_some(source: tuple[tuple[int, int], Box]) -> None:
    (width, height), (x, y, w, h) = source
    assume(w * 1.6 <= 0.4 * width)
    transform = plan((width, height), (2, 5 * height // width + 5), "crop", (x, y, w, h))
    left, _, right, _ = window(transform)
    if right - left >= w * 1.6:
        assert left <= max(0.0, x - 0.3 * w) + 1e-6
        assert right >= min(float(width), x + w * 1.3) - 1e-6


@given(sizes, sizes)
def test_padding_shows_everything_at_exact_aspect(source: tuple[int, int], size: tuple[int, int]) -> None:
    transform = plan(source, size, "pad")
    left, top, right, bottom = window(transform)
    assert left <= 1e-9
    assert top <= 1e-9
    assert right >= source[0] - 1e-6
    assert bottom >= source[1] - 1e-6
    assert min(abs(right - left - source[0]), abs(bottom - top - source[1])) <= 1e-6


@example((2, 5), (3, 2), "pad")  # less than a pixel wide, across the border of two
@example((400, 2), (2, 2), "pad")
@given(sizes, sizes, st.sampled_from(["crop", "pad"]))
def test_the_size_is_exact(source: tuple[int, int], size: tuple[int, int], mode: str) -> None:
    rgb, transform = fit(np.full((source[1], source[0], 3), 200, np.uint8), size, mode)  # type: ignore[arg-type]
    assert rgb.shape == (size[1], size[0], 3)
    assert rgb.dtype == np.uint8
    assert (transform.width, transform.height) == size
    assert set(np.unique(rgb)) <= ({200} if mode == "crop" else {0, 200})


@pytest.mark.parametrize("mode", ["crop", "pad"])
@pytest.mark.parametrize(
    ("source", "size"), [((320, 180), (700, 700)), ((640, 360), (200, 300)), ((300, 301), (97, 31))]
)
def test_circles_stay_circles_where_the_transform_says(
    mode: str, source: tuple[int, int], size: tuple[int, int]
) -> None:
    y, x = np.mgrid[0 : source[1], 0 : source[0]] + 0.5
    center, radius = (source[0] * 0.5, source[1] * 0.5), min(source) * 0.12
    disc = np.hypot(x - center[0], y - center[1]) < radius
    rgb, transform = fit((disc[..., None] * np.full(3, 255)).astype(np.uint8), size, mode)  # type: ignore[arg-type]
    got = rgb[..., 0].astype(float) / 255
    box = transform.box((center[0] - radius, center[1] - radius, 2 * radius, 2 * radius))
    gy, gx = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    assert (got * gx).sum() / got.sum() == pytest.approx(box[0] + box[2] / 2, abs=0.3)
    assert (got * gy).sum() / got.sum() == pytest.approx(box[1] + box[3] / 2, abs=0.3)
    assert got.sum() == pytest.approx(np.pi * box[2] * box[3] / 4, rel=0.06)
    assert box[2] == pytest.approx(box[3])


def test_full_hd_follows_the_orientation() -> None:
    assert target_size(1280, 720, "1080p") == (1920, 1080)
    assert target_size(720, 1280, "1080p") == (1080, 1920)
    assert target_size(500, 500, "1080p") == (1920, 1080)
    assert target_size(500, 400, "source") == (500, 400)


def test_the_source_size_changes_nothing() -> None:
    rgb = picture()
    same, transform = fit(rgb, "source", "crop", (1, 2, 3, 4))
    assert same is rgb
    assert transform.box((1, 2, 3, 4)) == (1, 2, 3, 4)


def test_a_face_at_the_edge_is_found_in_the_crop() -> None:
    rgb = np.zeros((180, 320, 3), np.uint8)
    rgb[20:50, 285:310] = 255
    fitted, transform = fit(rgb, (90, 160), "crop", (285, 20, 25, 30))
    x, y, w, h = transform.box((285, 20, 25, 30))
    assert fitted[round(y) + 1 : round(y + h) - 1, round(x) + 1 : round(x + w) - 1].min() > 200
    assert x > 0
    assert x + w < 90


def test_sizes_that_cannot_be() -> None:
    assert parse_target("1280x720") == (1280, 720)
    assert parse_target("1280×720") == (1280, 720)
    assert parse_target("source") == "source"
    assert parse_target("1080p") == "1080p"
    for text in ("", "x", "12", "0x5", "-1x5", "5x99999", "²x3", "720p"):
        with pytest.raises(UsageError):
            parse_target(text)
    with pytest.raises(UsageError, match="0x10"):
        fit(picture(), (0, 10))


def test_lines_survive() -> None:
    rgb, _ = fit(np.full((1, 5000, 3), 7, np.uint8), (100, 100), "pad")
    assert rgb.shape == (100, 100, 3)
    assert rgb.max() == 7


@pytest.mark.parametrize("mode", ["crop", "pad"])
@pytest.mark.parametrize("size", [(100, 100), (64, 20), (640, 360), (7, 50)])
def test_sixteen_bits_are_fitted_as_eight_are(mode: FitMode, size: tuple[int, int]) -> None:
    eight = picture(160, 90)
    wide, transform = fit(eight.astype(np.uint16) * 257, size, mode, (100.0, 10.0, 20.0, 30.0))
    narrow, same = fit(eight, size, mode, (100.0, 10.0, 20.0, 30.0))
    assert wide.dtype == np.uint16
    assert transform == same
    assert np.abs(wide / 257 - narrow).max() <= 1.5  # of 8 bits Pillow rounds what is between the two passes


def test_sixteen_bits_keep_fine_steps_and_do_not_wrap() -> None:
    ramp = np.repeat(np.tile(np.arange(20000, 20640, dtype=np.uint16), (8, 1))[..., None], 3, axis=2)
    half, _ = fit(ramp, (320, 4))
    assert np.array_equal(np.diff(half[0, 2:-2, 0].astype(int)), np.full(315, 2))
    hard = np.zeros((20, 20, 3), np.uint16)
    hard[:, 10:] = 65535
    large, _ = fit(hard, (200, 200))
    assert (large[:, 0] == 0).all()
    assert (large[:, -1] == 65535).all()
    assert (np.diff(large[100, 80:120, 0].astype(int)) >= -8000).all()
