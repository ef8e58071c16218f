"""The life of a library on the command line, nothing faked: dry run, run, again, retried, across, interrupted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command import Done, Running, environment
from command import stills as call
from films import empty_film, face_film

pytestmark = pytest.mark.slow

FAST = ("--effort", "fast", "--settle", "0")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with a face, one without anybody, and a file that is none."""
    folder = tmp_path_factory.mktemp("made")
    face_film(folder / "her.mp4", seconds=1.0)
    empty_film(folder / "nobody.mp4", frames=10)
    (folder / "text.mp4").write_text("no film")
    return folder


class Library:
    """A folder of films and what is made of it."""

    def __init__(self, folder: Path, made: Path) -> None:
        self.films = folder / "films"
        self.out = folder / "out"
        self.cache = folder / "cache"
        shutil.copytree(made, self.films)

    @property
    def env(self) -> dict[str, str]:
        return {"STILLS_CACHE_DIR": str(self.cache)}

    def people(self, *flags: str) -> Done:
        return call("people", self.films, "-o", self.out, *FAST, *flags, env=self.env)

    def call(self, *arguments: str | Path) -> Done:
        return call(*arguments, env=self.env)

    def whats(self, done: Done) -> dict[str, str]:
        """What was decided, by the stem of each input with a result."""
        return {Path(e["input"]).stem: e["what"] for e in done.events if e["event"] == "result"}


@pytest.fixture
def library(tmp_path: Path, made: Path) -> Library:
    return Library(tmp_path, made)


def test_the_life_of_a_library(library: Library) -> None:
    her, text = str(library.films / "her.mp4"), str(library.films / "text.mp4")

    planned = library.people("--dry-run")
    assert planned.code == 3
    assert f"{her}: new, would scan 0:01, about 1 s and" in planned.out
    assert f"→ {library.out / 'her'}" in planned.out
    assert "3 inputs: 2 new, 1 cannot be read" in planned.err
    assert "a rough guess" in planned.err
    assert not library.out.exists()
    assert not library.cache.exists()

    first = library.people()
    assert first.code == 3
    assert f"{her}: 1 person in 0:01 → {library.out / 'her'}" in first.out
    (error,) = first.errors
    assert text in error
    assert "(put into quarantine)" in error
    assert "3 inputs: 1 done, 1 with nothing that qualifies, 1 in quarantine" in first.err
    assert (library.out / "report.html").exists()

    second = library.people("--json")
    assert second.code == 3
    assert library.whats(second) == {"her": "done", "nobody": "done"}
    assert second.of(her, "result")["kept"] is True
    assert second.of(str(library.films / "nobody.mp4"), "result")["found"] is False
    assert second.of(text, "error")["kept"] is True
    assert not [event for event in second.events if event["event"] == "progress"]

    planned = library.people("--dry-run", "--json")
    assert (planned.of(her, "result")["what"], planned.of(her, "result")["seconds"]) == ("done", 0.0)

    planned = library.people("--dry-run", "--format", "png", "--json")
    said = planned.of(her, "result")
    assert (said["what"], said["reasons"], said["cached"]) == ("changed", ["settings"], True)
    changed = library.people("--format", "png")
    assert "(settings changed: done again)" in changed.out
    assert list((library.out / "her").rglob("*.png"))

    anew = library.people("--format", "png", "--no-resume", "--json")
    assert set(library.whats(anew).values()) == {"again"}
    assert anew.of(her, "result")["cached"] is False


def test_what_failed_is_listed_let_out_and_done(library: Library) -> None:
    text = library.films / "text.mp4"
    library.people("-q")
    assert "1 in quarantine, corrupt: not-a-video" in library.call("status", library.out).out
    assert str(text) in library.call("quarantine", "list", library.out).out
    assert library.call("retry", library.out).code == 4
    cleared = library.call("quarantine", "clear", library.out)
    assert f"1 video queued again; the next run of the same command does them: stills people {library.films}" in (
        cleared.out
    )
    again = library.people("--json")
    assert again.of(text, "error")["kept"] is False
    # It changes: no word is needed.
    shutil.copy(library.films / "her.mp4", text)
    mended = library.people("--json")
    assert mended.code == 0
    assert mended.of(text, "result")["what"] == "changed"


def test_a_single_film_has_no_database(library: Library) -> None:
    done = library.call("people", library.films / "her.mp4", "-o", library.out, *FAST)
    assert done.code == 0
    assert not (library.out / ".stills" / "state.db").exists()
    assert library.call("status", library.out).code == 1


def test_every_recipe_keeps_what_others_wrote(library: Library) -> None:
    (library.films / "text.mp4").unlink()
    library.people("-q")
    for recipe in ("keyframes", "thumbnails", "portrait", "cast"):
        done = library.call(recipe, library.films, "-o", library.out, *FAST, "--json")
        assert done.code == 0, done.err
        assert set(library.whats(done).values()) == {"new"}
        assert (library.out / "her" / f"{recipe}.json").exists()
    assert set(library.whats(library.people("--json")).values()) == {"done"}
    assert '"videos": 10' in library.call("status", library.out, "--json").out


def test_explained_frames_of_many_films(library: Library) -> None:
    done = library.call("thumbnails", library.films, "-o", library.out, *FAST, "--explain", "-k", "1")
    assert "score" in done.out


def test_people_across_a_library(library: Library) -> None:
    shutil.copy(library.films / "her.mp4", library.films / "again.mp4")
    done = library.call("people", library.films, "-o", library.out, *FAST, "--across")
    assert "1 person in" in done.out
    assert (library.out / "across.json").exists()
    assert done.code == 3


def test_a_second_run_is_refused_and_an_interrupt_keeps_what_is_done(library: Library) -> None:
    face_film(library.films / "long.mp4", seconds=20.0)
    running = Running("people", library.films, "-o", library.out, "--settle", "0", "--at-once", "1", env=library.env)
    try:
        running.until("scan")
        running.signal(signal.SIGSTOP)  # so that it cannot end meanwhile; a process that is there counts as alive
        refused = library.people()
        assert refused.code == 1
        (error,) = refused.errors
        assert f"another run is at work on this output folder: `stills people {library.films}" in error
        assert f"(process {running.process.pid} on " in error
        status = library.call("status", library.out)
        assert "at work for" in status.out
        running.signal(signal.SIGINT)
        running.signal(signal.SIGCONT)
        ended = running.end()
    finally:
        running.process.kill()
        running.process.communicate()
    assert ended.code == 130
    assert "run the same command again to go on" in ended.err
    assert "was interrupted" in library.call("status", library.out).out
    assert library.people("--effort", "balanced", "-q").code == 3
    assert (library.out / "long" / "people.json").exists()


def test_a_reader_that_goes_away_ends_the_run(library: Library) -> None:
    argv = [sys.executable, "-m", "stills", "people", str(library.films), "-o", str(library.out), *FAST, "--json"]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**library.env)
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(timeout=60) == 1


def test_the_progress_of_a_library_on_a_terminal(library: Library) -> None:
    import pty

    master, slave = pty.openpty()
    shown: list[bytes] = []
    argv = [sys.executable, "-m", "stills", "people", str(library.films), "-o", str(library.out), *FAST]
    env = environment(**library.env, COLUMNS="100", TERM="xterm")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=slave, env=env) as process:
        os.close(slave)
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            while read := os.read(master, 4096):
                shown.append(read)
        os.close(master)
        assert process.stdout is not None
        out = process.stdout.read().decode()
        assert process.wait(timeout=60) == 3
    text = b"".join(shown).decode(errors="replace")
    assert "/3 videos" in text
    assert "her.mp4" in text
    assert "1 person in 0:01" in out
    assert "\x1b" not in out
