"""Key frames from a video to files and back: formats, depths, names, replacing, forgetting, a broken picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

import stills
from media_factory import Movie, make
from stills.errors import CorruptVideoError, InputError, StillsError
from stills.media.decode import DecodePlan, decode
from stills.media.probe import probe
from stills.render.documents import schema_of
from stills.render.metadata import read_metadata
from stills.settings import Settings, change_settings

pytestmark = pytest.mark.slow

SCENES = 6
PER_SCENE = 30


def scenes(number: int, width: int, height: int) -> np.ndarray:
    """Six scenes of 30 frames: smooth gradients with a pattern of their own, drifting a little."""
    scene, t = divmod(number, PER_SCENE)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = 40 * np.sin((x * (scene + 1) + y * (5 - scene) + t) / 23)
    planes = [
        60 + 100 * x / width + waves,
        50 + 25 * scene + 60 * y / height - waves,
        40 + 30 * ((scene * 5) % 7) + waves,
    ]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return change_settings(Settings(), cache_dir=tmp_path_factory.mktemp("cache"), workers=2, segment_seconds=2)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> str:
    movie = Movie(width=320, height=180, frames=SCENES * PER_SCENE, gop=15, picture=scenes)
    return str(make(tmp_path_factory.mktemp("films") / "film.mp4", movie))


@pytest.fixture(scope="module")
def deep_film(tmp_path_factory: pytest.TempPathFactory) -> str:
    movie = Movie(
        width=320, height=180, frames=SCENES * PER_SCENE, gop=15, picture=scenes, codec="libx265",
        pixel_format="yuv420p10le", options=(("x265-params", "log-level=none"),),
    )  # fmt: skip
    return str(make(tmp_path_factory.mktemp("films") / "deep.mp4", movie))


def saved(out: Path, stem: str = "film") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / stem / "keyframes.json").read_text())
    Draft202012Validator(schema_of("keyframes")).validate(document)
    return document


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
def test_pictures_are_the_frames_of_their_times(film: str, settings: Settings, tmp_path: Path, kind: str) -> None:
    stills.keyframes(film, settings=settings, target=4, format=kind).save(tmp_path)
    frames = saved(tmp_path)["frames"]
    assert len(frames) == 4
    info = probe(film)
    real = {f.pts: f.picture() for f in decode(film, info, DecodePlan(times=tuple(frame["pts"] for frame in frames)))}
    for frame in frames:
        path = tmp_path / "film" / frame["file"]
        with Image.open(path) as image:
            assert image.format == kind.upper()
            off = np.abs(np.asarray(image.convert("RGB")).astype(int) - real[frame["pts"]])
        assert off.max() == 0 if kind == "png" else off.mean() < 2
        about = read_metadata(path)
        assert about is not None
        assert (about.source, about.pts, about.time) == ("film.mp4", frame["pts"], frame["time"])


def test_ten_bits_are_kept_in_sixteen(deep_film: str, settings: Settings, tmp_path: Path) -> None:
    stills.keyframes(deep_film, settings=settings, target=3, format="png", bit_depth=16).save(tmp_path)
    frames = saved(tmp_path, "deep")["frames"]
    info = probe(deep_film)
    assert info.bit_depth == 10
    real = {f.pts: f.picture16() for f in decode(deep_film, info, DecodePlan(times=tuple(f["pts"] for f in frames)))}
    for frame in frames:
        back = cv2.imread(str(tmp_path / "deep" / frame["file"]), cv2.IMREAD_UNCHANGED)
        assert back is not None
        assert np.array_equal(back[..., ::-1], real[frame["pts"]])
        assert len(np.unique(back)) > 700, "no more shades than of 8 bits"


def test_the_same_run_gives_the_same_bytes(film: str, settings: Settings, tmp_path: Path) -> None:
    result = stills.keyframes(film, settings=settings, target=5, sheet="3x2")
    for out in ("one", "two"):
        result.save(tmp_path / out)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / out).rglob("*.jpg")} for out in ("one", "two"))
    assert len(one) == 6
    assert one == two


def test_names_of_a_template_are_replaced_and_forgotten(film: str, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "film" / "keyframes"
    stills.keyframes(film, settings=settings, target=5, name_template="{stem} {rank}").save(tmp_path)
    (folder / "mine.jpg").write_bytes(b"mine")
    assert sorted(p.name for p in folder.iterdir()) == [*(f"film {n}.jpg" for n in range(1, 6)), "mine.jpg"]
    stills.keyframes(film, settings=settings, target=2, name_template="{stem} {rank}").save(tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == ["film 1.jpg", "film 2.jpg", "mine.jpg"]
    stills.forget(film, out=tmp_path, settings=settings)
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == ["film/keyframes/mine.jpg"]


def test_a_replaced_file_gives_no_wrong_pictures(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "again.mp4"
    make(path, Movie(width=160, height=96, frames=60, picture=scenes))
    result = stills.keyframes(str(path), settings=settings, target=2)
    make(path, Movie(width=160, height=96, frames=80, picture=scenes, gop=7))
    spill = Path(str(result.index.folder)) / "spill"
    for kept in spill.glob("*.raw"):
        kept.unlink()
    with pytest.raises(InputError) as caught:
        result.save(tmp_path / "out")
    assert isinstance(caught.value, StillsError)
    assert not isinstance(caught.value, CorruptVideoError)
    assert not list((tmp_path / "out").rglob("*.jpg"))


def test_a_spill_that_is_gone_changes_nothing(film: str, settings: Settings, tmp_path: Path) -> None:
    result = stills.keyframes(film, settings=settings, target=6, format="png")
    result.save(tmp_path / "kept")
    for kept in (Path(str(result.index.folder)) / "spill").glob("*.raw"):
        kept.unlink()
    result.save(tmp_path / "decoded")
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / out).rglob("*.png")} for out in ("kept", "decoded"))
    assert len(one) == 6
    assert one == two
