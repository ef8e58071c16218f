"""What fits into --max-memory: never more than allowed, buffers before workers, and a figure that would do."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan_samples import film, packets
from stills.errors import MemoryLimitError
from stills.scan.budget import MB, WORKER_MB, plan_memory
from stills.scan.pool import pool_limits
from stills.settings import Settings, load_settings
from stills.types import Layer, VideoInfo

FULL_HD = film(packets(100, [0]), width=1920, height=1080, coded_width=1920, coded_height=1080)
SIGNALS: frozenset[Layer] = frozenset({"signals"})
FACES: frozenset[Layer] = frozenset({"signals", "faces"})


def settings(**options: object) -> Settings:
    return load_settings(env={}, options={"workers": 8, **options})


def sized(width: int, height: int, depth: int = 8) -> VideoInfo:
    return replace(FULL_HD, width=width, height=height, coded_width=width, coded_height=height, bit_depth=depth)


def test_without_a_limit_nothing_is_cut() -> None:
    budget = plan_memory(settings(buffer_size=96), FACES, FULL_HD)
    assert (budget.workers, budget.worker_mb) == (8, WORKER_MB)
    assert (budget.hold_bytes, budget.picture_bytes) == (48 * MB, 48 * MB)
    assert pool_limits(settings(), budget).total_mb is None


def test_buffers_go_before_workers_and_workers_before_the_video() -> None:
    large, some, small = (plan_memory(settings(max_memory=m), SIGNALS, FULL_HD) for m in (4000, 700, 300))
    assert large.workers == 8
    assert large.picture_bytes == 96 * MB
    assert 1 < some.workers < 8
    assert some.picture_bytes < 96 * MB
    assert small.workers == 1
    assert small.picture_bytes < some.picture_bytes


@pytest.mark.parametrize("layers", [SIGNALS, FACES])
@pytest.mark.parametrize("video", [FULL_HD, sized(7680, 4320, 10), None])
def test_the_figure_that_an_error_names_is_the_least_that_does(layers: frozenset[Layer], video: VideoInfo) -> None:
    with pytest.raises(MemoryLimitError, match="too little") as caught:
        plan_memory(settings(max_memory=128), layers, video)
    named = re.search(r"--max-memory (\d+)", str(caught.value))
    assert named is not None
    least = int(named[1])
    assert plan_memory(settings(max_memory=least), layers, video).workers == 1
    with pytest.raises(MemoryLimitError):
        plan_memory(settings(max_memory=least - 1), layers, video)


def test_threads_are_named_where_they_are_what_is_too_much() -> None:
    with pytest.raises(MemoryLimitError, match="--threads 1"):
        plan_memory(settings(max_memory=300, threads=16), SIGNALS, FULL_HD)
    with pytest.raises(MemoryLimitError) as caught:
        plan_memory(settings(max_memory=128), SIGNALS, FULL_HD)
    assert "threads" not in str(caught.value)


@given(
    most=st.integers(128, 20_000),
    width=st.integers(1, 8192),
    height=st.integers(1, 8192),
    buffer=st.integers(1, 4096),
    models=st.booleans(),
)
def test_shares_never_add_up_to_more_than_there_is(
    most: int, width: int, height: int, buffer: int, models: bool
) -> None:
    asked = settings(max_memory=most, buffer_size=buffer)
    try:
        budget = plan_memory(asked, FACES if models else SIGNALS, sized(width, height))
    except MemoryLimitError:
        return
    assert 1 <= budget.workers <= 8
    assert max(budget.workers * budget.hold_bytes, 2 * budget.picture_bytes) < most * MB  # not at one time
    assert budget.hold_bytes <= buffer * MB // 2
    assert budget.picture_bytes <= buffer * MB
    limits = pool_limits(asked, budget)
    assert limits.total_mb == pytest.approx(most * MB / (1 << 20))
    assert limits.memory_mb == budget.worker_mb > 0


def test_more_memory_never_gives_less() -> None:
    before = 0
    for most in range(300, 4000, 50):
        workers = plan_memory(settings(max_memory=most), SIGNALS, FULL_HD).workers
        assert workers >= before
        before = workers
