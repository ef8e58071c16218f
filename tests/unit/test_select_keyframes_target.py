"""Key frames by number: exactly as many as asked for, and fewer are always a part of more."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyframe_samples import film, keyframes_index, noisy, scene
from stills.select.keyframes import KeyframesOptions, select_keyframes

PANS = keyframes_index(
    [noisy(scene(i // 40, shift=0.02 * (i % 40)), 1.0, i) for i in range(240)],
    per_second=8,
    cuts=[40, 80, 120, 160, 200],
)
"""Six shots of five seconds, in each of which the camera moves all the time."""


def ranked(selection):
    return [p.pts for p in sorted(selection.frames, key=lambda p: p.rank)]


@pytest.mark.slow
def test_every_target_is_met_exactly_and_nested():
    whole = select_keyframes(PANS, KeyframesOptions(target=200))
    assert whole.distinct >= 200
    order = ranked(whole)
    assert len(set(order)) == 200
    for n in range(1, 200):
        selection = select_keyframes(PANS, KeyframesOptions(target=n))
        assert ranked(selection) == order[:n]
        assert [p.time for p in selection.frames] == sorted(p.time for p in selection.frames)


def test_shots_come_before_second_frames_of_shots():
    selection = select_keyframes(PANS, KeyframesOptions(target=6))
    assert [int(p.time // 5) for p in selection.frames] == [0, 1, 2, 3, 4, 5]
    assert 0.0 <= selection.similarity < 0.95


def test_what_was_shown_before_comes_last():
    index = film([(1, 40), (2, 40), (3, 200), (1, 40), (4, 20), (2, 40)])
    order = ranked(select_keyframes(index, KeyframesOptions(target=6, window=5.0)))
    starts = [0, 4, 8, 28, 32, 34]
    shots = [int(np.searchsorted(starts, pts / 1000, side="right")) - 1 for pts in order]
    assert set(shots[:4]) in ({0, 1, 2, 4}, {0, 5, 2, 4}, {3, 1, 2, 4}, {3, 5, 2, 4})


def test_a_static_video_has_one_frame_whatever_the_target():
    index = keyframes_index([noisy(scene(7), 8.0, i) for i in range(400)])
    selection = select_keyframes(index, KeyframesOptions(target=50))
    assert len(selection.frames) == selection.distinct == 1
    assert [f.code for f in selection.fallbacks] == ["fewer-frames"]
    assert "1 of 50" in selection.fallbacks[0].message


def test_other_options_may_allow_fewer_and_that_is_said():
    selection = select_keyframes(PANS, KeyframesOptions(target=20, per_shot=1))
    assert len(selection.frames) == 6
    assert "other options" in selection.fallbacks[0].message
    selection = select_keyframes(PANS, KeyframesOptions(target=200, min_gap=2.0))
    assert 10 <= len(selection.frames) <= 15


def test_good_frames_come_before_bad_ones_of_the_same_shot():
    sharp = [0.2] * 240
    sharp[20::40] = [0.9] * 6
    index = keyframes_index(
        [noisy(scene(i // 40), 1.0, i) for i in range(240)],
        per_second=8,
        cuts=[40, 80, 120, 160, 200],
        columns={"sharpness": sharp},
    )
    assert [p.time for p in select_keyframes(index, KeyframesOptions(target=6)).frames] == [
        2.5 + 5 * i for i in range(6)
    ]


shots = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 12), st.sampled_from([0.0, 0.01, 0.05])), min_size=1, max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shots=shots,
    first=st.integers(1, 30),
    more=st.integers(0, 30),
    bounds=st.tuples(st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([None, 1, 3])),
    seed=st.integers(0, 99),
)
def test_nested_exact_repeatable_and_within_bounds(shots, first, more, bounds, seed):
    gap, per_shot = bounds
    rng = np.random.default_rng(seed)
    pictures, cuts = [], []
    for number, frames, speed in shots:
        cuts += [len(pictures)] * bool(pictures)
        pictures += [noisy(scene(number, shift=speed * i), 1.0, seed + i) for i in range(frames)]
    sharp = rng.uniform(0, 1, len(pictures)).tolist()
    index = keyframes_index(pictures, per_second=5, cuts=cuts, columns={"sharpness": sharp})
    few, many, again = (
        select_keyframes(index, KeyframesOptions(target=n, min_gap=gap, per_shot=per_shot))
        for n in (first, first + more, first)
    )
    assert few == again
    assert ranked(many)[: len(few.frames)] == ranked(few)
    if gap == 0.0 and per_shot is None:
        assert len(few.frames) == min(first, few.distinct)
    for selection in (many, select_keyframes(index, KeyframesOptions(min_gap=gap, per_shot=per_shot))):
        at = [p.time for p in selection.frames]
        assert all(b - a >= gap for a, b in pairwise(at))
        assert len(set(at)) == len(at) >= 1
        number = np.searchsorted([s.start for s in selection.shots], np.array(at) + 1e-6, side="right")
        assert np.bincount(number).max() <= (per_shot or len(at))
        assert all(0.0 <= v <= 1.0 for p in selection.frames for v in p.reasons.values())


@pytest.mark.parametrize("target", [1, 7])
def test_a_target_counts_what_it_left_out(target):
    selection = select_keyframes(PANS, KeyframesOptions(target=target))
    assert selection.dropped["beyond_target"] == selection.distinct - target
