"""Distributions in the report: who gets how much of the screen and of the posters, as bars in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stills.errors import printable
from stills.render.distribution import UNKNOWN
from stills.render.view_words import label, length

RESAMPLES = 2000
"""Times that films are drawn again for an interval: its ends then move by some 2 % of its length from seed to seed."""

_SEED = 0
_CHUNK = 100
"""Resamples at once: a million films' counts take less than a gigabyte."""


@dataclass(frozen=True, slots=True)
class Row:
    """A label's share of the screen, in percent of a bar, and of the posters where there are any.

    ``low`` and ``high`` are the ends of an interval, where there is one.
    """

    label: str
    share: float
    said: str
    more: str = ""
    low: float | None = None
    high: float | None = None
    poster: float | None = None
    poster_said: str = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Distribution:
    """A plot that is a table: ``columns`` are the heads of what is said of each row beside its label and bar."""

    title: str
    columns: tuple[str, ...]
    rows: list[Row]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of labels over all films, with the ends of 95 % intervals; each array has a value for each label."""

    labels: list[str]
    screen: list[float]
    low: list[float]
    high: list[float]
    posters: list[float] | None = field(default=None)


def film_distributions(summary: Mapping[str, Any]) -> list[Distribution]:
    """Screen time in one film by each attribute of a cast's ``summary``, beside its posters."""
    found = []
    for name, sums in summary["attributes"].items():
        total = sum(float(row["screen_time"]) for row in sums.values())
        area = sum(float(row["poster_area"]) for row in sums.values())
        if total <= 0:
            continue
        rows = []
        for text, row in sums.items():
            seconds = float(row["screen_time"])
            poster = float(row["poster_area"]) / area if area > 0 else None
            rows.append(
                Row(
                    label(str(text)),
                    _percent(seconds / total),
                    _said(seconds / total),
                    length(seconds),
                    poster=None if poster is None else _percent(poster),
                    poster_said="" if poster is None else _said(poster),
                    unknown=text == UNKNOWN,
                )
            )
        columns = ("Screen", "Time", *(("Posters",) if area > 0 else ()))
        found.append(Distribution(label(str(name)), columns, rows))
    return found


def shares_of_films(films: Sequence[Mapping[str, Mapping[str, Any]]]) -> Shares | None:
    """Shares of all screen time by label over ``films`` (sums by label each), None where there is no time.

    The interval is the percentile bootstrap of the ratio of sums (Efron, Tibshirani: An Introduction to the Bootstrap,
    1993, 13.3): the films are drawn again :data:`RESAMPLES` times, always in the same way.
    """
    labels = list(dict.fromkeys(text for sums in films for text in sums))
    labels = [*(text for text in labels if text != UNKNOWN), *([UNKNOWN] if UNKNOWN in labels else [])]
    time = np.array([[_sum(sums, text, "screen_time") for text in labels] for sums in films])
    area = np.array([[_sum(sums, text, "poster_area") for text in labels] for sums in films])
    if not labels or time.sum() <= 0:
        return None
    random = np.random.default_rng(_SEED)
    drawn = []
    for start in range(0, RESAMPLES, _CHUNK):
        size = min(_CHUNK, RESAMPLES - start)
        sums = random.multinomial(len(films), np.full(len(films), 1 / len(films)), size=size) @ time
        totals = sums.sum(axis=1, keepdims=True)
        drawn.append((sums / np.where(totals > 0, totals, 1.0))[totals[:, 0] > 0])
    low, high = np.percentile(np.concatenate(drawn), (2.5, 97.5), axis=0)
    posters = (area.sum(axis=0) / area.sum()).tolist() if area.sum() > 0 else None
    return Shares(labels, (time.sum(axis=0) / time.sum()).tolist(), low.tolist(), high.tolist(), posters)


def films_distribution(
    name: str, films: Sequence[Mapping[str, Mapping[str, Any]]], order: Sequence[str]
) -> Distribution | None:
    """Screen time over all films by the attribute ``name``; labels in ``order`` come first."""
    shares = shares_of_films(films)
    if shares is None:
        return None
    places = sorted(range(len(shares.labels)), key=lambda i: _place(shares.labels[i], order))
    rows = [
        Row(
            label(str(shares.labels[i])),
            _percent(shares.screen[i]),
            _said(shares.screen[i]),
            f"{shares.low[i] * 100:.0f}–{shares.high[i] * 100:.0f} %",
            low=_percent(shares.low[i]),
            high=_percent(shares.high[i]),
            poster=None if shares.posters is None else _percent(shares.posters[i]),
            poster_said="" if shares.posters is None else _said(shares.posters[i]),
            unknown=shares.labels[i] == UNKNOWN,
        )
        for i in places
    ]
    columns = ("Screen", "95 %", *(() if shares.posters is None else ("Posters",)))
    said = "" if len(films) >= 10 else f"Of {len(films)} films only: the intervals are too narrow."
    return Distribution(label(str(name)), columns, rows, said)


def histogram(title: str, columns: tuple[str, ...], counts: Mapping[str, int], total: int) -> Distribution:
    """How many of ``total`` fall into each of some classes."""
    rows = [
        Row(printable(text), _percent(number / total if total else 0.0), f"{number:,}")
        for text, number in counts.items()
    ]
    return Distribution(title, columns, rows)


def _place(text: str, order: Sequence[str]) -> tuple[int, int]:
    if text == UNKNOWN:
        return (2, 0)
    return (0, order.index(text)) if text in order else (1, 0)


def _sum(sums: Mapping[str, Mapping[str, Any]], text: str, key: str) -> float:
    return float(sums[text][key]) if text in sums else 0.0


def _said(part: float) -> str:
    """A share in as few letters as a narrow column has."""
    if 0 < part < 0.001:
        return "<0.1 %"
    return f"{part:.0%}".replace("%", " %") if part >= 0.1 or part == 0 else f"{part * 100:.1f} %"


def _percent(part: float) -> float:
    return round(min(max(part, 0.0), 1.0) * 100, 2)
