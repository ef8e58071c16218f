"""The parts of clustering by name, against slow and obvious versions of themselves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from index_samples import identity
from stills.select.clustering import METHODS, Problem, cluster_tracks, default_threshold, is_measured
from stills.select.clustering import graph as graph_module
from stills.select.clustering import thresholds as thresholds_module
from stills.select.clustering.graph import components, similarity_graph
from stills.select.clustering.linkage import agglomerative
from stills.select.clustering.numbering import alone, renumbered
from stills.select.clustering.parting import parted
from stills.select.clustering.thresholds import MARKS, Marks, doubt, frail_threshold
from stills.select.clustering.whispers import chinese_whispers


def problem(*, seed: int, n: int, people: int, spread: float, pairs: int, threshold: float) -> Problem:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people, 16)) + 0.5
    vectors = centres[rng.integers(0, people, n)] + spread * rng.standard_normal((n, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    drawn = [(a, b) for a, b in rng.integers(0, n, (pairs, 2)).tolist() if a != b]
    return Problem.checked(vectors, np.ones(n, np.float32), drawn, threshold=threshold, doubt=0.1)


problems = st.builds(
    problem,
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    people=st.integers(1, 5),
    spread=st.floats(0.05, 1.5),
    pairs=st.integers(0, 15),
    threshold=st.floats(0.05, 0.95),
)


def groups(labels) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def average_linkage(p: Problem) -> tuple[set[frozenset[int]], float]:
    """In O(n⁴), forbidden pairs at infinity; and how far the closest decision was from going the other way."""
    distance = np.clip(1 - p.vectors.astype(float) @ p.vectors.T.astype(float), 0, 2)
    for a, b in p.cannot_link:
        distance[a, b] = distance[b, a] = np.inf
    clusters = [frozenset([i]) for i in range(len(p))]
    closest = np.inf
    while len(clusters) > 1:
        means = sorted((float(distance[np.ix_(sorted(a), sorted(b))].mean()), i, j)
                       for (i, a), (j, b) in combinations(enumerate(clusters), 2))  # fmt: skip
        least, i, j = means[0]
        if np.isfinite(least):
            closest = min(closest, abs(least - (1 - p.threshold)), means[1][0] - least if len(means) > 1 else np.inf)
        if least > 1 - p.threshold:
            break
        clusters = [c for k, c in enumerate(clusters) if k not in {i, j}] + [clusters[i] | clusters[j]]
    return set(clusters), closest


@settings(max_examples=100, deadline=None)
@given(problems)
def test_agglomerative_is_average_linkage_that_never_crosses_a_forbidden_pair(p):
    expected, closest = average_linkage(p)
    assume(closest > 1e-5)  # in a tie, single precision may decide otherwise
    assert groups(agglomerative(p)) == expected


def test_a_forbidden_pair_does_not_fade_in_a_large_mean():
    """Two hundred equal tracks a side, one pair seen together: at any large but constant distance they would merge."""
    vectors = np.tile(identity(0), (400, 1))
    p = Problem.checked(vectors, np.ones(400, np.float32), [(0, 399)], threshold=0.0, doubt=0.1)
    labels = agglomerative(p)
    assert len(np.unique(labels)) == 2
    assert labels[0] != labels[399]


@settings(max_examples=100, deadline=None)
@given(problems)
def test_whispers_end_where_nobody_would_rather_be_somebody_else(p):
    """Each track has the label with most similarity behind it, of those that none of its partners has."""
    labels = chinese_whispers(p)
    weight = similarity_graph(p).toarray()
    for i in range(len(p)):
        partners = {int(b if a == i else a) for a, b in p.cannot_link if i in (a, b)}
        barred = {int(labels[j]) for j in partners}
        assert int(labels[i]) not in barred
        support = {int(k): float(weight[i][labels == k].sum()) for k in np.unique(labels) if int(k) not in barred}
        assert support[int(labels[i])] >= max(support.values()) * (1 - 1e-4)


@settings(max_examples=50, deadline=None)
@given(problems)
def test_clusters_of_whispers_hang_together(p):
    labels = chinese_whispers(p)
    assert groups(components(similarity_graph(p), labels)) == groups(labels)


def test_whispers_outvote_a_wrong_edge_that_joins_groups_for_dbscan():
    pytest.importorskip("sklearn")
    who = np.repeat([0, 1], 8)
    vectors = np.stack([identity(int(p), noise=0.3, seed=i) for i, p in enumerate(who)])
    bridge = (identity(0) + 0.8 * identity(1)) / np.sqrt(1.64)
    vectors = np.vstack([vectors, bridge]).astype(np.float32)
    ones = np.ones(17, np.float32)
    assert len(groups(cluster_tracks("chinese-whispers", vectors, ones, threshold=0.5))) == 2
    assert len(groups(cluster_tracks("dbscan", vectors, ones, threshold=0.5))) == 1


@pytest.mark.parametrize("seed", range(5))
def test_lots_do_not_change_who_is_clearly_who(seed):
    who = np.random.default_rng(seed).permutation(np.repeat(np.arange(6), 5))
    vectors = np.stack([identity(int(p), noise=0.5, seed=i) for i, p in enumerate(who)])
    labels = cluster_tracks("chinese-whispers", vectors, np.ones(30, np.float32), seed=seed)
    assert groups(labels) == groups(who)


@settings(max_examples=60, deadline=None)
@given(problems, st.integers(1, 9))
def test_the_graph_is_the_same_in_blocks_of_any_size(p, rows):
    whole = similarity_graph(p).toarray()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_module, "_BLOCK", rows)
        np.testing.assert_allclose(similarity_graph(p).toarray(), whole, atol=1e-6)
    expected = p.vectors @ p.vectors.T
    np.fill_diagonal(expected, 0)
    for a, b in p.cannot_link:
        expected[a, b] = expected[b, a] = 0
    clear = np.abs(expected - p.threshold) > 1e-5
    np.testing.assert_allclose(whole[clear], np.where(expected >= p.threshold, expected, 0)[clear], atol=1e-6)


def test_a_crowd_of_neighbours_is_sampled_the_nearest_kept(monkeypatch):
    monkeypatch.setattr(graph_module, "MOST_NEIGHBOURS", 8)
    vectors = np.stack([identity(0, noise=0.5, seed=i) for i in range(200)])
    p = Problem.checked(vectors, np.ones(200, np.float32), [], threshold=0.4, doubt=0.1)
    graph = similarity_graph(p).toarray()
    assert (graph == graph.T).all()
    assert np.count_nonzero(graph) <= 2 * 8 * 200
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -1)
    assert (graph[np.arange(200), cosine.argmax(axis=1)] > 0).all()
    assert len(np.unique(chinese_whispers(p))) == 1


def test_only_what_holds_a_forbidden_pair_is_looked_at_again():
    vectors = np.stack([identity(0), identity(0), identity(1), identity(1), identity(2), identity(3)])
    p = Problem.checked(vectors, np.ones(6, np.float32), [(0, 2)], threshold=0.5, doubt=0.1)
    mended = parted(np.array([0, 0, 0, 0, 1, 1]), p)
    assert groups(mended) == {frozenset({0, 1}), frozenset({2, 3}), frozenset({4, 5})}


def test_labels_are_numbered_by_first_member_and_noise_is_alone():
    assert renumbered(np.array([7, 3, 7, -2])).tolist() == [0, 1, 0, 2]
    assert alone(np.array([-1, 0, -1, 0])).tolist() == [1, 0, 2, 0]
    assert alone(np.array([-1, -1])).tolist() == [0, 1]


def test_thresholds_lie_where_the_marks_of_sface_say():
    marks = MARKS["sface"]
    assert doubt() == pytest.approx((marks.same - marks.different) / 2)
    for method in METHODS:
        assert marks.different < default_threshold(method) < marks.same
    assert default_threshold("dbscan") > default_threshold("chinese-whispers") > default_threshold("agglomerative")


def test_another_embedder_has_its_thresholds_at_the_same_places(monkeypatch):
    monkeypatch.setattr(thresholds_module, "MARKS", {**MARKS, "other": Marks(different=0.161, same=0.389)})
    for method in METHODS:
        assert default_threshold(method, "other") == pytest.approx(default_threshold(method) - 0.2)
        assert frail_threshold(method, default_threshold(method, "other"), "other") == pytest.approx(0.12)
    assert is_measured("other")
    assert not is_measured("unheard-of")
    assert default_threshold("dbscan", "unheard-of") == default_threshold("dbscan")
