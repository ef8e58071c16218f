from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from render_samples import picture
from stills.errors import InputError, OutputError, UsageError
from stills.render.metadata import NAMESPACE, PictureMetadata, clock, read_metadata
from stills.render.pictures import OutputOptions, encode, face_crop, face_window, with_depth
from stills.settings_model import OutputSettings
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


def deep(width: int = 64, height: int = 40) -> NDArray[np.uint16]:
    return np.random.default_rng(5).integers(0, 65536, (height, width, 3)).astype(np.uint16)


@pytest.mark.parametrize("compression", [0, 1, 6, 9])
def test_sixteen_bits_come_back_exactly_with_all_metadata(compression: int) -> None:
    rgb = deep()
    data = encode(rgb, "png", metadata=ABOUT, compression=compression)
    assert data == encode(rgb, "png", metadata=ABOUT, compression=compression)
    back = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert back is not None
    assert back.dtype == np.uint16
    assert np.array_equal(back[..., ::-1], rgb)
    assert read_metadata(data) == ABOUT
    assert read_metadata(encode(rgb, "png")) is None
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # checks every chunk's CRC
        assert image.info["Software"] == "stills 1.2.3"
        assert image.getexif()[0x0131] == "stills 1.2.3"
        assert "stills:pts" in image.info["XML:com.adobe.xmp"]
        assert (np.abs(np.asarray(image.convert("RGB")).astype(int) - (rgb >> 8)) <= 1).all()


def test_sixteen_bits_need_png() -> None:
    for kind in FORMATS:
        if kind == "png":
            OutputOptions(format=kind, bit_depth=16)
            continue
        with pytest.raises(UsageError, match="--format png"):
            OutputOptions(format=kind, bit_depth=16)
        with pytest.raises(UsageError, match="--format png"):
            encode(deep(), kind)


def test_depths_are_changed_by_full_scale() -> None:
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert with_depth(eight, 8) is eight
    wide = with_depth(eight, 16)
    assert wide.dtype == np.uint16
    assert (int(wide.min()), int(wide.max())) == (0, 65535)
    assert np.array_equal(with_depth(wide, 8), eight)
    assert with_depth(wide, 16) is wide


def test_lossless_webp_is_that_and_lossy_is_not() -> None:
    rgb = picture(160, 90)
    for lossless in (True, False):
        with Image.open(io.BytesIO(encode(rgb, "webp", metadata=ABOUT, lossless=lossless))) as image:
            assert np.array_equal(np.asarray(image.convert("RGB")), rgb) == lossless
    assert read_metadata(encode(rgb, "webp", metadata=ABOUT, lossless=True)) == ABOUT


def test_compression_counts_and_loses_nothing() -> None:
    rgb = picture(320, 180)
    sizes = [len(encode(rgb, "png", compression=level)) for level in (0, 1, 9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[0] / 2
    for level in (0, 9):
        with Image.open(io.BytesIO(encode(rgb, "png", compression=level))) as image:
            assert np.array_equal(np.asarray(image), rgb)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_the_ends_of_quality(kind: PictureFormat) -> None:
    rgb = picture(160, 90)
    assert len(encode(rgb, kind, 0)) < len(encode(rgb, kind, 100))


def test_avif_where_pillow_has_none_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    with pytest.raises(UsageError, match="AVIF"):
        OutputOptions(format="avif")
    OutputOptions(format="webp")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"compression": 10}, "compression"), ({"compression": -1}, "compression"), ({"bit_depth": 10}, "10 bits"),
        ({"format": "jpeg", "lossless": True}, "without loss"), ({"format": "avif", "lossless": True}, "without loss"),
        ({"aspect": (0, 1)}, "aspect"), ({"sheet": (4, 0)}, "sheet"), ({"preview": "mp4"}, "preview"),
        ({"aspect": (9, 16), "fit": (1920, 1080)}, "not 9:16"), ({"name_template": "x"}, "template"),
    ],
)  # fmt: skip
def test_contradicting_options(bad: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        OutputOptions(**bad)  # type: ignore[arg-type]


def test_options_of_settings() -> None:
    output = OutputSettings(
        format="png", quality=0, compression=9, bit_depth=16, name_template="{number}", sheet="4X5", fit="64x64",
        fit_mode="pad", crops=True,
    )  # fmt: skip
    assert OutputOptions.of(output, aspect="1:1", preview="gif") == OutputOptions(
        format="png", quality=0, compression=9, bit_depth=16, name_template="{number}", sheet=(4, 5), fit=(64, 64),
        fit_mode="pad", crops=True, aspect=(1, 1), preview="gif",
    )  # fmt: skip
    assert OutputOptions.of(OutputSettings()) == OutputOptions()


def test_the_cover_picture_is_of_no_moment() -> None:
    about = PictureMetadata("film.mp4", None, None, None, 0.5)
    data = encode(picture(), "jpeg", metadata=about)
    assert read_metadata(data) == about
    assert b"Cover picture of film.mp4" in data
    assert b"stills:time" not in data
