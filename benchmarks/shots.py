"""Shots: ``stills shots`` and the detectors of PySceneDetect on the same films, how right and how fast."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.accuracy import number
from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.measure import Run, python, run
from benchmarks.pyscenedetect import MAIN, WAYS
from benchmarks.results import Check, Section, Table
from benchmarks.turns import against, take_turns, time_cells

OURS = "**stills**"
DECODE = "plain decode"
LEAST_F1 = {"dinner": 1.0, "gala": 0.98, "long": 1.0, "real clips": 0.95}
"""F1 to reach: films with nothing but cuts, a film with dissolves, hand-checked clips."""

Score = Mapping[str, Any]


@dataclass(slots=True)
class Outcome:
    """The last result and score of each way on one film."""

    folder: Path
    results: dict[str, Path] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)


def shots(bench: Bench) -> Section:
    """F1 and time of every way: the composite films one by one, the real clips together."""
    rows, checks = [], []
    data: dict[str, Any] = {}
    for film in bench.corpus.films("dinner", "gala", "long") if bench.full else bench.corpus.films("dinner", "gala"):
        # the long one has 420 shots and takes minutes: once is enough, and only of what is recommended
        ways = MAIN if film.name == "long" or not bench.full else tuple(WAYS)
        repetitions = 1 if film.name == "long" else min(3, bench.repetitions)
        outcome = Outcome(Path(tempfile.mkdtemp(prefix="shots-", dir=bench.work)))
        steps = _steps(bench, film, ways, outcome)
        if film.name != "long":
            steps[OURS]()  # modules are compiled and files in the page cache from here on
        runs = take_turns(steps, repetitions)
        outcome.scores = _scores(bench, film, outcome.results)
        rows += [(film.name, way, *_score_cells(outcome.scores.get(way)), *time_cells(runs, way, DECODE))
                 for way in runs]  # fmt: skip
        data[film.name] = {"scores": outcome.scores, "wall": {way: [r.wall for r in runs[way]] for way in runs}}
        checks += _f1_checks(film.name, outcome.scores)
        for way in MAIN:
            ratio = against(runs, _named(way), OURS)
            name = f"time of PySceneDetect {way}, {film.name}, in times of ours"
            checks.append(Check(name, ratio.text(), "> 1", ratio.median > 1))
    tables = [Table(("film", "way", *SCORE_COLUMNS, "wall, s", "CPU, s", "× plain decode"), tuple(rows))]
    clips, clip_checks, clip_data = _clips(bench)
    if clips is not None:
        tables.append(clips)
    remark = (
        f"PySceneDetect {importlib.metadata.version('scenedetect-headless')} (BSD-3-Clause) with its "
        "own defaults, frames by OpenCV, its default and the faster of its two ways here. Both are whole processes "
        "that find shots and write them as JSON. Scored by `score_shots.py`: a cut within two frames, "
        "a dissolve by a boundary inside it."
    )
    data["clips"] = clip_data
    checks += clip_checks
    return Section("shots", "Shots against PySceneDetect", tuple(tables), tuple(checks), (remark,), data=data)


SCORE_COLUMNS = ("transitions", "predicted", "precision", "recall", "F1", "dissolve recall")


def _named(way: str) -> str:
    return f"PySceneDetect {way}"


def _steps(bench: Bench, film: Film, ways: Sequence[str], outcome: Outcome) -> dict[str, Callable[[], Run]]:
    """What takes turns: decoding, stills, each detector."""

    def ours() -> Run:
        result = bench.recipe(film, "shots")
        outcome.results[OURS] = result.path
        return result.run

    def theirs(way: str) -> Run:
        path = outcome.folder / f"{way}.json"
        taken = run(python("-m", "benchmarks.pyscenedetect", str(film.path), str(path), way), env=bench.code)
        outcome.results[_named(way)] = path
        bench.say(f"{film.name}: PySceneDetect {way} in {taken.wall:.1f} s")
        return taken

    rivals = {_named(way): partial(theirs, way) for way in ways}
    return {DECODE: partial(bench.decode, film), OURS: ours, **rivals}


def _scores(bench: Bench, film: Film, results: Mapping[str, Path]) -> dict[str, Score]:
    scored = {way: bench.corpus.score("shots", film, path) for way, path in results.items()}
    return {way: score for way, score in scored.items() if score is not None}


def _score_cells(score: Score | None) -> tuple[str, ...]:
    if score is None:
        return ("",) * len(SCORE_COLUMNS)
    counts = (str(score["truth"]), str(score["predicted"]))
    return (*counts, *(number(score[key]) for key in ("precision", "recall", "f1", "dissolve_recall")))


def _f1_checks(film: str, scores: Mapping[str, Score]) -> list[Check]:
    """Ours reaches its figure, and no detector has more."""
    ours = scores.get(OURS)
    if ours is None:
        return []
    f1 = ours["f1"] or 0.0
    checks = []
    if film in LEAST_F1:
        least = LEAST_F1[film]
        checks.append(Check(f"F1 of shots, {film}", number(f1), f"≥ {least:.2f}", f1 >= least))
    best = max((score["f1"] or 0.0 for way, score in scores.items() if way != OURS), default=None)
    if best is not None:
        # who has everything right cannot be beaten
        met = f1 > best or f1 == 1.0
        checks.append(Check(f"F1 of shots, {film}: stills against the best of PySceneDetect",
                            f"{number(f1)} against {number(best)}", "more, or 1", met))  # fmt: skip
    return checks


def _clips(bench: Bench) -> tuple[Table | None, list[Check], dict[str, Any]]:
    """All real clips, each way's transitions counted together: most have three or four."""
    clips = bench.corpus.clips()
    if not clips or bench.corpus.scorers is None:
        return None, [], {}
    data: dict[str, dict[str, Score]] = {}
    for clip in clips:
        outcome = Outcome(Path(tempfile.mkdtemp(prefix="shots-", dir=bench.work)))
        for name, step in _steps(bench, clip, tuple(WAYS), outcome).items():
            if name != DECODE:
                step()
        data[clip.name] = _scores(bench, clip, outcome.results)
    ways = [OURS, *map(_named, WAYS)]
    pooled = {way: pool([scores[way] for scores in data.values()]) for way in ways}
    rows = [(way, *_score_cells(pooled[way])[:-1], _mistakes(data, way)) for way in ways]
    table = Table(
        ("way", *SCORE_COLUMNS[:-1], "clips with a mistake"), tuple(rows), f"{len(clips)} real clips together:"
    )
    return table, _f1_checks("real clips", pooled), data


def pool(scores: Sequence[Score]) -> Score:
    """The counts of several films added up, and precision, recall and F1 of the sums."""
    truth, predicted, found = (sum(score[key] for score in scores) for key in ("truth", "predicted", "found"))
    precision = found / predicted if predicted else None
    recall = found / truth if truth else None
    f1 = 2 * found / (truth + predicted) if truth + predicted else None
    return {"truth": truth, "predicted": predicted, "found": found, "precision": precision, "recall": recall,
            "f1": f1, "dissolve_recall": None}  # fmt: skip


def _mistakes(data: Mapping[str, Mapping[str, Score]], way: str) -> str:
    wrong = [
        name
        for name, scores in data.items()
        if scores[way]["found"] != max(scores[way]["truth"], scores[way]["predicted"])
    ]
    return ", ".join(wrong) or "none"
