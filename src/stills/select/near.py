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

    def test(self, similarity: Floats, energy: Floats, same_shot: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which pairs are near-equals; arrays of one shape."""
        alike = similarity >= np.where(same_shot, np.float32(self.similarity), np.float32(self.across))
        alike &= self.similarity < TOLD_APART
        return np.asarray(alike | (energy <= self.apart), np.bool_)


def group(c: Candidates, *, similarity: float, window: float) -> Groups:
    """The best of each run of near-equals.

    Candidates are visited from the best to the worst (``key``); one that is no near-equal of any chosen before it
    within ``window`` seconds is chosen. So no two chosen ones are near-equals, and each stands for worse ones only.
    What stays in view, or comes back within the window again and again, counts as seen all the while.
    """
    nearness = Nearness.of(c.views, similarity)
    near, equal = _pairs(c, nearness, window)
    repeats = repeated_shots(equal, c.shot)
    leader = _greedy(near, np.lexsort([c.time, -c.key]), repeats)
    _merge_returning(c, leader, nearness, window)
    leaders = np.flatnonzero(leader == np.arange(len(leader)))
    repeated = int((repeats | (c.shot[leader] != c.shot)).sum())
    return Groups(leaders, leader, len(leader) - len(leaders) - repeated, repeated)


def _pairs(c: Candidates, nearness: Nearness, window: float) -> tuple[Pairs, Pairs]:
    """Near-equals and equals among candidates at most ``window`` seconds apart, sorted by their first row."""
    time, shot = c.time, c.shot
    first = np.searchsorted(time, time - window)
    last = np.searchsorted(time, time + window, side="right")
    near: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    equal: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for a in range(0, len(time), _CHUNK):
        b = min(a + _CHUNK, len(time))
        lo, hi = int(first[a]), int(last[b - 1])
        similarity, energy = c.views.compare(slice(a, b), slice(lo, hi))
        band = np.abs(time[a:b, None] - time[None, lo:hi]) <= window
        same = shot[a:b, None] == shot[None, lo:hi]
        close = nearness.test(similarity, energy, same)
        if c.views.rules.ignore_pointer:
            _forgive_pointers(c.views, close, np.where(band, energy, np.inf), (a, lo))
        rows, columns = np.nonzero(close & band)
        near.append((rows + a, columns + lo))
        rows, columns = np.nonzero(band & ~same & (energy <= _REPEAT_ENERGY * nearness.apart))
        equal.append((rows + a, columns + lo))
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


def _forgive_pointers(views: Views, close: NDArray[np.bool_], energy: Floats, origin: tuple[int, int]) -> None:
    """Mark pairs as ``close`` that differ by a pointer only. ``origin`` is the pair at the arrays' first place."""
    if views.thumbs is None:
        return
    rows, columns = np.nonzero(~close & (energy <= 2.0 * POINTER_ENERGY + views.apart))
    for a in range(0, len(rows), 1024):
        i, j = rows[a : a + 1024], columns[a : a + 1024]
        same = only_pointers(views.thumbs[i + origin[0]], views.thumbs[j + origin[1]], 0.5 * views.apart)
        close[i[same], j[same]] = True


def _merge_returning(c: Candidates, leader: NDArray[np.intp], nearness: Nearness, window: float) -> None:
    """Join groups that look alike and that follow each other within ``window`` seconds; changes ``leader``.

    The greedy choice compares leaders no farther apart than the window; what stays longer has one each window by then.
    """
    count, time, key = len(leader), c.time, c.key
    known = leader >= 0
    seen_first, seen_last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(seen_first, leader[known], time[known])
    np.maximum.at(seen_last, leader[known], time[known])
    first, last, times = seen_first.tolist(), seen_last.tolist(), time.tolist()
    leaders = np.flatnonzero(leader == np.arange(count))
    # Until when anything was seen whose leader is at or before each: most leaders are alone and need no comparing.
    until = np.maximum.accumulate(seen_last[leaders]) if len(leaders) else seen_last
    older = np.searchsorted(time[leaders], time[leaders] - window)
    live: list[int] = []
    joined: dict[int, int] = {}
    for place, row in enumerate(leaders.tolist()):
        begins = first[row] - window
        if not joined and (older[place] == 0 or until[older[place] - 1] < begins):
            live.append(row)
            continue
        live = [i for i in live if last[i] >= begins]
        apart = np.array([i for i in live if times[row] - times[i] > window], np.intp)
        found = _most_alike(c, row, apart, nearness) if len(apart) else None
        if found is None:
            live.append(row)
            continue
        best, other = (row, found) if key[row] > key[found] else (found, row)
        joined[other] = best
        first[best], last[best] = min(first[row], first[found]), max(last[row], last[found])
        live[live.index(found)] = best
    if joined:
        final = np.arange(count)
        for other in joined:
            best = other
            while best in joined:
                best = joined[best]
            final[other] = best
        leader[known] = final[leader[known]]


def _most_alike(c: Candidates, row: int, among: NDArray[np.intp], nearness: Nearness) -> int | None:
    similarity, energy = c.views.compare(np.array([row]), among)
    near = nearness.test(similarity, energy, (c.shot[among] == c.shot[row])[None])[0]
    return int(among[np.where(near, similarity[0], -1.0).argmax()]) if near.any() else None
