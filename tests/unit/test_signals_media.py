"""The small pictures that are measured, out of frames of any format and size."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from media_factory import Movie, make
from stills.media import color, planes
from stills.media.decode import decode
from stills.media.probe import probe
from stills.vision.signals import SignalMeter

MOVIES = {
    "small.mkv": Movie(frames=3),
    "hd.mp4": Movie(frames=3, width=1280, height=720),
    "wide.mp4": Movie(frames=3, width=1920, height=802),
    "tall.mp4": Movie(frames=3, width=540, height=960),
    "turned.mp4": Movie(frames=3, width=640, height=360, rotation=90, mirrored=True),
    "over.mp4": Movie(frames=3, width=640, height=360, rotation=180),
    "odd.mkv": Movie(frames=3, width=731, height=397, codec="ffv1"),
    "ten.mkv": Movie(frames=3, width=640, height=360, pixel_format="yuv420p10le"),
    "pq.mkv": Movie(frames=3, width=640, height=360, pixel_format="yuv420p10le", transfer=16, matrix=9),
    "gray.mkv": Movie(frames=3, width=320, height=240, codec="ffv1", pixel_format="gray"),
    "rgb.mov": Movie(frames=3, width=640, height=360, codec="png", pixel_format="rgb24"),
    "palette.gif": Movie(frames=3, width=320, height=180, codec="gif", pixel_format="rgb8", timescale=100),
    "anamorphic.mp4": Movie(frames=3, width=720, height=576, aspect=Fraction(16, 15)),
    "full.mov": Movie(frames=3, width=320, height=180, codec="mjpeg", pixel_format="yuvj422p", full_range=True),
    "pixel.mkv": Movie(frames=3, width=1, height=1, codec="ffv1", pixel_format="gray"),
    "line.mkv": Movie(frames=3, width=300, height=2, codec="ffv1"),
}


@pytest.fixture(scope="module", params=MOVIES)
def frames(request, tmp_path_factory):
    path = make(tmp_path_factory.mktemp("small") / request.param, MOVIES[request.param])
    return list(decode(path, probe(path)))


def reference(frame, width: int, height: int) -> np.ndarray:
    return cv2.resize(frame.picture(), (width, height), interpolation=cv2.INTER_AREA)


def brightness(frame, rgb: np.ndarray) -> np.ndarray:
    """Y' of R'G'B' by the video's own matrix (OpenCV's grey is that of BT.601)."""
    red, blue = color.KR_KB.get(frame._look.space, color.KR_KB["bt601"])
    return rgb @ np.array([red, 1 - red - blue, blue])


def test_small_pictures_are_the_picture_made_small(frames):
    frame = frames[-1]
    luma, bgr = frame.small_pictures(64, 36)
    assert luma.shape == (36, 64)
    assert bgr.shape == (36, 64, 3)
    assert np.array_equal(luma, frame.small_luma(64, 36))
    expected = reference(frame, 64, 36)
    if frame._look.hdr == "none":  # HDR is looked at roughly
        assert np.abs(luma - brightness(frame, expected)).mean() < 4
        assert np.abs(bgr[..., ::-1].astype(int) - expected).mean() < 6


def test_the_analysis_picture_is_the_whole_picture_upright(frames):
    frame = frames[-1]
    luma = frame.analysis_luma()
    assert luma.dtype == np.uint8
    coded = frame.width * frame.height
    assert 36_000 <= luma.size <= 150_000 or luma.size >= coded * 0.9
    small = cv2.resize(luma, (16, 16), interpolation=cv2.INTER_AREA)
    gray = brightness(frame, reference(frame, 16, 16))
    if frame._look.hdr == "none":
        assert np.abs(small - gray).mean() < 4
    else:
        assert np.corrcoef(small.ravel(), gray.ravel())[0, 1] > 0.6


def test_tiles_lie_where_they_were_asked_for(frames):
    frame = frames[-1]
    centres = np.array([[0.1, 0.1], [0.9, 0.2], [0.5, 0.5], [0.0, 1.0]])
    tiles = frame.luma_tiles(centres, 16, 2)
    side = tiles.shape[1]
    assert tiles.shape == (4, side, side)
    picture = brightness(frame, frame.picture())
    height, width = picture.shape
    if min(width, height) < 100 or frame._look.hdr != "none":
        return  # the tiles are most of the picture; HDR is looked at roughly
    for tile, (x, y) in zip(tiles, centres, strict=True):
        left, top = (int(np.clip(c * s - 16, 0, s - 32)) for c, s in ((x, width), (y, height)))
        assert tile.mean() == pytest.approx(picture[top : top + 32, left : left + 32].mean(), abs=9)


def test_frames_of_any_format_are_measured(frames):
    meter = SignalMeter()
    for frame in frames:
        meter.add(frame)
    columns = meter.finish([])
    assert len(columns["luma"]) == len(frames) == 3
    if frames[0]._look.hdr == "none":
        assert columns["luma"][0] == pytest.approx(brightness(frames[0], frames[0].picture()).mean(), abs=5)
    assert all(np.isfinite(column).all() for column in columns.values())


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 6, 8, 12, 24])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_reduced_plane_is_the_plane_made_small(factor, kind):
    y, x = np.mgrid[0 : 36 * factor + factor // 2, 0 : 64 * factor + factor - 1]
    plane = (120 + 60 * np.sin(x / (9 * factor)) + 50 * np.cos(y / (7 * factor))).astype(kind)
    small = planes.reduce(plane, factor)
    assert small.dtype == kind
    assert small.shape == (plane.shape[0] // factor, plane.shape[1] // factor)
    cut = plane[: small.shape[0] * factor, : small.shape[1] * factor]
    expected = cv2.resize(cut, small.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).max() <= 4


def test_reduction_leaves_what_was_asked_for():
    assert planes.reduction(1920, 1080, area=36_000) == 6
    assert planes.reduction(3840, 2160, area=36_000) == 12
    assert planes.reduction(1280, 720, area=36_000) == 4
    assert planes.reduction(100, 100, area=36_000) == 1
    assert planes.reduction(1920, 1080, least=(128, 72)) == 12
    assert planes.reduction(1, 1, least=(64, 36)) == 1
