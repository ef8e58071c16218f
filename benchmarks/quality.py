"""Quality of the best frames: how near they come to the best that looking at every frame finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.bench import Bench
from benchmarks.results import Check, Section, Table
from benchmarks.stats import spread
from stills.types import Effort

NEAR = 0.95
"""Least score of a still, of the best there is, to be as good as it."""

SHARE = 0.9
"""Least share of people whose still is as good."""

Person = Mapping[str, Any]


def quality(bench: Bench) -> Section:
    """The score of each person's best still, of the best that ``--effort exhaustive`` finds for the same person."""
    rows, data = [], {}
    total: dict[Effort, list[float]] = {"balanced": [], "fast": []}
    for film in bench.corpus.films("dinner", "gala"):
        best = bench.kept(film, "exhaustive").people
        for effort in total:
            ratios = score_ratios(bench.kept(film, effort).people, best)
            total[effort] += ratios
            data[f"{film.name} {effort}"] = ratios
            rows.append((film.name, effort, *_cells(ratios)))
    rows += [("all", effort, *_cells(ratios)) for effort, ratios in total.items()]
    ratios = total["balanced"]
    good = sum(ratio >= NEAR for ratio in ratios)
    met = bool(ratios) and good >= SHARE * len(ratios)
    check = Check("stills as good as the best of all frames", f"{good} of {len(ratios)} people", "9 of 10", met)
    columns = ("film", "effort", "people", f"≥ {NEAR} of the best", "median ratio", "least ratio")
    remark = (
        "Scores are stills' own quality of a face, as in `people.json`. People are matched by the time that they are "
        "on screen together; one whom `exhaustive` does not have counts 0."
    )
    return Section("quality", "Best frames", (Table(columns, tuple(rows)),), (check,), (remark,), data=data)


def score_ratios(people: Sequence[Person], best: Sequence[Person]) -> list[float]:
    """For each of ``people`` the score of its still over the best score of the same person in ``best``; 0 without one.

    The same person are those who share most time with it, and all who are seen for more than half of their own time
    within its spans, should there be several.
    """
    ratios = []
    for person in people:
        shared = [overlap(person["spans"], other["spans"]) for other in best]
        most = max(shared, default=0.0)
        same = [
            other["still"]["score"]
            for other, seconds in zip(best, shared, strict=True)
            if seconds > 0 and (seconds == most or seconds > overlap(other["spans"], other["spans"]) / 2)
        ]
        top = max(same, default=0.0)
        ratios.append(person["still"]["score"] / top if top > 0 else 0.0)
    return ratios


def overlap(spans: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> float:
    """Seconds that two lists of spans have in common; the spans of one list do not overlap each other."""
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in spans for b in others)


def _cells(ratios: Sequence[float]) -> tuple[str, ...]:
    good = sum(ratio >= NEAR for ratio in ratios)
    if not ratios:
        return ("0", "–", "–", "–")
    return (str(len(ratios)), str(good), f"{spread(ratios).median:.3f}", f"{min(ratios):.3f}")
