"""Clustering of very many tracks: centroid linkage over a sparse graph of neighbours, under rules.

Clusters are compared by the cosine of their weighted sums, as :mod:`stills.select.clustering.constrained` does for one
video, but only where a graph of neighbours says that they may be alike. Merges go round by round through falling
similarities: in each round clusters that are each other's nearest are joined, and those whose nearest is one of these
join them (N. Monath et al., Scalable Hierarchical Agglomerative Clustering, KDD 2021, without their chains). When
nothing is left to merge, the neighbours of the centroids are searched anew, as clusters may be alike that had no tracks
in common; until that changes nothing either. Every step is arithmetic on whole arrays and has one order, so equal
inputs give equal labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.jobs.across.neighbours import Pairs, find_pairs
from stills.jobs.across.rules import Crowd, Rules, foes_of

SLACK = 0.1
"""How much less similar than the threshold neighbours in the graph may be: clusters become more alike as they grow."""

_STEP = 0.05  # between the falling similarities of a pass: finer is nearer to one merge after another
_FIRST = 0.95
_BLOCK = 1 << 16  # pairs compared at once
_PASSES = 12

Search = Callable[[NDArray[np.float32], NDArray[np.int64] | None, float], Pairs]
"""Pairs of vectors (those of some rows, or ``None`` for all) that are at least so similar."""


@dataclass(slots=True, eq=False)
class _State:
    """Clusters under way: their sums (k, d), the label of each thing, the rules among them, and the graph."""

    sums: NDArray[np.float32]
    labels: NDArray[np.int64]
    rules: Rules
    active: NDArray[np.bool_]


def cluster(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    rules: Rules,
    threshold: float,
    *,
    initial: NDArray[np.int64] | None = None,
    active: NDArray[np.bool_] | None = None,
    search: Search | None = None,
) -> NDArray[np.int64]:
    """The cluster of each of ``vectors`` (n, d; unit length), numbered by first member.

    Args:
        vectors: What is known of each.
        weights: How much that tells (n,), above 0.
        rules: Who must not be one; kept in any case, but inside a group of ``initial``.
        threshold: Cosine of two clusters from which they are one.
        initial: Groups to begin with (n,); by default everyone is alone.
        active: Which to ask about (n,): clusters without any of them are only joined to clusters that have one, or had
            one join them. By default all.
        search: How neighbours are found; by default :func:`stills.jobs.across.neighbours.find_pairs`.

    Memory is some 20 bytes a pair of neighbours beside two copies of ``vectors``.
    """
    n = len(vectors)
    if not n:
        return np.zeros(0, np.int64)
    start = np.arange(n) if initial is None else np.unique(initial, return_inverse=True)[1].reshape(-1)
    count = int(start.max()) + 1
    sums = np.zeros((count, vectors.shape[1]), np.float32)
    np.add.at(sums, start, vectors * weights[:, None])
    asked = np.ones(count, bool)
    if active is not None:
        asked[:] = False
        asked[start[active]] = True
    state = _State(sums, start, rules.merged(start, count), asked)
    find = search or _search
    for _ in range(_PASSES):
        units = _units(state.sums)
        rows = None if state.active.all() else np.flatnonzero(state.active)
        before = len(state.sums)
        _join(state, find(units, rows, threshold - SLACK), threshold)
        if len(state.sums) == before:
            break
    return _numbered(state.labels)


def _search(vectors: NDArray[np.float32], rows: NDArray[np.int64] | None, least: float) -> Pairs:
    return find_pairs(vectors, rows=rows, least=least)


def _join(state: _State, pairs: Pairs, threshold: float) -> None:
    """Merge along ``pairs`` down to ``threshold``; afterwards those are active that grew."""
    a, b, similarity = pairs.a, pairs.b, pairs.similarity
    grown = np.zeros(len(state.sums), bool)
    levels = [*np.arange(_FIRST, threshold, -_STEP), threshold]
    for level in levels:
        while True:
            fit = np.flatnonzero(similarity >= level)
            fit = fit[~state.rules.forbidden(a[fit], b[fit])]
            if not len(fit):
                break
            target = _targets(state, a[fit], b[fit], similarity[fit], float(level))
            if (target == np.arange(len(target))).all():
                break
            places, labels = np.unique(target, return_inverse=True)
            labels = labels.reshape(-1)
            count = len(places)
            sums = np.zeros((count, state.sums.shape[1]), np.float32)
            np.add.at(sums, labels, state.sums)
            changed = np.bincount(labels, minlength=count) > 1
            old, grown = grown, changed
            grown[labels[old]] = True
            state.sums, state.labels = sums, labels[state.labels]
            state.rules = state.rules.merged(labels, count)
            a, b, similarity = _contracted(labels[a], labels[b], similarity, count)
            _compare(sums, a, b, similarity, changed)
    state.active = grown


def _targets(
    state: _State, a: NDArray[np.int64], b: NDArray[np.int64], similarity: NDArray[np.float32], level: float
) -> NDArray[np.int64]:
    """Whom each cluster joins in one round (k,): itself, or the lower of two that are each other's nearest."""
    k = len(state.sums)
    best = np.full(k, -np.inf, np.float32)
    np.maximum.at(best, a, similarity)
    np.maximum.at(best, b, similarity)
    nearest = np.full(k, k, np.int64)
    for one, other in ((a, b), (b, a)):
        top = similarity == best[one]
        np.minimum.at(nearest, one[top], other[top])
    has = np.flatnonzero(nearest < k)
    mutual = has[nearest[nearest[has]] == has]
    target = np.arange(k)
    target[mutual] = np.minimum(mutual, nearest[mutual])
    if not len(mutual):  # equal similarities in a circle: the first of the best pairs
        place = int(np.lexsort((b, a, -similarity))[0])
        target[b[place]] = a[place]
        return target
    inside = np.zeros(k, bool)
    inside[mutual] = True
    followers = has[~inside[has] & inside[nearest[has]]]
    if len(followers):
        _follow(state, target, followers, nearest, best, level)
    return target


def _follow(  # noqa: PLR0917 - the columns of one table
    state: _State,
    target: NDArray[np.int64],
    followers: NDArray[np.int64],
    nearest: NDArray[np.int64],
    best: NDArray[np.float32],
    level: float,
) -> None:
    """Let ``followers`` join the pair that has their nearest, where they are like both together and no rule forbids."""
    roots = target[nearest[followers]]
    partner = nearest[roots]  # of a mutual pair, the root is the lower one
    both = state.sums[roots] + state.sums[partner]
    cosine = np.einsum("ij,ij->i", _units(both), _units(state.sums[followers]))
    near = cosine >= level
    followers, roots, partner = followers[near], roots[near], partner[near]
    restricted = state.rules.restricted()
    free = ~restricted[followers]
    target[followers[free]] = roots[free]
    if free.all():
        return
    foes = foes_of(state.rules)
    crowds: dict[int, Crowd] = {}
    bound = np.flatnonzero(~free)
    for place in bound[np.lexsort((followers[bound], -best[followers[bound]]))]:
        root = int(roots[place])
        crowd = crowds.setdefault(root, Crowd(state.rules, foes, (root, int(partner[place]))))
        if crowd.take(int(followers[place])):
            target[followers[place]] = root


def _contracted(
    a: NDArray[np.int64], b: NDArray[np.int64], similarity: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """The pairs between clusters, each once, sorted."""
    keep = a != b
    low, high = np.minimum(a, b)[keep], np.maximum(a, b)[keep]
    keys, first = np.unique(low * count + high, return_index=True)
    return keys // count, keys % count, similarity[keep][first]


def _compare(
    sums: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    similarity: NDArray[np.float32],
    changed: NDArray[np.bool_],
) -> None:
    """Set the ``similarity`` of all pairs of which one is ``changed``."""
    stale = np.flatnonzero(changed[a] | changed[b])
    units = _units(sums)
    for start in range(0, len(stale), _BLOCK):
        some = stale[start : start + _BLOCK]
        similarity[some] = np.einsum("ij,ij->i", units[a[some]], units[b[some]])


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return np.asarray(place[inverse.reshape(-1)], np.int64)
