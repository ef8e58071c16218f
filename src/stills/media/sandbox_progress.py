"""Progress of a task in the sandbox: one small value in memory that a worker and its parent share."""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from stills.errors import UsageError

_page: ProgressPage | None = None


def report(value: Any = None) -> None:
    """Tell the parent how far the running task is; also its heartbeat. Costs about a microsecond, never blocks.

    ``value`` is anything small that pickles, for example the last pts done. The parent sees the newest value ten times
    a second, and the very last one in ``TaskResult.last_progress``, even after a crash. Call it from one thread at a
    time; outside of a worker it does nothing. Raises ``UsageError`` where the pickle of ``value`` is larger than 4,000
    bytes.
    """
    if _page is not None:
        _page.write(value)


def report_to(page: ProgressPage) -> None:
    """Make :func:`report` write to ``page``: once, at the start of a worker."""
    global _page  # noqa: PLW0603 - one process, one page: tasks call report() without being handed anything
    _page = page


@dataclass(slots=True)
class Report:
    """What a progress page holds: ``count`` reports were made, ``value`` is the last."""

    count: int
    value: Any = None


class ProgressPage:
    """One value in shared memory: written without a system call, readable after its writer died in the middle.

    Two slots are written in turn and a counter is moved last, so the slot that it points to is always whole.
    """

    SIZE = 8192
    _SLOT = 4092
    _CHECK = struct.Struct("=II")  # length, CRC-32

    def __init__(self, fd: int, *, create: bool = False) -> None:
        """Map the file behind ``fd`` (which stays the caller's); ``create`` makes it large enough first."""
        if create:
            os.ftruncate(fd, self.SIZE)
        self._map = mmap.mmap(fd, self.SIZE)
        self._view = memoryview(self._map)
        self._counter = self._view[:8].cast("Q")
        self._slots = (self._view[8 : 8 + self._SLOT], self._view[8 + self._SLOT :])

    def write(self, value: Any) -> None:
        """Make ``value`` the current one. Raises ``UsageError`` where its pickle is larger than 4,084 bytes."""
        data = pickle.dumps(value, protocol=5)
        count = self._counter[0] + 1
        slot = self._slots[count & 1]
        end = 8 + len(data)
        if end > len(self._slots[1]):
            raise UsageError(f"a progress value has to be small, this one takes {len(data)} bytes")
        self._CHECK.pack_into(slot, 0, len(data), zlib.crc32(data))
        slot[8:end] = data
        self._counter[0] = count

    @property
    def count(self) -> int:
        """How many values were written so far."""
        return int(self._counter[0])

    def read(self) -> Report | None:
        """The current value, or None where its writer is faster than we can look (ask again later)."""
        for _ in range(8):
            count = self.count
            if not count:
                return Report(0)
            slot = self._slots[count & 1]
            length, check = self._CHECK.unpack_from(slot)
            data = bytes(slot[8 : 8 + min(length, self._SLOT)])
            if self.count != count or zlib.crc32(data) != check:
                continue
            return Report(count, pickle.loads(data))  # noqa: S301 - from our own process
        return None

    def close(self) -> None:
        """Unmap the page."""
        for view in (*self._slots, self._counter, self._view):
            view.release()
        with contextlib.suppress(BufferError):
            self._map.close()
