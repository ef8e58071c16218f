"""Average linkage: two clusters are as far apart as their members are on average."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stills.select.clustering.problem import Labels, Problem


def agglomerative(problem: Problem) -> Labels:
    """The method ``agglomerative``: SciPy's average linkage on cosine distances, cut at 1 - threshold.

    Forbidden pairs are "infinitely" far apart. Linkage needs finite numbers, and a merely large one would fade in the
    mean as clusters grow: a pair at distance 10 among 100 is not seen any more. Two clusters have at most n²/4 pairs,
    so one pair at 8 n² keeps their mean above 2, the largest cosine distance, and above every cut: no cluster holds a
    forbidden pair, and those that are not concerned are merged as ever.

    Every track has one voice. Time O(n²), memory 8 n² bytes (SciPy copies the n²/2 distances): 3.2 GB for 20,000.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    n = len(problem)
    if n == 1:
        return np.zeros(1, np.int64)
    tree = linkage(_distances(problem, far=8.0 * n * n), method="average")
    return np.asarray(fcluster(tree, t=1 - problem.threshold, criterion="distance"), np.int64)


def _distances(problem: Problem, far: float) -> NDArray[np.float64]:
    """Cosine distances of all pairs in SciPy's condensed order, ``far`` of those that must not be linked."""
    n = len(problem)
    starts = np.concatenate([[0], np.cumsum(np.arange(n - 1, 0, -1))])
    distances = np.empty(n * (n - 1) // 2)
    for i in range(n - 1):
        distances[starts[i] : starts[i + 1]] = 1 - problem.vectors[i + 1 :] @ problem.vectors[i]
    np.clip(distances, 0, 2, out=distances)
    a, b = problem.cannot_link.T
    distances[starts[a] + b - a - 1] = far
    return distances
