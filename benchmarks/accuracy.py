"""Accuracy on films whose people and shots are known, and the naive way on the same films with the same models."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Result
from benchmarks.corpus import Film, load
from benchmarks.measure import Run, python, run
from benchmarks.naive import EPS, MIN_SAMPLES
from benchmarks.results import Check, Section, Table
from benchmarks.stats import Spread, paired, spread
from stills.types import Effort

SAMPLE_PEOPLE = 3
SAMPLE_SHOTS = 10
"""What is in the sample film, by its own description."""

OURS = "**stills**"
BASELINE_COLUMNS = ("predicted", "duplicates", "BCubed F1", "coverage")

Score = Mapping[str, Any]


def accuracy(bench: Bench) -> Section:
    """People and shots of the composite films, by effort."""
    people, shots, checks, data = [], [], [], {}
    for film, effort in _films(bench):
        result = bench.kept(film, effort)
        score = bench.corpus.score("people", film, result.path)
        cuts = bench.corpus.score("shots", film, result.path)
        data[f"{film.name} {effort}"] = {"people": score, "shots": cuts, "scan": result.document["scan"]}
        if score is None or cuts is None:
            return _unscored(film, result)
        people.append((film.name, effort, *person_cells(score), f"{result.run.wall:.1f}"))
        shots.append((film.name, effort, *_shot_cells(cuts)))
        checks += person_checks(film.name, effort, score)
    tables = (
        Table(
            ("film", "effort", *PERSON_COLUMNS, "time, s"), tuple(people), "People (`score_people.py`; single runs):"
        ),
        Table(("film", "effort", *SHOT_COLUMNS), tuple(shots), "Shots (`score_shots.py`):"),
    )  # fmt: skip
    return Section("accuracy", "People and shots", tables, tuple(checks), data=data)


PERSON_COLUMNS = (
    "found", "predicted", "duplicates", "strangers", "BCubed P", "R", "F1", "coverage", "screen-time error",
)  # fmt: skip
SHOT_COLUMNS = ("transitions", "found", "precision", "recall", "F1", "cut recall", "dissolve recall")


def person_cells(score: Score) -> tuple[str, ...]:
    """The cells of :data:`PERSON_COLUMNS`."""
    found, everybody = score["people_found"]
    precision, recall = number(score["bcubed_precision"]), number(score["bcubed_recall"])
    counts = (f"{found} of {everybody}", str(score["predicted"]), str(score["duplicates"]), str(score["strangers"]))
    shares = (number(score["bcubed_f1"]), number(score["coverage"]), number(score["screen_time_error"]))
    return (*counts, precision, recall, *shares)


def person_checks(film: str, effort: Effort, score: Score) -> list[Check]:
    """The figures to reach: all of them at default effort, nine in ten found at ``fast``."""
    found, everybody = score["people_found"]
    where = f"{film}, {effort}"
    people = f"{found} of {everybody}"
    if effort == "fast":
        return [Check(f"people found, {where}", people, "≥ 90 %", found >= 0.9 * everybody)]
    if effort != "balanced":
        return []
    f1, coverage, off = (score[key] or 0.0 for key in ("bcubed_f1", "coverage", "screen_time_error"))
    return [
        Check(f"people found, {where}", people, "all", found == everybody),
        Check(f"BCubed F1, {where}", number(f1), "≥ 0.97", f1 >= 0.97),
        Check(f"coverage, {where}", number(coverage), "≥ 0.93", coverage >= 0.93),
        Check(f"duplicates, {where}", str(score["duplicates"]), "≤ 1", score["duplicates"] <= 1),
        Check(f"strangers, {where}", str(score["strangers"]), "0", score["strangers"] == 0),
        Check(f"screen-time error, {where}", number(off), "≤ 0.10", off <= 0.10),
    ]


def number(value: float | None) -> str:
    """Three digits behind the point; a dash where there is no value."""
    return "–" if value is None else f"{value:.3f}"


def _films(bench: Bench) -> list[tuple[Film, Effort]]:
    efforts: tuple[Effort, ...] = ("fast", "balanced", "exhaustive") if bench.full else ("fast", "balanced")
    wanted = [(film, effort) for film in bench.corpus.films("dinner", "gala") for effort in efforts]
    if bench.full and bench.corpus.folder is not None:
        wanted += [(bench.corpus.film("long"), effort) for effort in ("fast", "balanced")]
    return wanted


def _shot_cells(score: Score) -> tuple[str, ...]:
    counts = (str(score["truth"]), str(score["found"]))
    return (*counts, *(number(score[k]) for k in ("precision", "recall", "f1", "cut_recall", "dissolve_recall")))


def _unscored(film: Film, result: Result) -> Section:
    """What can be said without a truth: how many there are."""
    rows = [(film.name, str(len(result.people)), str(len(result.document["shots"])))]
    if film.name == "sample":
        rows.append(("in truth", str(SAMPLE_PEOPLE), str(SAMPLE_SHOTS)))
    table = Table(("film", "people", "shots"), tuple(rows))
    return Section("accuracy", "People and shots", (table,), (), ("Nothing was scored: no truth or no scorers here.",))


@dataclass(slots=True)
class Rivals:
    """Runs of ``stills people`` and of the naive way on one film; ``folder`` holds what the latter wrote."""

    folder: Path
    ours: list[Result] = field(default_factory=list)
    theirs: list[Run] = field(default_factory=list)

    def results(self) -> dict[str, tuple[Run, Path]]:
        """A run and its result by the name of the way."""
        naive = {f"DBSCAN eps {eps}": (self.theirs[-1], self.folder / f"eps_{eps}.json") for eps in EPS}
        return {**naive, OURS: (self.ours[-1].run, self.ours[-1].path)}

    def times(self, name: str) -> tuple[str, str]:
        """Wall and CPU seconds of a way."""
        runs = [result.run for result in self.ours] if name == OURS else self.theirs
        return spread([run.wall for run in runs]).text(1), spread([run.cpu for run in runs]).text(1)

    def ratio(self) -> Spread:
        """The time of the naive way, in times of ours."""
        return paired([run.wall for run in self.theirs], [result.run.wall for result in self.ours])


def baseline(bench: Bench) -> Section:
    """The naive way against ``stills people`` at default effort: time, people found, and those who appear once."""
    rows, checks, data = [], [], {}
    films = bench.corpus.films("dinner", "gala", "long") if bench.full else bench.corpus.films("dinner")
    _compete(bench, films[0], 1)  # both have their networks compiled from here on
    for film in films:
        rivals = _compete(bench, film, 1 if film.name == "long" else min(3, bench.repetitions))
        results = rivals.results()
        scores = {name: bench.corpus.score("people", film, path) for name, (_, path) in results.items()}
        for name, (_, path) in results.items():
            rows.append((film.name, name, *rivals.times(name), *_baseline_cells(film, scores[name], path)))
        walls = {"naive": [run.wall for run in rivals.theirs], "stills": [result.run.wall for result in rivals.ours]}
        data[film.name] = {"wall": walls, "scores": scores}
        ratio, name = rivals.ratio(), f"time of the naive way, {film.name}, in times of ours"
        checks.append(Check(name, ratio.text(), "> 1", ratio.median > 1))
        checks += _baseline_checks(film, scores)
    columns = ("film", "way", "wall, s", "CPU, s", "found", "seen once, found", *BASELINE_COLUMNS)
    remark = (
        f"The naive way reads every frame with OpenCV, keeps one a second, runs the same YuNet on it at full size with "
        f"a thread a core, embeds all faces with the same SFace, and clusters with scikit-learn's DBSCAN (cosine, "
        f"min_samples {MIN_SAMPLES}). Its time is that of one run for all values of eps; clustering is a small part."
    )
    return Section("baseline", "The naive way", (Table(columns, tuple(rows)),), tuple(checks), (remark,), data=data)


def _compete(bench: Bench, film: Film, repetitions: int) -> Rivals:
    """Run both on ``film``, taking turns, every second time in reverse order."""
    rivals = Rivals(Path(tempfile.mkdtemp(prefix="naive-", dir=bench.work)))
    command = python("-m", "benchmarks.naive", str(film.path), str(rivals.folder))

    def theirs() -> None:
        rivals.theirs.append(run(command, env=bench.code))
        bench.say(f"{film.name}: the naive way in {rivals.theirs[-1].wall:.1f} s")

    def ours() -> None:
        rivals.ours.append(bench.people(film))

    for repetition in range(repetitions):
        for step in (theirs, ours) if repetition % 2 == 0 else (ours, theirs):
            step()
    return rivals


def _baseline_cells(film: Film, score: Score | None, result: Path) -> tuple[str, ...]:
    predicted = len(load(result)["people"])
    if score is None or film.truth is None:
        return ("–", "–", str(predicted), "–", "–", "–")
    found, everybody = score["people_found"]
    once = load(film.truth).get("appear_once", [])
    seen = f"{len(set(once) - set(score['missing']))} of {len(once)}" if once else "–"
    return (
        f"{found} of {everybody}", seen, str(score["predicted"]), str(score["duplicates"]),
        number(score["bcubed_f1"]), number(score["coverage"]),
    )  # fmt: skip


def _baseline_checks(film: Film, scores: Mapping[str, Score | None]) -> list[Check]:
    """We find more people than the best value of eps, and everybody who appears once."""
    ours = scores[OURS]
    others = [score for name, score in scores.items() if name != OURS and score is not None]
    if ours is None or film.truth is None or not others:
        return []
    best = max(score["people_found"][0] for score in others)
    found, everybody = ours["people_found"]
    # who finds everybody cannot find more
    met = found > best or found == everybody
    name = f"people found, {film.name}: stills against the best DBSCAN"
    checks = [Check(name, f"{found} against {best}", "more, or all", met)]
    once = set(load(film.truth).get("appear_once", []))
    if once:
        seen = len(once - set(ours["missing"]))
        checks.append(
            Check(f"people seen once, found, {film.name}", f"{seen} of {len(once)}", "all", seen == len(once))
        )
    return checks
