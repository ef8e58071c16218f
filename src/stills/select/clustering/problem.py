"""What is to be clustered, checked once for all methods, and what every method has to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError

SEED = 0
"""Where no other is given. Which one it is hardly matters; that it is the same every time does."""

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Tracks to be told apart.

    ``vectors`` (n, d), float32, of unit length (zero: nothing is known of it); ``weights`` (n,), float32, not negative:
    how much each says. ``cannot_link`` (m, 2) are pairs of different indices that must not share a cluster, the smaller
    first, each once, sorted. ``threshold`` is a cosine similarity, ``doubt`` how far from it a pair may still be one
    person or two. ``seed`` is for methods that draw lots.
    """

    vectors: NDArray[np.float32]
    weights: NDArray[np.float32]
    cannot_link: NDArray[np.int64]
    threshold: float
    doubt: float
    seed: int = SEED

    @classmethod
    def checked(
        cls,
        vectors: NDArray[np.float32],
        weights: NDArray[np.float32],
        cannot_link: Iterable[tuple[int, int]],
        *,
        threshold: float,
        doubt: float,
        seed: int = SEED,
    ) -> Self:
        """The problem, its pairs put in order. Raises ``UsageError`` where a value cannot be what it should."""
        n = len(vectors)
        if vectors.ndim != 2 or weights.shape != (n,):
            raise UsageError(f"vectors (n, d) and weights (n,) are needed, not {vectors.shape} and {weights.shape}")
        if not np.isfinite(vectors).all() or not np.isfinite(weights).all() or (weights < 0).any():
            raise UsageError("vectors and weights must be finite, weights not negative")
        if not -1 <= threshold <= 1:
            raise UsageError(f"a cosine similarity lies between -1 and 1, not at {threshold}")
        listed = [(min(a, b), max(a, b)) for a, b in cannot_link]
        pairs = np.array(sorted(set(listed)), np.int64).reshape(-1, 2)
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= n or (pairs[:, 0] == pairs[:, 1]).any()):
            raise UsageError(f"pairs that must not be linked are two different indices below {n}")
        known = np.asarray(vectors, np.float32), np.asarray(weights, np.float32)
        return cls(*known, pairs, float(threshold), doubt, seed)

    def __len__(self) -> int:
        """Number of tracks."""
        return len(self.vectors)

    def part(self, members: NDArray[np.int64]) -> Problem:
        """The same of ``members`` (k,) alone, which become 0 … k - 1 in their order."""
        place = np.full(len(self), -1, np.int64)
        place[members] = np.arange(len(members))
        pairs = place[self.cannot_link]
        pairs = np.sort(pairs[(pairs >= 0).all(axis=1)], axis=1)
        return replace(self, vectors=self.vectors[members], weights=self.weights[members], cannot_link=pairs)

    def with_threshold(self, threshold: float) -> Problem:
        """The same at another threshold."""
        return replace(self, threshold=threshold)


class Clusterer(Protocol):
    """A way to cluster.

    Equal problems give equal labels. An empty problem is never asked. What a method leaves alone as noise has the label
    -1, and what it could not keep apart is parted afterwards: see :func:`stills.select.clustering.cluster_tracks`.
    """

    def __call__(self, problem: Problem) -> Labels:
        """The label of each track (n,): any numbers, -1 for those that belong to nobody."""
        ...
