"""Videos under way at one time stay within --max-memory together; a large one waits its turn and gets it."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan_samples import film, packets
from stills.cancel import CancelToken
from stills.errors import CancelledError, MemoryLimitError, UsageError
from stills.media.sandbox_tasks import Limits
from stills.scan import sharing
from stills.scan.budget import MB, MODELS, SHARED, WORKER, WORKER_MB, Cost, cost_of, plan_memory
from stills.scan.sharing import Share, SharedWorkers, VideoMemory, share_workers
from stills.scan.workers import BorrowedWorkers
from stills.settings import Settings, change_settings, load_settings
from stills.types import VideoInfo

FULL_HD = film(packets(100, [0]), width=1920, height=1080, coded_width=1920, coded_height=1080)
SOON = 30.0


def sized(width: int, height: int, depth: int = 8) -> VideoInfo:
    path = f"{width}x{height}.mp4"
    return replace(
        FULL_HD, path=path, width=width, height=height, coded_width=width, coded_height=height, bit_depth=depth
    )


SMALL, MIDDLE, LARGE = sized(640, 360), sized(1920, 1080), sized(3840, 2160, 10)


def settings(most: int | None, workers: int = 2) -> Settings:
    return load_settings(env={}, options={"workers": workers, "max_memory": most})


class Full:
    """A cancel token for a video that does not want to wait."""

    def check(self) -> None:
        raise CancelledError("there is no room now")


def fits(memory: VideoMemory, video: VideoInfo) -> bool:
    try:
        memory.leave(memory.enter(video, cancel=Full()))
    except CancelledError:
        return False
    return True


def test_small_videos_go_side_by_side_and_a_large_one_waits() -> None:
    memory = VideoMemory(settings(1100), 2)
    small = [memory.enter(SMALL, cancel=Full()) for _ in range(3)]
    assert all(share.budget.workers == 2 for share in small)
    assert not fits(memory, LARGE)
    for share in small:
        memory.leave(share)
    assert memory.enter(LARGE, cancel=Full()).budget.workers >= 1
    assert not fits(memory, LARGE)


def waiting(memory: VideoMemory, video: VideoInfo, entered: list[Share], token: CancelToken) -> threading.Thread:
    """A thread that waits for memory for ``video``; it has its place in the queue when this returns."""
    queued = threading.Event()

    class Told:
        def check(self) -> None:
            queued.set()
            token.check()

    def enter() -> None:
        try:
            entered.append(memory.enter(video, cancel=Told()))
        except CancelledError:
            pass
        finally:
            queued.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert queued.wait(SOON)
    return thread


def test_who_comes_after_a_large_one_waits_behind_it() -> None:
    memory = VideoMemory(settings(1100), 2)
    first = [memory.enter(SMALL) for _ in range(3)]
    entered: list[Share] = []
    thread = waiting(memory, LARGE, entered, CancelToken())
    assert not entered
    assert not fits(memory, SMALL), "or a stream of small ones would keep the large one out for ever"
    for share in first:
        memory.leave(share)
    thread.join(SOON)
    assert len(entered) == 1
    memory.leave(entered[0])
    assert fits(memory, SMALL)


def test_waiting_ends_with_a_cancel_and_leaves_no_trace() -> None:
    memory = VideoMemory(settings(1100), 2)
    first = [memory.enter(SMALL) for _ in range(3)]
    token, entered = CancelToken(), list[Share]()
    thread = waiting(memory, LARGE, entered, token)
    token.cancel()
    thread.join(SOON)
    assert not thread.is_alive()
    assert not entered
    assert fits(memory, SMALL)
    assert len(first) == 3


def test_for_one_task_with_all_memory_the_others_have_to_end() -> None:
    memory = VideoMemory(settings(4000), 2)
    share = memory.enter(SMALL)
    with pytest.raises(CancelledError):
        memory.enter(SMALL, everything=True, cancel=Full())
    memory.leave(share)
    alone = memory.enter(SMALL, everything=True, cancel=Full())
    assert not fits(memory, SMALL)
    entered = list[Share]()
    thread = waiting(memory, SMALL, entered, CancelToken())
    memory.leave(alone)
    thread.join(SOON)
    assert len(entered) == 1


def test_leaving_twice_is_harmless() -> None:
    memory = VideoMemory(settings(1100), 2)
    share, other = memory.enter(SMALL), memory.enter(SMALL)
    memory.leave(share)
    memory.leave(share)
    memory.leave(other)
    assert memory.enter(LARGE, cancel=Full())


def worst(shares: list[Share], costs: list[Cost], workers: int) -> int:
    """Bytes of the worst that can be: every way to put ``workers`` to the videos, tried one after another."""
    most = 0
    for places in combinations_with_replacement(range(len(shares) + 1), workers):  # the last one stands for idle
        counts = [places.count(n) for n in range(len(shares))]
        if any(count > share.budget.workers for count, share in zip(counts, shares, strict=True)):
            continue
        frames = sum(
            count * (cost.decoder + share.budget.hold_bytes)
            for count, cost, share in zip(counts, costs, shares, strict=True)
        )
        most = max(most, frames)
    return most + sum(cost.pictures(s.budget.picture_bytes) for cost, s in zip(costs, shares, strict=True))


@given(
    st.lists(st.tuples(st.sampled_from([SMALL, MIDDLE, LARGE]), st.booleans()), max_size=12),
    st.integers(600, 6000),
    st.integers(1, 4),
)
def test_whatever_comes_and_goes_the_limit_holds(moves: list[tuple[VideoInfo, bool]], most: int, workers: int) -> None:
    asked = settings(most, workers)
    try:
        memory = VideoMemory(asked, workers)
    except MemoryLimitError:
        return
    at_rest = Cost(0, 0, 0, models=True).scanning(workers, 0) + sharing.REPORT
    inside: list[tuple[Share, Cost]] = []
    for video, leaves in moves:
        if leaves and inside:
            memory.leave(inside.pop(0)[0])
        try:
            share = memory.enter(video, cancel=Full())
        except (CancelledError, MemoryLimitError):
            continue
        inside.append((share, cost_of(video, asked, models=True)))
        assert at_rest + worst([s for s, _ in inside], [c for _, c in inside], workers) <= most * MB


@pytest.mark.parametrize("video", [SMALL, LARGE, sized(7680, 4320, 10)])
def test_the_figure_that_an_error_names_is_the_least_that_does(video: VideoInfo) -> None:
    least = VideoMemory(settings(20_000), 2)
    memory = VideoMemory(settings(640), 2)
    assert fits(least, video)
    if fits_at_all(memory, video):
        return
    with pytest.raises(MemoryLimitError, match="too little for this video") as caught:
        memory.enter(video)
    assert caught.value.path == video.path
    assert "fewer --workers" in str(caught.value)
    named = re.search(r"--max-memory (\d+)", str(caught.value))
    assert named is not None
    assert fits_at_all(VideoMemory(settings(int(named[1])), 2), video)
    assert not fits_at_all(VideoMemory(settings(int(named[1]) - 1), 2), video)


def fits_at_all(memory: VideoMemory, video: VideoInfo) -> bool:
    try:
        return fits(memory, video)
    except MemoryLimitError:
        return False


def test_too_little_for_the_workers_themselves() -> None:
    with pytest.raises(MemoryLimitError, match="too little for any video"):
        VideoMemory(settings(400, workers=8), 8)


def test_a_worker_may_have_what_the_others_leave() -> None:
    budget = share_workers(settings(2000), ("faces",))
    assert budget.workers == 2
    others = Cost(0, 0, 0, models=True).scanning(2, 0) + sharing.REPORT
    assert budget.worker_mb * (1 << 20) == pytest.approx(2000 * MB - others + WORKER + MODELS + SHARED)
    assert share_workers(settings(None), ("faces",)).worker_mb == WORKER_MB


class NoRunner:
    """Runs nothing; notes what it was asked."""

    workers = 2
    limits = Limits()

    def __init__(self) -> None:
        self.asked: list[int | None] = []
        self.closed = False

    def run(self, tasks: object, *, on_progress: object = None, cancel: object = None, at_once: int | None = None):
        self.asked.append(at_once)
        return iter(())

    def close(self) -> None:
        self.closed = True


def test_a_scanner_takes_a_share_for_its_video_and_gives_it_back() -> None:
    runner = NoRunner()
    shared = SharedWorkers(runner, settings(1100))
    assert shared.memory is not None
    mine, yours = BorrowedWorkers(shared), BorrowedWorkers(shared)
    budget = mine.fit(("faces",), LARGE)
    assert mine.picture_bytes(LARGE) == budget.picture_bytes, "the same share serves for its pictures"
    list(mine.tasks(()).run([]))
    assert runner.asked == [budget.workers]
    with pytest.raises(CancelledError):
        yours.fit(("faces",), LARGE, Full())
    mine.fit(("faces",), SMALL)
    mine.close()
    assert yours.fit(("faces",), LARGE, Full()).workers >= 1
    with pytest.raises(CancelledError), mine.alone(SMALL, (), Full()):
        pass
    yours.close()
    with mine.alone(SMALL, ()) as (tasks, alone):
        assert alone is not None
        assert tasks.workers == 1
        assert not fits(shared.memory, SMALL)
    assert fits(shared.memory, LARGE)
    assert not runner.closed, "whoever opened it closes it"


def test_without_a_limit_nobody_waits() -> None:
    runner = NoRunner()
    shared = SharedWorkers(runner, settings(None))
    many = [BorrowedWorkers(shared) for _ in range(5)]
    assert [one.fit(("faces",), LARGE, Full()) for one in many] == [plan_memory(settings(None), (), LARGE)] * 5
    list(many[0].tasks(()).run([]))
    with many[0].alone(LARGE, (), Full()) as (tasks, budget):
        assert budget is None
        list(tasks.run([]))
    assert runner.asked == [None, None]


def test_other_limits_are_refused_and_other_settings_are_not() -> None:
    shared = BorrowedWorkers(SharedWorkers(NoRunner(), settings(1100)))
    shared.configure(change_settings(settings(1100), quality=80))
    for other in (settings(1600), settings(1500, workers=1)):
        with pytest.raises(UsageError, match="shared"):
            shared.configure(other)
