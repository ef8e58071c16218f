"""A small process beside a Ray cluster of our own: should we be killed, it ends what Ray left, and removes its files.

Ray's processes notice for themselves that whoever started them is gone, but some of them only after a minute or two.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

_BOOT = (
    "import sys; said = sys.stdin.buffer.read(1)\n"  # waits, small, until we say that all is well, or are gone
    "if not said:\n"
    "    sys.path[:] = sys.argv[2:]\n"
    "    from stills.jobs.runner.ray_guard import clean\n"
    "    clean(sys.argv[1])\n"
)


class Guard:
    """The process, seen from ours."""

    def __init__(self, folder: Path) -> None:
        """Start it for the cluster whose files are in ``folder``. Raises ``OSError``."""
        paths = [entry for entry in sys.path if isinstance(entry, str)]
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _BOOT, str(folder), *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what is sent to our group, such as Ctrl-C, is not for it
        )

    def dismiss(self) -> None:
        """All was ended in order: it has nothing to do."""
        with suppress(OSError):
            self._process.communicate(b".")


def clean(folder: str) -> None:
    """Kill the processes that have ``folder`` in their command or files in it open, then remove it."""
    left = [process for process in psutil.process_iter() if _belongs(process, folder)]
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=10)
    shutil.rmtree(folder, ignore_errors=True)


def _belongs(process: psutil.Process, folder: str) -> bool:
    if process.pid == psutil.Process().pid:
        return False
    with suppress(psutil.Error, OSError):
        if any(folder in word for word in process.cmdline()):
            return True
        return any(file.path.startswith(folder) for file in process.open_files())
    return False
