"""Where a process is, whether another one still lives, and a clock that no change of a machine's time can move."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil


@dataclass(frozen=True, slots=True)
class Place:
    """A process, so that others can tell whether it is still there."""

    host: str
    """The machine's name, for people."""
    machine: str
    """One boot of one machine, and there one space of process numbers: containers have their own."""
    pid: int
    started: str
    """When the process started: a number that is used again is not taken for it."""


def this_place() -> Place:
    """The process that asks."""
    pid = os.getpid()
    return Place(platform.node() or "unknown", _machine(), pid, _started(pid) or "")


def lives(place: Place) -> bool | None:
    """Whether the process is still there; ``None`` where that cannot be known from here."""
    if place.machine != _machine():
        return None
    return _started(place.pid) == place.started


class Clock(Protocol):
    """What a machine knows of time."""

    def wall(self) -> float:
        """Unix seconds: what people call the time. May jump."""

    def steady(self) -> float:
        """Seconds that never jump; the same in all processes of one machine, from one boot to the next."""

    def machine(self) -> str:
        """What :meth:`steady` belongs to."""


class SystemClock:
    """The clocks of this machine."""

    def wall(self) -> float:
        """``time.time``."""
        return time.time()

    def steady(self) -> float:
        """``time.monotonic``: on Linux and macOS one clock for all processes. It sleeps with a laptop, as work does."""
        return time.monotonic()

    def machine(self) -> str:
        """This boot, and this container where it has a clock of its own."""
        return _machine()


@functools.cache
def _machine() -> str:
    return ":".join([_boot(), _namespace("pid"), _namespace("time")])


def _boot() -> str:
    if platform.system() == "Linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return f"{uuid.getnode():x}-{psutil.boot_time():.0f}"


def _namespace(kind: str) -> str:
    try:
        return str(os.stat(f"/proc/self/ns/{kind}").st_ino)
    except OSError:  # not Linux, or one without this kind
        return ""


def _started(pid: int) -> str | None:
    """When process ``pid`` started; ``None`` where there is none, or only what is left of an ended one."""
    try:
        if platform.system() == "Linux":
            # psutil adds the time of the boot, which moves with the machine's clock; the kernel's own number does not.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            return None if fields[0] in {"Z", "X"} else fields[19]
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except (OSError, psutil.Error, IndexError):
        return None
