"""When somebody is on screen: real time from the frames that were looked at."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stills.select.spans import Clock, total, track_span, union

TIMES = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])


def clock(analysed=TIMES, borders=(0.0, 4.0)) -> Clock:
    borders = np.array(borders, float)
    return Clock(np.array(analysed, float), borders[:-1], borders[1:])


def span(times, **made) -> tuple[float, float]:
    return track_span(clock(**made), np.array(times, float))


def test_a_face_was_there_half_way_to_the_frames_without_it():
    assert span([1.0, 1.5]) == (0.75, 1.75)
    assert span([2.0]) == (1.75, 2.25)


def test_it_fills_its_shot_where_nothing_says_otherwise():
    assert span([0.0, 0.5]) == (0.0, 0.75)
    assert span([3.0, 3.5]) == (2.75, 4.0)
    assert span([1.0, 1.5], borders=(0.0, 0.8, 1.7, 4.0)) == (0.8, 1.7)


def test_frames_of_other_shots_say_nothing():
    assert span([2.0], borders=(0.0, 1.9, 2.4, 4.0)) == (1.9, 2.4)
    assert span([2.0], borders=(0.0, 2.0, 4.0)) == (2.0, 2.25)


def test_gaps_inside_a_track_are_bridged():
    assert span([0.5, 2.5]) == (0.25, 2.75)


def test_variable_frame_rate_is_no_matter():
    assert span([1.0, 3.0], analysed=[0.0, 0.9, 1.0, 3.0, 3.9]) == (0.95, 3.45)


def test_touching_and_overlapping_spans_become_one():
    assert union([(4, 5), (0, 1), (1, 2), (1.5, 3)]) == [(0, 3), (4, 5)]
    assert union([]) == []


def test_a_span_inside_another_shortens_nothing():
    assert union([(0, 5), (1, 2)]) == [(0, 5)]


spans = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)).map(lambda p: (p[0] / 8, (p[0] + p[1]) / 8)))


@given(spans)
def test_a_union_covers_what_its_parts_cover_once(parts):
    merged = union(parts)
    assert all(a[1] < b[0] for a, b in pairwise(merged))
    moments = np.arange(0, 16, 1 / 16) + 1 / 32

    def inside(s):
        return np.array([any(a <= t <= b for a, b in s) for t in moments])

    assert (inside(merged) == inside(parts)).all()
    assert total(merged) == pytest.approx(inside(parts).sum() / 16)


@given(st.data())
def test_spans_lie_in_their_shots_and_do_not_overlap_those_of_others(data):
    gaps = data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=40))
    analysed = np.cumsum(gaps) / 10.0
    duration = float(analysed[-1]) + 0.3
    cuts = sorted(data.draw(st.sets(st.floats(0.05, duration - 0.05), max_size=5)))
    borders = [0.0, *cuts, duration]
    made = clock(analysed, borders)
    found = []
    for start, end in pairwise(borders):
        inside = analysed[(analysed >= start) & (analysed < end)]
        # One face leaves and another comes: neighbours in time, two tracks.
        for part in np.array_split(inside, 2):
            if len(part):
                a, b = track_span(made, part)
                found.append((a, b))
                assert start - 1e-6 <= a <= part[0]
                assert part[-1] <= b <= end + 1e-6
    assert all(a[1] <= b[0] + 2e-6 for a, b in pairwise(found))
    assert total(union(found)) <= duration + 1e-6
