"""Memory and CPU time of a command while it runs, once a second: what a long run shows, where a peak would not."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import psutil

EVERY_S = 1.0
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Sample:
    """The processes of a run at a moment, in MB: what the first has for itself (USS), what all have so, and PSS of all.

    PSS goes up and down with other processes of the machine that use the same libraries; what is a process's own does
    not.
    """

    at: float
    parent: float
    family: float
    shared: float


class Watch:
    """Looks at a process and its descendants once a second, from a thread of its own."""

    def __init__(self, process: psutil.Process, *, every_s: float = EVERY_S) -> None:
        """Begin to look."""
        self._every_s = every_s
        self._process = process
        self._stopped = threading.Event()
        self.kind = "PSS"
        """What :attr:`Sample.shared` is: ``RSS`` where the system does not tell the other."""
        self.samples: list[Sample] = [Sample(time.monotonic(), 0.0, 0.0, 0.0)]
        """All looks; the first shows nothing."""
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    @property
    def last(self) -> Sample:
        """The last look."""
        return self.samples[-1]

    def cpu(self) -> float:
        """CPU seconds of all until now, those included that have ended."""
        total = 0.0
        for process in self._family():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(self._every_s):
            sizes = [self._memory(process) for process in self._family()]
            if sizes and sizes[0][0] > 0:
                own, shared = (sum(size) for size in zip(*sizes, strict=True))
                self.samples.append(Sample(time.monotonic(), sizes[0][0], own, shared))

    def _memory(self, process: psutil.Process) -> tuple[float, float]:
        """What it has for itself, and with its share of what it has with others."""
        try:
            info = process.memory_full_info()
        except psutil.Error:
            return 0.0, 0.0
        if not hasattr(info, "pss"):
            self.kind = "RSS"
        return info.uss / _MEGABYTE, getattr(info, "pss", info.rss) / _MEGABYTE

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return []
