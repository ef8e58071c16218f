"""Cutting a video into segments, and choosing the frames of a sparse scan, from made-up packets."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scan_samples import TICK, film, packets
from stills.media.packets import PacketIndex
from stills.scan.parameters import ScanParameters, scan_parameters
from stills.scan.plan import Segment, plan_segments


def plan(index: PacketIndex, seconds: float = 10.0, *, decode: str = "references", **changes: object) -> list[Segment]:
    parameters = ScanParameters(segment_seconds=seconds, decode=decode)  # type: ignore[arg-type]
    return plan_segments(film(index, **changes), index, parameters)


def check_tiling(segments: list[Segment], index: PacketIndex) -> None:
    """Every frame is in one segment, and every segment begins on a key frame."""
    assert [s.number for s in segments] == list(range(len(segments)))
    assert segments[0].start is None
    assert segments[-1].end is None
    assert all(a.end == b.start and a.end_time == b.start_time for a, b in pairwise(segments))
    keys = set(index.keyframe_pts.tolist())
    assert all(s.start in keys for s in segments[1:])
    assert segments[0].start_time == 0.0
    assert segments[-1].end_time == pytest.approx((index.end_pts - index.pts[0]) / 1000)
    assert all(s.start_time < s.end_time for s in segments)


@settings(max_examples=150)
@given(
    frames=st.integers(1, 3000),
    gaps=st.lists(st.integers(1, 400), min_size=1, max_size=60),
    seconds=st.floats(2, 40),
    start=st.integers(-5000, 5000),
)
def test_segments_tile_the_video_on_key_frames(frames: int, gaps: list[int], seconds: float, start: int):
    keys = [k for k in np.cumsum([0, *gaps]).tolist() if k < frames]
    index = packets(frames, keys, start=start)
    check_tiling(plan(index, seconds), index)


@pytest.mark.parametrize("seconds", [10.0, 30.0])
def test_segments_are_about_as_long_as_asked(seconds: float):
    index = packets(25 * 240, list(range(0, 25 * 240, 50)))
    lengths = [s.end_time - s.start_time for s in plan(index, seconds)]
    assert 0.7 * seconds <= min(lengths)
    assert max(lengths) <= 1.8 * seconds


def test_a_border_is_put_on_a_cut_where_the_encoder_shows_one():
    index = packets(1000, [*range(0, 233, 50), *range(233, 1000, 50)])  # it counts anew from the cut at 9.32 s
    assert plan(index)[0].end == 233 * TICK


@pytest.mark.parametrize("container", ["mpegts", "avi", "flv", "ogg"])
def test_containers_that_cannot_be_entered_in_the_middle_are_one_segment(container: str):
    index = packets(2000, list(range(0, 2000, 25)))
    (segment,) = plan(index, container=container)
    assert (segment.start, segment.end) == (None, None)


def test_a_short_video_is_one_segment():
    assert len(plan(packets(350, list(range(0, 350, 25))), 10.0)) == 1


def test_a_video_with_one_key_frame_is_one_segment():
    assert len(plan(packets(3000, [0]))) == 1


def test_plans_are_the_same_every_time():
    index = packets(5000, list(range(0, 5000, 37)), large=list(range(20, 5000, 111)))
    assert plan(index, decode="sparse") == plan(index, decode="sparse")


def test_a_full_scan_wants_all_frames():
    assert all(s.wanted is None and s.cuts == () for s in plan(packets(2000, list(range(0, 2000, 50)))))


def cost(index: PacketIndex, wanted: tuple[int, ...]) -> int:
    """Frames that have to be decoded for ``wanted``, key frames apart."""
    last: dict[int, int] = {}
    for pts in wanted:
        group = index.gop_start(pts)
        last[group] = max(last.get(group, 0), pts)
    return sum((pts - group) // TICK for group, pts in last.items())


@settings(max_examples=100, deadline=None)
@given(
    frames=st.integers(30, 1500),
    gop=st.integers(1, 300),
    large=st.lists(st.integers(0, 1499), max_size=60),
    budget=st.floats(0.05, 0.5),
)
def test_a_sparse_plan_stays_inside_its_budget(frames: int, gop: int, large: list[int], budget: float):
    index = packets(frames, list(range(0, frames, gop)), large=[p for p in large if p < frames and p % gop])
    parameters = ScanParameters(decode="sparse", segment_seconds=10, sparse_budget=(budget, budget))
    segments = plan_segments(film(index), index, parameters)
    wanted: list[int] = []
    for segment in segments:
        assert segment.wanted
        start = index.pts[0] if segment.start is None else segment.start
        end = np.inf if segment.end is None else segment.end
        assert all(start <= p < end for p in (*segment.wanted, *segment.cuts))
        wanted += segment.wanted
    assert wanted == sorted(set(wanted))
    assert set(wanted) <= set(index.presentation_pts.tolist())
    assert cost(index, tuple(wanted)) <= budget * frames


def test_a_sparse_plan_takes_key_frames_and_looks_behind_suspected_cuts():
    index = packets(500, [0, 100, 200, 300, 400], large=[110, 215])
    (segment,) = plan(index, 30, decode="sparse")
    assert segment.wanted is not None
    assert {k * TICK for k in (0, 100, 200, 300, 400)} <= set(segment.wanted)
    behind = [p // TICK for p in segment.wanted if p // TICK % 100]
    assert len(behind) == 2
    assert 110 <= behind[0] <= 115
    assert 215 <= behind[1] <= 220
    assert set(segment.cuts) == {110 * TICK, 215 * TICK}


def test_suspects_deep_in_a_group_cost_too_much():
    index = packets(1000, [0, 500], large=[490, 510])
    (segment,) = plan(index, 60, decode="sparse")
    assert segment.wanted is not None
    assert not any(480 * TICK <= p < 500 * TICK for p in segment.wanted)
    assert any(p > 500 * TICK for p in segment.wanted)


def test_all_intra_video_is_not_taken_whole():
    index = packets(500, list(range(500)))
    (segment,) = plan(index, 30, decode="sparse")
    assert segment.wanted is not None
    assert 20 <= len(segment.wanted) <= 60


@pytest.mark.parametrize("effort", ["fast", "balanced", "exhaustive"])
def test_efforts_differ_in_what_they_look_at_and_keep_the_rest(effort: str):
    made = scan_parameters(effort, segment_seconds=7, precision="f32", device="cuda")  # type: ignore[arg-type]
    assert (made.effort, made.segment_seconds, made.precision, made.device) == (effort, 7, "f32", "cuda")
    assert made.decode == {"fast": "sparse", "balanced": "references", "exhaustive": "all"}[effort]
    assert made.to_json()["decode"] == made.decode
