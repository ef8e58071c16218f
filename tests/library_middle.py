"""Libraries met in the middle by the real command: two films done, a long one under way, two to come."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command import Done, Running, leftovers, one_clear_line, stills
from library_samples import film

RECIPE = "keyframes"
NAMES = ("a", "b", "long", "y", "z")
ONE_BY_ONE = ("--settle", "0", "--at-once", "1", "--workers", "1", "--retry-delay", "0.1")


def make_films(folder: Path) -> Path:
    """The films, in the order in which they are done."""
    for number, name in enumerate(NAMES):
        film(folder / f"{name}.mp4", number, frames=600 if name == "long" else 50)
    return folder


@dataclass(frozen=True)
class Middle:
    """A library of :func:`make_films`, and where its results go."""

    films: Path
    out: Path
    cache: Path
    options: Sequence[str | Path] = ()
    first: str = ""
    """Python that runs before the command does, to shorten its patience."""

    @property
    def env(self) -> dict[str, str]:
        return {"STILLS_CACHE_DIR": str(self.cache), "STILLS_SCAN__SEGMENT_SECONDS": "2"}

    @property
    def arguments(self) -> list[str | Path]:
        return [RECIPE, self.films, "-o", self.out, *ONE_BY_ONE, *self.options]

    @property
    def long(self) -> Path:
        return self.films / "long.mp4"

    def run(self, *more: str | Path) -> Done:
        """A run to its end."""
        running = Running(*self.arguments, *more, env=self.env, first=self.first)
        try:
            return running.end()
        finally:
            running.process.kill()

    def call(self, *arguments: str | Path) -> Done:
        return stills(*arguments, env=self.env)

    @contextmanager
    def middle(self) -> Iterator[Running]:
        """A run that has finished some segments of the long film, and stands still inside of the ``with``."""
        running = Running(*self.arguments, env=self.env, first=self.first)
        try:
            running.until_event("started", self.long)
            running.until("scan", beyond=5.0)
            running.signal(signal.SIGSTOP)
            yield running
            running.signal(signal.SIGCONT)
        except BaseException:
            running.process.kill()
            running.process.communicate()
            raise

    def what(self, done: Done) -> dict[str, str]:
        """What was decided of each film that has a result."""
        return {Path(e["input"]).stem: e["what"] for e in done.events if e["event"] == "result"}

    def goes_on(self, *, left: Sequence[str] = NAMES[2:]) -> None:
        """The next run does what is ``left``, and nothing twice; then all is there."""
        done = self.run()
        assert done.code == 0, done.err
        what = self.what(done)
        assert sorted(what) == sorted(NAMES)
        assert {name for name, said in what.items() if said != "done"} == set(left), what
        self.whole(NAMES)

    def whole(self, names: Sequence[str]) -> None:
        """Results of just these films are there, with their pictures, and nothing half-written."""
        there = {path.parent.name for path in self.out.glob(f"*/{RECIPE}.json")}
        assert there == set(names)
        for name in names:
            assert pictures(self.out / name)
        assert not leftovers(self.out, self.cache)


def pictures(folder: Path) -> list[Path]:
    """The pictures that a result names: all are there, and no other."""
    document: dict[str, Any] = json.loads((folder / f"{RECIPE}.json").read_text(encoding="utf-8"))
    named = [folder / name for name in document["files"]]
    assert all(path.stat().st_size for path in named)
    assert {path for path in folder.rglob("*") if path.is_file()} == {*named, folder / f"{RECIPE}.json"}
    return named


def one_line(done: Done, *says: str, code: int = 1) -> str:
    """The one error of a command that stopped: a clear line that says all this."""
    assert done.code == code, (done.code, done.err)
    (line,) = done.errors
    assert one_clear_line(line), line
    assert all(word in line for word in says), line
    return line


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A disk of a certain size; only root can have one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        refused = subprocess.run(mount, capture_output=True, check=False).returncode != 0
    except FileNotFoundError:
        refused = True
    if refused:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all there is."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return ballast
