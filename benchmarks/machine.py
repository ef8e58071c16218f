"""Where and when something was measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import psutil

from benchmarks.corpus import ROOT

PACKAGES = ("av", "numpy", "opencv-python-headless", "openvino")


def machine() -> str:
    """CPU, cores, memory, system, Python and the packages that matter, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 1e9
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        f"{processor()}, {cores} cores, {memory:.0f} GB; {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def processor() -> str:
    """The CPU's name; its family's where the system does not tell more."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    name = named.get("model name") or platform.processor() or platform.machine()
    detail = f" (family {named['cpu family']}, model {named['model']})" if "cpu family" in named else ""
    return name + detail


def commit() -> str:
    """The commit that is checked out, with ``+`` where files of ``src`` differ from it; ``unknown`` outside of git."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no", "--", "src") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def today() -> str:
    """The date, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def load_average() -> str:
    """Processes that ran or wanted to run over the last minute; ``unknown`` where the system does not tell."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
