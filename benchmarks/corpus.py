"""What is measured: the films of the evaluation corpus and their scorers, or the sample film that stills makes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.measure import python, run

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Film:
    """A film; ``truth`` says what is in it, where that is known."""

    name: str
    path: Path
    truth: Path | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where films come from. ``folder`` or ``scorers`` is ``None`` where they are not on this machine.

    ``work`` is a folder for films that are made here.
    """

    folder: Path | None
    scorers: Path | None
    work: Path

    @classmethod
    def find(cls, work: Path) -> Corpus:
        """The folders that STILLS_CORPUS and STILLS_EVAL name, else ``shared`` beside the checkout.

        Raises ``BenchmarkError`` where a folder that was named is not there.
        """
        shared = ROOT.parent / "shared"
        return cls(_folder("STILLS_CORPUS", shared / "corpus" / "dev"), _folder("STILLS_EVAL", shared / "eval"), work)

    def films(self, *names: str) -> list[Film]:
        """The films called ``names``, or the sample film where there is no corpus."""
        if self.folder is None:
            return [self.sample()]
        return [self.film(name) for name in names]

    def film(self, name: str) -> Film:
        """The film of the corpus called ``name``; ``long`` is joined from its parts at first use."""
        if self.folder is None:
            raise BenchmarkError("there is no corpus", remedy="set STILLS_CORPUS")
        films = self.folder / "films"
        path = films / f"{name}.mp4"
        if name == "long" and not path.is_file():
            path = self.work / "long.mp4"
            if not path.is_file():
                run(python(str(films / "make_long.py"), str(path)))
        if not path.is_file():
            raise BenchmarkError("the film is missing", path=str(path))
        truth = films / f"{name}.truth.json"
        return Film(name, path, truth if truth.is_file() else None)

    def sample(self) -> Film:
        """The sample film, made at first use."""
        path = self.work / "sample.mp4"
        if not path.is_file():
            from stills.sample import make_sample_film

            make_sample_film(path)
        return Film("sample", path)

    def clips(self) -> list[Film]:
        """The real clips of the corpus that have a truth; none without a corpus."""
        if self.folder is None:
            return []
        truths = sorted((self.folder / "real").glob("*.truth.json"))
        return [Film(path.name.split(".")[0], path.parent / load(path)["video"], path) for path in truths]

    def score(self, scorer: str, film: Film, result: Path) -> dict[str, Any] | None:
        """What ``score_<scorer>.py`` says of a result file; ``None`` without scorers or truth."""
        if self.scorers is None or film.truth is None:
            return None
        script = self.scorers / f"score_{scorer}.py"
        scored: dict[str, Any] = json.loads(run(python(str(script), str(film.truth), str(result))).output)
        return scored

    def describe(self) -> str:
        """What is missing, in a sentence; empty where all is there."""
        missing = []
        if self.folder is None:
            missing.append("no corpus (STILLS_CORPUS): measured on the sample film")
        if self.scorers is None:
            missing.append("no scorers (STILLS_EVAL): nothing is scored")
        return "; ".join(missing)


def load(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _folder(variable: str, default: Path) -> Path | None:
    named = os.environ.get(variable)
    if named:
        folder = Path(named).expanduser().resolve()
        if not folder.is_dir():
            raise BenchmarkError(f"{variable} names a folder that is not there", path=named)
        return folder
    return default if default.is_dir() else None
