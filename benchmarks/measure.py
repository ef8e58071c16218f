"""Running a command and measuring all of it: wall time, CPU time and memory of the process and its descendants."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.errors import BenchmarkError

INTERVAL = 0.03
"""Seconds between two looks at the memory of a process tree."""

FOLDERS = ("STILLS_MODELS_DIR", "STILLS_CACHE_DIR")
"""Settings in the environment that measured programs see."""

_PR_SET_CHILD_SUBREAPER = 36
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Memory:
    """The peak of the summed memory of a process tree, in MB (10⁶ bytes).

    ``pss`` shares pages that several processes map among them, so the sum is what they really take; ``None`` where the
    system does not tell. ``rss`` counts shared pages once for each process. ``processes`` are the parts of the peak of
    ``pss`` (else ``rss``) by process id. Between two of ``samples`` a shorter peak can hide.
    """

    pss: float | None
    rss: float
    samples: int
    processes: Mapping[str, float] = field(default_factory=dict)

    @property
    def peak(self) -> float:
        """``pss`` where it is known, else ``rss``."""
        return self.rss if self.pss is None else self.pss

    @property
    def kind(self) -> str:
        """Which of them :attr:`peak` is."""
        return "RSS" if self.pss is None else "PSS"


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took. ``wall`` and ``cpu`` are seconds, from its start to its end; ``output`` is its stdout.

    ``cpu`` includes all descendants that have ended. ``left`` counts processes that outlived the command. ``code`` is
    its exit code.
    """

    wall: float
    cpu: float
    output: str
    memory: Memory | None = None
    left: int = 0
    code: int = 0


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    memory: bool = False,
    accept: Collection[int] = (0,),
) -> Run:
    """Run ``command`` to its end. ``env`` is added to the environment, ``accept`` are the exit codes of success.

    ``memory`` samples the memory of all descendants while it runs. That takes CPU time itself, so time and memory are
    better measured in runs of their own. Raises ``BenchmarkError`` where the command fails.
    """
    adopt_orphans()
    others = {child.pid for child in psutil.Process().children(recursive=True)}
    before = _children_seconds()
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(command), env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        sampler = Sampler(others) if memory else None
        try:
            # the exit status is read with the times, so that Popen must not wait for it as well
            _, status, _ = os.wait4(process.pid, 0)
        except BaseException:  # interrupted: what was started goes with us
            process.kill()
            process.wait()
            _reap(others, patience=1.0)
            raise
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = sampler.stop() if sampler is not None else None
        left = _reap(others)
        out.seek(0)
        err.seek(0)
        output, errors = out.read(), err.read()
    if process.returncode not in accept:
        tail = " | ".join(errors.strip().splitlines()[-4:])
        raise BenchmarkError(f"exit code {process.returncode} of {' '.join(command)}: {tail}")
    return Run(wall, _children_seconds() - before, output, peak, left, process.returncode)


class Sampler:
    """Watches the memory of all descendants of this process but ``others``, from a thread of its own."""

    def __init__(self, others: Collection[int]) -> None:
        """Start watching. Descendants whose parent has ended are seen where :func:`adopt_orphans` was called."""
        self._others = frozenset(others)
        self._stopped = threading.Event()
        self._pss = 0.0
        self._rss = 0.0
        self._parts: dict[str, float] = {}
        self._samples = 0
        self._has_pss = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> Memory:
        """Stop watching; the peaks so far. Raises ``BenchmarkError`` where there was nothing to be seen."""
        self._stopped.set()
        self._thread.join()
        if not self._samples:
            raise BenchmarkError("the command ended before its memory could be looked at")
        return Memory(self._pss if self._has_pss else None, self._rss, self._samples, self._parts)

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stopped.wait(INTERVAL):
            pss, rss = {}, {}
            for process in me.children(recursive=True):
                if process.pid in self._others:
                    continue
                try:
                    info = process.memory_full_info()
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
                key = str(process.pid)
                rss[key] = info.rss / _MEGABYTE
                if hasattr(info, "pss"):
                    pss[key] = info.pss / _MEGABYTE
                else:
                    self._has_pss = False
            if not rss:
                continue
            self._samples += 1
            parts = pss if self._has_pss else rss
            if sum(parts.values()) > sum(self._parts.values()):
                self._parts = {key: round(value, 1) for key, value in parts.items()}
            self._pss = max(self._pss, sum(pss.values()))
            self._rss = max(self._rss, sum(rss.values()))


def adopt_orphans() -> None:
    """Have descendants whose parent has ended become children of this process (Linux), so that none goes uncounted.

    Elsewhere a process that was left by its parent is not seen.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def python(*arguments: str) -> list[str]:
    """The command that runs this interpreter with ``arguments``."""
    return [sys.executable, *arguments]


def leave_settings_out() -> None:
    """Take settings out of the environment, but for the folders of weights and caches.

    ``STILLS_SCAN__WORKERS=1`` would be measured otherwise, and the benchmark's own ``STILLS_EVAL`` is no setting, so
    that stills refuses to start.
    """
    for name in [name for name in os.environ if name.startswith("STILLS_") and name not in FOLDERS]:
        del os.environ[name]


def freeze(root: Path, target: Path) -> dict[str, str]:
    """Copy the code of the checkout ``root`` to ``target``; the environment in which the copy is what is imported.

    A benchmark takes minutes. Whoever edits the checkout meanwhile would have one half of the figures measured on other
    code than the other, or on a file that is half written.
    """
    for name in ("src", "benchmarks"):
        shutil.copytree(root / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    paths = [str(target / "src"), str(target), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def _children_seconds() -> float:
    """CPU seconds of all children that have ended, theirs included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _reap(others: Collection[int], patience: float = 5.0) -> int:
    """Take in what outlived the command: wait for it, end what stays; the number that were still running."""
    own = [child for child in psutil.Process().children(recursive=True) if child.pid not in others]
    running = [process for process in own if _runs(process)]
    for process in psutil.wait_procs(own, timeout=patience)[1]:
        process.kill()
        process.wait()
    return len(running)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
