"""Which tracks are one person: methods by name behind one Protocol.

A new one is a file with a function that fulfils :class:`Clusterer`, a line in :data:`METHODS`, a threshold in
:mod:`stills.select.clustering.thresholds`, and the family's contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.select.clustering.frail import absorb
from stills.select.clustering.numbering import alone, renumbered
from stills.select.clustering.parting import parted
from stills.select.clustering.problem import SEED, Clusterer, Labels, Problem
from stills.select.clustering.thresholds import default_threshold, doubt, frail_threshold, is_measured
from stills.types import ClusterMethod

__all__ = ["METHODS", "Clusterer", "Labels", "Problem", "cluster_tracks", "default_threshold", "is_measured"]

METHODS: Mapping[ClusterMethod, str] = {
    "constrained": "stills.select.clustering.constrained:constrained",
    "chinese-whispers": "stills.select.clustering.whispers:chinese_whispers",
    "dbscan": "stills.select.clustering.density:dbscan",
    "hdbscan": "stills.select.clustering.density:hdbscan",
    "agglomerative": "stills.select.clustering.linkage:agglomerative",
}
"""Where each method is (``module:name``): only the one that is asked for is imported."""


def cluster_tracks(
    method: ClusterMethod,
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    cannot_link: Iterable[tuple[int, int]] = (),
    threshold: float | None = None,
    *,
    embedder: str = "sface",
    frail: Callable[[NDArray[np.int64]], bool] | None = None,
    seed: int = SEED,
) -> Labels:
    """The person of each track (n,), numbered 0, 1, … in the order of first members.

    ``vectors`` (n, d) have unit length, ``weights`` (n,) say how much each tells. ``cannot_link`` are pairs of indices
    that never share a person, whatever the method. ``threshold`` is the cosine similarity from which tracks are one
    person, ``None`` for :func:`default_threshold` of ``method`` and ``embedder``. ``frail`` says of the indices of one
    person whether so little is to be seen of it that it should rather be somebody else: see
    :func:`stills.select.clustering.frail.absorb`. ``seed`` is for methods that draw lots.

    Nobody is lost: what a method calls noise becomes a person of its own. Equal inputs give equal labels; inputs in
    another order give the same partition (but for tracks that are exactly equal in all but their pairs).

    Raises ``UsageError`` for an unknown method, values out of range, and where a method's package is not installed.
    """
    find = _method(method)
    threshold = default_threshold(method, embedder) if threshold is None else threshold
    problem = Problem.checked(vectors, weights, cannot_link, threshold=threshold, doubt=doubt(embedder), seed=seed)
    if not len(problem):
        return np.zeros(0, np.int64)
    # Lots, ties and rounding follow the order of tracks; with one order for all inputs, it cannot matter.
    order = np.lexsort((*problem.vectors.T[::-1], problem.weights))
    ordered = problem.part(order)
    found = parted(alone(find(ordered)), ordered)
    labels = np.empty_like(found)
    labels[order] = found
    labels = renumbered(labels)
    if frail is None:
        return labels
    weak = [frail(np.flatnonzero(labels == person)) for person in range(int(labels.max()) + 1)]
    pairs = [(int(a), int(b)) for a, b in problem.cannot_link]
    least = frail_threshold(method, threshold, embedder)
    return absorb(labels, problem.vectors, problem.weights, pairs, frail=weak, threshold=least)


def _method(method: ClusterMethod) -> Clusterer:
    if method not in METHODS:
        raise UsageError(f"there is no clustering method {method!r}", remedy=f"known: {', '.join(METHODS)}")
    module, _, name = METHODS[method].partition(":")
    found: Clusterer = getattr(import_module(module), name)
    return found
