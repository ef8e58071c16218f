"""Limits of time that hold on a busy machine, too."""

from __future__ import annotations

import time

_BURST_S = 0.2
_EACH = 2.0


def in_time(began: float, limit: float) -> bool:
    """Whether what began at ``began`` (``time.monotonic``) took no more than ``limit`` seconds.

    Where it took longer, a burst of work is timed: for each part that it takes longer than it would with a core for
    itself, twice that part is added to ``limit``, as several processes wait for each other.
    """
    took = time.monotonic() - began
    return took < limit or took < limit * (1 + _EACH * (_slowness() - 1))


def _slowness() -> float:
    wall, own = time.monotonic(), time.thread_time()
    while time.thread_time() - own < _BURST_S:
        pass
    return (time.monotonic() - wall) / _BURST_S
