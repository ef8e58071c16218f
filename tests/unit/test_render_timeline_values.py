from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stills.render.timeline_values import MAX_SAMPLES, timeline


def test_short_videos_keep_every_frame() -> None:
    got = timeline({"time": np.arange(4) / 25, "motion": np.array([0, 0.1, 0.25, 0.5]), "luma": np.array([1, 2, 3, 4])})
    assert got == {"step": 0.04, "motion": [0.0, 0.1, 0.25, 0.5], "luma": [1.0, 2.0, 3.0, 4.0]}


def test_a_cut_is_not_lost_and_brightness_is_averaged() -> None:
    times = np.arange(30_000) / 25
    change, luma = np.zeros(30_000, np.float32), np.tile(np.array([10, 30], np.float32), 15_000)
    change[12_345] = 0.9
    got = timeline({"time": times, "change": change, "luma": luma})
    assert len(got["change"]) == len(got["luma"]) == MAX_SAMPLES
    place = int(times[12_345] / got["step"])
    assert got["change"][place] == 0.9
    assert sum(v > 0 for v in got["change"]) == 1
    assert got["luma"] == [20.0] * MAX_SAMPLES


def test_gaps_are_null_and_signals_without_values_left_out() -> None:
    nothing = np.full(4, np.nan)
    got = timeline({"time": np.array([0, 1, 8, 9]), "sharpness": np.array([0.5, np.nan, 0.5, 1]), "motion": nothing})
    assert got == {"step": 2.5, "sharpness": [0.5, None, None, 0.75]}


@settings(deadline=None)
@given(st.lists(st.floats(0, 10_000), max_size=2000), st.randoms(use_true_random=False))
def test_any_times_give_json_of_bounded_size(times: list[float], random: object) -> None:
    times.sort()
    rows = np.linspace(0, 1, len(times))
    got = timeline({"time": np.array(times), "motion": rows, "sharpness": rows})
    json.dumps(got, allow_nan=False)
    assert len(got.get("motion", [])) <= min(MAX_SAMPLES, len(times))
    if times:
        assert len(got["motion"]) * got["step"] >= times[-1] - 1e-2
        assert max(v for v in got["motion"] if v is not None) == pytest.approx(rows.max(), abs=1e-3)
