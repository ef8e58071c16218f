"""What every way to cluster has to do; a new one is found here by its name in ``METHODS``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index_samples import identity
from stills.errors import UsageError
from stills.select.clustering import METHODS, cluster_tracks, default_threshold
from stills.types import ClusterMethod

SKLEARN = {"dbscan", "hdbscan"}
SIZE = 48


@pytest.fixture(params=sorted(METHODS))
def method(request):
    if request.param in SKLEARN:
        pytest.importorskip("sklearn")
    return request.param


def partition(labels: Iterable[int]) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for member, label in enumerate(labels):
        groups.setdefault(int(label), set()).add(member)
    return {frozenset(g) for g in groups.values()}


def tracks_of(who: Iterable[int], noise: float = 0.5):
    """Noisy tracks of people at right angles: at 0.5 two of one person have a cosine of about 0.8."""
    vectors = np.stack([identity(int(p), noise=noise, seed=i) for i, p in enumerate(who)])
    return vectors, np.ones(len(vectors), np.float32)


def scattered(seed: int, n: int, people: int, spread: float, pairs: int):
    """Vectors that no threshold clusters cleanly, and pairs at random, right and wrong ones."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people, SIZE)) + 0.6  # not at right angles: strangers are alike
    vectors = centres[rng.integers(0, people, n)] + spread * rng.standard_normal((n, SIZE))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    weights = rng.uniform(0.1, 2.0, n).astype(np.float32)
    drawn = {(min(p), max(p)) for p in rng.integers(0, n, (pairs, 2)).tolist() if p[0] != p[1]}
    return vectors, weights, sorted(drawn)


problems = st.builds(
    scattered,
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 40),
    people=st.integers(1, 6),
    spread=st.floats(0.05, 2.0),
    pairs=st.integers(0, 25),
)
thresholds = st.floats(-0.2, 1.0)
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_every_method_that_can_be_named_is_here():
    assert set(METHODS) == set(get_args(ClusterMethod))


def test_people_who_are_far_apart_are_found(method):
    """Twelve people, of one track to a dozen, in any order."""
    who = np.random.default_rng(3).permutation(np.repeat(np.arange(12), np.arange(1, 13)))
    vectors, weights = tracks_of(who)
    assert partition(cluster_tracks(method, vectors, weights)) == partition(who)


def test_nearly_equal_tracks_are_one_person(method):
    """A clip that comes back with equal frames is not somebody else for being so near to itself."""
    who = [0] * 12 + [1] * 3
    vectors, weights = tracks_of(who)
    vectors[:6] = vectors[0]
    vectors[6:9] = vectors[6]
    assert partition(cluster_tracks(method, vectors, weights)) == partition(who)


@pytest.mark.parametrize("count", [2, 3, 9])
def test_a_film_may_have_one_person(method, count):
    vectors, weights = tracks_of([5] * count)
    assert cluster_tracks(method, vectors, weights).tolist() == [0] * count


@pytest.mark.parametrize("count", [2, 3, 9])
def test_strangers_who_are_seen_once_each_stay_strangers(method, count):
    vectors, weights = tracks_of(range(count))
    assert cluster_tracks(method, vectors, weights).tolist() == list(range(count))


def test_noise_is_somebody(method):
    who = [0, 0, 0, 0, 1, 1, 1, 1]
    vectors, _ = tracks_of(who)
    noise = np.stack([identity(40), identity(41), np.zeros_like(vectors[0])])
    labels = cluster_tracks(method, np.vstack([vectors, noise]), np.ones(11, np.float32))
    assert labels.tolist() == [*who, 2, 3, 4]


@pytest.mark.parametrize("n", [0, 1])
def test_next_to_nothing(method, n):
    labels = cluster_tracks(method, np.full((n, 4), 0.5, np.float32), np.ones(n, np.float32))
    assert labels.tolist() == [0] * n
    assert labels.dtype == np.int64


def test_equal_vectors_are_one_at_any_threshold_unless_forbidden(method):
    vectors, ones = np.tile(identity(3, noise=0.7), (5, 1)), np.ones(5, np.float32)
    for threshold in (-1.0, 0.0, 0.5, 0.99):
        assert cluster_tracks(method, vectors, ones, threshold=threshold).tolist() == [0] * 5
    everyone = [(a, b) for a in range(5) for b in range(a)]
    assert cluster_tracks(method, vectors, ones, everyone, 0.0).tolist() == list(range(5))


def test_seen_together_is_stronger_than_alike(method):
    """Twins: two groups that no method would part, but for one pair that was seen in one frame."""
    middle, away = identity(0), identity(1)
    vectors = np.stack([middle + s * 0.25 * away + 0.1 * identity(10 + i) for i, s in enumerate([1, 1, 1, -1, -1, -1])])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ones = np.ones(6, np.float32)
    assert partition(cluster_tracks(method, vectors, ones)) == {frozenset(range(6))}
    assert len(partition(cluster_tracks(method, vectors, ones, [(0, 3)]))) == 2


@many
@given(data=problems, threshold=thresholds)
def test_forbidden_pairs_never_share_a_person(method, data, threshold):
    labels = cluster_tracks(method, *data, threshold)
    assert all(labels[a] != labels[b] for a, b in data[2])


@many
@given(data=problems, threshold=thresholds)
def test_the_same_input_has_the_same_answer_numbered_by_first_member(method, data, threshold):
    labels = cluster_tracks(method, *data, threshold)
    assert labels.tolist() == cluster_tracks(method, *(part.copy() for part in data), threshold).tolist()
    assert labels.shape == (len(data[0]),)
    assert list(dict.fromkeys(labels.tolist())) == list(range(labels.max() + 1))


@many
@given(data=problems, threshold=thresholds, random=st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(method, data, threshold, random):
    vectors, weights, pairs = data
    order = list(range(len(vectors)))
    random.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    moved = [(place[b], place[a]) for a, b in pairs]
    shuffled = cluster_tracks(method, vectors[order], weights[order], moved, threshold)
    assert {frozenset(order[i] for i in g) for g in partition(shuffled)} == partition(
        cluster_tracks(method, *data, threshold)
    )


def test_inputs_are_left_as_they_are(method):
    vectors, weights, pairs = scattered(1, 30, 4, 0.5, 10)
    before = vectors.copy(), weights.copy(), list(pairs)
    cluster_tracks(method, vectors, weights, pairs)
    np.testing.assert_array_equal(vectors, before[0])
    np.testing.assert_array_equal(weights, before[1])
    assert pairs == before[2]


def test_threshold_is_a_similarity_that_parts_or_joins(method):
    """Two people whose tracks have a cosine of about 0.6 to each other, and 0.95 among themselves."""
    centres = [identity(0), 0.63 * identity(0) + 0.777 * identity(1)]
    who = [0] * 5 + [1] * 5
    vectors = np.stack([centres[p] + 0.2 * identity(20 + i) for i, p in enumerate(who)])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ones = np.ones(10, np.float32)
    assert partition(cluster_tracks(method, vectors, ones, threshold=0.8)) == partition(who)
    assert cluster_tracks(method, vectors, ones, threshold=0.3).tolist() == [0] * 10


def test_somebody_frail_goes_to_who_is_nearest(method):
    who = [0] * 4 + [1] * 4
    vectors, weights = tracks_of(who, noise=0.3)
    profile = (0.45 * identity(0) + 0.893 * identity(30)).astype(np.float32)
    vectors, weights = np.vstack([vectors, profile]), np.ones(9, np.float32)
    threshold = 0.6
    assert cluster_tracks(method, vectors, weights, threshold=threshold).tolist() == [*who, 2]

    def is_frail(own: np.ndarray) -> bool:
        return own.tolist() == [8]

    least = default_threshold(method)  # what is frail is measured against the default, and moves with the threshold
    assert cluster_tracks(method, vectors, weights, threshold=least, frail=is_frail).tolist() == [*who, 0]
    seen = cluster_tracks(method, vectors, weights, [(0, 8)], least, frail=is_frail)
    assert seen.tolist() == [*who, 2]


@pytest.mark.parametrize("name", sorted(SKLEARN))
def test_without_scikit_learn_the_error_names_the_extra(name, monkeypatch):
    for module in [m for m in sys.modules if m.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, module)

    class Missing:
        def find_spec(self, wanted: str, *_: object) -> None:
            if wanted.partition(".")[0] == "sklearn":
                raise ModuleNotFoundError(wanted)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    vectors, weights = tracks_of([0, 0, 1])
    with pytest.raises(UsageError, match=r"stills\[cluster\]"):
        cluster_tracks(name, vectors, weights)


def test_an_unknown_method_lists_those_there_are():
    with pytest.raises(UsageError, match="constrained"):
        cluster_tracks("k-means", *tracks_of([0]))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="constrained"):
        default_threshold("k-means")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"weights": np.ones(2, np.float32)},
        {"weights": np.array([1, -1, 1], np.float32)},
        {"vectors": np.full((3, 4), np.nan, np.float32)},
        {"cannot_link": [(0, 3)]},
        {"cannot_link": [(-1, 2)]},
        {"cannot_link": [(1, 1)]},
    ],
)
def test_refuses_what_cannot_be(changes):
    values = {"vectors": np.eye(3, 4, dtype=np.float32), "weights": np.ones(3, np.float32), **changes}
    with pytest.raises(UsageError):
        cluster_tracks("constrained", **values)
