"""Good films in bad surroundings: no permission, no room, no models, a damaged index. One line, nothing half-done."""

import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command import leftovers, one_clear_line, stills, without_rights
from films import empty_film, face_film
from media_factory import Movie, make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A film with somebody and one with nobody in it, both in an index that the tests of this file share."""
    folder = tmp_path_factory.mktemp("films")
    patch = pytest.MonkeyPatch()
    patch.setenv("STILLS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    both = face_film(folder / "film.mp4"), empty_film(folder / "nobody.mp4")
    assert stills("scan", *both).code == 0
    yield folder
    patch.undo()


def test_what_may_not_be_read_costs_only_itself(films: Path, tmp_path: Path) -> None:
    wrapper = without_rights()
    if wrapper is None:
        pytest.skip("root may read all, and there is no setpriv")
    secret, locked = tmp_path / "secret.mp4", tmp_path / "locked"
    shutil.copy(films / "film.mp4", secret)
    secret.chmod(0)
    locked.mkdir(mode=0)
    done = stills("people", secret, locked, films / "film.mp4", "-o", tmp_path / "out", wrapper=wrapper)
    assert done.code == 3
    assert sorted(line.partition(" — ")[0] for line in done.errors) == [
        f"error: {locked}: the folder cannot be read: Permission denied",
        f"error: {secret}: no permission to read this file",
    ]
    assert f"{films / 'film.mp4'}: 1 person" in done.out


@pytest.mark.parametrize("mode", [0o555, 0])
def test_an_output_that_may_not_be_written(mode: int, films: Path, tmp_path: Path) -> None:
    wrapper = without_rights()
    if wrapper is None:
        pytest.skip("root may write all, and there is no setpriv")
    locked = tmp_path / "locked"
    locked.mkdir(mode=mode)
    outs = [locked, locked / "out"] if mode else [locked]
    for out in outs:
        done = stills("people", films / "film.mp4", "-o", out, wrapper=wrapper)
        assert done.code == 1
        (line,) = done.lines
        assert line.startswith(f"error: {out}: the output folder cannot be written: Permission denied")
    (tmp_path / "file").touch()
    below = stills("people", films / "film.mp4", "-o", tmp_path / "file" / "out")
    assert (below.code, len(below.lines)) == (1, 1)


def test_a_cache_that_may_not_be_written_is_said_before_the_scan(films: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {"STILLS_CACHE_DIR": str(tmp_path / "file" / "cache")}
    done = stills("scan", films / "film.mp4", "--json", env=env)
    assert done.code == 1
    assert not [e for e in done.events if e["event"] == "progress"]
    (line,) = done.lines
    assert "STILLS_CACHE_DIR" in line


def limit_files(size: int) -> Callable[[], None]:
    """Let no file of the process grow beyond ``size``: what a full disk is to a writer, without a disk to fill."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_picture_that_does_not_fit_on_the_disk(films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = stills("people", films / "film.mp4", "-o", out)
    assert before.code == 0
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    done = stills("people", films / "film.mp4", "-o", out, "--format", "png", before=limit_files(100_000))
    assert done.code == 1
    (line,) = done.errors
    assert line.startswith(f"error: {out}/film/person_01.png: the file is too large")
    assert one_clear_line(line)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path, films: Path, tmp_path: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(570_000))
    done = stills("people", films / "film.mp4", films / "nobody.mp4", "-o", small_disk / "out")
    assert done.code == 1  # no other video would fit either
    (line,) = done.errors
    assert "the disk is full — free some space" in line
    assert "--out" in line
    assert not leftovers(small_disk)
    assert not (small_disk / "out" / "film" / "people.json").exists()
    shutil.rmtree(small_disk / "out")

    # There is no room in it for decoded frames, but for the tables there is.
    filler.write_bytes(bytes(190_000))
    scanned = stills("scan", films / "film.mp4", env={"STILLS_CACHE_DIR": str(small_disk / "cache")})
    assert scanned.code == 0, scanned.err
    assert list(small_disk.rglob("meta.json"))
    shutil.rmtree(small_disk / "cache")

    filler.write_bytes(bytes(596_000))
    full = stills("scan", films / "film.mp4", env={"STILLS_CACHE_DIR": str(small_disk / "cache")})
    assert full.code == 1
    (line,) = full.lines
    assert "STILLS_CACHE_DIR" in line
    assert not leftovers(small_disk)


def offline(models: Path) -> dict[str, str]:
    """No way out: neither for pip nor for an address."""
    nowhere = "http://127.0.0.1:9"
    return {
        "STILLS_MODELS_DIR": str(models), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(models),
        "http_proxy": nowhere, "https_proxy": nowhere, "no_proxy": "",
    }  # fmt: skip


def test_no_models_and_no_network(films: Path, tmp_path: Path) -> None:
    """Said once: it ends a run over many, as every other video would fail. What is in the index needs no models."""
    names = ["new.mp4", "newer.mp4"]
    for name in names:
        make(tmp_path / name, Movie(frames=5 + len(name)))
    inputs = [*(tmp_path / name for name in names), films / "film.mp4"]
    env = offline(tmp_path / "models")
    done = stills("people", *inputs, "-o", tmp_path / "out", "--retry-delay", "0", env=env)
    assert done.code == 1
    (line,) = done.errors
    assert "SHA-256" in line
    assert "stills models pull" in line
    assert not [line for line in done.lines if not one_clear_line(line)]
    assert len(done.lines) == 2  # and how many were not looked at
    known = stills("people", films / "film.mp4", "-o", tmp_path / "out", env=env)
    assert "1 person" in known.out


def test_damaged_models(tmp_path: Path) -> None:
    from stills.models.store import model_path

    film = make(tmp_path / "film.mp4", Movie(frames=5))
    models = tmp_path / "models"
    good = model_path("yunet")
    shutil.copytree(good.parent, models / "prepared")
    damaged = models / "prepared" / good.name
    damaged.write_bytes(damaged.read_bytes()[:-7] + b"damaged")
    env = {**offline(models), "STILLS_CACHE_DIR": str(tmp_path / "cache")}
    done = stills("scan", film, env=env)
    assert done.code == 1
    (line,) = done.lines
    assert line.startswith(f"error: {damaged}: the model file is damaged")
    assert "stills models pull" in line


def test_a_damaged_index_is_scanned_again(tmp_path: Path) -> None:
    film = empty_film(tmp_path / "film.mp4", frames=5)
    env = {"STILLS_CACHE_DIR": str(tmp_path / "cache")}
    assert stills("scan", film, env=env).code == 0
    for table in ("meta.json", "faces.parquet"):
        (path,) = (tmp_path / "cache").rglob(table)
        path.write_bytes(path.read_bytes()[:-50])
        again = stills("scan", film, "--json", env=env)
        assert (again.code, again.of(film, "result")["cached"]) == (0, False)
        assert "it is scanned again" in again.err
    assert stills("scan", film, "--json", env=env).of(film, "result")["cached"]


def test_kept_frames_that_are_damaged_are_decoded_again(films: Path, tmp_path: Path) -> None:
    env = {"STILLS_CACHE_DIR": str(tmp_path / "cache")}
    assert stills("people", films / "film.mp4", "-o", tmp_path / "out", env=env).code == 0
    (picture,) = (tmp_path / "out").rglob("person_01.jpg")
    before = picture.read_bytes()
    kept = list((tmp_path / "cache").rglob("*.raw"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:1000])
    assert stills("people", films / "film.mp4", "-o", tmp_path / "out", env=env).code == 0
    assert picture.read_bytes() == before
