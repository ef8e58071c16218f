"""Processes that run ``python -m stills`` without importing all anew: half of what a call on a small film takes.

One process has imported what commands use and does nothing but fork. What comes of it is a process like any other, with
its own environment, folder, standard streams, signals and end; only what an interpreter does before our first line is
not done again. Whoever tests just that (imports, options of the interpreter, limits set beforehand) starts a real one.
"""

from __future__ import annotations

import array
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

LIBRARIES = (
    "numpy", "cv2", "av", "pandas", "pyarrow.compute", "pyarrow.parquet", "PIL.Image", "jinja2", "sqlalchemy.orm",
    "alembic.command", "rich.progress", "rich.table", "scipy.optimize",
)  # fmt: skip
PACKAGES = ("api", "cli", "index", "jobs", "media", "render", "scan", "select", "vision")
"""Of stills; ``models`` is left out: its runtimes may start threads, which do not survive a fork."""

_INTERPRETERS_OWN = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OPENBLAS", "OMP_")
"""Beginnings of variables that count when an interpreter or a library starts."""


class WarmStart:
    """Starts commands by forking; made at the first call."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._control, self._lock = ours, threading.Lock()
        self._environment = dict(os.environ)
        # It makes itself nobody's child: tests look at ours. It ends when we do, as nobody is left who could call.
        subprocess.run(
            [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            start_new_session=True, check=True,
        )  # fmt: skip
        theirs.close()

    def suits(self, env: Mapping[str, str]) -> bool:
        """Whether a process with ``env`` can be had by forking."""
        names = {name for name in {*env, *self._environment} if name.startswith(_INTERPRETERS_OWN)}
        return all(env.get(name) == self._environment.get(name) for name in names - {"PYTHONPATH"})

    def run(
        self, arguments: Sequence[str], *, cwd: Path | None, env: Mapping[str, str], out: IO[bytes], err: IO[bytes],
        timeout: float,
    ) -> int:  # fmt: skip
        """Run ``python -m stills`` with ``arguments`` to its end; returns what ``subprocess`` would as its code."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._lock:
                fds = array.array("i", [theirs.fileno(), out.fileno(), err.fileno()])
                self._control.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            order = pickle.dumps((list(arguments), str(cwd or Path.cwd()), dict(env)))
            ours.sendall(struct.pack("!I", len(order)) + order)
            (process,) = struct.unpack("!i", _exactly(ours, 4))
            ours.settimeout(timeout)
            try:
                (status,) = struct.unpack("!i", _exactly(ours, 4))
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise
            return os.waitstatus_to_exitcode(status)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError("the process that forks is gone")
        data += more
    return data


def _serve(control: socket.socket) -> None:
    """Fork for each call, until nobody can call any more. Returns in the processes that are to run a command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need nobody to wait for them
    while True:
        said, ancillary, *_ = control.recvmsg(1, socket.CMSG_SPACE(3 * 4))
        if not said:
            os._exit(0)
        fds = array.array("i")
        fds.frombytes(ancillary[0][2])
        if os.fork() == 0:
            control.close()
            _keep(*fds)
            return
        for fd in fds:
            os.close(fd)


def _keep(conversation: int, out: int, err: int) -> None:
    """Be the parent of one command, which is to be the only one that returns from here."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=conversation) as connection:
        (size,) = struct.unpack("!I", _exactly(connection, 4))
        arguments, folder, env = pickle.loads(_exactly(connection, size))
        process = os.fork()
        if process:
            os.close(out)
            os.close(err)
            connection.sendall(struct.pack("!i", process))
            _, status = os.waitpid(process, 0)
            connection.sendall(struct.pack("!i", status))
            os._exit(0)
    for fd, standard in ((out, 1), (err, 2)):
        os.dup2(fd, standard)
        os.close(fd)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv[1:] = arguments


def _load() -> None:
    import importlib
    import pkgutil

    for name in LIBRARIES:
        importlib.import_module(name)
    for name in PACKAGES:
        package = importlib.import_module(f"stills.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


if __name__ == "__main__":
    import gc
    import runpy

    if os.fork():
        os._exit(0)
    _load()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv.pop())) as calls:
        _serve(calls)
    runpy.run_module("stills", run_name="__main__", alter_sys=True)
