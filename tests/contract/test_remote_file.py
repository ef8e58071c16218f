"""A remote file is a file: whatever is sought and read, and however badly the network behaves, the bytes are those."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stills.errors import DownloadInterruptedError
from stills.media import remote
from stills.media.extents import Extents
from stills.media.remote import RemoteFile, RemoteObject
from stills.media.transports import Facts

DATA = random.Random(5).randbytes(300_000)

steps = st.lists(
    st.tuples(
        st.integers(-320_000, 320_000), st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END]), st.integers(0, 90_000)
    ),
    max_size=30,
)


class Flaky:
    """Ranges of ``data`` that come in parts, and fail as ``luck`` has it."""

    def __init__(self, data: bytes, luck: random.Random, failing: float = 0.0) -> None:
        self.data, self._luck, self._failing = data, luck, failing

    def facts(self, head: int) -> Facts:
        return Facts(len(self.data), "1", self.data[:head])

    def read(self, start: int, stop: int, version: str) -> bytes:
        assert 0 <= start < stop <= len(self.data)
        if self._luck.random() < self._failing:
            raise DownloadInterruptedError("the connection failed")
        part = self.data[start:stop]
        return part[: self._luck.randint(1, len(part))]


def opened(data: bytes = DATA, *, seed: int = 0, failing: float = 0.0, cache: int = 1 << 20) -> RemoteFile:
    ranges = Flaky(data, random.Random(seed), failing)
    found = RemoteObject("memory://x", ranges, cache_bytes=cache, pause=lambda _: None, patience=1e9)
    found.refresh()
    return RemoteFile(found)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 1000), st.sampled_from([0.0, 0.4]), st.sampled_from([1 << 12, 1 << 20]))
def test_it_reads_like_the_bytes(moves: list[tuple[int, int, int]], seed: int, failing: float, cache: int) -> None:
    file = opened(seed=seed, failing=failing, cache=cache)
    place = 0
    for offset, whence, size in moves:
        target = offset + {os.SEEK_SET: 0, os.SEEK_CUR: place, os.SEEK_END: len(DATA)}[whence]
        if target < 0:
            with pytest.raises(ValueError, match="before the start"):
                file.seek(offset, whence)
        else:
            assert file.seek(offset, whence) == target
            place = target
        assert file.read(size) == DATA[place : place + size]
        place = file.tell()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 299_999), st.integers(1, 20_000)), max_size=12), steps)
def test_with_a_plan_samples_outside_of_it_are_zeros(
    planned: list[tuple[int, int]], moves: list[tuple[int, int, int]]
) -> None:
    head = len(DATA).to_bytes(4, "big") + b"mdat"
    data = head + DATA[8:]
    file = opened(data)
    file.only([(start, min(start + size, len(data))) for start, size in planned])
    wanted = bytearray(len(data))
    wanted[: 1 << 16] = data[: 1 << 16]  # is in memory since the first request, as it is
    wanted[:8] = head
    for start, size in planned:
        wanted[start : start + size] = data[start : start + size]
    for offset, _, size in moves:
        place = min(abs(offset), len(data))
        file.seek(place)
        got = file.read(size)
        assert len(got) == min(size, len(data) - place)
        known = [place + at for at, byte in enumerate(got) if byte != wanted[place + at]]
        assert all(at < 1 << 16 and got[at - place] == 0 for at in known)


def test_memory_is_bounded_and_a_second_read_costs_nothing() -> None:
    file = opened(cache=100_000)
    while file.read(10_000):
        pass
    assert file.remote.held <= 100_000 + remote.MOST_BYTES
    asked = file.remote.count.requests
    file.seek(0)
    file.read(1000)
    assert file.remote.count.requests == asked


def test_what_is_read_in_order_is_fetched_in_growing_parts_and_jumps_in_small_ones() -> None:
    data = random.Random(1).randbytes(12 << 20)

    class Counting(Flaky):
        sizes: list[int]

        def read(self, start: int, stop: int, version: str) -> bytes:
            self.sizes.append(stop - start)
            return self.data[start:stop]

    ranges = Counting(data, random.Random(0))
    ranges.sizes = []
    found = RemoteObject("memory://x", ranges)
    file = RemoteFile(found)
    while file.read(1 << 15):
        pass
    assert max(ranges.sizes) == remote.MOST_BYTES
    assert len(ranges.sizes) < 16
    ranges.sizes.clear()
    jumping = RemoteFile(RemoteObject("memory://x", ranges))
    for place in range(1 << 20, 11 << 20, 1 << 20):
        jumping.seek(place)
        jumping.read(100)
    assert max(ranges.sizes) == remote.LEAST_BYTES


def test_after_a_failure_it_is_at_its_end_and_the_failure_is_known() -> None:
    found = RemoteObject("memory://x", Flaky(DATA, random.Random(0), 1.0), pause=lambda _: None, patience=0.0)
    file = RemoteFile(found)
    file.seek(200_000)
    with pytest.raises(DownloadInterruptedError):
        file.read(10)
    assert isinstance(file.failure, DownloadInterruptedError)
    assert file.read(10) == b""


def test_extents_forget_what_was_not_used_longest_but_keep_headers() -> None:
    extents = Extents(30, 30)
    extents.add(0, b"a" * 10, keep=True)
    for start in (10, 20, 30):
        extents.add(start, bytes([start]) * 10)
    assert extents.find(15) == (10, b"\n" * 10)  # used, so the next one goes
    extents.add(40, b"e" * 10)
    assert extents.find(25) is None
    assert extents.find(9) == (0, b"a" * 10)
    assert extents.next_start(10) == 30
    assert extents.held == 40
