"""Tracks become people: who is one, who is none, and what is said of each. All from made-up indexes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_samples import face, identity, make_index, track
from stills.index.index import Index
from stills.select.people import SIMILARITY, PeopleOptions, select_people
from stills.types import PeopleSelection


def who(selection: PeopleSelection) -> list[tuple[int, ...]]:
    """The tracks of each person, in order."""
    return [p.tracks for p in selection.people]


def film() -> Index:
    """Anna in two shots (6 s), Ben in one (3 s), Cleo for one frame in Ben's shot."""
    rows = [
        *track(0, 1, 0.0, 3.75),
        *track(1, 2, 4.0, 6.75),
        face(2, 5.0, identity(3), x=400.0),
        *track(3, 1, 7.0, 8.75),
    ]
    return make_index(rows, duration=9.0, cuts=(4.0, 7.0))


def test_people_come_back_and_are_numbered_by_screen_time():
    selection = select_people(film())
    assert who(selection) == [(0, 3), (1,), (2,)]
    assert [p.id for p in selection.people] == [1, 2, 3]
    anna, ben, cleo = selection.people
    assert anna.spans == ((0.0, 4.0), (7.0, 9.0))
    assert anna.screen_time == 6.0
    assert ben.screen_time == 3.0
    assert (anna.first_seen, anna.last_seen) == (0.0, 9.0)
    assert cleo.spans == ((4.875, 5.125),)
    assert len(selection.shots) == 3


def test_somebody_seen_in_one_frame_is_a_person():
    (person,) = select_people(make_index([face(0, 2.0, identity(1))])).people
    assert person.faces == 1
    assert person.still.time == 2.0
    assert person.runners_up == ()
    assert person.screen_time > 0


@pytest.mark.parametrize("fault", [{"score": 0.61}, {"presence": 0.2}, {"presence": None}, {"embedding": None}])
def test_what_only_looks_like_a_face_is_no_person(fault: dict[str, Any]):
    rows = [*track(0, 1, 0.0, 1.0), face(1, 2.0, identity(2), **fault)]
    selection = select_people(make_index(rows))
    assert who(selection) == [(0,)]
    assert selection.dropped["unconvincing"] == 1


def test_one_sure_moment_makes_a_track_of_doubtful_ones_a_person():
    rows = [face(0, t, identity(1), score=0.62, presence=0.3) for t in (1.0, 1.25, 1.5)]
    assert not select_people(make_index(rows)).people
    rows.append(face(0, 1.75, identity(1)))
    (person,) = select_people(make_index(rows)).people
    assert person.faces == 4


def _like(cosine: float) -> np.ndarray:
    """Somebody whose face has this similarity to identity 1."""
    return (cosine * identity(1) + np.sqrt(1 - cosine**2) * identity(2)).astype(np.float32)


def _pair(cosine: float, *, together: bool) -> int:
    """How many people two tracks of that similarity are."""
    start = 2.0 if together else 3.0
    times = [start + 0.25 * i for i in range(9)]
    rows = [*track(0, 1, 0.0, 2.0), *(face(1, t, _like(cosine), x=300.0) for t in times)]
    return len(select_people(make_index(rows)).people)


def test_two_faces_in_one_frame_are_two_people_though_alike():
    assert _pair(0.7, together=False) == 1
    assert _pair(0.7, together=True) == 2


def test_a_mirror_shows_one_person_twice():
    assert _pair(0.9, together=True) == 1


def test_a_profile_goes_to_its_owner_only_where_nobody_else_is_near():
    profile = (0.36 * identity(1) + np.sqrt(1 - 0.36**2) * identity(9)).astype(np.float32)
    rows = [*track(0, 1, 0.0, 2.0), *track(1, 2, 3.0, 5.0)]
    rows += [face(2, t, profile, presence=0.0, score=0.9) for t in (6.0, 6.25, 6.5, 6.75)]
    assert who(select_people(make_index(rows))) == [(0, 2), (1,)]
    torn = (0.36 * identity(1) + 0.33 * identity(2) + 0.87 * identity(9)).astype(np.float32)
    rows[-4:] = [face(2, t, torn, presence=0.0, score=0.9) for t in (6.0, 6.25, 6.5, 6.75)]
    assert sorted(who(select_people(make_index(rows)))) == [(0,), (1,)]


def test_a_chin_below_the_edge_is_nobody():
    rows = [*track(0, 1, 0.0, 1.0), face(1, 2.0, identity(2), quality_visible=0.2)]
    assert who(select_people(make_index(rows))) == [(0,)]


def test_faces_of_both_shots_in_a_dissolve_may_be_one_person():
    rows = [*track(0, 1, 0.0, 1.75), *track(1, 1, 2.25, 4.0)]
    rows += [face(t, 2.0, in_transition=True) for t in (0, 1)]
    assert len(select_people(make_index(rows)).people) == 1


def test_similarity_is_the_users_to_choose():
    far = 0.6 * identity(1) + 0.8 * identity(2)  # cosine 0.6 to the first
    index = make_index([face(0, 1.0, identity(1)), face(1, 5.0, far.astype(np.float32))])

    def people(similarity: float | None) -> int:
        return len(select_people(index, PeopleOptions(similarity=similarity)).people)

    assert (people(None), people(0.59), people(0.61), people(1.0)) == (1, 1, 2, 2)
    assert select_people(index).settings["similarity"] == SIMILARITY


def test_a_similarity_of_zero_is_not_taken_for_none():
    opposite = (0.1 * identity(1) + np.sqrt(0.99) * identity(2)).astype(np.float32)
    index = make_index([face(0, 1.0, identity(1)), face(1, 5.0, opposite)])
    selection = select_people(index, PeopleOptions(similarity=0.0))
    assert len(selection.people) == 1
    assert selection.settings["similarity"] == 0.0


def test_small_faces_do_not_count():
    rows = [*track(0, 1, 0.0, 1.0), *track(1, 2, 2.0, 3.0, width=20.0, height=30.0)]
    selection = select_people(make_index(rows), PeopleOptions(min_face=24))
    assert who(selection) == [(0,)]
    assert selection.dropped["small"] == 1
    assert len(select_people(make_index(rows), PeopleOptions(min_face=20)).people) == 2


def test_the_largest_face_of_a_track_counts():
    rows = [*track(0, 1, 0.0, 1.0, width=10.0, height=12.0), face(0, 1.25, width=40.0, height=50.0)]
    assert len(select_people(make_index(rows), PeopleOptions(min_face=40)).people) == 1


def test_brief_people_can_be_left_out():
    selection = select_people(film(), PeopleOptions(min_screen_time=1.0))
    assert who(selection) == [(0, 3), (1,)]
    assert selection.dropped["brief"] == 1


def test_at_most_so_many_people_those_longest_on_screen():
    selection = select_people(film(), PeopleOptions(max_people=1))
    assert who(selection) == [(0, 3)]
    assert selection.dropped["beyond_max_people"] == 2
    assert len(select_people(film(), PeopleOptions(max_people=9)).people) == 3


def quality_film() -> Index:
    """One person for nine seconds, better and better looking."""
    rows = [
        face(0, i * 0.25, identity(1, noise=0.2, seed=i) if i % 4 == 0 else None, quality=0.5 + i / 100)
        for i in range(36)
    ]
    return make_index(rows, duration=9.0)


def test_the_best_measured_face_is_the_still():
    (person,) = select_people(quality_film()).people
    assert person.still.time == 8.0  # 8.75 looks better, by what was not measured
    assert person.still.score == pytest.approx(0.82)
    assert person.still.box == (100.0, 80.0, 60.0, 80.0)
    assert person.still.reasons["sharpness"] == pytest.approx(0.8)


@pytest.mark.parametrize(("per_person", "runners_up"), [(1, 0), (1, 3), (3, 2), (5, 4)])
def test_further_pictures_and_runners_up_are_of_other_moments(per_person: int, runners_up: int):
    (person,) = select_people(quality_film(), PeopleOptions(per_person=per_person, runners_up=runners_up)).people
    picks = [*person.stills, *person.runners_up]
    assert (len(person.stills), len(person.runners_up)) == (per_person, runners_up)
    assert [p.score for p in picks] == sorted((p.score for p in picks), reverse=True)
    times = sorted(p.time for p in picks)
    assert all(b - a >= 0.5 for a, b in pairwise(times))


def test_more_pictures_than_there_are_moments():
    rows = [face(0, t, identity(1)) for t in (1.0, 1.1, 1.2)]
    (person,) = select_people(make_index(rows), PeopleOptions(per_person=5)).people
    assert len(person.stills) == 1


def test_a_face_in_a_dissolve_is_nobodys_best_unless_there_is_no_other():
    rows = [face(0, 1.0, identity(1), quality=0.9, in_transition=True), face(0, 2.0, identity(1), quality=0.4)]
    (person,) = select_people(make_index(rows)).people
    assert person.still.time == 2.0


def test_the_area_is_that_of_the_face_in_the_picture():
    (person,) = select_people(make_index(track(0, 1, 0.0, 1.0))).people
    assert person.area == pytest.approx(60 * 80 / (640 * 360), abs=1e-6)


def test_nobody():
    selection = select_people(make_index([]))
    assert selection.people == ()
    assert len(selection.shots) == 1


def test_stored_people_are_found_again_without_embeddings():
    index = film()
    named = [{**row, "embedding": None, "person": {0: 1, 3: 1, 1: 2, 2: 3}[row["track"]]} for row in faces_of(index)]
    assert who(select_people(make_index(named, duration=9.0, cuts=(4.0, 7.0)))) == who(select_people(index))


def test_a_track_that_was_no_person_stays_none_without_embeddings():
    rows = [{**r, "embedding": None, "person": None if r["track"] == 1 else 1} for r in faces_of(film())]
    assert (1,) not in who(select_people(make_index(rows)))


def faces_of(index: Index) -> list[dict[str, Any]]:
    return index.faces.to_pylist()  # type: ignore[no-any-return]


def test_selecting_twice_gives_the_same():
    assert select_people(film()) == select_people(film())


@st.composite
def films(draw: st.DrawFn) -> Index:
    """Shots with some tracks each: people at random, some together, some doubtful, now and then a dissolve."""
    rows: list[dict[str, Any]] = []
    number, begin, cuts = 0, 0.0, []
    for _ in range(draw(st.integers(1, 5))):
        length = draw(st.integers(2, 12)) * 0.25
        people = draw(st.lists(st.integers(0, 5), max_size=3, unique=True))
        for place, person in enumerate(people):
            first = begin + 0.25 * draw(st.integers(0, 1))
            rows += track(
                number,
                person,
                first,
                begin + length - 0.25,
                x=100.0 + 150 * place,
                score=draw(st.sampled_from([0.65, 0.8, 0.95])),
                quality=draw(st.floats(0.1, 0.9)),
                in_transition=draw(st.sampled_from([False, False, False, True])),
            )
            number += 1
        begin += length
        cuts.append(begin)
    return make_index(rows, duration=begin, cuts=cuts[:-1], analysed=np.arange(0, begin, 0.25).tolist())


@settings(max_examples=80, deadline=None)
@given(films())
def test_what_is_true_of_every_answer(index: Index):
    selection = select_people(index)
    duration = index.video.duration
    tracks = [t for p in selection.people for t in p.tracks]
    assert len(tracks) == len(set(tracks)), "a track is one person's"
    assert len(tracks) + selection.dropped["unconvincing"] == len({r["track"] for r in faces_of(index)})
    times = set(index.faces["time"].to_pylist())
    for person in selection.people:
        assert 0 < person.screen_time <= duration + 1e-6
        assert person.screen_time == pytest.approx(sum(b - a for a, b in person.spans), abs=1e-5)
        assert all(0 <= a < b <= duration + 1e-6 for a, b in person.spans)
        assert all(a[1] < b[0] for a, b in pairwise(person.spans))
        assert any(a <= person.still.time <= b for a, b in person.spans)
        assert person.still.time in times
        assert 0 < person.area <= 1
    together = {}
    for row in faces_of(index):
        if not row["in_transition"]:
            together.setdefault(row["pts"], set()).add(row["track"])
    for own in (set(p.tracks) for p in selection.people):
        assert all(len(own & seen) <= 1 for seen in together.values())


@settings(max_examples=50, deadline=None)
@given(films(), st.floats(0, 1.5), st.integers(1, 3))
def test_filters_only_take_away(index: Index, least: float, most: int):
    everybody = select_people(index).people
    some = select_people(index, PeopleOptions(min_screen_time=least, max_people=most)).people
    assert len(some) <= most
    assert [replace(p, id=0) for p in some] == [replace(p, id=0) for p in everybody if p.screen_time >= least][:most]


def test_scores_of_other_detectors_count_on_their_own_scale():
    """0.66 is hardly over YuNet's least score of 0.6, but well over the middle of a scale that begins at 0.3."""
    index = make_index([face(0, t, identity(1), score=0.66) for t in (1.0, 1.25, 1.5)])
    assert not select_people(index).people
    other = replace(index, parameters={**index.parameters, "detect_score": 0.3})
    assert len(select_people(other).people) == 1
    strict = replace(index, parameters={**index.parameters, "detect_score": 0.65})
    assert not select_people(strict).people
