"""What a library stands on gives way in the middle: the disk, the folder, the database, the clock. It goes on after.

Each time there is one line that says what, where and what to do; finished films stay, and no film is half-written.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from command import Running, one_clear_line
from databases import backend, find_postgresql
from library_middle import NAMES, Middle, fill, make_films, mounted, one_line
from relay_server import line_to
from stills.jobs.store import open_store

pytestmark = pytest.mark.slow

IMPATIENT = """
import stills.jobs.library.ending as ending, stills.jobs.library.place as place
ending.PATIENCE_S, place._LOCKED_S = 1.0, 0.2
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_films(tmp_path_factory.mktemp("films"))


@pytest.fixture
def library(films: Path, tmp_path: Path) -> Middle:
    return Middle(films, tmp_path / "out", tmp_path / "cache")


def test_disks_that_fill_up(films: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "2m") as small, mounted(tmp_path / "other", "16m") as other:
        library = Middle(films, small / "out", other / "cache")
        with library.middle() as running:
            ballast = fill(other)
        one_line(running.end(), str(library.cache), "the disk is full", "STILLS_CACHE_DIR")
        ballast.unlink()
        library.whole(["a", "b"])
        with library.middle() as running:
            ballast = fill(small)
        one_line(running.end(), str(library.out), "the disk is full", "free some space")
        ballast.unlink()
        library.whole(["a", "b"])
        library.goes_on()


def test_an_output_folder_that_is_removed(library: Middle) -> None:
    with library.middle() as running:
        shutil.rmtree(library.out)
    one_line(running.end(), str(library.out), "removed or replaced", "run again")
    assert not list(library.out.glob("*/*")), "nothing is written to where it was"
    library.goes_on(left=NAMES)


def test_a_database_that_is_locked_for_long(films: Path, tmp_path: Path) -> None:
    library = Middle(films, tmp_path / "out", tmp_path / "cache", first=IMPATIENT)
    locked = ("state.db", "locked by another process", "run again")
    with library.middle() as running:
        other = sqlite3.connect(library.out / ".stills" / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    done = running.end()
    one_line(done, *locked)
    assert "trying again for a minute" in done.err
    one_line(library.run(), *locked)
    asked = library.call("status", library.out)
    assert (asked.code, "5 videos: 2 done" in asked.out) == (0, True), "who only looks is not kept out"
    planned = library.call("keyframes", library.films, "-o", library.out, "--settle", "0", "--dry-run")
    assert "long.mp4: interrupted before" in planned.out
    other.close()
    library.goes_on()


@pytest.mark.parametrize("newer", [False, True], ids=["garbage", "newer"])
def test_a_database_that_is_none_of_ours(newer: bool, library: Middle) -> None:
    state = library.out / ".stills" / "state.db"
    if newer:
        open_store(library.out).close()
        with sqlite3.connect(state) as connection:
            connection.execute("UPDATE stills_schema SET version_num = '9999'")
        connection.close()
    else:
        state.parent.mkdir(parents=True)
        state.write_bytes(b"no database " * 1000)
    before = {path: path.read_bytes() for path in library.out.rglob("*") if path.is_file()}
    says = ("a newer stills (schema 9999)", "--out") if newer else ("damaged", "move it")
    one_line(library.run(), str(state), *says)
    for words in (["status"], ["quarantine", "clear"]):
        one_line(library.call(*words, library.out), str(state), *says)
    assert {path: path.read_bytes() for path in before} == before, "it is left alone"


def test_a_clock_that_jumps_and_a_result_that_is_removed(films: Path, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    first = f"""
import time
right = time.time
time.time = lambda: right() + float(open({str(clock)!r}).read() or 0)
"""
    library = Middle(films, tmp_path / "out", tmp_path / "cache", ("--lease", "5", "--settle", "0.1"), first)
    with library.middle() as running:
        clock.write_text("-1e6")  # all films are of the future now
    done = running.end()
    assert (done.code, set(library.what(done).values())) == (0, {"new"}), done.err
    library.whole(NAMES)
    clock.write_text("1e6")
    shutil.rmtree(library.out / "z")
    library.goes_on(left=["z"])


def test_ctrl_c_while_another_run_waits_for_its_turn(library: Middle) -> None:
    with library.middle() as running:
        family = running.family()
        waiting = Running(*library.arguments, "--wait", env=library.env)
        try:
            assert waiting.process.stderr is not None
            said = waiting.process.stderr.readline()
            assert f"(process {running.process.pid} on " in said
            assert "waiting for it to end" in said
            one_line(library.run(), "another run is at work on this output folder", "--wait")
            running.signal(signal.SIGINT, group=True)
        except BaseException:
            waiting.process.kill()
            raise
    done = running.end()
    one_line(done, "interrupted", "3 inputs not done", "run the same command again to go on", code=130)
    assert not psutil.wait_procs(family, timeout=10)[1]
    second = waiting.end()
    assert second.code == 0, second.err
    assert library.what(second) == dict.fromkeys(NAMES[:2], "done") | dict.fromkeys(NAMES[2:], "resume")
    library.whole(NAMES)


def test_a_terminated_run_goes_on(library: Middle) -> None:
    with library.middle() as running:
        family = running.family()
        running.signal(signal.SIGTERM)
    one_line(running.end(), "interrupted", code=130)
    assert not psutil.wait_procs(family, timeout=10)[1]
    library.whole(["a", "b"])
    library.goes_on()


def test_a_server_that_ends_connections_and_then_goes_away(films: Path, tmp_path: Path) -> None:
    with backend("postgresql", tmp_path) as database:
        assert database.url is not None
        server, name = urlsplit(find_postgresql()), f"stills {tmp_path.name}"
        with line_to(server.hostname or "127.0.0.1", server.port or 5432) as line:
            url = database.url.replace(f":{server.port}/", f":{line.port}/") + f"&application_name={name}"
            options = ("--database", url)
            library = Middle(films, database.out, tmp_path / "cache", options, first=IMPATIENT)
            with library.middle() as running:
                database.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name", name=name
                )
                running.signal(signal.SIGCONT)
                running.until_event("result", library.long)
                running.signal(signal.SIGSTOP)
                line.cut()
            gone = (f"postgresql://127.0.0.1:{line.port}/", "cannot be reached", "check the network and the server")
            done = running.end()
            one_line(done, *gone)
            assert "trying again for a minute" in done.err
            for said in (library.run(), library.call("status", library.out, *options)):
                assert one_clear_line(one_line(said, *gone))
            line.mend()
            library.goes_on(left=["y", "z"])
