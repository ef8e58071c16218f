"""Paths of faces between the frames in which they were measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_samples import face, identity, make_index, track
from render_samples import person
from render_samples import pick as a_pick
from stills.index.index import Index
from stills.select.paths import LINGER_S, FacePath, face_paths
from stills.types import PeopleSelection


def selected(index: Index, *tracks: Sequence[int]) -> PeopleSelection:
    """People with these tracks, numbered from 1."""
    from dataclasses import replace

    people = tuple(
        replace(person(number, [(0.0, 1.0)], [a_pick(0.5)]), tracks=tuple(own)) for number, own in enumerate(tracks, 1)
    )
    return PeopleSelection(people=people, shots=index.shot_list(), settings={})


def moving(times: Sequence[float], x: Sequence[float], *, number: int = 0, width: float = 60.0) -> list[dict]:
    return [
        face(number, t, identity(1, noise=0.1, seed=i), x=at, y=50.0, width=width, height=80.0)
        for i, (t, at) in enumerate(zip(times, x, strict=True))
    ]


def only(paths: Sequence[FacePath]) -> FacePath:
    (one,) = paths
    return one


@settings(deadline=None)  # the first example imports SciPy
@given(
    gaps=st.lists(st.floats(0.04, 0.7), min_size=2, max_size=12),
    speed=st.floats(-300, 300),
    place=st.floats(0, 1),
)
def test_a_steady_face_is_where_the_line_between_its_samples_says(
    gaps: list[float], speed: float, place: float
) -> None:
    times = np.cumsum([0.5, *gaps])
    index = make_index(moving(times.tolist(), (200 + speed * times).tolist()), duration=12.0)
    path = only(face_paths(index, selected(index, [0])))
    at = float(times[0] + place * (times[-1] - times[0]))
    box = path.box(at)
    assert box is not None
    assert box[0] == pytest.approx(200 + speed * at, abs=0.02)  # boxes are stored as 32-bit floats
    assert box[2:] == pytest.approx((60.0, 80.0), abs=1e-3)


@settings(deadline=None)  # the first example imports SciPy
@given(x=st.lists(st.floats(0, 500), min_size=2, max_size=10), place=st.floats(0, 1))
def test_no_box_swings_past_the_samples(x: list[float], place: float) -> None:
    times = [0.5 + 0.4 * i for i in range(len(x))]
    index = make_index(moving(times, x))
    path = only(face_paths(index, selected(index, [0])))
    box = path.box(times[0] + place * (times[-1] - times[0]))
    assert box is not None
    slack = 0.016 * 60  # what taking out jitter may move a sample
    before = max(i for i, t in enumerate(times) if t <= times[0] + place * (times[-1] - times[0]) + 1e-9)
    near = x[before : before + 2]
    assert min(near) - slack <= box[0] <= max(near) + slack


def test_jitter_is_taken_out_and_a_turn_is_kept() -> None:
    times = [0.5 + 0.4 * i for i in range(7)]
    shaky = make_index(moving(times, [100, 101, 100, 101, 100, 101, 100]))
    path = only(face_paths(shaky, selected(shaky, [0])))
    inner = [path.box(t)[0] for t in times[1:-1]]  # type: ignore[index]
    assert max(inner) - min(inner) < 0.3
    turn = make_index(moving(times, [100, 160, 220, 280, 220, 160, 100]))
    top = only(face_paths(turn, selected(turn, [0]))).box(times[3])
    assert top is not None
    assert top[0] == pytest.approx(280, abs=1.0)


@settings(deadline=None)  # the first example imports SciPy
@given(first=st.floats(2.0, 2.6), count=st.integers(1, 5), reach=st.floats(0, 3))
def test_a_path_never_crosses_a_cut(first: float, count: int, reach: float) -> None:
    times = [first + 0.3 * i for i in range(count)]
    index = make_index(moving(times, [100.0] * count), cuts=(2.0, 4.2))
    path = only(face_paths(index, selected(index, [0]), reach=reach))
    assert path.box(1.999999) is None
    assert path.box(4.2) is None
    for t in times:
        assert path.box(t) is not None


def test_it_stands_still_as_far_as_its_span_goes() -> None:
    index = make_index(moving([1.0, 1.25, 1.5], [100, 110, 120]))
    path = only(face_paths(index, selected(index, [0])))
    assert (path.start, path.end) == (0.875, 1.625)  # half-way to the analysed frames beside it
    assert path.box(0.9)[0] == pytest.approx(100)  # type: ignore[index]
    assert path.box(1.6)[0] == pytest.approx(120)  # type: ignore[index]
    assert path.box(1.7) is None
    held = only(face_paths(index, selected(index, [0]), reach=0.5))
    assert held.box(2.0) is not None
    assert held.box(0.4) is not None


def test_the_last_frame_of_a_film_has_its_box() -> None:
    index = make_index(moving([9.75, 10.0], [100, 100]), duration=10.0, analysed=[9.75, 10.0])
    assert only(face_paths(index, selected(index, [0]))).box(10.0) is not None


def test_faces_of_nobody_are_there_too() -> None:
    rows = [*track(0, 1, 1.0, 3.0), *track(1, 2, 1.0, 3.0, x=300.0), face(2, 5.0, None, score=0.62)]
    index = make_index(rows)
    paths = {p.track: p for p in face_paths(index, selected(index, [0]))}
    assert {number: p.person for number, p in paths.items()} == {0: 1, 1: None, 2: None}
    assert paths[1].certain
    assert not paths[2].certain


def test_two_tracks_of_one_person_take_turns() -> None:
    rows = [
        *moving([1.0, 1.25, 3.0, 3.25], [100, 100, 100, 100], number=0),
        *moving([1.75, 2.0, 2.25], [110, 110, 110], number=1),
    ]
    index = make_index(rows)
    paths = face_paths(index, selected(index, [0, 1]))
    for t in np.arange(1.0, 3.25, 0.01):
        assert sum(p.box(float(t)) is not None for p in paths) == 1, t
    assert {p.track for p in paths if p.box(2.0) is not None} == {1}


def test_a_person_in_a_mirror_is_there_twice() -> None:
    rows = [*moving([1.0, 1.25, 1.5], [100] * 3, number=0), *moving([1.0, 1.25, 1.5], [400] * 3, number=1)]
    index = make_index(rows)
    paths = face_paths(index, selected(index, [0, 1]))
    assert sum(p.box(1.3) is not None for p in paths) == 2


def test_boxes_grow_on_every_side() -> None:
    index = make_index(moving([1.0, 1.25], [100, 100]))
    box = only(face_paths(index, selected(index, [0]), expansion=0.5)).box(1.1)
    assert box == pytest.approx((70.0, 10.0, 120.0, 160.0), abs=1e-3)


def test_what_is_swept_covers_where_it_was_and_will_be() -> None:
    index = make_index(moving([1.0, 2.0], [100, 200]))
    path = only(face_paths(index, selected(index, [0])))
    x, _, width, _ = path.swept(1.5, 0.1)  # type: ignore[misc]
    assert (x, x + width) == pytest.approx((140, 220), abs=0.01)
    assert path.swept(5.0, 0.1) is None
    assert math.isclose(path.swept(path.start, 0.1)[0], 100, abs_tol=0.01)  # type: ignore[index]


def test_a_mark_does_not_wait_for_the_next_look_where_the_face_has_gone() -> None:
    looks = [1.0, 1.25, 2.5]
    index = make_index(moving([1.0, 1.25], [100, 110]), duration=3.0, cuts=(0.5,), analysed=looks)
    path = only(face_paths(index, selected(index, [0])))
    assert path.start == 0.5  # the shot begins there: it was there from the start, as far as anybody knows
    assert path.end == pytest.approx(1.25 + LINGER_S)
    assert only(face_paths(index, selected(index, [0]), reach=0.1)).end == pytest.approx(1.875 + 0.1)
