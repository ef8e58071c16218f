from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame

from stills.media import color, planes
from stills.media.deep import to_rgb16, yuv_to_rgb16
from stills.media.frame import DecodedFrame
from stills.media.look import FrameLook
from stills.types import Hdr

WIDTH, HEIGHT = 96, 64


def frame_of(name: str, *values: np.ndarray | int, width: int = WIDTH, height: int = HEIGHT) -> VideoFrame:
    """A frame whose planes hold ``values`` (numbers, or pictures of a plane's size), as stored."""
    frame = VideoFrame(width, height, name)
    deep = planes.layout_of(name) is None or planes.layout_of(name).depth > 8  # type: ignore[union-attr]
    for index, value in enumerate(values):
        rows = planes.plane_rows(frame, index)
        (rows.view(np.uint16) if deep else rows)[:] = value
    return frame


def decoded(frame: VideoFrame, **changes: object) -> DecodedFrame:
    look: dict[str, object] = {
        "time_base": (1, 25), "start_pts": 0, "width": frame.width, "height": frame.height, "rotation": 0,
        "mirrored": False, "space": "bt709", "full_range": False, "hdr": "none",
    }  # fmt: skip
    return DecodedFrame(frame, FrameLook(**{**look, **changes}), 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "depth", "shift"),
    [("yuv420p10le", 10, 0), ("yuv422p12le", 12, 0), ("yuv444p16le", 16, 0), ("p010le", 10, 6)],
)
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_are_what_the_standard_says(name: str, depth: int, shift: int, full_range: bool) -> None:
    one = Fraction(1 << (depth - 8))
    for y, u, v in ((16, 128, 128), (235, 128, 128), (125.25, 128, 128), (100, 90.5, 160.25), (180, 150, 110)):
        stored = [int(value * one) << shift for value in (y, u, v)]
        chroma = [stored[1], stored[2]]
        if name == "p010le":
            frame = frame_of(name, stored[0], 0)
            both = planes.samples(frame, 1, planes.layout_of(name))  # type: ignore[arg-type]
            both[:, 0::2], both[:, 1::2] = chroma
        else:
            frame = frame_of(name, stored[0], *chroma)
        if full_range:
            top = (1 << depth) - 1
            luma, blue, red = int(y * one) / top, (int(u * one) - 128 * one) / top, (int(v * one) - 128 * one) / top
        else:
            luma, blue, red = (int(y * one) / one - 16) / 219, (u - 128) / 224, (v - 128) / 224
        kr, kb = 0.2126, 0.0722
        r, b = float(luma + 2 * (1 - kr) * red), float(luma + 2 * (1 - kb) * blue)
        g = (float(luma) - kr * r - kb * b) / (1 - kr - kb)
        wanted = np.clip(np.array([r, g, b]), 0, 1) * 65535
        got = decoded(frame, full_range=full_range).picture16()
        assert got.dtype == np.uint16
        assert np.abs(got.astype(float) - wanted).max() <= 1.5, (y, u, v)


def test_every_shade_of_ten_bits_stays_a_shade_of_its_own() -> None:
    ramp = np.arange(64, 941)
    frame = frame_of("yuv420p10le", np.resize(ramp, (2, 878)), 512, 512, width=878, height=2)
    got = decoded(frame).picture16()[0]
    assert len(np.unique(got[:877, 0])) == 877
    assert (got[0] == 0).all()
    assert (got[876] == 65535).all()
    assert len(np.unique(decoded(frame).picture()[0, :877, 0])) <= 256


def test_grey_of_sixteen_bits_and_deep_rgb_come_through() -> None:
    values = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH), np.uint16)
    got = decoded(frame_of("gray16le", values), full_range=True).picture16()
    assert (got == values[..., None]).all()
    frame = VideoFrame(WIDTH, HEIGHT, "rgb48le")
    rgb = np.random.default_rng(2).integers(0, 65536, (HEIGHT, WIDTH, 3), np.uint16)
    planes.plane_rows(frame, 0)[:] = rgb.reshape(HEIGHT, -1).view(np.uint8)
    assert (decoded(frame, full_range=True).picture16() == rgb).all()


@pytest.mark.parametrize("name", ["yuv420p", "rgb24", "gray"])
def test_eight_bits_are_widened(name: str) -> None:
    rng = np.random.default_rng(3)
    frame = VideoFrame(WIDTH, HEIGHT, name)
    for index in range(len(frame.planes)):
        rows = planes.plane_rows(frame, index)
        rows[:] = rng.integers(0, 256, rows.shape, np.uint8)
    made = decoded(frame, rotation=90)
    assert (made.picture16() == made.picture().astype(np.uint16) * 257).all()
    assert (
        to_rgb16(frame, "bt709", False, "none") == color.to_rgb(frame, "bt709", False, "none") * np.uint16(257)
    ).all()


@pytest.mark.parametrize("hdr", ["pq", "hlg"])
def test_hdr_is_the_same_picture_with_finer_steps(hdr: Hdr) -> None:
    ramp = np.resize(np.arange(64, 941), (2, 878))
    frame = frame_of("yuv420p10le", ramp, 512, 512, width=878, height=2)
    fine, coarse = (
        decoded(frame, hdr=hdr, space="bt2020").picture16()[0],
        decoded(frame, hdr=hdr, space="bt2020").picture()[0],
    )
    assert np.abs(fine.astype(float) / 257 - coarse).max() < 2.5  # swscale, in 8 bits, ends short of white
    assert (np.diff(fine[:877, 1].astype(int)) >= 0).all()
    assert len(np.unique(fine[:877, 1])) > 2 * len(np.unique(coarse[:877, 1]))


def test_turned_mirrored_and_stretched_like_the_picture_of_eight_bits() -> None:
    rng = np.random.default_rng(4)
    smooth = np.cumsum(rng.integers(0, 8, (HEIGHT, WIDTH)), axis=1) + 100
    frame = frame_of("yuv444p10le", smooth, 512 + smooth // 20, 480)
    for changes in (
        {"rotation": 90, "width": HEIGHT, "height": WIDTH}, {"rotation": 180, "mirrored": True},
        {"width": 128}, {"width": 48, "height": 32},
    ):  # fmt: skip
        made = decoded(frame, **changes)
        fine, coarse = made.picture16(), made.picture()
        assert fine.shape == coarse.shape
        assert np.abs(fine.astype(float) / 257 - coarse).max() < 2.5


@pytest.mark.parametrize("name", ["yuv420p10le", "p010le", "gbrp10le"])
def test_odd_sizes_and_the_way_through_the_spill(name: str) -> None:
    frame = VideoFrame(131, 35, name)
    for index in range(len(frame.planes)):
        rows = planes.plane_rows(frame, index)
        rows.view(np.uint16)[:] = np.random.default_rng(index).integers(64, 940, rows.view(np.uint16).shape)
        if name == "p010le":
            rows.view(np.uint16)[:] <<= 6
    made = decoded(frame)
    picture = made.picture16()
    assert picture.shape == (35, 131, 3)
    assert (DecodedFrame.from_raw(made.raw()).picture16() == picture).all()


def test_strips_leave_no_seams() -> None:
    parts = [np.random.default_rng(i).integers(64, 940, (300, 40)).astype(np.uint16) for i in range(3)]
    whole = yuv_to_rgb16(parts, 10, "bt601", False)
    pieces = [yuv_to_rgb16([p[top : top + 7] for p in parts], 10, "bt601", False) for top in range(0, 300, 7)]
    assert (np.concatenate(pieces) == whole).all()
