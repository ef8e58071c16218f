"""Near-equals: which candidates look alike, and the best of each run of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.select.candidates import Candidates
from stills.select.pattern import POINTER_ENERGY, Pairs, only_pointers, repeated_shots
from stills.select.similarity import Floats, Views

_CHUNK = 128
_REPEAT_ENERGY = 2.0
"""How many times the energy that cannot be told apart frames of a repeated shot may differ: it was encoded again."""

MOMENT = 0.5
"""Seconds. Frames of a shot that lie closer have to differ the more to count as two, by the square: a quick pan is not
worth ten pictures a second."""

TOLD_APART = 1.0
"""A similarity that only frames reach that cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Who stands for whom.

    ``leaders`` are the rows that stand for their near-equals, in order of time; ``leader`` (n,) says who stands for
    each row, -1 for those in shots that repeat an earlier one. ``similar`` and ``repeated`` count rows left out.
    """

    leaders: NDArray[np.intp]
    leader: NDArray[np.intp]
    similar: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidates ``first`` against ``second`` (rows): what is known of each pair. ``gap`` is in seconds."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    similarity: Floats
    energy: Floats
    gap: Floats
    same_shot: NDArray[np.bool_]

    @classmethod
    def of(cls, c: Candidates, first: NDArray[np.intp], second: NDArray[np.intp]) -> Comparison:
        """Of all of ``first`` with all of ``second``: arrays of (first, second)."""
        gap = np.abs(c.time[first][:, None] - c.time[second][None]).astype(np.float32)
        return cls(first, second, *c.views.compare(first, second), gap, c.shot[first][:, None] == c.shot[second][None])

    @classmethod
    def paired(cls, c: Candidates, first: NDArray[np.intp], second: NDArray[np.intp]) -> Comparison:
        """Of each of ``first`` with that of ``second`` at its place: arrays of (n,)."""
        gap = np.abs(c.time[first] - c.time[second]).astype(np.float32)
        return cls(first, second, *c.views.compare_pairs(first, second), gap, c.shot[first] == c.shot[second])


@dataclass(frozen=True, slots=True)
class Nearness:
    """When two frames are near-equals: at least ``similarity`` alike, or not to be told apart."""

    similarity: float
    across: float
    apart: float

    @classmethod
    def of(cls, views: Views, similarity: float) -> Nearness:
        """For the threshold ``similarity`` within a shot.

        Between shots, where each should have a frame of its own, the bound is ``1 - (1 - similarity)⁴``: at 0.95 only
        the same moment shown again passes, lower thresholds let look-alike shots go.
        """
        across = 1.0 - (1.0 - similarity) ** 4 if views.rules.every_shot else similarity
        return cls(similarity, across, views.apart)

    def test(self, pairs: Comparison) -> NDArray[np.bool_]:
        """Which pairs are near-equals."""
        equal: NDArray[np.bool_] = pairs.energy <= self.apart
        if self.similarity >= TOLD_APART:
            return equal
        haste = np.maximum(1.0, MOMENT / np.maximum(pairs.gap, 1e-3))
        within = 1.0 - (1.0 - self.similarity) * haste * haste
        return np.asarray(equal | (pairs.similarity >= np.where(pairs.same_shot, within, self.across)), np.bool_)


def compare(c: Candidates, window: float) -> tuple[Comparison, ...]:
    """All candidates against those at most ``window`` seconds away (and some more), a stretch at a time."""
    every = np.arange(len(c))
    first = np.searchsorted(c.time, c.time - window)
    last = np.searchsorted(c.time, c.time + window, side="right")
    stretches = [every[a : a + _CHUNK] for a in range(0, len(c), _CHUNK)]
    return tuple(Comparison.of(c, rows, every[first[rows[0]] : last[rows[-1]]]) for rows in stretches)


def group(c: Candidates, compared: tuple[Comparison, ...], *, similarity: float, window: float) -> Groups:
    """The best of each run of near-equals; ``compared`` is what :func:`compare` gives for the same window.

    Candidates are visited from the best to the worst (``key``); one that is no near-equal of any chosen before it
    within ``window`` seconds is chosen. So no two chosen ones are near-equals, and each stands for worse ones only.
    What stays in view, or comes back within the window again and again, counts as seen all the while.
    """
    nearness = Nearness.of(c.views, similarity)
    near, equal = _pairs(c, compared, nearness, window)
    repeats = repeated_shots(equal, c.shot)
    leader = _greedy(near, np.lexsort([c.time, -c.key]), repeats)
    _merge_returning(c, leader, nearness, window)
    leaders = np.flatnonzero(leader == np.arange(len(leader)))
    repeated = int((repeats | (c.shot[leader] != c.shot)).sum())
    return Groups(leaders, leader, len(leader) - len(leaders) - repeated, repeated)


def _pairs(c: Candidates, compared: tuple[Comparison, ...], nearness: Nearness, window: float) -> tuple[Pairs, Pairs]:
    """Near-equals and equals of other shots, at most ``window`` seconds apart, sorted by their first row."""
    near: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    equal: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for part in compared:
        close, band = nearness.test(part), part.gap <= window
        if c.views.rules.ignore_pointer:
            _forgive_pointers(c.views, close, part, band)
        for found, mask in ((near, close), (equal, (part.energy <= _REPEAT_ENERGY * nearness.apart) & ~part.same_shot)):
            rows, columns = np.nonzero(mask & band)
            found.append((part.first[rows], part.second[columns]))
    return _joined(near), _joined(equal)


def _joined(parts: list[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> Pairs:
    if not parts:
        return Pairs(np.zeros(0, np.intp), np.zeros(0, np.intp))
    return Pairs(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def _greedy(near: Pairs, order: NDArray[np.intp], out: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Who stands for each row (itself, where chosen); -1 for those that are ``out``."""
    bounds = np.searchsorted(near.first, np.arange(len(order) + 1))
    free = ~out
    leader = np.full(len(order), -1, np.intp)
    for row in order.tolist():
        if not free[row]:
            continue
        others = near.second[bounds[row] : bounds[row + 1]]
        others = others[free[others]]
        leader[others] = row
        free[others] = False
        leader[row] = row
        free[row] = False
    return leader


def _forgive_pointers(views: Views, close: NDArray[np.bool_], part: Comparison, band: NDArray[np.bool_]) -> None:
    """Mark pairs as ``close`` that differ by a pointer only."""
    if views.thumbs is None:
        return
    rows, columns = np.nonzero(~close & band & (part.energy <= POINTER_ENERGY))
    for a in range(0, len(rows), 1024):
        i, j = rows[a : a + 1024], columns[a : a + 1024]
        same = only_pointers(views.thumbs[part.first[i]], views.thumbs[part.second[j]])
        close[i[same], j[same]] = True


def _merge_returning(c: Candidates, leader: NDArray[np.intp], nearness: Nearness, window: float) -> None:
    """Join groups that look alike and that follow each other within ``window`` seconds; changes ``leader``.

    The greedy choice compares leaders no farther apart than the window; what stays longer has one each window by then.
    """
    count = len(leader)
    known = leader >= 0
    seen_first, seen_last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(seen_first, leader[known], c.time[known])
    np.maximum.at(seen_last, leader[known], c.time[known])
    leaders = np.flatnonzero(leader == np.arange(count))
    earlier, later = _meeting(c, leaders, seen_first, seen_last, window)
    alike = nearness.test(Comparison.paired(c, earlier, later))
    meeting: dict[int, list[int]] = {}
    for i, j in zip(earlier[alike].tolist(), later[alike].tolist(), strict=True):
        meeting.setdefault(j, []).append(i)
    final = np.arange(count)
    grown: list[int] = []  # groups that others have joined: seen for longer than their own leader knows
    for row in leaders.tolist():
        grown = [i for i in grown if seen_last[i] >= seen_first[row] - window]
        others = {int(final[i]) for i in meeting.get(row, ())} | {i for i in grown if c.time[row] - c.time[i] > window}
        found = _most_alike(c, row, sorted(others), nearness) if others else None
        if found is None:
            continue
        best, other = (row, found) if c.key[row] > c.key[found] else (found, row)
        final[final == other] = best
        seen_first[best] = min(seen_first[row], seen_first[found])
        seen_last[best] = max(seen_last[row], seen_last[found])
        grown = [*(i for i in grown if i != found), best]
    leader[known] = final[leader[known]]


def _meeting(
    c: Candidates, leaders: NDArray[np.intp], first: NDArray[np.float64], last: NDArray[np.float64], window: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of ``leaders`` more than ``window`` apart, of which the later's group was seen before that was over.

    ``first`` and ``last`` are when each leader's group was seen.
    """
    time = c.time[leaders]
    # A group reaches no farther than the window from its leader, so three windows lie between two that meet.
    begin, end = np.searchsorted(time, time - 3.0 * window), np.searchsorted(time, time - window)
    size = np.maximum(end - begin, 0)
    later = np.repeat(np.arange(len(leaders)), size)
    earlier = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size) + np.repeat(begin, size)
    meet = last[leaders[earlier]] >= first[leaders[later]] - window
    return leaders[earlier[meet]], leaders[later[meet]]


def _most_alike(c: Candidates, row: int, among: list[int], nearness: Nearness) -> int | None:
    pairs = Comparison.of(c, np.array([row]), np.array(among))
    near = nearness.test(pairs)[0]
    return among[int(np.where(near, pairs.similarity[0], -1.0).argmax())] if near.any() else None
