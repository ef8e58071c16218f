"""The ways to cluster against each other: people found at each one's own threshold, and how wide a choice would do."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import PERSON_COLUMNS, number, person_cells
from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.measure import python, run
from benchmarks.regroup import THRESHOLDS, Grouping
from benchmarks.results import Check, Section, Table

DEFAULT = "constrained"
GOOD_F1 = 0.97
"""Least BCubed F1 for a threshold to do."""

CLOSE = 0.01
"""How much less BCubed F1 than the best method's is still close to it."""

Score = Mapping[str, Any]


def clustering(bench: Bench) -> Section:
    """Each method on the composite films: one scan a film, then tracks and single faces grouped in many ways."""
    films = bench.corpus.films("dinner", "gala", "long") if bench.full else bench.corpus.films("dinner")
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    wide: dict[str, list[str]] = {}
    data = {}
    for film in films:
        groupings = _group(bench, film)
        scores = _scores(bench, film, groupings)
        data[film.name] = [[one.method, one.threshold, one.default, score] for one, score in scores]
        rows += [_row(film, one, score) for one, score in scores if one.default]
        for method in dict.fromkeys(one.method for one in groupings):
            own = [(one, score) for one, score in scores if one.method == method]
            wide.setdefault(method, []).extend((range_text(own), number(own[0][0].faces_f1)))
        checks += _checks(film, scores)
    columns = ("film", "method", "threshold", *PERSON_COLUMNS, "selection, ms")
    by_film = [f"{film.name}, {what}" for film in films for what in ("thresholds that do", "F1 of single faces")]
    tables = [
        Table(columns, tuple(rows), "Each at its own threshold:"),
        Table(("method", *by_film), tuple((name, *cells) for name, cells in wide.items()), "How far off it could be:"),
    ]
    if bench.corpus.folder is not None:
        tables.append(_real(bench, bench.corpus.folder / "real"))
    return Section("clustering", "Ways to cluster", tuple(tables), tuple(checks), _remarks(), data=data)


def _remarks() -> tuple[str, ...]:
    step = THRESHOLDS[1] - THRESHOLDS[0]
    return (
        "Scored by `score_people.py`. The films have one person a shot, so that no two tracks are known to differ: "
        "this is clustering by faces alone. Thresholds are cosine similarities; how each was chosen is written in "
        "`stills.select.clustering.thresholds`.",
        f"Thresholds that do: those tried ({THRESHOLDS[0]} to {THRESHOLDS[-1]} by {step:.2f}, and its own) that are "
        "next to each other around the method's own and find everybody, nobody twice, with a BCubed F1 of at least "
        f"{GOOD_F1}.",
        "Single faces: every embedded face of the index on its own, without tracks or constraints, at the same "
        "threshold; BCubed F1 of the faces that the truth gives to one person.",
        "Real clips: a track has the name whose photos it is most like, at a cosine ≥ 0.363, if the truth has that one "
        "on screen. Pairs seen in one frame are two people, but for doubles in mirrors and pictures; how many a method "
        "would join says how much it mixes people, and is for this once measured without telling it.",
    )


def _real(bench: Bench, folder: Path) -> Table:
    """All real clips together: see :mod:`benchmarks.regroup_real`."""
    taken = run(python("-m", "benchmarks.regroup_real", str(folder)), env={**bench.code, **_indexes(bench)})
    rows = []
    for one in json.loads(taken.output):
        method = f"**{one['method']}**" if one["method"] == DEFAULT else one["method"]
        counts = f"{one['named']}, {one['people']} people", number(one["f1"]), f"{one['joined']} of {one['pairs']}"
        rows.append((method, *counts, str(one["groups"])))
    columns = ("method", "named tracks", "BCubed F1 of them", "pairs in one frame joined, untold", "groups, told")
    return Table(columns, tuple(rows), "Real clips, all together:")


def _indexes(bench: Bench) -> dict[str, str]:
    """Where indexes are kept between the methods, or were before."""
    return {"STILLS_CACHE_DIR": os.environ.get("STILLS_CACHE_DIR", str(bench.work / "indexes"))}


def _group(bench: Bench, film: Film) -> list[Grouping]:
    """Run :mod:`benchmarks.regroup` on a film."""
    out = Path(tempfile.mkdtemp(prefix=f"{film.name}-grouped-", dir=bench.work))
    truth = [str(film.truth)] if film.truth is not None else []
    command = python("-m", "benchmarks.regroup", str(film.path), str(out), *truth)
    taken = run(command, env={**bench.code, **_indexes(bench)})
    bench.say(f"{film.name}: grouped in {taken.wall:.1f} s")
    return [Grouping(**values) for values in json.loads(taken.output)]


def _scores(bench: Bench, film: Film, groupings: Sequence[Grouping]) -> list[tuple[Grouping, Score | None]]:
    """The score of each; where several found the same people, it is asked for once."""
    known: dict[bytes, Score | None] = {}
    scored = []
    for one in groupings:
        content = Path(one.file).read_bytes()
        if content not in known:
            known[content] = bench.corpus.score("people", film, Path(one.file))
        scored.append((one, known[content]))
    return scored


def _row(film: Film, one: Grouping, score: Score | None) -> tuple[str, ...]:
    cells = ("–",) * len(PERSON_COLUMNS) if score is None else person_cells(score)
    method = f"**{one.method}**" if one.method == DEFAULT else one.method
    return (film.name, method, f"{one.threshold:g}", *cells, f"{one.seconds * 1000:.0f}")


def does(score: Score | None) -> bool:
    """Whether everybody was found, nobody twice, and nearly all of the time was given to the right one."""
    if score is None:
        return False
    found, everybody = score["people_found"]
    return bool(found == everybody and not score["duplicates"] and (score["bcubed_f1"] or 0.0) >= GOOD_F1)


def range_text(scored: Sequence[tuple[Grouping, Score | None]]) -> str:
    """The thresholds of one method that do, next to each other and around its own; "none" where its own does not."""
    ordered = sorted(scored, key=lambda pair: pair[0].threshold)
    place = next(i for i, (one, _) in enumerate(ordered) if one.default)
    if not does(ordered[place][1]):
        return "none"
    low = high = place
    while low > 0 and does(ordered[low - 1][1]):
        low -= 1
    while high + 1 < len(ordered) and does(ordered[high + 1][1]):
        high += 1
    return f"{ordered[low][0].threshold:g} – {ordered[high][0].threshold:g}"


def _checks(film: Film, scores: Sequence[tuple[Grouping, Score | None]]) -> list[Check]:
    f1 = {one.method: score["bcubed_f1"] or 0.0 for one, score in scores if one.default and score is not None}
    if not f1:
        return []
    best = max(f1.values())
    name = f"BCubed F1, {film.name}: {DEFAULT} against the best method"
    return [Check(name, f"{f1[DEFAULT]:.3f} against {best:.3f}", "the best or close", f1[DEFAULT] >= best - CLOSE)]
