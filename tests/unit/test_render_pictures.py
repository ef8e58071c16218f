from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from render_samples import picture
from stills.errors import InputError, OutputError, UsageError
from stills.render.metadata import NAMESPACE, PictureMetadata, clock, read_metadata
from stills.render.pictures import OutputOptions, encode, face_crop, face_window
from stills.types import PictureFormat

FORMATS: list[PictureFormat] = ["jpeg", "png", "webp", "avif"]
ABOUT = PictureMetadata('Fête <n°1> & "Co"\'.mp4', 3723.456789, 111703, 3, 0.8734, "1.2.3")


@pytest.mark.parametrize("kind", FORMATS)
def test_pictures_come_back_and_the_same_input_gives_the_same_bytes(kind: PictureFormat) -> None:
    rgb = picture(320, 180)
    data = encode(rgb, kind, 90, ABOUT)
    assert data == encode(rgb, kind, 90, ABOUT)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == kind.upper()
        back = np.asarray(image.convert("RGB")).astype(int)
    difference = np.abs(back - rgb).max()
    assert difference == 0 if kind == "png" else difference < 25


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_quality_counts(kind: PictureFormat) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    assert len(encode(rgb, kind, 30)) < len(encode(rgb, kind, 95)) * 0.7


def test_high_quality_jpeg_keeps_colour_edges() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:, 31:] = (255, 0, 0)

    def error(quality: int) -> float:
        with Image.open(io.BytesIO(encode(rgb, "jpeg", quality))) as image:
            return float(np.abs(np.asarray(image).astype(int) - rgb).max())

    assert error(92) < error(85)


@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_comes_back(kind: PictureFormat, tmp_path: Path) -> None:
    data = encode(picture(), kind, 90, ABOUT)
    assert read_metadata(data) == ABOUT
    (tmp_path / "p").write_bytes(data)
    assert read_metadata(tmp_path / "p") == ABOUT
    assert read_metadata(encode(picture(), kind, 90)) is None


@pytest.mark.parametrize("kind", FORMATS)
def test_other_programs_can_read_it(kind: PictureFormat) -> None:
    with Image.open(io.BytesIO(encode(picture(), kind, 90, ABOUT))) as image:
        image.load()
        exif, info = image.getexif(), image.info
        xmp = info["XML:com.adobe.xmp"] if kind == "png" else info["xmp"].decode()
    line = 'Person 3 in Fête <n°1> & "Co"\'.mp4 at 1:02:03.457'
    if kind == "png":
        assert info["Description"] == line
        assert info["Software"] == "stills 1.2.3"
        assert info["Source"] == ABOUT.source
    else:
        text = exif[0x010E]
        assert (text if isinstance(text, bytes) else text.encode("latin-1")).decode() == line
        assert exif[0x0131] == "stills 1.2.3"
    tree = ElementTree.fromstring(re.sub(r"<\?xpacket[^>]*\?>", "", xmp))  # noqa: S314 - our own bytes
    description = tree.find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert description is not None
    got = {key.removeprefix(f"{{{NAMESPACE}}}"): value for key, value in description.attrib.items() if NAMESPACE in key}
    assert got == {"source": ABOUT.source, "time": "3723.456789", "pts": "111703", "person": "3", "score": "0.8734"}
    assert "".join(description.itertext()) == line


def test_nasty_names_do_not_break_xmp() -> None:
    about = PictureMetadata('\udcff\x00\n"/><x a="\'.mp4', 0.0, 0)
    ElementTree.fromstring(re.sub(r"<\?xpacket[^>]*\?>", "", about.xmp().decode()))  # noqa: S314 - our own bytes
    assert read_metadata(encode(picture(), "jpeg", 90, about)) == about


def test_reading_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8 no")
    with pytest.raises(InputError, match=r"x\.jpg"):
        read_metadata(tmp_path / "x.jpg")


def test_a_picture_too_large_for_its_format_says_what_to_do() -> None:
    with pytest.raises(OutputError, match="--format png"):
        encode(np.zeros((1, 16384, 3), np.uint8), "webp")
    assert encode(np.zeros((1, 16384, 3), np.uint8), "png")


@pytest.mark.parametrize(
    "bad",
    [{"format": "gif"}, {"quality": -1}, {"quality": 101}, {"fit": (0, 5)}, {"fit": "4k"}, {"fit_mode": "stretch"}],
)
def test_options_out_of_range(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        OutputOptions(**bad)  # type: ignore[arg-type]


boxes = st.tuples(st.floats(-50, 300), st.floats(-50, 300), st.floats(0.1, 300), st.floats(0.1, 300))


@given(st.integers(1, 300), st.integers(1, 300), boxes)
def test_a_face_window_is_inside_the_picture(width: int, height: int, box: tuple[float, float, float, float]) -> None:
    x, y, w, h = face_window(width, height, box)
    assert 0 <= x < x + w <= width
    assert 0 <= y < y + h <= height


def test_a_face_crop_is_a_portrait_around_the_face() -> None:
    rgb = picture(640, 480)
    crop = face_crop(rgb, (300, 200, 60, 80))
    assert crop.shape[1] / crop.shape[0] == pytest.approx(0.8, abs=0.02)
    x, y, w, h = face_window(640, 480, (300, 200, 60, 80))
    assert x + w / 2 == pytest.approx(330, abs=1.5)
    assert x < 290
    assert y < 180
    assert y + h > 300
    assert np.array_equal(crop, rgb[y : y + h, x : x + w])
    corner = face_window(640, 480, (600, 0, 40, 60))
    assert corner[0] + corner[2] == 640
    assert corner[1] == 0


def test_clock() -> None:
    assert clock(0) == "0:00.0"
    assert clock(59.96) == "1:00.0"
    assert clock(3600, digits=0) == "1:00:00"
    assert clock(3723.456789, digits=3) == "1:02:03.457"
