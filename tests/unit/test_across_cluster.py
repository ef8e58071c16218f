"""Clustering of very many tracks: rules hold, order does not matter, adding is like starting over."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stills.index.gallery import TRACKS, Gallery
from stills.jobs.across.cluster import cluster
from stills.jobs.across.identities import keep_ids, tell_apart
from stills.jobs.across.rules import rules_of
from stills.select.clustering.constrained import constrained_clusters


def vectors_of(people: NDArray[np.int64], noise: float, seed: int, size: int = 64) -> NDArray[np.float32]:
    """A unit vector for each track: its person's, which are orthogonal, and noise."""
    rng = np.random.default_rng(seed)
    found = noise * rng.standard_normal((len(people), size)) / np.sqrt(size)
    found[np.arange(len(people)), people] += 1.0
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def same(a: NDArray[np.int64], b: NDArray[np.int64]) -> bool:
    """Whether two labellings are one partition."""
    keys = {*zip(a.tolist(), b.tolist(), strict=True)}
    return len(keys) == len({*a.tolist()}) == len({*b.tolist()})


crowds = st.lists(st.integers(0, 7), min_size=1, max_size=60).map(lambda p: np.array(p, np.int64))


@settings(max_examples=60, deadline=None)
@given(crowds, st.integers(0, 1000))
def test_separable_people_are_found(people: NDArray[np.int64], seed: int) -> None:
    vectors = vectors_of(people, 0.6, seed)
    ones = np.ones(len(people), np.float32)
    found = cluster(vectors, ones, rules_of(len(people), []), 0.45)
    assert same(found, people)
    assert same(found, constrained_clusters(vectors, ones, [], 0.45))
    assert list(dict.fromkeys(found.tolist())) == sorted(set(found.tolist()))


@settings(max_examples=60, deadline=None)
@given(crowds, st.data())
def test_rules_always_hold(people: NDArray[np.int64], data: st.DataObject) -> None:
    n = len(people)
    place = st.integers(0, n - 1)
    pairs = data.draw(st.lists(st.tuples(place, place).filter(lambda p: p[0] != p[1]), max_size=20)) if n > 1 else []
    colour = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n)), np.int64)
    vectors = vectors_of(people, 0.9, data.draw(st.integers(0, 1000)))
    found = cluster(vectors, np.ones(n, np.float32), rules_of(n, pairs, [colour]), 0.3)
    assert all(found[a] != found[b] for a, b in pairs)
    for one in np.unique(found):
        assert len(set(colour[(found == one) & (colour >= 0)].tolist())) <= 1


def test_everybody_seen_with_everybody_stays_apart() -> None:
    people = np.zeros(40, np.int64)
    pairs = [(a, b) for a in range(40) for b in range(a)]
    found = cluster(vectors_of(people, 0.2, 0), np.ones(40, np.float32), rules_of(40, pairs), 0.45)
    assert len(set(found.tolist())) == 40


def test_bound_followers_of_one_person_join_in_few_rounds() -> None:
    # Each track of person 0 was seen with one of person 1: all are bound by a rule, and all still join.
    people = np.repeat(np.array([0, 1]), 300)
    pairs = [(i, 300 + i) for i in range(300)]
    found = cluster(vectors_of(people, 0.5, 1), np.ones(600, np.float32), rules_of(600, pairs), 0.45)
    assert same(found, people)


def test_nothing_is_clustered() -> None:
    assert len(cluster(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), rules_of(0, []), 0.5)) == 0


def gallery_of(people: NDArray[np.int64], videos: NDArray[np.int64], seed: int) -> Gallery:
    """A gallery of tracks that nobody has told apart yet."""
    vectors = vectors_of(people, 0.5, seed)
    rows = [
        {
            "content": f"v{video}", "track": place, "person": place, "start": float(place), "end": place + 1.0,
            "faces": 3, "weight": 1.0, "vector": vectors[place], "look": -1, "identity": -1,
        }
        for place, video in enumerate(videos)
    ]  # fmt: skip
    return Gallery(tracks=pa.Table.from_pylist(rows, schema=TRACKS), embedder="sface")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), min_size=1, max_size=40), st.integers(0, 100))
def test_adding_videos_one_by_one_is_like_all_at_once(tracks: list[tuple[int, int]], seed: int) -> None:
    from dataclasses import replace

    people, videos = (np.array([t[k] for t in tracks], np.int64) for k in (0, 1))
    whole = gallery_of(people, videos, seed)
    batch = tell_apart(whole, 0.45)
    grown = replace(whole, tracks=whole.tracks.slice(0, 0))
    ids: dict[str, int] = {}
    for video in sorted(set(videos.tolist())):
        new = whole.tracks.filter(pa.array((videos == video).tolist()))
        grown = tell_apart(replace(grown, tracks=pa.concat_tables([grown.tracks, new]).combine_chunks()), 0.45)
        now = {
            f"{c}/{t}": i
            for c, t, i in zip(*(grown.tracks[n].to_pylist() for n in ("content", "track", "identity")), strict=True)
        }
        assert all(now[key] == number for key, number in ids.items())
        ids = now
    order = np.argsort(grown.column("track"))
    assert same(grown.column("identity")[order], batch.column("identity"))
    assert same(batch.column("identity"), people)


def test_two_who_turn_out_to_be_one_become_the_older() -> None:
    from dataclasses import replace

    # Two views of one person, each too unlike the other; a third between them brings them together.
    a, b = np.zeros(8, np.float32), np.zeros(8, np.float32)
    a[0], b[:2] = 1.0, (0.4, 0.917)
    middle = (a + b) / np.linalg.norm(a + b)
    start = gallery_of(np.array([0, 1]), np.array([0, 1]), 0)
    place = TRACKS.get_field_index("vector")
    start = replace(
        start, tracks=start.tracks.set_column(place, TRACKS.field(place), pa.array([a, b], pa.list_(pa.float32())))
    )
    first = tell_apart(start, 0.45)
    assert sorted(first.column("identity").tolist()) == [1, 2]
    more = gallery_of(np.array([0]), np.array([2]), 0).tracks
    more = more.set_column(place, TRACKS.field(place), pa.array([middle], pa.list_(pa.float32())))
    second = tell_apart(replace(first, tracks=pa.concat_tables([first.tracks, more]).combine_chunks()), 0.45)
    assert set(second.column("identity").tolist()) == {1}
    assert second.aliases == {2: 1}


@pytest.mark.parametrize(
    ("labels", "old", "ids", "aliases"),
    [
        ([0, 0, 1], [5, 5, -1], [5, 9], {}),
        ([0, 0, 1, 1], [5, 3, -1, -1], [3, 9], {5: 3}),
        ([0, 1, 1], [5, 5, 5], [9, 5], {}),
        ([0, 1], [5, 5], [5, 9], {}),
        ([], [], [], {}),
    ],
)
def test_numbers_stay_with_most_of_whom_they_stood_for(
    labels: list[int], old: list[int], ids: list[int], aliases: dict[int, int]
) -> None:
    found, gone, _ = keep_ids(np.array(labels, np.int64), np.array(old, np.int64), 9)
    assert found.tolist() == ids
    assert gone == aliases
