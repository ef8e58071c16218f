"""The parent's handle on the fork server: start it, tell it to fork and kill, read what it says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from stills.errors import WorkerError
from stills.media.sandbox_wire import CONTROL, close_log, open_log, read_log, socket_pair

_EXIT_S = 5.0  # an idle server sees end-of-file at once; this is for a machine that swaps
_BOOT = (
    "import sys; control, parent, preload = sys.argv[1:4]; sys.path[:] = sys.argv[4:]; "
    "from stills.media.sandbox_child import main; "
    "main(int(control), int(parent), preload.split(',') if preload else [])"
)


class ServerLostError(Exception):
    """The server process is gone."""


class Server:
    """One running fork server."""

    def __init__(self, preload: Sequence[str]) -> None:
        """Start it, without waiting for its imports. Raises ``WorkerError`` where no process can be started."""
        if not sys.executable:
            raise WorkerError("worker processes need to know the Python interpreter, and sys.executable is empty")
        self.ready = False
        self.started = time.monotonic()
        self._buffer = b""
        environment = dict(os.environ)
        # OpenBLAS starts its threads when NumPy is imported; a fork server must have none, and workers share the cores.
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
        # Arrow's own allocator reserves a gibibyte at once, which the hard limit on a worker's private memory counts.
        environment.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        if sys.platform == "darwin":
            environment.setdefault("OBJC_DISABLE_INITIALIZE_FORK_SAFETY", "YES")
        self._log = open_log()
        self._control, theirs = socket_pair()
        paths = [entry for entry in sys.path if isinstance(entry, str)]
        command = [sys.executable, "-c", _BOOT, str(theirs.fileno()), str(os.getpid()), ",".join(preload), *paths]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=environment,
            )
        except OSError as error:
            self._control.close()
            close_log(self._log)
            raise WorkerError(f"cannot start worker processes: {error}") from error
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._control.fileno()

    def is_late(self, patience: float | None) -> bool:
        """Whether it is still not ready after ``patience`` seconds (``None``: it never is)."""
        return patience is not None and not self.ready and time.monotonic() - self.started > patience

    def spawn(self, number: int, fds: Sequence[int]) -> None:
        """Ask for a worker with these descriptors. Raises :class:`ServerLostError`."""
        try:
            socket.send_fds(self._control, [CONTROL.pack(b"S", number, 0, 0)], list(fds))
        except OSError as error:
            raise ServerLostError from error

    def kill(self, number: int) -> None:
        """Ask to kill a worker and its group; only the server, who reaps it, can be sure whose process id it is."""
        with suppress(OSError):  # a dead server's workers are dead; the next read tells
            self._control.sendall(CONTROL.pack(b"K", number, 0, 0))

    def read(self) -> Iterator[tuple[bytes, int, int, int]]:
        """What it has to say: (what, worker, process id, exit status). Raises :class:`ServerLostError`."""
        try:
            data = self._control.recv(1 << 14)
        except OSError as error:
            raise ServerLostError from error
        if not data:
            raise ServerLostError
        self._buffer += data
        whole = len(self._buffer) // CONTROL.size * CONTROL.size
        records, self._buffer = self._buffer[:whole], self._buffer[whole:]
        return CONTROL.iter_unpack(records)

    def printed(self) -> str:
        """The end of what it printed: an import error, the last words of a crash."""
        return read_log(self._log)

    def close(self) -> str:
        """End it and all its workers, wait until they are gone, and say how it ended."""
        self._control.close()
        if not self.ready:
            self._process.kill()  # in the middle of its imports it would not notice; it has no workers yet
        try:
            code = self._process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        close_log(self._log)
        return signal_name(-code) if code < 0 else f"exit status {code}"


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11; the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
