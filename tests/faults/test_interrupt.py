"""Interrupted and killed runs of the real command: nothing half-written, nobody left running, and it goes on."""

import json
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from command import Running, leftovers, stills
from media_factory import Movie, make

pytestmark = pytest.mark.slow

SECONDS = 20
SLOW = {"STILLS_SCAN__SEGMENT_SECONDS": "2", "STILLS_SCAN__EFFORT": "exhaustive", "STILLS_SCAN__WORKERS": "2"}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face for long enough to be met in the middle, in many segments: they begin on key frames."""
    from skimage.data import astronaut

    portrait = astronaut()[:300]

    def paint(number: int, width: int, height: int) -> NDArray[np.uint8]:
        left = number % 40
        return np.ascontiguousarray(portrait[:height, left : left + width])

    movie = Movie(width=448, height=300, frames=SECONDS * 25, gop=50, picture=paint)
    return make(tmp_path_factory.mktemp("film") / "film.mp4", movie)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**SLOW, "STILLS_CACHE_DIR": str(tmp_path / "cache")}


def gone(family: list[psutil.Process]) -> bool:
    """Whether all processes ended, or do within seconds."""
    _, alive = psutil.wait_procs(family, timeout=10)
    return not alive


def finished(cache: Path) -> int:
    """Segments that a run left for the next one."""
    return len(list(cache.rglob("segments/*.json")))


@pytest.mark.parametrize(
    ("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)], ids=["ctrl-c", "terminated"]
)
def test_an_interrupted_scan_leaves_only_what_is_whole_and_goes_on(
    number: signal.Signals, group: bool, film: Path, env: dict[str, str], tmp_path: Path
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    running = Running("people", film, "-o", out, env=env)
    running.until("scan", beyond=0.3 * SECONDS)
    family = running.family()
    running.signal(number, group=group)
    done = running.end()
    assert done.code == 130
    assert gone(family)
    assert done.lines == ["error: interrupted; 1 input not done — run the same command again to go on"]
    summary = done.events[-1]
    assert (summary["event"], summary["interrupted"], summary["exit_code"]) == ("summary", True, 130)
    assert not [path for path in out.rglob("*") if path.is_file()]
    assert not leftovers(tmp_path)
    kept = finished(cache)
    assert kept

    again = Running("people", film, "-o", out, env=env)
    first = again.until("scan")
    assert first["position"] >= SECONDS / 8  # where it stopped, not at the start
    assert again.end().code == 0
    assert json.loads((out / "film" / "people.json").read_text())["people"]
    assert not finished(cache)
    assert not leftovers(tmp_path)


def test_a_killed_scan_takes_its_workers_along_and_goes_on(film: Path, env: dict[str, str], tmp_path: Path) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    running = Running("people", film, "-o", out, env=env)
    running.until("scan", beyond=0.3 * SECONDS)
    family = running.family()
    assert len(family) > 2
    running.signal(signal.SIGKILL)
    assert running.end().code == -signal.SIGKILL
    assert gone(family)
    assert finished(cache)
    again = Running("people", film, "-o", out, env=env)
    assert again.until("scan")["position"] >= SECONDS / 8
    assert again.end().code == 0
    assert not leftovers(tmp_path)


@pytest.fixture(scope="module")
def scanned(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a cache in which the film is."""
    env = {**SLOW, "STILLS_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}
    assert stills("scan", film, env=env).code == 0
    return env


MANY = ("--per-person", "100", "--format", "png")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_writing_pictures_is_all_or_nothing(
    number: signal.Signals, film: Path, scanned: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert stills("people", film, "-o", out, env=scanned).code == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    running = Running("people", film, "-o", out, *MANY, env=scanned)
    running.until("render")
    family = running.family()
    running.signal(number)
    done = running.end()
    assert gone(family)
    whole = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path not in leftovers_in(out)}
    assert whole == before
    if number == signal.SIGKILL:
        assert done.code == -signal.SIGKILL
        assert leftovers(out)  # nobody was there to clean up; the next run does
        assert stills("people", film, "-o", out, env=scanned).code == 0
    else:
        assert done.code == 130
    assert not leftovers(out)


def leftovers_in(out: Path) -> set[Path]:
    """All files below temporary folders."""
    return {path for folder in leftovers(out) for path in (folder, *folder.rglob("*"))}


def test_two_runs_at_once_on_one_film_and_one_cache(film: Path, env: dict[str, str], tmp_path: Path) -> None:
    env = {**env, "STILLS_SCAN__EFFORT": "fast"}
    runs = [Running("people", film, "-o", tmp_path / "out", "--workers", "1", env=env) for _ in range(2)]
    for done in [run.end() for run in runs]:
        assert done.code == 0, done.err
        assert done.of(film, "result")["people"] == 1
        assert done.err == ""
    assert not leftovers(tmp_path)
    assert not finished(tmp_path / "cache")
    assert [path.name for path in (tmp_path / "out" / "film" / "people").iterdir()] == ["person_01.jpg"]


def test_a_reader_that_goes_away_ends_the_work_without_a_word(film: Path, env: dict[str, str], tmp_path: Path) -> None:
    running = Running("people", film, "-o", tmp_path / "out", env=env)
    running.until("scan")
    family = running.family()
    assert running.process.stdout is not None
    running.process.stdout.close()
    assert running.process.wait(timeout=60) == 1
    assert running.process.stderr is not None
    assert running.process.stderr.read() == ""
    running.process.stderr.close()
    assert gone(family)


def test_a_second_ctrl_c_does_not_wait(film: Path, env: dict[str, str], tmp_path: Path) -> None:
    running = Running("scan", film, env=env)
    running.until("scan")
    family = running.family()
    running.signal(signal.SIGINT)
    running.signal(signal.SIGINT)
    done = running.end()
    # Two that come at once may be one for the system.
    assert done.code in (130, -signal.SIGINT)
    assert "Traceback" not in done.err
    assert gone(family)
    assert not leftovers(tmp_path)
