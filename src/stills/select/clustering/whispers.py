"""Chinese Whispers: every track takes the label that most of its neighbours' similarity speaks for, until none changes.

C. Biemann, "Chinese Whispers – an efficient graph clustering algorithm", TextGraphs 2006. The original visits nodes one
by one in random order. Here whole rounds are sparse matrix products. If all nodes changed at once, two that prefer each
other's label would swap for ever, so in each round a random half of those that would change does (as in the
semi-synchronous propagation of G. Cordasco and L. Gargano, IJSNM 1, 2012). The halves come from a
seeded generator and ties from a seeded order of the labels, so equal problems have equal answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stills.select.clustering.graph import components, similarity_graph
from stills.select.clustering.problem import Labels, Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ROUNDS = 200
"""Most rounds. Graphs of people settle in 5 to 15; a tie that keeps turning must not go on for ever."""

_TIE = 1e-5
"""Support that differs by less than this share is equal: sums of single-precision cosines are not more exact."""


def chinese_whispers(problem: Problem) -> Labels:
    """The method ``chinese-whispers``: edges reach the threshold and weigh their cosine, every track one voice.

    A track never takes a label that one whom it must not be linked with holds, so no cluster holds a forbidden pair.
    Labels whose bearers lost touch with each other are parted. Time O(n² d) for the graph and O(edges) a round.
    """
    graph = similarity_graph(problem)
    return components(graph, whispered(graph, problem.cannot_link, problem.seed))


def whispered(graph: csr_array[np.float32], cannot_link: NDArray[np.int64], seed: int) -> Labels:
    """The labels (n,) of ``graph`` after the last round; those of ``cannot_link`` pairs differ."""
    from scipy.sparse import csr_array

    n = graph.shape[0]
    random = np.random.default_rng(seed)
    priority = random.permutation(n)
    one, other = np.concatenate([cannot_link, cannot_link[:, ::-1]]).T
    barred = csr_array((np.ones(len(one), np.float32), (one, other)), shape=(n, n))
    labels = np.arange(n)
    for _ in range(ROUNDS):
        wanted, support = _preferred(graph, barred, labels, priority)
        moving = np.flatnonzero(wanted != labels)
        if not len(moving):
            break
        # at least one, so that the last one who would change does
        chosen = moving[random.random(len(moving)) < 0.5]
        chosen = chosen if len(chosen) else moving[:1]
        proposed = labels.copy()
        proposed[chosen] = wanted[chosen]
        labels = _without_collisions(labels, proposed, support, cannot_link)
    return labels


def _preferred(
    graph: csr_array[np.float32], barred: csr_array[np.float32], labels: Labels, priority: NDArray[np.int64]
) -> tuple[Labels, NDArray[np.float32]]:
    """The label that each node's neighbours support most, of those that it may take, and how much they do.

    Where labels tie, the node keeps its own if it is among them, else the one of highest priority wins. A node whose
    neighbours all have forbidden labels keeps its own.
    """
    from scipy.sparse import csr_array

    n = len(labels)
    held = csr_array((np.ones(n, np.float32), (np.arange(n), labels)), shape=(n, n))
    votes = (graph @ held).tocoo()
    row, label, weight = votes.row, votes.col, votes.data
    if barred.nnz:
        taken = (barred @ held).tocoo()
        free = ~np.isin(row.astype(np.int64) * n + label, taken.row.astype(np.int64) * n + taken.col)
        row, label, weight = row[free], label[free], weight[free]
    most = np.zeros(n, np.float32)
    np.maximum.at(most, row, weight)
    tied = weight >= most[row] * np.float32(1 - _TIE)
    row, label = row[tied], label[tied]
    rank = np.where(label == labels[row], n, priority[label])
    order = np.lexsort((rank, row))
    last = np.append(row[order][1:] != row[order][:-1], True) if len(order) else np.zeros(0, bool)
    wanted = labels.copy()
    wanted[row[order][last]] = label[order][last]
    return wanted, most


def _without_collisions(
    before: Labels, proposed: Labels, support: NDArray[np.float32], cannot_link: NDArray[np.int64]
) -> Labels:
    """``proposed`` without the moves that would give both of a forbidden pair one label in the same round.

    The move with less support is taken back; as no pair collided ``before``, that ends.
    """
    labels = proposed.copy()
    a, b = cannot_link.T
    while (clash := labels[a] == labels[b]).any():
        moved_a, moved_b = labels[a] != before[a], labels[b] != before[b]
        first = moved_a & (~moved_b | (support[a] < support[b]))
        back = np.where(first, a, b)[clash]
        labels[back] = before[back]
    return labels
