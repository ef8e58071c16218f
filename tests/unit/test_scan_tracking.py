"""Following faces by where they are, and seeing by who they are that a track changed hands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_samples import identity
from stills.scan.purity import change_of_person
from stills.scan.tracking import Tracker
from stills.types import Box


def box(x: float, y: float = 100.0, size: float = 60.0) -> Box:
    return (x, y, size, size)


def follow(*moments: tuple[float, list[Box]], max_gap: float = 1.0) -> list[list[int]]:
    tracker = Tracker(max_gap)
    return [tracker.update(time, boxes) for time, boxes in moments]


def test_a_face_that_stays_or_drifts_is_one_track():
    assert follow(*((0.25 * i, [box(100 + 20 * i)]) for i in range(12))) == [[0]] * 12


def test_two_faces_keep_their_tracks_in_whatever_order_they_come():
    ids = follow((0.0, [box(100), box(400)]), (0.25, [box(405), box(104)]), (0.5, [box(108), box(410)]))
    assert ids == [[0, 1], [1, 0], [0, 1]]


def test_two_faces_that_cross_keep_their_way():
    """They walk at two sizes a second; in the middle they stand over each other."""
    moments = [(0.25 * i, [box(100 + 30 * i), box(460 - 30 * i, 130)]) for i in range(13)]
    assert follow(*moments) == [[0, 1]] * 13


def test_a_face_that_turns_away_for_a_moment_is_the_same_track():
    assert follow((0.0, [box(100)]), (0.25, []), (0.5, []), (0.75, [box(110)])) == [[0], [], [], [0]]


def test_a_face_that_was_away_too_long_is_a_new_track():
    assert follow((0.0, [box(100)]), (1.25, [box(100)])) == [[0], [1]]
    assert follow((0.0, [box(100)]), (1.25, [box(100)]), max_gap=2.0) == [[0], [0]]


def test_a_face_somewhere_else_is_a_new_track():
    assert follow((0.0, [box(100)]), (0.25, [box(400)])) == [[0], [1]]


def test_a_face_of_another_size_is_a_new_track():
    assert follow((0.0, [box(100, size=200)]), (0.25, [box(150, size=60)])) == [[0], [1]]


def test_the_nearer_of_two_gets_the_track():
    assert follow((0.0, [box(100)]), (0.25, [box(140), box(102)])) == [[0], [1, 0]]


def test_a_picture_change_ends_all_tracks():
    tracker = Tracker(1.0)
    assert tracker.update(0.0, [box(100)]) == [0]
    assert tracker.smallest == 60
    tracker.break_all()
    assert tracker.smallest is None
    assert tracker.update(0.04, [box(100)]) == [1]


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 600), st.floats(0, 300), st.floats(5, 200)), max_size=5),
        min_size=1,
        max_size=12,
    )
)
def test_no_two_faces_of_a_frame_share_a_track(frames: list[list[tuple[float, float, float]]]):
    tracker = Tracker(1.0)
    seen: set[int] = set()
    for i, faces in enumerate(frames):
        ids = tracker.update(0.25 * i, [(x, y, s, s) for x, y, s in faces])
        assert len(ids) == len(faces) == len(set(ids))
        new = sorted(set(ids) - seen)
        assert new == list(range(len(seen), len(seen) + len(new))), "tracks are numbered as they appear"
        seen |= set(ids)


def looks(*people: int, noise: float = 0.5) -> np.ndarray:
    return np.stack([identity(p, noise=noise, seed=i) for i, p in enumerate(people)])


@pytest.mark.parametrize("people", [(1,), (1, 1), (1, 1, 1, 1, 1, 1)])
def test_one_person_stays_one(people: tuple[int, ...]):
    assert change_of_person(looks(*people)) is None


@pytest.mark.parametrize(("people", "place"), [((1, 2), 1), ((1, 1, 1, 2), 3), ((1, 2, 2, 2), 1), ((1, 1, 1, 2, 2), 3)])
def test_the_place_where_another_takes_over_is_found(people: tuple[int, ...], place: int):
    assert change_of_person(looks(*people)) == place


def test_a_person_who_changes_slowly_stays_one():
    """Front to profile: neighbours are alike (0.9), the ends are not (0.3)."""
    angle = np.linspace(0, np.arccos(0.3), 6)
    turning = np.cos(angle)[:, None] * identity(1) + np.sin(angle)[:, None] * identity(2)
    assert change_of_person(turning.astype(np.float32)) is None


def test_no_embedding_no_change():
    assert change_of_person(np.zeros((0, 128), np.float32)) is None
