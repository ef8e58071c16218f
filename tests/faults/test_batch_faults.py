"""Batches that are interrupted, killed, or run out of room: nothing half-written, and the next run completes it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from batch_samples import cast_document, keep, person
from command import Running, leftovers, one_clear_line, stills
from films import empty_film, face_film
from http_server import serving
from stills.errors import OutputError
from stills.jobs.tables import write_tables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films and a table of four rows; the third is longer, to be met in the middle."""
    folder = tmp_path_factory.mktemp("films")
    face_film(folder / "face.mp4")
    empty_film(folder / "nobody.mp4")
    face_film(folder / "long.mp4", seconds=20.0)
    rows = ["id,trailer,posters", "A,face.mp4,", "B,nobody.mp4,", "C,long.mp4,", "D,face.mp4,"]
    (folder / "films.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"STILLS_CACHE_DIR": str(tmp_path / "cache"), "STILLS_SCAN__SEGMENT_SECONDS": "2"}


def until_film(running: Running, film: int) -> None:
    """Until the scan of the film with this number has begun."""
    while running.until("scan")["number"] != film:
        pass


def films(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "tables" / "films.parquet").to_pylist()
    return rows


def gone(family: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(family, timeout=10)[1]


def comparable(out: Path) -> dict[str, Any]:
    """Everything in the tables but what a clock had a hand in."""
    loaded = {path.name: pq.read_table(path).to_pylist() for path in (out / "tables").glob("*.parquet")}
    for film in loaded["films.parquet"]:
        del film["seconds"]
    return loaded


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_of_a_film(
    number: signal.Signals, folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    arguments = ("batch", folder / "films.csv", "--recipe", "people", "-o")
    running = Running(*arguments, out, env=env)
    until_film(running, 3)
    family = running.family()
    running.signal(number)
    done = running.end()
    assert gone(family)
    assert sorted(path.name for path in out.glob("*/people.json")) == ["people.json"] * 2
    assert json.loads((out / "A" / "people.json").read_text())["people"]
    if number == signal.SIGKILL:
        assert not (out / "batch.json").exists()
    else:
        assert done.code == 130
        assert done.lines[-1] == "error: interrupted; 2 films not done — run the same command again to go on"
        assert [film["film"] for film in films(out)] == ["A", "B"]
        assert json.loads((out / "batch.json").read_text())["pending"] == ["C", "D"]
        assert not leftovers(out)

    again = stills(*arguments, out, "--json", env=env)
    assert again.code == 0, again.err
    assert not leftovers(tmp_path)
    assert stills(*arguments, whole, env={**env, "STILLS_CACHE_DIR": str(tmp_path / "other")}).code == 0
    assert comparable(out) == comparable(whole)


def test_a_download_of_a_killed_run_is_swept(folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with serving(folder) as server:
        table = tmp_path / "films.csv"
        table.write_text(f"id,trailer\nA,{server.url('/stalled/long.mp4')}\n")
        running = Running("batch", table, "--recipe", "people", "-o", out, env=env)
        assert server.reached.wait(60)
        family = running.family()
        running.signal(signal.SIGKILL)
        running.end()
        assert gone(family)
        assert leftovers(out)
        table.write_text(f"id,trailer\nB,{folder / 'nobody.mp4'}\n")  # a run that downloads nothing
        assert stills("batch", table, "--recipe", "people", "-o", out, env=env).code == 4
        assert not leftovers(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_downloads(
    number: signal.Signals, folder: Path, env: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with serving(folder) as server:
        table = tmp_path / "films.csv"
        table.write_text(f"id,trailer\nA,{server.url('/stalled/long.mp4')}\nB,{folder / 'face.mp4'}\n")
        running = Running("batch", table, "--recipe", "people", "-o", out, env=env)
        assert server.reached.wait(60)
        running.signal(number)
        assert running.end().code == 130
    assert not leftovers(out)
    assert films(out) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_tables_as_they_were(small_disk: Path) -> None:
    out = small_disk / "out"
    out.mkdir()
    keep(out, "A", 0, cast_document([person(n) for n in range(1, 4)]))
    write_tables(out)
    keep(out, "B", 1, cast_document([person(n) for n in range(1, 40)]))
    before = {path: path.read_bytes() for path in (out / "tables").iterdir()}
    with pytest.raises(OSError, match="No space"):
        (out / "ballast").write_bytes(bytes(1 << 20))
    with pytest.raises(OutputError, match="the disk is full") as caught:
        write_tables(out)
    assert one_clear_line(f"error: {caught.value}")
    assert {path: path.read_bytes() for path in (out / "tables").iterdir()} == before
    (out / "ballast").unlink()
    assert write_tables(out).rows["people"] == 42
    assert not leftovers(out)


def test_a_full_disk_ends_the_batch_with_one_line(folder: Path, small_disk: Path, env: dict[str, str]) -> None:
    out = small_disk / "out"
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(bytes(1 << 20))
    done = stills("batch", folder / "films.csv", "--recipe", "people", "-o", out, env=env)
    assert done.code == 1
    assert [one_clear_line(line) for line in done.lines if line.startswith("error: ")] == [True] * len(done.errors)
    assert "the disk is full" in done.err
    assert not leftovers(small_disk)


def test_an_output_that_cannot_be_written(folder: Path, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "file").touch()
    done = stills("batch", folder / "films.csv", "-o", tmp_path / "file", env=env)
    assert (done.code, len(done.lines)) == (1, 1)
    assert "the output folder is a file" in done.lines[0]
