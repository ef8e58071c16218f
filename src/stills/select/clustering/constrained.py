"""Agglomerative clustering of weighted unit vectors under cannot-link constraints.

Clusters are compared by the cosine between their weighted sums (centroid linkage): summing averages out what pose,
light and blur do to single embeddings, so clusters get more certain as they grow. Two clusters with a forbidden pair
between them are never merged, and a merged cluster inherits what was forbidden to its parts.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stills.select.clustering.numbering import renumbered
from stills.select.clustering.problem import Labels, Problem

_BLOCK = 1024
"""Rows of the similarity that are computed at once: double precision of all of them would take 8 n² bytes."""


def constrained(problem: Problem) -> Labels:
    """The method ``constrained``. Time O(n² d), memory 5 n² bytes: 2 GB for 20,000 tracks."""
    pairs = [(int(a), int(b)) for a, b in problem.cannot_link]
    return constrained_clusters(problem.vectors, problem.weights, pairs, problem.threshold)


def constrained_clusters(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    cannot_link: Iterable[tuple[int, int]],
    threshold: float,
) -> NDArray[np.int64]:
    """Cluster ``vectors`` (n, d), of unit length; the label of each, numbered by first member.

    ``weights`` (n,) are positive. ``cannot_link`` are pairs of indices that must not share a cluster. Merges go from
    the most similar pair down to ``threshold`` (cosine); equal inputs give equal labels. Time O(n² d), memory O(n²).
    """
    n = len(vectors)
    sums = vectors.astype(np.float64) * weights[:, None]
    norms = np.linalg.norm(sums, axis=1)
    units = sums / np.maximum(norms, 1e-12)[:, None]
    similarity = np.empty((n, n), np.float32)
    for start in range(0, n, _BLOCK):
        similarity[start : start + _BLOCK] = units[start : start + _BLOCK] @ units.T
    np.fill_diagonal(similarity, -np.inf)
    forbidden = np.zeros((n, n), bool)
    for a, b in cannot_link:
        forbidden[a, b] = forbidden[b, a] = True
    similarity[forbidden] = -np.inf
    labels = np.arange(n)
    best = similarity.argmax(axis=1) if n else np.zeros(0, np.int64)
    height = similarity[np.arange(n), best] if n else np.zeros(0, np.float32)
    alive = np.ones(n, bool)
    for _ in range(n - 1):
        a = int(np.argmax(height))
        if height[a] < threshold:
            break
        b = int(best[a])
        a, b = min(a, b), max(a, b)
        labels[labels == b] = a
        alive[b] = False
        sums[a] += sums[b]
        forbidden[a] |= forbidden[b]
        forbidden[:, a] |= forbidden[:, b]
        units[a] = sums[a] / max(float(np.linalg.norm(sums[a])), 1e-12)
        row = (units @ units[a]).astype(np.float32)
        row[~alive | forbidden[a]] = -np.inf
        row[a] = -np.inf
        similarity[a], similarity[:, a] = row, row
        similarity[b], similarity[:, b] = -np.inf, -np.inf
        height[b] = -np.inf
        best[a], height[a] = int(row.argmax()), float(row.max())
        # Others look again where their best was touched, or where the merged cluster is now better.
        stale = np.flatnonzero(alive & ((best == a) | (best == b)))
        stale = stale[stale != a]
        if len(stale):
            best[stale] = similarity[stale].argmax(axis=1)
            height[stale] = similarity[stale, best[stale]]
        better = np.flatnonzero(alive & (row > height))
        best[better], height[better] = a, row[better]
    return renumbered(labels)
