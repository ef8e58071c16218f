"""Agglomerative clustering of weighted unit vectors under cannot-link constraints.

Clusters are compared by the cosine between their weighted sums (centroid linkage): summing averages out what pose,
light and blur do to single embeddings, so clusters get more certain as they grow. Two clusters with a forbidden pair
between them are never merged, and a merged cluster inherits what was forbidden to its parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


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
    similarity = (units @ units.T).astype(np.float32)
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
    return _renumbered(labels)


ABSORB_MARGIN = 0.1
"""How much more similar the cluster that takes a frail one must be than the next."""


def absorb(
    labels: NDArray[np.int64],
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    cannot_link: Iterable[tuple[int, int]],
    *,
    frail: Sequence[bool],
    threshold: float,
) -> NDArray[np.int64]:
    """``labels`` with ``frail`` clusters given to the one that is clearly nearest; numbered by first member.

    A frail cluster (one entry of ``frail`` a label) has vectors that say little: its similarity to its own person is
    low, but lower still to others. It goes to the most similar cluster that is not frail if that reaches ``threshold``
    (cosine) and no other comes within ``ABSORB_MARGIN``; never against ``cannot_link``.
    """
    count = len(frail)
    sums = np.zeros((count, vectors.shape[1]))
    np.add.at(sums, labels, vectors.astype(np.float64) * weights[:, None])
    units = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    forbidden = {(int(labels[a]), int(labels[b])) for a, b in cannot_link}
    forbidden |= {(b, a) for a, b in forbidden}
    sound = [c for c in range(count) if not frail[c]]
    target = np.arange(count)
    for c in range(count):
        if not frail[c] or not sound:
            continue
        near = sorted(((float(units[c] @ units[s]), s) for s in sound), reverse=True)
        best, owner = near[0]
        unsure = len(near) > 1 and best - near[1][0] < ABSORB_MARGIN
        if best >= threshold and not unsure and (c, owner) not in forbidden:
            target[c] = owner
            forbidden |= {(owner, b) for a, b in forbidden if a == c} | {(b, owner) for a, b in forbidden if a == c}
    return _renumbered(target[labels])


def _renumbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first = np.unique(labels, return_index=True)
    order = {int(labels[i]): place for place, i in enumerate(sorted(first))}
    return np.array([order[int(label)] for label in labels], np.int64)
