"""The graph of tracks that are alike, sparse, made in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stills.select.clustering.problem import Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MOST_NEIGHBOURS = 256
"""Edges that a track starts at most: the nearest, and an even sample of all in the order of tracks, so that every group
of neighbours keeps its share. Bounds the memory: 20,000 tracks of one person would have 400 million edges."""

_BLOCK = 512
"""Rows of the similarity at once: 40 MB with 20,000 tracks."""

_ROUNDING = 1e-6
"""Single precision misses the cosine of equal vectors by this much."""


def similarity_graph(problem: Problem) -> csr_array[np.float32]:
    """The symmetric adjacency (n, n) of tracks whose cosine reaches the threshold, and is above 0: weights are cosines.

    Forbidden pairs have no edge. Time O(n² d), memory O(n · ``MOST_NEIGHBOURS``).
    """
    from scipy.sparse import coo_array

    n = len(problem)
    least = np.float32(max(problem.threshold - _ROUNDING, _ROUNDING))
    rows: list[NDArray[np.int32]] = []
    columns: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float32]] = []
    for start in range(0, n, _BLOCK):
        block = problem.vectors[start : start + _BLOCK] @ problem.vectors.T
        own = np.arange(len(block))
        block[own, start + own] = 0
        for one, other in (problem.cannot_link.T, problem.cannot_link.T[::-1]):
            here = (one >= start) & (one < start + len(block))
            block[one[here] - start, other[here]] = 0
        near = block >= least
        for row in np.flatnonzero(near.sum(axis=1) > MOST_NEIGHBOURS):
            linked = np.flatnonzero(near[row])
            near[row] = False
            near[row, linked[np.linspace(0, len(linked) - 1, MOST_NEIGHBOURS - 1).astype(np.int64)]] = True
            near[row, linked[np.argmax(block[row, linked])]] = True
        row_of, column = np.nonzero(near)
        rows.append((row_of + start).astype(np.int32))
        columns.append(column.astype(np.int32))
        values.append(block[row_of, column])
    edges = coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n)).tocsr()
    # Who is in the sample of one need not be in that of the other; the products of both sides differ in the last bit.
    return edges.maximum(edges.T)


def components(graph: csr_array[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """``labels`` (n,) with each cluster parted into what hangs together by edges of ``graph`` inside it."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = graph.tocoo()
    inside = labels[edges.row] == labels[edges.col]
    kept = coo_array((edges.data[inside], (edges.row[inside], edges.col[inside])), shape=graph.shape)
    return np.asarray(connected_components(kept.tocsr(), directed=False)[1], np.int64)
