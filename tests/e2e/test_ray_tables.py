"""The same videos by one worker of this machine, by two, and on a Ray cluster: the same bytes, the same errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import stills
from films import face_film
from media_factory import Movie, make
from ray_clusters import needs_ray
from stills.errors import StillsError
from stills.jobs.runner import open_runner
from stills.scan.sharing import SharedWorkers
from stills.settings import change_settings, load_settings

pytestmark = [pytest.mark.slow, needs_ray]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of several segments, with faces and without; one that is broken."""
    folder = tmp_path_factory.mktemp("films")
    broken = folder / "broken.mp4"
    broken.write_bytes(make(folder / "whole.mp4", Movie(frames=50)).read_bytes()[:3000])
    return [
        face_film(folder / "faces.mp4", seconds=7),
        face_film(folder / "short.mp4", seconds=2),
        make(folder / "empty.mp4", Movie(frames=150)),
        broken,
    ]


def measured(films: list[Path], folder: Path, **options: Any) -> dict[str, Any]:
    """All tables and kept frames by name, as bytes; some pictures; how videos failed."""
    settings = change_settings(load_settings(env={}), cache_dir=folder, segment_seconds=2, **options)
    layers = ("signals", "faces", "expression")
    runner = open_runner(settings, layers)
    try:
        shared = SharedWorkers(runner, settings, layers)

        def scan(film: Path) -> Any:
            with stills.Scanner(settings, shared) as scanner:
                try:
                    index = scanner.scan(str(film), layers=layers)
                except StillsError as error:
                    return type(error), error.message, error.path, error.remedy
                pictures = scanner.decode(index, index.frames["pts"].to_pylist()[::50])
                assert all(picture.flags.writeable for picture in pictures.values())
                return {pts: picture.tobytes() for pts, picture in pictures.items()}

        with ThreadPoolExecutor(len(films)) as threads:
            found: dict[str, Any] = {
                film.name: said for film, said in zip(films, threads.map(scan, films), strict=True)
            }
    finally:
        runner.close()
    for path in folder.glob("index/**/*"):
        if path.suffix in {".parquet", ".raw"}:
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def test_the_runner_does_not_show_in_what_is_found(films: list[Path], tmp_path: Path) -> None:
    alone = measured(films, tmp_path / "alone", workers=1)
    assert sum(name.endswith("faces.parquet") for name in alone) == 3
    assert any(name.endswith(".raw") for name in alone)
    assert isinstance(alone["broken.mp4"], tuple)
    assert measured(films, tmp_path / "two", workers=2) == alone
    assert measured(films, tmp_path / "ray", workers=2, runner="ray") == alone
