"""The parent's view of one worker: its channel, its task, and the judgement on how it ended."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from contextlib import suppress
from typing import Any, Literal, Self

import psutil

from stills.errors import DecoderCrashError, DecoderKilledError, DecodeTimeoutError, MemoryLimitError, StillsError
from stills.media.sandbox_progress import ProgressPage
from stills.media.sandbox_run import Run
from stills.media.sandbox_server import Server, ServerLostError, signal_name
from stills.media.sandbox_tasks import Limits, Task, TaskResult
from stills.media.sandbox_wire import (
    Receiver,
    close_log,
    encode,
    open_log,
    read_log,
    scratch_file,
    socket_pair,
    trim_log,
)

_MEMORY_REMEDY = "allow more with --max-memory, or use fewer workers"
_TIME_REMEDY = "the file may be damaged; allow more time with --frame-timeout or --video-timeout"
_NO_MEMORY_WORDS = ("bad_alloc", "Cannot allocate memory", "out of memory")  # C++, libc, and FFmpeg when they give up
_RECYCLE = 0.8  # an idle worker above this share of its memory is replaced, lest the next task be blamed for it
_GROWN = 1.2  # … but only if it grew by this much: a large baseline is not the fault of a task
_LOOK_S = 0.05  # reading its memory takes longer than all else that is done for a worker in passing
_MB = 1 << 20


class Worker:
    """One worker process, from the request to fork it until it is gone."""

    def __init__(self, number: int, config: tuple[Any, ...]) -> None:
        """Make its channel, log and progress page, and queue ``config`` for it. Raises ``OSError``."""
        self.number = number
        self.state: Literal["starting", "idle", "busy", "dying"] = "starting"
        self.started = time.monotonic()
        self.task: Task | None = None
        self.run: Run | None = None  # whose task it has, or had last
        self.sentence: StillsError | None = None  # why we killed it
        self._outgoing: deque[memoryview] = deque()
        self._receiver = Receiver()
        self._process: psutil.Process | None = None
        self._baseline = 0
        self._peak = 0
        self._look_at = 0.0  # when its memory is to be looked at next
        self._first = self._seen = 0  # numbers of progress reports: before this task, newest known
        self._beat = self.started
        self._last: Any = None
        self._log = open_log()
        self._page_fd = -1
        try:
            self._page_fd = scratch_file("stills-progress")
            self._page = ProgressPage(self._page_fd, create=True)
            self.channel, self._far = socket_pair()
        except OSError:
            for fd in (self._log, self._page_fd):
                if fd >= 0:
                    os.close(fd)
            raise
        self.channel.setblocking(False)
        self._queue(config)

    @classmethod
    def hire(cls, server: Server, number: int, config: tuple[Any, ...]) -> Self:
        """Have ``server`` fork a new one. Raises ``OSError`` or ``ServerLostError``."""
        worker = cls(number, config)
        try:
            server.spawn(number, (worker._far.fileno(), worker._log, worker._page_fd))
        except ServerLostError:
            worker.close()
            raise
        finally:
            worker._far.close()
            os.close(worker._page_fd)
        return worker

    def born(self, pid: int) -> None:
        """It was forked as process ``pid``."""
        self.started = self._beat = time.monotonic()
        try:
            self._process = psutil.Process(pid)
        except psutil.Error:
            self._process = None  # gone again; its exit is on the way

    @property
    def pid(self) -> int | None:
        """Its process id, once it was forked."""
        return None if self._process is None else self._process.pid

    def ready(self) -> None:
        """Its initializer is done."""
        self.state = "idle"
        self._baseline = self._resident()

    def assign(self, task: Task, run: Run) -> None:
        """Queue ``task``, which is one of ``run``, for it. Raises whatever pickling its arguments raises."""
        self._queue((task.function, task.args))
        self.task = task
        self.run = run
        self.state = "busy"
        self.started = self._beat = time.monotonic()
        self._first = self._seen = self._page.count
        self._last = None
        self._peak = 0

    def _queue(self, message: tuple[Any, ...]) -> None:
        self._outgoing.extend(memoryview(part) for part in encode(message) if len(part))

    @property
    def has_to_send(self) -> bool:
        """Whether :meth:`send` waits for room in the channel."""
        return bool(self._outgoing)

    def send(self) -> None:
        """Send what is queued, as far as there is room."""
        try:
            while self._outgoing:
                part = self._outgoing.popleft()
                sent = self.channel.send(part)
                if sent < len(part):
                    self._outgoing.appendleft(part[sent:])
        except BlockingIOError:
            self._outgoing.appendleft(part)
        except OSError:
            self._outgoing.clear()  # it died; its exit is on the way and will say how

    def receive(self, *, everything: bool) -> tuple[Any, ...] | None:
        """The next message, if whole; arguments and errors are those of :meth:`Receiver.read`."""
        self._beat = time.monotonic()
        return self._receiver.read(self.channel, everything=everything)

    def news(self) -> None:
        """Look at the running task's progress, and pass it on to its run where it reported since the last look."""
        if self.task is None or self._page.count == self._seen:
            return
        self._beat = time.monotonic()
        report = self._page.read()
        if report is None:
            return
        self._seen = report.count
        self._last = report.value
        if self.run is not None:
            self.run.note(self.task.key, report.value)

    def trespass(self, limits: Limits) -> StillsError | None:
        """The limit that it broke, if any. Call :meth:`news` before."""
        now = time.monotonic()
        if self.state != "starting" and now >= self._look_at:
            self._look_at = now + _LOOK_S
            trim_log(self._log)
            resident = self._resident()
            self._peak = max(self._peak, resident)
            if limits.memory_mb is not None and resident > limits.memory_mb * _MB:
                path = None if self.task is None else self.task.path
                what = f"needed more than {limits.memory_mb:.0f} MiB of memory"
                return MemoryLimitError(what, path=path, remedy=_MEMORY_REMEDY)
        return self._overdue(limits, now)

    def _overdue(self, limits: Limits, now: float) -> DecodeTimeoutError | None:
        ran, quiet = now - self.started, now - self._beat
        if self.state == "starting":
            if limits.start_s is not None and ran > limits.start_s:
                return DecodeTimeoutError(f"not ready within {limits.start_s:g} s")
        elif self.task is not None:
            if limits.wall_s is not None and ran > limits.wall_s:
                what = f"took longer than {limits.wall_s:g} s"
                return DecodeTimeoutError(what, path=self.task.path, remedy=_TIME_REMEDY)
            if limits.no_progress_s is not None and quiet > limits.no_progress_s:
                what = f"no progress for {limits.no_progress_s:g} s"
                return DecodeTimeoutError(what, path=self.task.path, remedy=_TIME_REMEDY)
        return None

    def kill_group(self) -> None:
        """Kill it without the server, who is gone."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def is_bloated(self, limits: Limits) -> bool:
        """Whether it holds so much memory that the next task would be blamed for it."""
        if limits.memory_mb is None:
            return False
        return self._resident() > max(_RECYCLE * limits.memory_mb * _MB, _GROWN * self._baseline)

    def _resident(self) -> int:
        if self._process is None:
            return 0
        try:
            return self._process.memory_info().rss
        except psutil.Error:
            return 0  # gone; its exit is on the way

    def result(self, value: Any, error: StillsError | None) -> TaskResult:
        """The outcome of its task, which it no longer has after this."""
        task = self.task
        assert task is not None  # noqa: S101 - only asked while it has one
        self.news()
        if error is not None and error.path is None:
            error.path = task.path
        self.task = None
        seconds = time.monotonic() - self.started
        return TaskResult(task.key, value, error, self._last, seconds, max(self._peak, self._resident()) / _MB)

    def settle(self, value: Any, error: StillsError | None) -> None:
        """Tell its run what came of its task, where it still has one."""
        if self.task is not None and self.run is not None:
            self.run.put(self.result(value, error))

    def verdict(self, status: int, limits: Limits) -> StillsError:
        """Why it is gone: the sentence, or what its exit status (as of ``os.waitpid``) says."""
        if self.sentence is not None:
            return self.sentence.with_details(self.printed())
        self.news()
        path = None if self.task is None else self.task.path
        code = os.waitstatus_to_exitcode(status)
        printed = self.printed()
        if code == -signal.SIGXCPU:
            what = f"used more than {limits.cpu_s:g} s of processor time"
            return DecodeTimeoutError(what, path=path, remedy=_TIME_REMEDY).with_details(printed)
        if code == -signal.SIGABRT and any(word in printed for word in _NO_MEMORY_WORDS):
            return MemoryLimitError("ran out of memory", path=path, remedy=_MEMORY_REMEDY).with_details(printed)
        how = f"crashed with {signal_name(-code)}" if code < 0 else f"ended with exit status {code}"
        where = "before any progress" if self._seen == self._first else _near(self._last)
        kind, remedy = DecoderCrashError, "the file may be damaged"
        if code in {-signal.SIGKILL, -signal.SIGTERM}:
            kind, remedy = DecoderKilledError, "the system may have run out of memory: use fewer workers"
        return kind(f"the decoder {how} {where}", path=path, remedy=remedy).with_details(printed)

    def printed(self) -> str:
        """The end of what it printed during this task: FFmpeg's chatter, the stack of a crash."""
        return read_log(self._log)

    def close(self) -> None:
        """Free what it held here."""
        self.channel.close()
        self._page.close()
        close_log(self._log)


def _near(progress: object) -> str:
    """Where a task was by its last report. Those that decode report a time stamp and its seconds."""
    match progress:
        case (int(), float() as seconds):
            return f"near {seconds:.1f} s"
        case _:
            return f"after progress {progress!r}"
