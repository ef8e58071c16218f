"""What the sections share: running a command of stills in a process of its own, and keeping results of ``people``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.corpus import Corpus, Film, load
from benchmarks.errors import BenchmarkError
from benchmarks.measure import Run, python, run
from stills.errors import NothingFoundError
from stills.types import Effort


@dataclass(frozen=True, slots=True)
class Result:
    """A run of a recipe, what it said (``people.json``, ``keyframes.json``, …) and where that lies."""

    run: Run
    path: Path
    document: Mapping[str, Any]

    @property
    def people(self) -> list[dict[str, Any]]:
        """The people found."""
        found: list[dict[str, Any]] = self.document["people"]
        return found

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The frames chosen, of key frames and thumbnails."""
        chosen: list[dict[str, Any]] = self.document["frames"]
        return chosen


@dataclass(slots=True)
class Bench:
    """One call of the benchmark. ``full`` measures all there is, else what a quick look needs.

    ``repetitions`` is how often each time is measured; ``work`` a folder for everything written. ``code`` is the
    environment of everything that is run: :func:`benchmarks.measure.freeze` made it when ``commit`` was checked out.
    """

    corpus: Corpus
    work: Path
    repetitions: int
    code: Mapping[str, str]
    commit: str
    full: bool = False
    _kept: dict[tuple[str, str], Result] = field(default_factory=dict)

    def people(
        self,
        film: Film,
        effort: Effort = "balanced",
        *,
        workers: int | None = None,
        cache: Path | None = None,
        memory: bool = False,
    ) -> Result:
        """Run ``stills people`` on ``film``: from nothing, or with the indexes in ``cache``.

        The weights are where they always are, fetched before. Raises ``BenchmarkError`` where it fails.
        """
        options = ["--effort", effort, *(["--workers", str(workers)] if workers is not None else [])]
        return self.recipe(film, "people", *options, cache=cache, memory=memory)

    def recipe(self, film: Film, name: str, *options: str, cache: Path | None = None, memory: bool = False) -> Result:
        """Run ``stills NAME`` on ``film`` with ``options``: from nothing, or with the indexes in ``cache``.

        Raises ``BenchmarkError`` where it fails, or writes no result.
        """
        taken, path = self.attempt(film, name, "--quiet", *options, cache=cache, memory=memory)
        if not path.is_file():
            raise BenchmarkError(f"stills {name} wrote no {path.name}", path=str(film.path))
        self.say(" ".join((f"{film.name}: stills {name}", *options, f"in {taken.wall:.1f} s")))
        return Result(taken, path, load(path))

    def attempt(
        self,
        film: Film,
        name: str,
        *options: str,
        cache: Path | None = None,
        memory: bool = False,
        accept: Collection[int] = (0, NothingFoundError.exit_code),
    ) -> tuple[Run, Path]:
        """Run ``stills NAME`` on ``film``; the run, and where its result lies if there is one.

        Raises ``BenchmarkError`` for an exit code that is not in ``accept``.
        """
        out = Path(tempfile.mkdtemp(prefix=f"{film.name}-", dir=self.work))
        command = python("-m", "stills", name, str(film.path), "-o", str(out), *options)
        indexes = cache or out / "indexes"
        taken = run(command, env={**self.code, "STILLS_CACHE_DIR": str(indexes)}, memory=memory, accept=accept)
        if cache is None:
            shutil.rmtree(indexes, ignore_errors=True)
        return taken, out / film.path.stem / f"{name}.json"

    def kept(self, film: Film, effort: Effort = "balanced") -> Result:
        """The result of one run for ``film``, the same for every section that asks."""
        key = (film.name, effort)
        if key not in self._kept:
            self._kept[key] = self.people(film, effort)
        return self._kept[key]

    def decode(self, film: Film) -> Run:
        """Decode all of ``film`` and do nothing else: see :mod:`benchmarks.plain_decode`."""
        taken = run(python("-m", "benchmarks.plain_decode", str(film.path)), env=self.code)
        self.say(f"{film.name}: plain decode in {taken.wall:.1f} s")
        return taken

    def warm_up(self, film: Film, effort: Effort = "balanced") -> None:
        """Have models fetched and compiled, modules compiled to bytecode, and ``film`` in the page cache."""
        self.decode(film)
        self.people(film, effort)

    def say(self, text: str) -> None:
        """A line on standard error, for who waits."""
        print(f"  {text}", file=sys.stderr, flush=True)
