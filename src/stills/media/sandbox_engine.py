"""The near side of the sandbox: a thread that starts workers, feeds them, watches their limits and collects results.

It is a thread of its own so that limits hold and workers stay fed while callers are busy with their results.
"""

from __future__ import annotations

import copy
import os
import selectors
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from stills.errors import (
    CancelledError,
    MemoryLimitError,
    RepeatedCrashError,
    StillsError,
    WorkerError,
    WorkersLostError,
)
from stills.media.sandbox_memory import TotalWatch
from stills.media.sandbox_run import Rota, Run
from stills.media.sandbox_server import Server, ServerLostError
from stills.media.sandbox_tasks import Limits, Task, TaskResult
from stills.media.sandbox_wire import socket_pair
from stills.media.sandbox_worker import Worker

_TICK_S = 0.1  # limits and progress are looked at this often
_START_FAILURES = 3  # workers in a row that die before they are ready: then it is hopeless
_PATIENCE_S = 10.0  # killed processes are gone in milliseconds; past this something is wrong with the system


class Engine:
    """Owns the fork server and the workers.

    The public methods are the pool's, from any thread; all else happens in the engine's thread.
    """

    def __init__(
        self,
        server: Server,
        *,
        size: int,
        limits: Limits,
        preload: tuple[str, ...],
        setup: tuple[str | None, tuple[Any, ...]],
        max_crashes: int,
    ) -> None:
        """Start the thread. ``setup`` is the initializer's import path and its arguments."""
        self._size = size
        self._limits = limits
        self._total = TotalWatch(limits.total_mb)
        self._preload = preload
        self._config = (asdict(limits), *setup)
        self._max_crashes = max_crashes
        self._owner = os.getpid()
        self._commands: deque[Callable[[], None]] = deque()
        self._ended: StillsError = CancelledError("the pool was closed")
        self._rota = Rota()
        self._workers: dict[int, Worker] = {}
        self._spawned = 0
        self._kept = 0  # workers to have even without tasks
        self._start_failures = 0
        self._aborted: list[tuple[Run, threading.Event]] = []
        self._stopping = False
        self._server: Server | None = server
        self._wake_read, self._wake_write = socket_pair()
        self._wake_read.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ, lambda _mask: self._wake_read.recv(4096))
        self._selector.register(server, selectors.EVENT_READ, self._hear_server)
        self._thread = threading.Thread(target=self._main, name="stills-sandbox", daemon=True)
        self._thread.start()

    def prestart(self, workers: int) -> None:
        """Have ``workers`` forked and ready even before there are tasks."""
        self._command(lambda: setattr(self, "_kept", workers))

    def begin(self) -> Run:
        """A new run, that takes part from now until :meth:`end`."""
        run = Run()
        self._command(lambda: self._begin(run))
        return run

    def submit(self, run: Run, task: Task) -> None:
        """Queue ``task`` for ``run``."""
        self._command(lambda: run.pending.append(task))

    def next_event(self, run: Run, timeout: float) -> TaskResult | StillsError | None:
        """A result of ``run``, or the error that ends it, or None after ``timeout`` seconds."""
        alive = self._thread.is_alive()  # asked first: what it said before it ended is in the queue by then
        event = run.take(timeout)
        return copy.copy(self._ended) if event is None and not alive else event

    def end(self, run: Run, *, wait: bool) -> None:
        """Drop what is left of ``run``, kill what runs of it; with ``wait``, return when it is gone."""
        done = threading.Event()
        self._command(lambda: self._end(run, done))
        deadline = time.monotonic() + _PATIENCE_S
        while wait and not done.wait(_TICK_S) and self._thread.is_alive() and time.monotonic() < deadline:
            pass

    def close(self) -> None:
        """Kill everything and wait for it. In a process forked from ours, which owns nothing of it, does nothing."""
        if os.getpid() != self._owner:
            return
        self._command(lambda: setattr(self, "_stopping", True))
        if threading.current_thread() is not self._thread:  # the garbage collector may call from anywhere
            self._thread.join(_PATIENCE_S)

    def _command(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        with suppress(OSError):  # the thread has ended, which next_event told or will tell
            self._wake_write.send(b"!")

    def _main(self) -> None:
        try:
            while not self._stopping:
                self._staff()
                for key, mask in self._selector.select(self._timeout()):
                    key.data(mask)
                while self._commands:
                    self._commands.popleft()()
                self._watch()
        except BaseException as error:  # noqa: BLE001 - a thread's last frame: without this a bug would be a hang
            bug = WorkerError(f"the supervisor of the workers failed: {type(error).__name__}: {error}")
            self._ended = bug.with_details(traceback.format_exc())
        finally:
            self._tear_down()

    def _timeout(self) -> float | None:
        """Idle pools cost nothing; where something runs or starts, look at it every tick."""
        starting = self._server is not None and not self._server.ready
        return _TICK_S if starting or any(w.state != "idle" for w in self._workers.values()) else None

    def _staff(self) -> None:
        """Have as many workers as there is work for, and give each idle one a task."""
        active = [w for w in self._workers.values() if w.state != "dying"]
        busy = sum(w.state == "busy" for w in active)
        wanted = min(self._size, max(self._kept, busy + self._rota.waiting))
        try:
            for _ in range(len(active), wanted):
                self._spawn()
        except OSError as error:
            self._give_up(WorkerError(f"cannot start a worker: {error}"))
        except StillsError as error:
            self._give_up(error)
        except ServerLostError:  # its end-of-file is on the way, and is dealt with there
            pass
        held = Counter(w.run for w in self._workers.values() if w.run is not None and w.task is not None)
        for worker in active:
            while worker.state == "idle" and (turn := self._rota.next(held)) is not None:
                run, task = turn
                try:
                    worker.assign(task, run)
                except Exception as error:  # noqa: BLE001 - arguments are the caller's, and pickling runs their code
                    what = WorkerError(f"the arguments of {task.function} do not pickle: {error}", path=task.path)
                    run.put(TaskResult(task.key, None, what))
                else:
                    held[run] += 1
                    self._send(worker)

    def _spawn(self) -> None:
        if self._server is None:
            self._server = Server(self._preload)
            self._selector.register(self._server, selectors.EVENT_READ, self._hear_server)
        self._spawned += 1
        worker = Worker.hire(self._server, self._spawned, self._config)
        self._workers[worker.number] = worker
        self._selector.register(worker.channel, selectors.EVENT_READ, lambda mask: self._serve(worker, mask))
        self._send(worker)

    def _send(self, worker: Worker) -> None:
        worker.send()
        interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.has_to_send else 0)
        with suppress(KeyError):  # its channel is at its end; its exit is on the way
            self._selector.modify(worker.channel, interest, self._selector.get_key(worker.channel).data)

    def _serve(self, worker: Worker, mask: int) -> None:
        """The channel of ``worker`` has something to read, or room to write."""
        if mask & selectors.EVENT_WRITE:
            self._send(worker)
        if mask & selectors.EVENT_READ:
            self._take_message(worker)

    def _take_message(self, worker: Worker, *, everything: bool = False) -> bool:
        """Take one message from ``worker``; whether there may be more."""
        try:
            message = worker.receive(everything=everything)
        except (EOFError, ConnectionError):
            with suppress(KeyError):
                self._selector.unregister(worker.channel)
            self._retire(worker)  # its exit status, which comes by the server, says why
            return False
        except Exception as error:  # noqa: BLE001 - a result's unpickling runs the code of its classes
            self._finish(worker, None, WorkerError(f"a result cannot be read: {type(error).__name__}: {error}"))
            self._retire(worker)
            return False
        if message is None:
            return False
        match message:
            case ("ready",):
                worker.ready()
                self._start_failures = 0
            case ("unfit", StillsError() as reason):
                worker.state = "dying"
                self._retire(worker)
                self._give_up(reason)
            case ("done", value):
                self._finish(worker, value, None)
            case ("failed", StillsError() as reason):
                self._finish(worker, None, reason)
        return True

    def _finish(self, worker: Worker, value: Any, error: StillsError | None) -> None:
        """``worker`` is done with its task."""
        worker.settle(value, error)
        if worker.state == "busy":
            worker.state = "idle"
            if isinstance(error, MemoryLimitError) or worker.is_bloated(self._limits):
                self._retire(worker)

    def _retire(self, worker: Worker) -> None:
        """Kill ``worker``; what it still owes is settled when its exit is reported."""
        if worker.state != "starting":  # one that never got ready is counted as that
            worker.state = "dying"
        if self._server is not None:
            self._server.kill(worker.number)

    def _hear_server(self, _mask: int) -> None:
        server = self._server
        assert server is not None  # noqa: S101 - it is registered as long as it is there
        try:
            for what, number, pid, status in server.read():
                worker = self._workers.get(number)
                if what == b"R":
                    server.ready = True
                elif worker is None:
                    continue
                elif what == b"F":
                    worker.born(pid)
                elif what == b"X":
                    self._bury(worker, status)
                elif what == b"E":
                    self._discard(worker)
                    self._give_up(WorkerError(f"cannot start a worker: {os.strerror(pid)}"))
        except ServerLostError:
            self._lose_server()

    def _bury(self, worker: Worker, status: int) -> None:
        """``worker`` is gone: take what it sent before, settle its task."""
        while worker.task is not None and self._take_message(worker, everything=True):
            pass
        if worker.task is not None and (run := worker.run) is not None:
            worker.news()
            error = worker.verdict(status, self._limits)
            worker.settle(None, error)
            run.crashes += 1
            if run.crashes > self._max_crashes and run in self._rota:
                what = f"gave up after {run.crashes} workers died, the last one so: {error.message}"
                run.put(RepeatedCrashError(what).with_details(error.details))
                self._drop(run)
        elif worker.state == "starting":
            self._start_failures += 1
            if self._start_failures >= _START_FAILURES:
                error = worker.verdict(status, self._limits)
                what = f"workers cannot be started: {error.message}"
                self._give_up(WorkerError(what).with_details(error.details))
        self._discard(worker)

    def _discard(self, worker: Worker) -> None:
        self._workers.pop(worker.number, None)
        with suppress(KeyError):
            self._selector.unregister(worker.channel)
        worker.close()

    def _lose_server(self) -> None:
        """The server died, and all workers with it: fail their tasks; the next ones get a new server."""
        server, self._server = self._server, None
        if server is None:
            return
        self._selector.unregister(server)
        printed = server.printed()
        how = server.close()
        last = printed.strip().rpartition("\n")[2]
        said = f"the process that starts workers died ({how}{': ' + last if last else ''})"
        error = WorkersLostError(said).with_details(printed)
        for worker in list(self._workers.values()):
            worker.settle(None, WorkersLostError(error.message).with_details(printed))
            worker.kill_group()
            self._discard(worker)
        self._start_failures += 1
        if not server.ready or self._start_failures >= _START_FAILURES:
            self._give_up(error)

    def _watch(self) -> None:
        """Pass on progress, enforce the limits, answer those who wait for an abort."""
        for worker in self._workers.values():
            if worker.state in ("starting", "busy"):
                worker.news()
            if worker.sentence is None and (error := worker.trespass(self._limits)) is not None:
                worker.sentence = error
                self._retire(worker)
        if self._server is not None and (worst := self._total.culprit(self._server.pid, self._workers.values())):
            self._retire(worst)
        if self._server is not None and self._server.is_late(self._limits.start_s):
            self._lose_server()
        for run, done in self._aborted[:]:
            if not any(w.state == "dying" and w.run is run for w in self._workers.values()):
                done.set()
                self._aborted.remove((run, done))

    def _give_up(self, error: StillsError) -> None:
        """No workers can be had: end all runs with ``error``."""
        for run in self._rota:
            run.put(copy.copy(error))  # each raises its own, in its own thread
            self._drop(run)
        self._kept = self._start_failures = 0

    def _begin(self, run: Run) -> None:
        if not self._rota:
            self._start_failures = 0
        self._rota.add(run)

    def _drop(self, run: Run) -> None:
        """Forget ``run`` and kill what runs of it."""
        self._rota.remove(run)
        for worker in self._workers.values():
            if worker.run is run and worker.state == "busy":
                worker.task = None
                self._retire(worker)
            elif worker.run is run and worker.state == "idle":
                worker.run = None  # what nobody took of its results is let go

    def _end(self, run: Run, done: threading.Event) -> None:
        self._drop(run)
        self._aborted.append((run, done))

    def _tear_down(self) -> None:
        if self._server is not None:
            self._server.close()
        for worker in list(self._workers.values()):
            worker.close()
        for run in self._rota:
            run.put(copy.copy(self._ended))
        for _, done in self._aborted:
            done.set()
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()
