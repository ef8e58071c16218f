"""Key frames: shots that have one, frames too many, frames in transitions; and targets, every one from 1 to 200."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import number
from benchmarks.bench import Bench
from benchmarks.corpus import Film, load
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table

LEAST_COVERED = 0.98
MOST_EXTRA = 0.3
MOST_BAD = 0.01
"""Share of shots with a key frame, key frames beyond the first of a shot a shot, share of key frames in transitions."""

MOST_TARGET = 200


@dataclass(frozen=True, slots=True)
class Targets:
    """What came of the targets 1, 2, …: ``counts`` frames; ``nested`` where each set holds the one before."""

    counts: Sequence[int]
    distinct: int
    nested: bool

    @property
    def exact(self) -> int:
        """How many targets gave exactly as many frames, or all that differ where there are fewer."""
        return sum(count == min(n, self.distinct) for n, count in enumerate(self.counts, 1))


def keyframes(bench: Bench) -> Section:
    """Default key frames of the composite films and of the clips, and all targets on four films."""
    films = bench.corpus.films("dinner", "gala", "long") if bench.full else bench.corpus.films("dinner", "gala")
    rows, target_rows, checks, data = [], [], [], {}
    with_targets = [*films, *_fourth(bench, films)]
    for film in [*films, *(clip for clip in bench.corpus.clips() if bench.full or clip in with_targets)]:
        cache = Path(tempfile.mkdtemp(prefix="indexes-", dir=bench.work))
        result = bench.recipe(film, "keyframes", cache=cache)
        score = bench.corpus.score("keyframes", film, result.path)
        rows.append((film.name, str(len(result.frames)), *_cells(score), f"{result.document['similarity']:.3f}"))
        data[film.name] = {"score": score, "frames": len(result.frames)}
        checks += _checks(film.name, score) if film in films else []
        if film in with_targets:
            targets = ask_targets(bench, film, cache)
            data[film.name]["targets"] = {"counts": list(targets.counts), "distinct": targets.distinct}
            target_rows.append(_target_row(film, targets))
            checks += _target_checks(film, targets)
    columns = ("film", "key frames", "shots", "shots with one", "extra a shot", "in a transition", "similarity")
    tables = (
        Table(columns, tuple(rows), "With default settings (`score_keyframes.py`):"),
        Table(("film", "frames that differ", "targets", "exact", "nested"), tuple(target_rows),
              f"`--target N` for every N from 1 to {MOST_TARGET}:"),
    )  # fmt: skip
    remarks = (
        "In a transition: within two frames of a cut or inside a dissolve. One wrong frame of a clip is a large share.",
        "Exact: N frames, or all that differ where there are fewer. Nested: the frames of N are among those of N + 1.",
    )
    return Section("keyframes", "Key frames", tables, tuple(checks), remarks, data=data)


def ask_targets(bench: Bench, film: Film, cache: Path) -> Targets:
    """Ask for every number of frames up to :data:`MOST_TARGET`, from the index in ``cache``."""
    command = python("-m", "benchmarks.reselect", str(film.path), str(MOST_TARGET))
    said = json.loads(run(command, env={**bench.code, "STILLS_CACHE_DIR": str(cache)}).output)
    bench.say(f"{film.name}: {MOST_TARGET} targets")
    return Targets(said["counts"], said["distinct"], said["nested"])


def _fourth(bench: Bench, films: Sequence[Film]) -> list[Film]:
    """A fourth film: the clip that lasts longest."""
    clips = [clip for clip in bench.corpus.clips() if clip.truth is not None]
    if len(films) < 3 or not clips:
        return []
    return [max(clips, key=lambda clip: float(load(clip.truth)["duration"]) if clip.truth else 0.0)]


def _cells(score: Mapping[str, Any] | None) -> tuple[str, ...]:
    if score is None:
        return ("–",) * 4
    return (str(score["shots"]), *(number(score[key]) for key in ("shots_covered", "redundancy", "bad")))


def _checks(film: str, score: Mapping[str, Any] | None) -> list[Check]:
    if score is None:
        return []
    covered, extra, bad = (score[key] or 0.0 for key in ("shots_covered", "redundancy", "bad"))
    return [
        Check(f"shots with a key frame, {film}", number(covered), f"≥ {LEAST_COVERED}", covered >= LEAST_COVERED),
        Check(f"extra key frames a shot, {film}", number(extra), f"≤ {MOST_EXTRA}", extra <= MOST_EXTRA),
        Check(f"key frames in a transition, {film}", number(bad), f"≤ {MOST_BAD}", bad <= MOST_BAD),
    ]


def _target_row(film: Film, targets: Targets) -> tuple[str, ...]:
    asked = len(targets.counts)
    return (film.name, str(targets.distinct), f"1 to {asked}", f"{targets.exact} of {asked}",
            "yes" if targets.nested else "no")  # fmt: skip


def _target_checks(film: Film, targets: Targets) -> list[Check]:
    asked = len(targets.counts)
    exact = f"{targets.exact} of {asked}"
    return [
        Check(f"targets 1 to {asked} that are exact, {film.name}", exact, "all", targets.exact == asked),
        Check(f"targets are nested, {film.name}", "yes" if targets.nested else "no", "yes", targets.nested),
    ]
