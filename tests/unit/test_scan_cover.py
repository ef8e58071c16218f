"""Cover pictures: decoded with care, upright, and measured as frames are."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import media_factory
from face_samples import portrait
from media_factory import Movie, make
from stills.index.schema import SIGNALS
from stills.models import open_session
from stills.scan.cover import cover_picture, measure_cover
from stills.scan.faces import Vision
from stills.vision import make_detector, make_embedder, make_expression, make_landmarker

WOMAN = Image.fromarray(np.ascontiguousarray(portrait()[..., ::-1]))


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def with_cover(folder: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> Path:
    monkeypatch.setattr(media_factory, "jpeg", lambda: data)
    return make(folder / "film.mp4", Movie(frames=3, cover=True))


@pytest.fixture(scope="module")
def vision() -> Vision:
    detector = make_detector("yunet", open_session("yunet", device="cpu"))
    return Vision(
        detector,
        detector,
        make_embedder("sface", open_session("sface", device="cpu")),
        make_landmarker(open_session("landmarks", device="cpu"), open_session("blendshapes", device="cpu")),
        make_expression(open_session("emotion", device="cpu")),
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_the_picture_is_read_whatever_its_format(tmp_path, monkeypatch, kind: str):
    rgb = cover_picture(with_cover(tmp_path, monkeypatch, encoded(WOMAN, kind)))
    assert rgb is not None
    assert rgb.shape == (512, 512, 3)
    assert np.abs(rgb.astype(int) - np.asarray(WOMAN, int)).mean() < 4


def test_a_picture_that_lies_on_its_side_is_turned_upright(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to show
    lying = WOMAN.crop((0, 0, 512, 300)).rotate(90, expand=True)
    rgb = cover_picture(with_cover(tmp_path, monkeypatch, encoded(lying, exif=exif)))
    assert rgb is not None
    assert rgb.shape == (300, 512, 3)
    assert np.abs(rgb.astype(int) - np.asarray(WOMAN, int)[:300]).mean() < 6


def test_odd_pixels_become_colours(tmp_path, monkeypatch):
    clear = Image.new("RGBA", (40, 30), (200, 0, 0, 0))
    rgb = cover_picture(with_cover(tmp_path, monkeypatch, encoded(clear, "PNG")))
    assert rgb is not None
    assert (rgb == 255).all()
    deep = Image.fromarray(np.full((30, 40), 40000, np.uint16))
    rgb = cover_picture(with_cover(tmp_path, monkeypatch, encoded(deep, "PNG")))
    assert rgb is not None
    assert np.abs(rgb.astype(int) - 40000 / 257).max() <= 1
    print_ready = WOMAN.convert("CMYK")
    rgb = cover_picture(with_cover(tmp_path, monkeypatch, encoded(print_ready)))
    assert rgb is not None
    assert np.abs(rgb.astype(int) - np.asarray(WOMAN, int)).mean() < 12


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"not a picture at all", "no picture"),
        (encoded(WOMAN, "PNG")[:5000], "damaged"),
        (encoded(WOMAN)[:1000], "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "no picture"),
        (encoded(Image.new("1", (9000, 8000)), "PNG"), "9000 × 8000"),
    ],
)
def test_what_cannot_be_shown_is_left_out_with_a_word(tmp_path, monkeypatch, data: bytes, why: str):
    path = with_cover(tmp_path, monkeypatch, data)
    reading = measure_cover(path, None)
    assert reading.values is None
    assert len(reading.warnings) == 1
    assert why in reading.warnings[0]
    assert cover_picture(path) is None


def test_no_cover_is_nothing_to_warn_of(tmp_path):
    path = make(tmp_path / "film.mp4", Movie(frames=3))
    assert measure_cover(path, None).values is None
    assert measure_cover(path, None).warnings == ()
    assert cover_picture(path) is None


def test_the_limit_of_pixels_is_the_callers(tmp_path, monkeypatch):
    path = with_cover(tmp_path, monkeypatch, encoded(WOMAN))
    assert cover_picture(path, max_pixels=512 * 512) is not None
    assert cover_picture(path, max_pixels=512 * 512 - 1) is None


def test_without_models_there_are_signals_only_as_json(tmp_path, monkeypatch):
    values = measure_cover(with_cover(tmp_path, monkeypatch, encoded(WOMAN)), None).values
    assert values is not None
    assert json.loads(json.dumps(values)) == values
    assert set(SIGNALS) - {"hash", "colors", "thumb"} <= set(values["signals"])
    assert {"luma", "contrast"} <= set(values["signals"])
    assert len(base64.b64decode(values["colors"])) == 64
    thumb = np.frombuffer(base64.b64decode(values["thumb"]), np.uint8)
    assert thumb.size == 64 * 36
    assert thumb.mean() == pytest.approx(values["signals"]["luma"], abs=1)
    assert (values["width"], values["height"]) == (512, 512)
    assert (values["faces"], values["expression"]) == ([], None)
    assert not values["signals"]["black"]


def test_faces_and_expression_are_those_of_the_picture(tmp_path, monkeypatch, vision: Vision):
    large = WOMAN.resize((1400, 1400))
    values = measure_cover(with_cover(tmp_path, monkeypatch, encoded(large)), vision).values
    assert values is not None
    [face] = values["faces"]
    x, y, w, h = (v * 512 / 1400 for v in face["box"])
    assert x < 221 < x + w
    assert y < 120 < y + h
    assert 60 < w < 130
    assert face["eyes_open"] > 0.8
    assert face["smile"] > 0.4
    assert face["presence"] > 0.9
    assert 0 < face["quality"] < 1
    assert values["expression"][3] > 0.5
    assert sum(values["expression"]) == pytest.approx(1, abs=1e-3)
    assert json.loads(json.dumps(values)) == values


def test_a_cover_is_a_candidate_as_measured(tmp_path, monkeypatch, vision: Vision):
    """The whole way: what is measured here is what the selection reads."""
    from stills.select.thumbnails import select_thumbnails
    from stills.types import COVER_PTS
    from thumbnail_samples import film, frame

    values = measure_cover(with_cover(tmp_path, monkeypatch, encoded(WOMAN)), vision).values
    dull = [frame(5.0 * i + 2.0, i, colorfulness=3.0, sharpness=0.5) for i in range(6)]
    best = select_thumbnails(film(dull, cover=values)).frames[0]
    assert best.pts == COVER_PTS
    assert len(best.faces) == 1
