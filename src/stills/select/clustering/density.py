"""Clustering by density, by scikit-learn (extra ``stills[cluster]``): groups are where tracks lie close.

Both methods see the sparse graph of :mod:`stills.select.clustering.graph` as distances, so memory is bounded, and
forbidden pairs are at least no neighbours. That one cluster holds such a pair by way of others remains possible, and is
mended by who calls.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.select.clustering.graph import components, similarity_graph
from stills.select.clustering.problem import Labels, Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEAST_TRACKS = 2
"""Tracks that make a dense place. Each is the evidence of many faces, and many people have no more than two."""

_CLOSEST = 1e-3
"""Least distance that counts: equal vectors would be infinitely dense, and a stored 0 is no edge."""


def dbscan(problem: Problem) -> Labels:
    """The method ``dbscan``: whoever reaches the threshold with one of a group belongs to it.

    With ``LEAST_TRACKS`` of 2 groups are what single links hold together, so one track that looks like two people joins
    them: the threshold has to be higher than where means are compared. Time O(n² d), memory O(n).

    M. Ester et al., "A density-based algorithm for discovering clusters", KDD 1996. Raises ``UsageError`` without
    scikit-learn.
    """
    make = _scikit_learn("DBSCAN", "dbscan")
    distances = _distances(similarity_graph(problem), _CLOSEST)
    model = make(eps=float(distances.data.max(initial=_CLOSEST)), min_samples=LEAST_TRACKS, metric="precomputed")
    return np.asarray(model.fit_predict(distances), np.int64)


def hdbscan(problem: Problem) -> Labels:
    """The method ``hdbscan``: the groups that hold together longest while the reach shrinks.

    HDBSCAN has no threshold. Left to itself, it joins strangers who are seen once each, and takes shots of one person
    that are nearly equal for several people, as they are dense beyond compare. So it decides where a pair may be
    either, ``problem.doubt`` about the threshold: nobody is joined over a gap of less similarity, and differences of
    more similar ones do not count. Time O(n² d), memory O(n).

    R. Campello, D. Moulavi, J. Sander, "Density-based clustering based on hierarchical density estimates", PAKDD 2013.
    Raises ``UsageError`` without scikit-learn.
    """
    make = _scikit_learn("HDBSCAN", "hdbscan")
    loose = problem.with_threshold(max(-1.0, problem.threshold - problem.doubt))
    nearest = max(1 - problem.threshold - problem.doubt, _CLOSEST)
    farthest = max(1 - max(loose.threshold, 0.0), 1.01 * nearest)
    graph = similarity_graph(loose)
    distances = _distances(graph, nearest)
    connected = components(graph, np.zeros(len(problem), np.int64))
    labels = np.full(len(problem), -1, np.int64)
    for members in np.split(np.argsort(connected, kind="stable"), np.cumsum(np.bincount(connected))[:-1]):
        if len(members) >= LEAST_TRACKS:
            own = _densest(make, distances[members][:, members], nearest, farthest)
            labels[members] = np.where(own < 0, -1, own + labels.max() + 1)
    return labels


def _densest(
    make: Callable[..., Any], distances: csr_array[np.float64], nearest: float, farthest: float
) -> NDArray[np.int64]:
    """HDBSCAN's labels (k,) of what is connected, k ≥ 2: one cluster, several, or -1 for noise.

    It never answers that all is one cluster (or nearly always, if that is allowed: the whole counts from distance
    infinity on). So two anchors are added, ``nearest`` to each other and ``farthest`` from the rest: they are the other
    cluster, and the whole competes with its parts on the range of distances that is open.
    """
    from scipy.sparse import coo_array, csr_array

    k = distances.shape[0]
    edges = distances.tocoo()
    rows = np.concatenate([edges.row, [0, k, k, k + 1]])
    columns = np.concatenate([edges.col, [k, 0, k + 1, k]])
    values = np.concatenate([edges.data, [farthest, farthest, nearest, nearest]])
    anchored = csr_array(coo_array((values, (rows, columns)), shape=(k + 2, k + 2)))
    # min_samples counts neighbours of a sparse graph: the nearest one makes a track dense
    model = make(min_cluster_size=LEAST_TRACKS, min_samples=1, metric="precomputed", copy=True)
    labels = np.asarray(model.fit_predict(anchored), np.int64)
    return np.where(labels == labels[k], -1, labels)[:k]


def _distances(graph: csr_array[np.float32], nearest: float) -> csr_array[np.float64]:
    """The cosine distances of the edges of ``graph``, none below ``nearest``, ascending in each row."""
    from scipy.sparse import csr_array

    values = np.maximum(1 - graph.data.astype(np.float64), nearest)
    row = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    order = np.lexsort((graph.indices, values, row))
    return csr_array((values[order], graph.indices[order], graph.indptr), shape=graph.shape)


def _scikit_learn(name: str, method: str) -> Callable[..., Any]:
    try:
        cluster = import_module("sklearn.cluster")
    except ImportError as error:
        remedy = "pip install 'stills[cluster]', or choose another method"
        raise UsageError(f"the clustering method {method} needs scikit-learn", remedy=remedy) from error
    made: Callable[..., Any] = getattr(cluster, name)
    return made
