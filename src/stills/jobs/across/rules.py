"""Who cannot be one person: what was seen together, what was split by the user, people of different names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MANY = 1 << 31


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What is forbidden among ``count`` things, tracks or clusters of them.

    ``pairs`` (m, 2) are two that must not be one. ``colours`` are arrays (count,), -1 for none: things of different
    colours must not be one. A pair or a colour a thing; colours cost little for groups that all exclude each other.
    """

    count: int
    pairs: NDArray[np.int64]
    colours: tuple[NDArray[np.int64], ...] = ()

    def merged(self, labels: NDArray[np.int64], count: int) -> Rules:
        """The rules among the clusters that ``labels`` (count,) make; a pair inside a cluster is spent."""
        pairs = np.sort(labels[self.pairs], axis=1)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        keys = np.unique(pairs[:, 0] * _MANY + pairs[:, 1])
        colours = []
        for colour in self.colours:
            own = np.full(count, -1, np.int64)
            known = colour >= 0
            own[labels[known]] = colour[known]
            colours.append(own)
        return Rules(count, np.stack([keys // _MANY, keys % _MANY], axis=1), tuple(colours))

    def forbidden(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the pairs ``a``, ``b`` (m,) must not be one (m,)."""
        low, high = np.minimum(a, b), np.maximum(a, b)
        bad = np.zeros(len(a), bool)
        if len(self.pairs):
            known = self.pairs[:, 0] * _MANY + self.pairs[:, 1]  # sorted: merged() made them so
            keys = low * _MANY + high
            place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            bad |= known[place] == keys
        for colour in self.colours:
            bad |= (colour[a] >= 0) & (colour[b] >= 0) & (colour[a] != colour[b])
        return bad

    def restricted(self) -> NDArray[np.bool_]:
        """Which things a rule is about (count,)."""
        found = np.zeros(self.count, bool)
        found[self.pairs.reshape(-1)] = True
        for colour in self.colours:
            found |= colour >= 0
        return found


def rules_of(count: int, pairs: Sequence[tuple[int, int]], colours: Sequence[NDArray[np.int64]] = ()) -> Rules:
    """The rules among ``count`` things from loose values."""
    listed = np.array(sorted({(min(a, b), max(a, b)) for a, b in pairs}), np.int64).reshape(-1, 2)
    return Rules(count, listed, tuple(np.asarray(colour, np.int64) for colour in colours))


class Crowd:
    """One cluster that takes in others one by one, as far as rules allow."""

    def __init__(self, rules: Rules, foes: dict[int, set[int]], members: Sequence[int]) -> None:
        """``foes`` are the pairs of ``rules`` by member, both ways."""
        self._rules, self._foes = rules, foes
        self._members: set[int] = set()
        self._hostile: set[int] = set()
        self._colours: dict[int, int] = {}
        for member in members:
            self._add(member)

    def take(self, member: int) -> bool:
        """Take ``member`` in, if that is allowed; whether it was."""
        if member in self._hostile:
            return False
        for number, colour in enumerate(self._rules.colours):
            own = int(colour[member])
            if own >= 0 and self._colours.get(number, own) != own:
                return False
        self._add(member)
        return True

    def _add(self, member: int) -> None:
        self._members.add(member)
        self._hostile |= self._foes.get(member, set())
        for number, colour in enumerate(self._rules.colours):
            if colour[member] >= 0:
                self._colours[number] = int(colour[member])


def foes_of(rules: Rules) -> dict[int, set[int]]:
    """The pairs of ``rules`` by thing."""
    foes: dict[int, set[int]] = {}
    for a, b in rules.pairs.tolist():
        foes.setdefault(a, set()).add(b)
        foes.setdefault(b, set()).add(a)
    return foes
