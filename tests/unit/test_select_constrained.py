"""Clustering under constraints, against a slow and obvious version of itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from index_samples import identity
from stills.select.clustering.constrained import constrained_clusters


def problem(seed: int, n: int, people: int, spread: float, pairs: int):
    """Unit vectors around some centres, weights and forbidden pairs, in general position."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people, 16))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = centres[rng.integers(0, people, n)] + spread * rng.standard_normal((n, 16)) / 4
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    weights = rng.uniform(0.1, 2.0, n).astype(np.float32)
    forbidden = {tuple(sorted(p)) for p in rng.integers(0, n, (pairs, 2)).tolist() if p[0] != p[1]}
    return vectors, weights, sorted(forbidden)


problems = st.builds(
    problem,
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 24),
    people=st.integers(1, 6),
    spread=st.floats(0.1, 2.0),
    pairs=st.integers(0, 12),
)
thresholds = st.floats(-0.2, 0.95)


def partition(labels: Iterable[int]) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for member, label in enumerate(labels):
        groups.setdefault(int(label), set()).add(member)
    return {frozenset(g) for g in groups.values()}


def reference(vectors, weights, forbidden, threshold) -> tuple[set[frozenset[int]], float]:
    """Centroid linkage in O(n³), and how far the closest decision was from going the other way."""
    clusters = [frozenset([i]) for i in range(len(vectors))]
    barred = {frozenset(p) for p in forbidden}
    closest = np.inf

    def unit(c):
        total = sum(vectors[i].astype(float) * float(weights[i]) for i in c)
        return total / np.linalg.norm(total)

    while True:
        options = sorted(
            (
                (float(unit(a) @ unit(b)), i, j)
                for i, a in enumerate(clusters)
                for j, b in enumerate(clusters[:i])
                if not any(frozenset((x, y)) in barred for x in a for y in b)
            ),
            reverse=True,
        )
        if not options:
            return set(clusters), closest
        best, i, j = options[0]
        closest = min(closest, abs(best - threshold), best - options[1][0] if len(options) > 1 else np.inf)
        if best < threshold:
            return set(clusters), closest
        merged = clusters[i] | clusters[j]
        clusters = [c for k, c in enumerate(clusters) if k not in {i, j}] + [merged]


@settings(max_examples=150, deadline=None)
@given(problems, thresholds)
def test_it_is_centroid_linkage(data, threshold):
    expected, closest = reference(*data, threshold)
    assume(closest > 1e-5)  # in a tie, single precision may decide otherwise
    assert partition(constrained_clusters(*data, threshold)) == expected


@settings(max_examples=150, deadline=None)
@given(problems, thresholds)
def test_forbidden_pairs_never_share_a_cluster_not_even_by_way_of_others(data, threshold):
    labels = constrained_clusters(*data, threshold)
    assert all(labels[a] != labels[b] for a, b in data[2])


@settings(max_examples=100, deadline=None)
@given(problems, thresholds, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(data, threshold, random):
    vectors, weights, forbidden = data
    assume(reference(*data, threshold)[1] > 1e-5)
    order = list(range(len(vectors)))
    random.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    shuffled = constrained_clusters(
        vectors[order], weights[order], [(place[b], place[a]) for a, b in forbidden], threshold
    )
    back = partition(constrained_clusters(*data, threshold))
    assert {frozenset(order[i] for i in group) for group in partition(shuffled)} == back


@settings(max_examples=100, deadline=None)
@given(problems, thresholds, thresholds)
def test_a_higher_threshold_only_splits(data, one, other):
    low, high = (partition(constrained_clusters(*data, t)) for t in sorted((one, other)))
    assert all(any(fine <= coarse for coarse in low) for fine in high)


@settings(max_examples=60, deadline=None)
@given(problems, thresholds)
def test_labels_are_numbered_by_first_member(data, threshold):
    labels = constrained_clusters(*data, threshold)
    assert list(dict.fromkeys(labels.tolist())) == list(range(labels.max() + 1))


@pytest.mark.parametrize("noise", [0.5, 0.9])
def test_planted_people_are_recovered(noise):
    """Fifteen people, eight noisy tracks each: cosine to another track of the same person is 0.55 to 0.8."""
    who = np.random.default_rng(7).permutation(np.repeat(np.arange(15), 8))
    vectors = np.stack([identity(int(p), noise=noise, seed=i) for i, p in enumerate(who)])
    labels = constrained_clusters(vectors, np.ones(len(who), np.float32), [], 0.4)
    assert partition(labels) == partition(who)


def test_a_bridge_between_two_people_who_were_seen_together_does_not_join_them():
    a, b = identity(0), identity(1)
    bridge = (a + b) / np.sqrt(2)  # 0.7 to either
    vectors = np.stack([a, b, bridge]).astype(np.float32)
    weights = np.array([1.0, 1.0, 3.0], np.float32)
    assert constrained_clusters(vectors, weights, [], 0.5).tolist() == [0, 0, 0]
    labels = constrained_clusters(vectors, weights, [(0, 1)], 0.5)
    assert labels[0] != labels[1]
    assert labels[2] in labels[:2]


def test_heavy_vectors_weigh_more():
    a, b, c = identity(0), identity(1), identity(2)
    near = (0.8 * a + 0.6 * b).astype(np.float32)
    probe = (0.6 * b + 0.8 * c).astype(np.float32)
    vectors = np.stack([a, near, probe])

    def joined(weights: list[float]) -> bool:
        labels = constrained_clusters(vectors, np.array(weights, np.float32), [], 0.3)
        return bool(labels[0] == labels[1] == labels[2])

    assert joined([0.1, 10.0, 1.0])  # the pair looks like `near`, 0.36 from the probe
    assert not joined([10.0, 0.1, 1.0])  # … like `a`, which has nothing of it


@pytest.mark.parametrize("n", [0, 1])
def test_next_to_nothing(n):
    labels = constrained_clusters(np.ones((n, 4), np.float32) / 2, np.ones(n, np.float32), [], 0.5)
    assert labels.tolist() == [0] * n


def test_equal_vectors_become_one_unless_forbidden():
    vectors = np.tile(identity(3), (5, 1))
    ones = np.ones(5, np.float32)
    assert constrained_clusters(vectors, ones, [], 0.9).tolist() == [0] * 5
    everyone = [(a, b) for a in range(5) for b in range(a)]
    assert constrained_clusters(vectors, ones, everyone, -1.0).tolist() == list(range(5))
