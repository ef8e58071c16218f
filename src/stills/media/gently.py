"""Imported by the fork server of workers that are to give way: they get what time others leave.

A server that answers requests while it scans needs that: its threads would wait for a turn behind workers that are
never done.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICE = 5
"""Beside a process of usual priority on the same core, one gets a quarter of the time (Linux)."""


def give_way() -> None:
    """Lower the priority of this process, and so of all it starts, where the system lets it."""
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(NICE)
    # Desktop kernels share time among sessions first; the server has one of its own.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE), encoding="ascii")


give_way()
