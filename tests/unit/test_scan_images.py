"""Foreign pictures: upright, of the right colours, of a size that memory allows, or refused in one line."""

from __future__ import annotations

import os
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from command import without_rights
from picture_samples import encoded, halves, lying, write
from stills.errors import InputError, LimitError
from stills.scan.images import KEEP_PIXELS, decode_image

MANY = 1 << 28
LOSSLESS = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}}


def apart(rgb: np.ndarray, expected: np.ndarray) -> float:
    assert rgb.shape == expected.shape
    assert rgb.dtype == np.uint8
    return float(np.abs(rgb.astype(int) - expected).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_every_format_is_read(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "picture.dat", halves(), kind, **LOSSLESS.get(kind, {}))
    image = decode_image(path, max_pixels=MANY)
    assert apart(image.rgb, halves()) < 5
    assert (image.width, image.height, image.warnings) == (60, 40, ())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(kind: str, orientation: int) -> None:
    stored = lying(halves(), orientation)
    data = encoded(stored, kind, orientation=orientation, **LOSSLESS.get(kind, {}))
    image = decode_image(data, max_pixels=MANY)
    assert apart(image.rgb, halves()) < 6
    assert (image.width, image.height) == (60, 40)


def test_an_orientation_that_there_is_not_turns_nothing() -> None:
    assert apart(decode_image(encoded(halves(), "PNG", orientation=77), max_pixels=MANY).rgb, halves()) == 0


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind: str) -> None:
    gray = np.full((40, 60, 3), 128, np.uint8)
    image = decode_image(encoded(Image.fromarray(gray).convert("CMYK"), kind), max_pixels=MANY)
    assert apart(image.rgb, gray) < 3


def test_an_embedded_profile_counts() -> None:
    """A profile whose red and blue are exchanged, so that nobody can overlook whether it was used."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    exchanged = bytes(srgb).replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    exchanged = exchanged.replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be")).replace(b"sRGB", b"odd!")
    red = np.full((40, 60, 3), (230, 20, 20), np.uint8)
    image = decode_image(encoded(red, "PNG", icc_profile=exchanged), max_pixels=MANY)
    assert apart(image.rgb, red[..., ::-1]) < 12
    plain = decode_image(encoded(red, "PNG", icc_profile=bytes(srgb)), max_pixels=MANY)
    assert apart(plain.rgb, red) == 0


def test_a_damaged_profile_is_said_and_costs_nothing_else() -> None:
    image = decode_image(encoded(halves(), "PNG", icc_profile=b"nonsense" * 40), max_pixels=MANY)
    assert apart(image.rgb, halves()) == 0
    assert image.warnings == ("its colour profile is damaged",)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_what_is_transparent_lies_on_white(mode: str) -> None:
    layer = np.dstack([halves(), np.full((40, 60), 255, np.uint8)])
    layer[20:, :, 3] = 0
    picture = Image.fromarray(layer)
    picture = picture if mode == "RGBA" else picture.quantize(16) if mode in {"P", "PA"} else picture.convert(mode)
    image = decode_image(encoded(picture, "PNG"), max_pixels=MANY)
    assert (image.rgb[22:] > 250).all()
    assert image.rgb[15, 10].mean() < 60


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.full((30, 40), 40000, np.uint16), "PNG"),
        (np.full((30, 40), 40000, np.int32), "TIFF"),
        (np.full((30, 40), 40000 / 65535, np.float32), "TIFF"),
        (np.full((30, 40), round(40000 / 257), np.int32), "TIFF"),
    ],
)
def test_deep_pictures_keep_their_brightness(values: np.ndarray, kind: str) -> None:
    image = decode_image(encoded(Image.fromarray(values), kind), max_pixels=MANY)
    assert np.abs(image.rgb.astype(float) - 40000 / 257).max() <= 1


def test_numbers_that_are_none_are_black() -> None:
    values = np.full((30, 40), 0.5, np.float32)
    values[:10] = np.nan
    values[10:20] = -np.inf
    image = decode_image(encoded(Image.fromarray(values), "TIFF"), max_pixels=MANY)
    assert not image.rgb[:20].any()
    assert np.abs(image.rgb[20:].astype(float) - 127.5).max() <= 1


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.fromarray(np.full((40, 60, 3), value, np.uint8)) for value in (10, 120, 240)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert apart(decode_image(data, max_pixels=MANY).rgb, np.full((40, 60, 3), 10)) < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_large_pictures_are_reduced_and_their_size_is_told(kind: str, orientation: int) -> None:
    stored = lying(halves(1201, 803), orientation)
    data = encoded(stored, kind, orientation=orientation, **LOSSLESS.get(kind, {}))
    image = decode_image(data, max_pixels=MANY, keep_pixels=150_000)
    assert (image.width, image.height) == (1201, 803)
    assert 60_000 < image.rgb.shape[0] * image.rgb.shape[1] <= 152_000
    assert image.rgb.shape[1] / image.rgb.shape[0] == pytest.approx(1201 / 803, rel=0.01)
    small = np.asarray(Image.fromarray(halves(1201, 803)).resize(image.rgb.shape[1::-1], Image.Resampling.BOX))
    assert apart(image.rgb, small) < 3


def test_a_poster_for_print_is_read_in_bounded_memory() -> None:
    """10,000 × 15,000 pixels are 600 MB as Pillow holds them; NumPy's part, which is traced, is what is kept."""
    data = encoded(Image.new("L", (10_000, 15_000), 90), "JPEG", quality=50)
    tracemalloc.start()
    image = decode_image(data, max_pixels=MANY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (image.width, image.height) == (10_000, 15_000)
    assert image.rgb.shape == (7500, 5000, 3)
    assert abs(int(image.rgb.mean()) - 90) <= 1
    assert peak < 4 * KEEP_PIXELS * 3


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is this large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(20_000, 20_000), (2_000_000, 2_000)])
def test_bombs_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(LimitError, match=f"{size[0]} × {size[1]} pixels, more than is allowed"):
        decode_image(bomb(*size), max_pixels=MANY)
    assert before == Image.MAX_IMAGE_PIXELS


def test_the_limit_is_the_callers() -> None:
    assert decode_image(encoded(halves(), "PNG"), max_pixels=2400).width == 60
    with pytest.raises(LimitError, match="--max-pixels"):
        decode_image(encoded(halves(), "PNG"), max_pixels=2399)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_cut_off_pictures_are_damaged(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(1)
    data = encoded(rng.integers(0, 255, (90, 120, 3), np.uint8), kind)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError) as caught:
        decode_image(path, max_pixels=MANY)
    assert caught.value.path == str(path)
    assert caught.value.remedy
    assert "damaged" in caught.value.message or "no picture" in caught.value.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_flipped_bytes_give_a_picture_or_one_clear_error(kind: str) -> None:
    rng = np.random.default_rng(7)
    data = encoded(halves(120, 90), kind)
    said: list[str] = []
    for _ in range(150):
        broken = bytearray(data)
        for at in rng.integers(0, min(len(broken), 400), 6):
            broken[at] = rng.integers(256)
        try:
            said.append(str(decode_image(bytes(broken), max_pixels=1 << 22).rgb.shape))
        except (InputError, LimitError) as error:
            said.append(str(error))
    assert len(set(said)) > 1
    assert all(one.isprintable() for one in said)


@pytest.mark.parametrize(
    "data",
    [
        b"just some text, no picture at all\n" * 9,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        b"%PDF-1.7\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"P6 2 2 255\n" + bytes(12),
        b"\x00",
    ],
)
def test_what_is_no_picture_is_refused_with_what_would_be(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "poster.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"no picture that can be read — give a JPEG, PNG"):
        decode_image(path, max_pixels=MANY)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    for name, why in {
        "empty.png": "empty",
        "dangling.png": "points to nothing",
        "pipe.png": "pipe",
        ".": "folder",
        "missing.png": "no such file",
    }.items():
        with pytest.raises(InputError, match=why):
            decode_image(tmp_path / name, max_pixels=MANY)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    wrapper = without_rights()
    if wrapper is None:
        pytest.skip("root reads everything here")
    path = write(tmp_path / "secret.png", halves())
    path.chmod(0)
    import subprocess

    code = f"from stills.scan.images import decode_image\ndecode_image({str(path)!r}, max_pixels=1 << 20)"
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONPATH": source}
    )
    assert done.returncode == 1
    assert "no permission to read" in done.stderr


def test_odd_names_are_read(tmp_path: Path) -> None:
    for name in ("two\nlines.png", "-o.png", "quote'\".png", os.fsdecode(b"bytes\xff.png"), "no ending"):
        path = write(tmp_path / name, halves())
        assert decode_image(path, max_pixels=MANY).width == 60


def test_only_the_formats_asked_for_are_read() -> None:
    with pytest.raises(InputError, match="no picture"):
        decode_image(encoded(halves(), "TIFF"), max_pixels=MANY, formats=("JPEG", "PNG"))
