"""The cast: which faces count, times and areas, who is on screen with whom. All from made-up indexes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_samples import face, faces_table, frames_table, identity, make_index, track
from render_samples import person
from stills.errors import UsageError
from stills.index.index import Index
from stills.index.schema import FRAMES
from stills.letterbox import shot_bars, stable_bars
from stills.select.area import active_pictures, expanded
from stills.select.cast import CastOptions, select_cast
from stills.select.people import PeopleOptions, select_people
from stills.select.together import together
from stills.types import CastSelection, Person

WHOLE = 640 * 360
SMALL = {"width": 24.0, "height": 30.0}


def who(selection: CastSelection) -> list[tuple[int, ...]]:
    return [p.tracks for p in selection.people]


def duo() -> Index:
    """Anna for 6 s in two shots; Ben in the second half of her first one and alone after her."""
    rows = [
        *track(0, 1, 0.0, 3.75),
        *track(1, 2, 2.0, 3.75, x=300.0),
        *track(2, 1, 4.0, 5.75),
        *track(3, 2, 6.0, 8.75, x=300.0),
    ]
    return make_index(rows, duration=9.0, cuts=(4.0, 6.0))


def test_without_rules_the_cast_are_the_people():
    cast, people = select_cast(duo()), select_people(duo())
    assert who(cast) == [p.tracks for p in people.people]
    for member, other in zip(cast.people, people.people, strict=True):
        same = ("spans", "screen_time", "faces", "appearances", "longest", "total_area", "first_seen", "last_seen")
        assert [getattr(member, name) for name in same] == [getattr(other, name) for name in same]
    assert cast.shots == people.shots
    assert cast.fallbacks == ()
    assert cast.settings["similarity"] == people.settings["similarity"]


def test_time_appearances_and_the_longest_shot():
    anna, ben = select_cast(duo()).people
    assert (anna.screen_time, anna.appearances, anna.longest) == (6.0, 2, 4.0)
    assert (anna.first_seen, anna.last_seen) == (0.0, 6.0)
    assert anna.spans == ((0.0, 6.0),)  # one stay over a cut, in two shots
    assert (ben.screen_time, ben.appearances, ben.longest) == (5.125, 2, 3.0)


def test_who_shares_the_screen_with_whom():
    assert select_cast(duo()).together == ((6.0, 2.125), (2.125, 5.125))


def test_times_are_those_of_the_frames_where_their_rate_varies():
    """Ten analysed frames in the first second, then one a second: detections would say 10 : 4, the clock says 1 : 4."""
    quick, slow = [i / 10 for i in range(10)], [1.0, 2.0, 3.0, 4.0]
    rows = [face(0, t, identity(1)) for t in quick] + [face(1, t, identity(2)) for t in slow]
    cast = select_cast(make_index(rows, duration=5.0, cuts=(1.0,), analysed=[*quick, *slow]))
    assert [(p.tracks, p.screen_time, p.faces) for p in cast.people] == [((1,), 4.0, 4), ((0,), 1.0, 10)]


def test_areas_are_integrated_over_time_not_over_detections():
    """A face of a tenth of the picture for one second in many frames, then of a fifth for four seconds in few."""
    large, small = {"width": 144.0, "height": 320.0, "y": 10.0}, {"width": 144.0, "height": 160.0}
    quick, slow = [i / 10 for i in range(10)], [1.0, 2.0, 3.0, 4.0]
    rows = [face(0, t, identity(1), **small) for t in quick] + [face(1, t, identity(1), **large) for t in slow]
    (member,) = select_cast(make_index(rows, duration=5.0, cuts=(1.0,), analysed=[*quick, *slow])).people
    assert member.total_area == pytest.approx(0.1 * 1 + 0.2 * 4)
    assert member.area == pytest.approx((0.1 * 1 + 0.2 * 4) / 5)


def test_a_growing_face_is_counted_by_its_mean_size_in_between():
    rows = [face(0, 0.0, identity(1), width=64.0, height=36.0), face(0, 1.0, identity(1), width=192.0, height=36.0)]
    (member,) = select_cast(make_index(rows, duration=1.0, analysed=[0.0, 1.0])).people
    assert member.total_area == pytest.approx(0.02)  # 0.01 to 0.03 over a second


# What counts


@pytest.mark.parametrize(
    ("rule", "odd", "reason"),
    [
        ({"min_area": 0.01}, SMALL, "faces_small"),
        ({"max_area": 0.1}, {"width": 300.0, "height": 200.0}, "faces_large"),
        ({"min_confidence": 0.8}, {"score": 0.79}, "faces_unsure"),
    ],
)
def test_faces_that_do_not_count_are_counted_as_dropped(rule: dict[str, float], odd: dict[str, float], reason: str):
    rows = [*track(0, 1, 0.0, 2.0), *track(1, 2, 3.0, 5.0, **odd)]
    cast = select_cast(make_index(rows), CastOptions(**rule))  # type: ignore[arg-type]
    assert who(cast) == [(0,)]
    assert cast.dropped[reason] == 9
    assert sum(v for k, v in cast.dropped.items() if k.startswith("faces_")) == 9
    assert cast.dropped["unconvincing"] == 0  # no track is left of them to be doubted


def test_limits_include_their_value():
    share = 60 * 80 / WHOLE
    rows = [face(0, 1.0, identity(1))]
    for rule in ({"min_area": share}, {"max_area": share}):
        assert len(select_cast(make_index(rows), CastOptions(**rule)).people) == 1


def test_a_person_is_not_on_screen_while_the_face_is_too_small():
    sizes = [{}] * 4 + [SMALL] * 8 + [{}] * 4
    rows = [face(0, i * 0.25, identity(1, noise=0.2, seed=i), **size) for i, size in enumerate(sizes)]
    index = make_index(rows, duration=4.0)
    (everything,) = select_cast(index).people
    assert everything.screen_time == 4.0
    (member,) = select_cast(index, CastOptions(min_area=0.01)).people
    assert member.spans == ((0.0, 0.875), (2.875, 4.0))
    assert member.faces == 8
    assert member.total_area == pytest.approx(member.screen_time * 60 * 80 / WHOLE, abs=1e-6)


def test_a_face_that_the_detector_doubts_for_a_moment_is_still_there():
    rows = [face(0, i * 0.25, identity(1), score=0.62 if i == 8 else 0.9) for i in range(16)]
    (member,) = select_cast(make_index(rows, duration=4.0), CastOptions(min_confidence=0.7)).people
    assert member.spans == ((0.0, 4.0),)
    assert member.faces == 15


def test_who_it_is_stays_known_where_just_the_embedded_faces_do_not_count():
    large = {"width": 320.0, "height": 320.0, "y": 10.0}
    rows = [*track(0, 1, 0.0, 2.0), face(1, 4.0, identity(1), **large), *(face(1, 4.0 + t) for t in (0.25, 0.5, 0.75))]
    cast = select_cast(make_index(rows), CastOptions(max_area=0.2))
    assert who(cast) == [(0, 1)]
    assert cast.people[0].faces == 9 + 3
    assert all(box[2] < 320 for pick in cast.people[0].stills for box in pick.faces)


def test_nobody_with_an_embedding_counts_and_people_are_still_told_apart():
    rows = [face(t, 1.0 + t, identity(t), width=320.0, height=320.0) for t in (0, 1)]
    rows += [face(t, 1.25 + t) for t in (0, 1)]
    assert who(select_cast(make_index(rows), CastOptions(max_area=0.2))) == [(0,), (1,)]


def test_persons_with_few_faces_are_left_out_and_counted():
    rows = [*track(0, 1, 0.0, 2.0), *track(1, 2, 3.0, 3.5)]
    cast = select_cast(make_index(rows), CastOptions(min_faces=4))
    assert who(cast) == [(0,)]
    assert cast.dropped["few_faces"] == 1
    assert len(select_cast(make_index(rows), CastOptions(min_faces=3)).people) == 2


def test_other_reasons_are_counted_as_for_people():
    rows = [
        *track(0, 1, 0.0, 2.0),
        *track(1, 2, 3.0, 4.0),
        face(2, 5.0, identity(3)),
        face(3, 6.0, identity(4), **SMALL),
        face(4, 7.0, identity(5), score=0.61),
    ]
    cast = select_cast(make_index(rows), CastOptions(min_face=30, min_screen_time=0.5, max_people=1))
    assert who(cast) == [(0,)]
    counts = {name: cast.dropped[name] for name in ("small", "unconvincing", "brief", "beyond_max_people")}
    assert counts == {"small": 1, "unconvincing": 1, "brief": 1, "beyond_max_people": 1}


def test_nobody():
    cast = select_cast(make_index([]))
    assert (cast.people, cast.together, cast.fallbacks) == ((), (), ())
    assert select_cast(make_index(track(0, 1, 0.0, 1.0)), CastOptions(min_area=0.9)).people == ()


# The active picture

LETTERBOX = (0.125, 0.125, 0.0, 0.0)


def test_areas_are_shares_of_what_the_bars_leave():
    rows = track(0, 1, 0.0, 2.0)
    (member,) = select_cast(make_index(rows, bars=LETTERBOX)).people
    assert member.area == pytest.approx(60 * 80 / (0.75 * WHOLE), abs=1e-6)
    (person,) = select_people(make_index(rows, bars=LETTERBOX)).people
    assert person.area == pytest.approx(60 * 80 / WHOLE, abs=1e-6)
    (wide,) = select_cast(make_index(rows, bars=(0.0, 0.0, 0.1, 0.15))).people
    assert wide.area == pytest.approx(60 * 80 / (0.75 * WHOLE), abs=1e-6)


def test_a_face_beyond_the_border_of_the_picture_takes_only_what_is_inside():
    (member,) = select_cast(make_index(track(0, 1, 0.0, 2.0, x=-30.0))).people
    assert member.area == pytest.approx(30 * 80 / WHOLE, abs=1e-6)


@pytest.mark.parametrize(("y", "inside"), [(4.0, False), (10.0, True), (300.0, False), (270.0, True)])
def test_faces_in_the_bars_are_dropped_or_kept(y: float, inside: bool):
    index = make_index(track(0, 1, 0.0, 2.0, y=y), bars=LETTERBOX)  # active from 45 to 315; the centre is at y + 40
    assert bool(select_cast(index).people) == inside
    assert select_cast(index).dropped["faces_outside"] == (0 if inside else 9)
    assert len(select_cast(index, CastOptions(outside="keep")).people) == 1


def with_frames(index: Index, **columns: Sequence[Any]) -> Index:
    frames = index.frames
    for name, values in columns.items():
        field = FRAMES.field(name)
        frames = frames.set_column(FRAMES.get_field_index(name), field, pa.array(values, field.type))
    return replace(index, frames=frames)


def test_a_dark_moment_makes_no_bars():
    bars = [[0.0] * 4] * 4 + [[0.3, 0.3, 0.2, 0.2]] * 12
    index = with_frames(make_index(track(0, 1, 0.0, 3.75), duration=4.0), bars=bars)
    assert active_pictures(index)[0].tolist() == [[0.0, 0.0, 640.0, 360.0]]


def test_each_shot_has_its_own_bars_and_a_dark_one_those_of_the_film():
    scope, night = [0.125, 0.125, 0.0, 0.0], [0.3, 0.1, 0.3, 0.0]
    index = with_frames(
        make_index([], duration=12.0, cuts=(4.0, 8.0)),
        bars=[scope] * 16 + [night] * 16 + [scope] * 16,
        luma=[90.0] * 16 + [9.0] * 16 + [90.0] * 16,
    )
    assert active_pictures(index)[0].tolist() == [[0.0, 45.0, 640.0, 270.0]] * 3


def test_frames_in_a_dissolve_say_nothing_of_bars():
    wide, scope = [0.0] * 4, [0.125, 0.125, 0.0, 0.0]
    index = make_index([], duration=8.0, cuts=(4.0,))
    mixed = [wide if i < 18 else scope for i in range(32)]  # the first shot's picture is seen until 4.25
    shots = index.shots.set_column(3, index.shots.schema.field(3), pa.array([0.0, 3.5]))
    shots = shots.set_column(4, index.shots.schema.field(4), pa.array([0.0, 4.5]))
    index = with_frames(replace(index, shots=shots), bars=mixed)
    assert active_pictures(index)[0].tolist() == [[0.0, 0.0, 640.0, 360.0], [0.0, 45.0, 640.0, 270.0]]


def test_an_index_that_knows_no_bars_says_so():
    index = with_frames(make_index(track(0, 1, 0.0, 2.0)), bars=[None] * 40)
    cast = select_cast(index)
    assert [f.code for f in cast.fallbacks] == ["bars-unknown"]
    assert cast.people[0].area == pytest.approx(60 * 80 / WHOLE, abs=1e-6)


def test_bars_of_no_frames_and_of_none_that_is_lit():
    nothing = np.zeros((0, 4), np.float32)
    assert stable_bars(nothing, np.zeros(0, bool), np.zeros(0, np.intp)).shape == (0, 4)
    dark = np.full((2, 4), 0.2, np.float32)
    assert not shot_bars(dark, np.zeros(2, bool), np.array([0, 1]), 3).any()


# Boxes


def test_boxes_grow_on_each_side_and_times_and_areas_do_not():
    index = make_index(track(0, 1, 0.0, 2.0))
    (plain,), (grown,) = select_cast(index).people, select_cast(index, CastOptions(box_expansion=0.5)).people
    assert plain.still.box == (100.0, 80.0, 60.0, 80.0)
    assert grown.still.box == (70.0, 40.0, 120.0, 160.0)
    assert grown.still.faces == (grown.still.box,)
    assert all(pick.box == grown.still.box for pick in grown.runners_up)
    assert (grown.area, grown.total_area, grown.spans) == (plain.area, plain.total_area, plain.spans)


@given(
    box=st.tuples(st.floats(-50, 700), st.floats(-50, 400), st.floats(1, 300), st.floats(1, 300)),
    share=st.floats(0.001, 2),
)
def test_grown_boxes_stay_in_the_picture(box: tuple[float, float, float, float], share: float):
    x, y, w, h = expanded(box, share, (640.0, 360.0))
    assert min(x, y, w, h) >= 0
    if w and h:
        assert (x + w <= 640 + 1e-6, y + h <= 360 + 1e-6) == (True, True)
        assert (x <= max(0.0, box[0]), y <= max(0.0, box[1])) == (True, True)


def test_a_pick_names_all_faces_in_its_frame_the_largest_first():
    rows = [*track(0, 1, 0.0, 2.0), *track(1, 2, 0.0, 2.0, x=300.0, width=90.0, height=120.0)]
    for member in select_cast(make_index(rows)).people:
        assert [box[2] for box in member.still.faces] == [90.0, 60.0]


# Options of other questions


def test_options_of_people_hold_for_the_cast():
    given_options = CastOptions(max_people=1, per_person=2, runners_up=0)
    assert isinstance(given_options, PeopleOptions)
    (anna,) = select_cast(duo(), given_options).people
    assert (len(anna.stills), len(anna.runners_up)) == (2, 0)


def test_a_method_that_there_is_not():
    with pytest.raises(UsageError, match="k-means"):
        select_cast(duo(), CastOptions(cluster="k-means"))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["constrained", "chinese-whispers", "agglomerative"])
def test_methods_agree_where_it_is_plain(method: Any):
    assert who(select_cast(duo(), CastOptions(cluster=method))) == [(0, 2), (1, 3)]


def test_an_embedder_that_nobody_measured_is_said():
    index = replace(duo(), parameters={"embedder": "somebody's"})
    assert "similarity-unmeasured" in [f.code for f in select_cast(index).fallbacks]
    assert "similarity-unmeasured" in [f.code for f in select_people(index).fallbacks]
    assert select_cast(index, CastOptions(similarity=0.4)).fallbacks == ()


# Together


def somebody(number: int, spans: Sequence[tuple[float, float]]) -> Person:
    return replace(person(number, spans or [(0.0, 0.0)], []), spans=tuple(spans))


@st.composite
def stays(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Spans of one person, apart, in milliseconds; some touch those of others."""
    marks = sorted(draw(st.lists(st.integers(0, 60), max_size=8, unique=True)))
    return [(a / 8, b / 8) for a, b in zip(marks[::2], marks[1::2], strict=False)]


def overlap(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> float:
    return sum(max(0.0, min(b, d) - max(a, c)) for a, b in one for c, d in other)


@given(st.lists(stays(), max_size=5))
def test_time_together_is_that_of_the_spans(spans: list[list[tuple[float, float]]]):
    people = [somebody(i, s) for i, s in enumerate(spans, 1)]
    matrix = together(people)
    assert len(matrix) == len(people)
    for i, one in enumerate(people):
        assert matrix[i][i] == one.screen_time
        for j, other in enumerate(people):
            assert matrix[i][j] == matrix[j][i] <= min(one.screen_time, other.screen_time)
            assert matrix[i][j] == pytest.approx(overlap(one.spans, other.spans), abs=1e-6)


@st.composite
def casts(draw: st.DrawFn) -> tuple[list[dict[str, Any]], tuple[float, ...], list[float]]:
    """Rows of tracks in shots of a film whose frames come at odd moments, cuts and those moments."""
    times, now = [], 0.0
    for _ in range(draw(st.integers(4, 40))):
        times.append(round(now, 3))
        now += draw(st.sampled_from([0.04, 0.1, 0.25, 0.7]))
    cuts = tuple(sorted(draw(st.sets(st.sampled_from(times[1:]), max_size=3))))
    rows: list[dict[str, Any]] = []
    number = 0
    for a, b in zip((0.0, *cuts), (*cuts, now), strict=True):
        here = [t for t in times if a <= t < b]
        for who_is in sorted(draw(st.sets(st.integers(0, 3), max_size=3))):
            seen = here[draw(st.integers(0, len(here) - 1)) :]
            side = draw(st.sampled_from([30.0, 60.0, 120.0]))
            box = {"x": 20.0 + 150 * who_is, "width": side, "height": side}
            rows += [face(number, t, identity(who_is, noise=0.2, seed=number), **box) for t in seen]
            number += 1
    return rows, cuts, [*times, round(now, 3)]


@settings(max_examples=40)
@given(casts(), st.sampled_from([0.0, 0.01, 0.05]))
def test_what_holds_of_every_cast(film: tuple[list[dict[str, Any]], tuple[float, ...], list[float]], least: float):
    rows, cuts, times = film
    index = make_index(rows, duration=times[-1], cuts=cuts, analysed=times[:-1])
    cast = select_cast(index, CastOptions(min_area=least))
    assert sum(cast.dropped[n] for n in cast.dropped if n.startswith("faces_")) + sum(p.faces for p in cast.people) == (
        len(rows)
    )
    for place, member in enumerate(cast.people):
        assert 0 <= member.first_seen <= member.last_seen <= times[-1] + 1e-6
        assert member.screen_time == pytest.approx(sum(b - a for a, b in member.spans), abs=1e-6)
        assert 0 < member.longest <= member.screen_time + 1e-6
        assert 1 <= member.appearances <= len(cuts) + 1
        assert member.longest * member.appearances >= member.screen_time - 1e-5
        assert member.total_area <= member.screen_time + 1e-6
        assert cast.together[place][place] == member.screen_time
    again = select_cast(
        replace(index, faces=faces_table(list(reversed(rows))), frames=frames_table(times[:-1])),
        CastOptions(min_area=least),
    )
    assert again.together == cast.together
