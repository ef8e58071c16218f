"""Memory of all processes together: ours, the fork server and its workers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psutil

from stills.errors import MemoryLimitError

if TYPE_CHECKING:
    from stills.media.sandbox_worker import Worker

_LOOK_S = 0.3  # reading it takes the kernel a millisecond or more for each process
_MB = 1 << 20


class TotalWatch:
    """Looks at the sum now and then, and says which worker has to go where it is too much."""

    def __init__(self, total_mb: float | None) -> None:
        """``total_mb`` is in MiB; ``None`` for no limit."""
        self._most = total_mb
        self._next = 0.0

    def culprit(self, server_pid: int, workers: Iterable[Worker]) -> Worker | None:
        """The busy worker with the most memory, with its sentence, where all together have too much."""
        if self._most is None or time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + _LOOK_S
        sizes = {worker: memory_of(worker.pid) for worker in workers}
        total = memory_of(os.getpid()) + memory_of(server_pid) + sum(sizes.values())
        guilty = [w for w in sizes if w.state == "busy" and w.sentence is None and w.task is not None]
        if total <= self._most * _MB or not guilty:
            return None
        worst = max(guilty, key=sizes.__getitem__)
        worst.sentence = MemoryLimitError(
            f"all processes together needed more than {self._most * _MB / 1e6:.0f} MB of memory",
            path=worst.task.path if worst.task is not None else None,
            remedy="allow more with --max-memory, or use a smaller --buffer-size",
        )
        return worst


def memory_of(pid: int | None) -> int:
    """Memory of a process in bytes, shared pages in equal parts (elsewhere than on Linux: those it has for itself)."""
    if pid is None:
        return 0
    try:
        info = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return 0  # gone, or not ours to look at
    return int(getattr(info, "pss", 0) or info.uss)
