"""Scans of real files under bad luck: killed workers, damaged leftovers, files that change, disks that fill."""

from __future__ import annotations

import errno
import os
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import stills
from media_factory import Movie, make
from stills.errors import DecoderKilledError, InputError, OutputError
from stills.index.index import Index
from stills.settings import Settings, change_settings
from stills.types import Progress

pytestmark = pytest.mark.slow

FRAMES = 300


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of one face, 320×240, a key frame each second."""
    from skimage.data import astronaut

    portrait = astronaut()

    def paint(number: int, width: int, height: int) -> np.ndarray:
        left = 60 + number % 40
        return np.ascontiguousarray(portrait[:height, left : left + width])

    movie = Movie(width=320, height=240, frames=FRAMES, gop=25, picture=paint)
    return make(tmp_path_factory.mktemp("film") / "film.mp4", movie)


def given(cache: Path, **options: Any) -> Settings:
    return change_settings(stills.load_settings(), **{"cache_dir": cache, "segment_seconds": 2, **options})


@pytest.fixture(scope="module")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return stills.scan(film, settings=given(tmp_path_factory.mktemp("whole")))


def same(one: Index, other: Index) -> bool:
    return bool(one.frames == other.frames and one.shots == other.shots and one.faces == other.faces)


class Killer:
    """Kills workers as soon as they tell of progress."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, progress: Progress) -> None:
        if self.left and progress.position > 0:
            workers = [p for p in psutil.Process().children(recursive=True) if not p.children()]
            for worker in workers[-1:]:
                self.left -= 1
                os.kill(worker.pid, signal.SIGKILL)


def test_a_killed_worker_costs_nothing_but_time(film: Path, whole: Index, tmp_path: Path):
    killer = Killer(1)
    settings = given(tmp_path, effort="exhaustive", workers=1, retries=2)
    index = stills.scan(film, settings=settings, on_progress=killer)
    assert killer.left == 0
    assert not index.partial
    undisturbed = stills.scan(film, settings=change_settings(settings, cache_dir=tmp_path / "other"))
    assert same(index, undisturbed)


def test_without_retries_a_killed_worker_is_said(film: Path, tmp_path: Path):
    settings = given(tmp_path, effort="exhaustive", workers=1, retries=0, segment_seconds=600)
    with pytest.raises(DecoderKilledError, match="SIGKILL"):
        stills.scan(film, settings=settings, on_progress=Killer(1))
    assert not list(tmp_path.rglob("meta.json"))


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_cut_short_gives_what_is_there(tmp_path: Path, share: float):
    path = make(tmp_path / "cut.mkv", Movie(width=320, height=240, frames=FRAMES, gop=25))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    index = stills.scan(path, settings=given(tmp_path / "cache"))
    last = index.frames["time"][-1].as_py()
    assert 0.7 * share < last / (FRAMES / 25) < 1.2 * share
    again = stills.scan(path, settings=given(tmp_path / "cache"))
    assert again.report.cached
    assert (again.partial, again.all_warnings) == (index.partial, index.all_warnings)


def test_flipped_bytes_in_the_middle_cost_only_that_place(film: Path, tmp_path: Path):
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = np.random.default_rng(1).bytes(400)
    path = tmp_path / "flipped.mp4"
    path.write_bytes(data)
    index = stills.scan(path, settings=given(tmp_path / "cache"))
    assert index.report.coverage > 0.8
    (person,) = stills.people(index).people
    assert person.screen_time > 0.8 * FRAMES / 25


@pytest.mark.parametrize("damage", ["cut", "flip", "swap"])
def test_damaged_leftovers_of_a_scan_are_done_again(film: Path, whole: Index, tmp_path: Path, damage: str):
    settings = given(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        store = import_module("stills.index.store").IndexStore
        patch.setattr(store, "save", lambda self, index: (_ for _ in ()).throw(OutputError("the power went")))
        with pytest.raises(OutputError, match="power"):
            stills.scan(film, settings=settings)
    files = sorted(tmp_path.rglob("segments/*.arrow"))
    assert len(files) > 4
    for file, other in zip(files, reversed(files), strict=True):
        data = file.read_bytes()
        if damage == "cut":
            file.write_bytes(data[: len(data) // 2])
        elif damage == "flip":
            file.write_bytes(data[:40] + bytes(b ^ 0xFF for b in data[40:200]) + data[200:])
        elif file.name.endswith("faces.arrow"):
            file.write_bytes(other.read_bytes() if "frames" in other.name else b"")
    index = stills.scan(film, settings=settings)
    assert same(index, whole)


def test_a_film_that_changed_is_another_film(film: Path, tmp_path: Path):
    path = tmp_path / "film.mp4"
    path.write_bytes(film.read_bytes())
    settings = given(tmp_path / "cache")
    first = stills.scan(path, settings=settings)
    make(path, Movie(frames=60))
    second = stills.scan(path, settings=settings)
    assert not second.report.cached
    assert second.content != first.content
    assert len(second.faces) == 0


def test_a_film_that_went_away_before_its_pictures_were_written(film: Path, tmp_path: Path):
    path = tmp_path / "film.mp4"
    path.write_bytes(film.read_bytes())
    settings = given(tmp_path / "cache")
    result = stills.people(path, settings=settings)
    for spilled in (tmp_path / "cache").rglob("*.raw"):
        spilled.unlink()
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        result.save(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("people.json"))


def test_a_film_that_was_replaced_before_its_pictures_were_written(film: Path, tmp_path: Path):
    path = tmp_path / "film.mp4"
    path.write_bytes(film.read_bytes())
    result = stills.people(path, settings=given(tmp_path / "cache"))
    for spilled in (tmp_path / "cache").rglob("*.raw"):
        spilled.unlink()
    make(path, Movie(width=320, height=240, frames=FRAMES))
    with pytest.raises(InputError, match="not the one that was scanned"):
        result.save(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("people.json"))


def test_a_disk_that_fills_while_scanning_is_said_and_leaves_no_half_index(
    film: Path, whole: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files = import_module("stills.files")
    write, written = files._write, []

    def until_full(path: Path, data: bytes, **rest: Any) -> None:
        if len(written) >= 7:
            raise OutputError("no space left", path=str(path)) from OSError(errno.ENOSPC, "no space left")
        written.append(path)
        write(path, data, **rest)

    monkeypatch.setattr(files, "_write", until_full)
    with pytest.raises(OutputError, match="no space left"):
        stills.scan(film, settings=given(tmp_path))
    assert not list(tmp_path.rglob("meta.json"))
    assert len(list(tmp_path.rglob("segments/*"))) >= 6  # what was finished before stays
    monkeypatch.undo()
    assert same(stills.scan(film, settings=given(tmp_path)), whole)
