"""The far side of the sandbox: a fork server, the workers it forks.

``multiprocessing`` would start its children by importing the user's main script again, which runs scripts that lack an
``if __name__ == "__main__"`` guard a second time; and it puts no worker in a process group of its own. So: one plain
interpreter imports the heavy modules once, stays single-threaded, and forks a worker whenever the parent asks.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import faulthandler
import gc
import importlib
import math
import os
import resource
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

from stills.errors import MemoryLimitError, StillsError, UsageError, WorkerError
from stills.media.heap import give_back
from stills.media.sandbox_progress import ProgressPage, report_to
from stills.media.sandbox_wire import CONTROL, Receiver, encode, send

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36
_ORPHAN_CHECK_S = 2.0  # how often the server looks whether its parent is still there, should end-of-file not tell
_DATA_FACTOR = 2  # the hard limit on private memory is this many times the soft limit on resident memory, …
_DATA_SLACK = 512 << 20  # … and this much, since OpenVINO and thread stacks reserve more than they touch
_MESSAGE_FDS = 3


def main(control_fd: int, parent: int, preload: Sequence[str]) -> None:
    """The fork server: import ``preload``, then fork workers until the parent (process id ``parent``) is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=control_fd)
    for name in preload:
        importlib.import_module(name)
    if threading.active_count() > 1:  # whatever lock it holds at the moment of a fork stays locked in the worker
        raise RuntimeError(f"a preloaded module started threads: {threading.enumerate()}")
    gc.collect()
    gc.freeze()  # the collector would write into pages that the workers share
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what a dead worker leaves behind comes to us, not to process 1
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        control.sendall(CONTROL.pack(b"R", 0, os.getpid(), 0))
    spawned = _Server(control, parent).serve()
    if spawned is not None:
        _work(*spawned)
    os._exit(0)  # the parent waits, and tearing the heavy modules down in order helps nobody


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class _Server:
    """Forks, kills and reaps."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self._control = control
        self._parent = parent
        self._workers: dict[int, int] = {}  # process id → number
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def serve(self) -> tuple[socket.socket, int, int] | None:
        """Serve until the parent is gone; returns early, with its descriptors, in each forked worker."""
        try:
            while os.getppid() == self._parent:
                for key, _ in self._selector.select(_ORPHAN_CHECK_S):
                    if key.fileobj is self._control:
                        if (spawned := self._command()) is not None:
                            return spawned
                    else:
                        with contextlib.suppress(BlockingIOError):
                            os.read(self._wake_read, 4096)
                        self._reap()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass  # the parent closed the pool, or died
        for pid in list(self._workers):
            _kill_group(pid)
        with contextlib.suppress(ChildProcessError):
            while self._workers:
                self._workers.pop(os.wait()[0], None)
        return None

    def _command(self) -> tuple[socket.socket, int, int] | None:
        record, fds = _receive_record(self._control)
        what, number, _, _ = CONTROL.unpack(record)
        if what == b"K":
            for pid, known in self._workers.items():
                if known == number:
                    _kill_group(pid)
            return None
        if len(fds) != _MESSAGE_FDS:
            raise EOFError
        try:
            pid = os.fork()
        except OSError as error:
            self._control.sendall(CONTROL.pack(b"E", number, error.errno or errno.EAGAIN, 0))
        else:
            if pid == 0:
                self._leave()
                return socket.socket(fileno=fds[0]), fds[1], fds[2]
            self._workers[pid] = number
            self._control.sendall(CONTROL.pack(b"F", number, pid, 0))
        for fd in fds:
            os.close(fd)
        return None

    def _leave(self) -> None:
        """In the forked worker: give up all that is the server's."""
        server = os.getppid()
        os.setsid()  # a group of its own: killed as a whole, and Ctrl-C in the terminal does not reach it
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self._selector.close()
        self._control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        if sys.platform == "linux":
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        else:
            threading.Thread(target=_follow, args=(server,), daemon=True).start()
        if os.getppid() != server:
            os._exit(1)

    def _reap(self) -> None:
        while True:
            try:
                # Look first, reap later: as long as the leader is not reaped its number cannot become someone else's.
                if hasattr(os, "waitid"):
                    seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    if seen is not None and seen.si_pid in self._workers:
                        _kill_group(seen.si_pid)
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (number := self._workers.pop(pid, None)) is not None:
                self._control.sendall(CONTROL.pack(b"X", number, pid, status))


def _follow(server: int) -> None:
    """Where the system does not kill children with their parent: die, with the group, once the server is gone."""
    while os.getppid() == server:
        time.sleep(_ORPHAN_CHECK_S)
    os.killpg(0, signal.SIGKILL)


def _receive_record(control: socket.socket) -> tuple[bytes, list[int]]:
    """One control record and the descriptors that came with it."""
    record = b""
    fds = array.array("i")
    while len(record) < CONTROL.size:
        space = socket.CMSG_SPACE(_MESSAGE_FDS * fds.itemsize)
        data, ancillary, _, _ = control.recvmsg(CONTROL.size - len(record), space)
        if not data:
            raise EOFError
        record += data
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)
    return record, list(fds)


def _kill_group(pid: int) -> None:
    """SIGKILL to the worker ``pid`` (not reaped yet) and everything in its group."""
    for kill in (os.killpg, os.kill):  # just forked, it may not lead its group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _work(channel: socket.socket, log: int, page: int) -> None:
    """The worker: take tasks from ``channel`` until it closes. Never returns."""
    code = 1
    try:
        report_to(ProgressPage(page))
        os.close(page)
        for fd in (1, 2):
            os.dup2(log, fd)
        os.close(log)
        faulthandler.enable(file=2, all_threads=False)
        receiver = Receiver()
        config = receiver.read(channel)
        assert config is not None  # noqa: S101 - the channel blocks
        cpu_s = _prepare(channel, *config)
        while (message := receiver.read(channel)) is not None:
            os.ftruncate(2, 0)
            _run(channel, cpu_s, *message)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        code = 0  # the parent is done with us
    except BaseException:  # noqa: BLE001 - the last frame of the process: say why, then go
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)  # nothing of the server's may run on the way out


def _prepare(
    channel: socket.socket, limits: dict[str, float | None], initializer: str | None, initargs: tuple[Any, ...]
) -> float | None:
    """Apply the hard limits, run the initializer, say that we are ready; returns the CPU seconds of a task."""
    _lower(resource.RLIMIT_CORE, 0)  # writing a core of a gigabyte takes longer than the film
    if (files := limits["open_files"]) is not None:
        _lower(resource.RLIMIT_NOFILE, int(files))
    if (memory := limits["memory_mb"]) is not None:
        _lower(resource.RLIMIT_DATA, _private_bytes() + int(_DATA_FACTOR * memory * (1 << 20)) + _DATA_SLACK)
    try:
        if initializer is not None:
            _resolve(initializer)(*initargs)
    except BaseException as error:
        send(channel, encode(("unfit", _portable(error, initializer))))
        raise
    send(channel, encode(("ready",)))
    return limits["cpu_s"]


def _run(channel: socket.socket, cpu_s: float | None, function: str, args: tuple[Any, ...]) -> None:
    """Run one task and send what came of it."""
    if cpu_s is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _soften(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + cpu_s))
    try:
        parts = encode(("done", _resolve(function)(*args)))
    except BaseException as error:  # noqa: BLE001 - the border of a process: every error crosses it as a value
        parts = encode(("failed", _portable(error, function)))
    if cpu_s is not None:
        _soften(resource.RLIMIT_CPU, None)
    send(channel, parts)
    del parts
    give_back()  # after the answer is on its way


def _portable(error: BaseException, function: str | None) -> StillsError:
    """``error`` as one that can cross the border, with the traceback in its ``details``."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, StillsError):
        error.details = error.details or details
        try:
            encode((error,))
        except Exception:  # noqa: BLE001 - a foreign attribute can fail in any way; the text still crosses
            return WorkerError(str(error)).with_details(details)
        return error
    if isinstance(error, MemoryError):
        return MemoryLimitError(
            "there is not enough memory for this", remedy="raise --max-memory or use fewer workers"
        ).with_details(details)
    name = type(error).__name__
    return WorkerError(f"unexpected {name} in {function}: {error}").with_details(details)


def _resolve(path: str) -> Any:
    """The object that ``"package.module:name"`` means."""
    module, _, name = path.partition(":")
    if not module or not name:
        raise UsageError(f"not an import path of the form package.module:function: {path!r}")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _private_bytes() -> int:
    """Private memory mapped so far, which RLIMIT_DATA counts; 0 where the system does not say."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmData:"):
                return int(line.split()[1]) << 10
    return 0


def _lower(what: int, value: int) -> None:
    """Lower a limit for good; never above what the system allows already."""
    _, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some; the parent watches all the same
        resource.setrlimit(what, (value, value))


def _soften(what: int, value: int | None) -> None:
    """Set the soft limit, or lift it as far as the hard one."""
    _, hard = resource.getrlimit(what)
    soft = hard if value is None else value
    resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
