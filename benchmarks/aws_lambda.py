"""The Lambda function on a long film: within its memory, its disk and its clock, and what of the object is read.

The function runs behind AWS' own runtime interface client, in a control group with the memory and the processor time of
a function of 2 GB where this machine has those, and with 512 MB in ``/tmp`` as the only place that can be written.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.bench import Bench
from benchmarks.corpus import ROOT
from benchmarks.measure import Memory, Sampler
from benchmarks.results import Check, Section, Table

MEMORY_MB = 2048
"""MiB of the function."""

MOST = 1500
"""MB that all its processes may take."""

CLOCKS = (900.0, 60.0, 20.0)
"""Seconds of the invocations: the most that Lambda allows, and two in which not all can be done as it should be."""

_FULL_CORE_MB = 1769
_PERIOD = 100_000  # microseconds in which processor time is given out
_LOOK_S = 0.2
_SEALED = "Only 512 MB in /tmp could be written, and there was no /dev/shm."
_OPEN = "Nothing could be sealed off here, so all of the disk could be written."


def aws_lambda(bench: Bench) -> Section:
    """One invocation for each clock, each in an environment of its own."""
    tests = str(ROOT / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)  # the runtime's API and the bucket are those of the tests
    film = bench.corpus.films("long")[0]
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    data: dict[str, Any] = {}
    server_module, runtime = importlib.import_module("s3_server"), importlib.import_module("lambda_runtime")
    with server_module.s3_serving() as server, _group() as group:
        for clock in CLOCKS:
            key = f"{clock:.0f}/{film.path.name}"  # a film of its own: what is done is not done again
            server.put("films", key, film.path.read_bytes())
            server.reset()
            taken = _invoke(bench, runtime, server, {"bucket": "films", "key": key}, clock=clock, group=group)
            answer, memory = taken.answer, taken.memory
            share = answer["bytes_read"] / answer["object_bytes"]
            rows.append((
                film.name, f"{clock:.0f}", answer["status"], answer["effort"] or "–", str(answer["people"]),
                str(len(answer["pictures"])), f"{answer['coverage']:.0%}", f"{taken.seconds:.1f}",
                f"{memory.peak:.0f}", f"{taken.disk / 1e6:.0f}", f"{answer['bytes_read'] / 1e6:.1f}", f"{share:.1%}",
                f"{server.given / 1e6:.1f}",
            ))  # fmt: skip
            data[f"{clock:.0f} s"] = {"answer": answer, "peak": memory.peak, "disk": taken.disk, "given": server.given}
            name = f"Lambda, {MEMORY_MB} MB, {clock:.0f} s, {film.name}"
            checks.append(Check(f"{name}: time", f"{taken.seconds:.0f} s", f"< {clock:.0f} s", taken.seconds < clock))
            checks.append(Check(f"{name}: memory", f"{memory.peak:.0f} MB", f"≤ {MOST} MB", memory.peak <= MOST))
    columns = (
        "film", "clock, s", "status", "effort", "people", "pictures", "coverage", "taken, s",
        f"peak, {memory.kind} sum, MB", "most in /tmp, MB", "MB read, as told", "share", "MB given by the server",
    )  # fmt: skip
    remarks = (
        f"{group.said} {_SEALED if taken.sealed else _OPEN}",
        "Each invocation is the first of its environment: starting Python and loading the models counts. The bucket "
        "is moto's server on this machine, which shares its processors.",
    )
    title = "The Lambda function"
    return Section("lambda", title, (Table(columns, tuple(rows)),), tuple(checks), remarks, data=data)


@dataclass(frozen=True, slots=True)
class _Taken:
    """One invocation: what it answered, and what it took. ``disk`` is the most that was in ``/tmp``, in bytes."""

    answer: dict[str, Any]
    seconds: float
    memory: Memory
    disk: int
    sealed: bool


def _invoke(bench: Bench, runtime: Any, server: Any, event: dict[str, Any], *, clock: float, group: _Group) -> _Taken:
    env = {**bench.code, **server.environment(), "STILLS_MODELS_DIR": str(runtime.models_folder())}
    sealing = runtime.sealing() or []
    others = {child.pid for child in psutil.Process().children(recursive=True)}
    with runtime.deployed(env, memory_mb=MEMORY_MB, wrapper=[*group.wrapper, *sealing]) as function:
        sampler, disk = Sampler(others), _Disk(function.process.pid)
        reply = function.invoke(event, timeout=clock)
        memory, most = sampler.stop(), disk.stop()
        if reply.value is None:
            raise AssertionError(f"the function failed: {reply.error} {function.log}")
        bench.say(f"clock {clock:.0f} s: {reply.value['status']} in {reply.seconds:.1f} s, {memory.peak:.0f} MB")
        return _Taken(reply.value, reply.seconds, memory, most, bool(sealing))


class _Disk:
    """Watches how much of a process' ``/tmp`` is used, from a thread of its own."""

    def __init__(self, pid: int) -> None:
        self._path = f"/proc/{pid}/root/tmp"
        self._most = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """The most, in bytes."""
        self._stopped.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            with contextlib.suppress(OSError):
                found = os.statvfs(self._path)
                self._most = max(self._most, (found.f_blocks - found.f_bfree) * found.f_frsize)


@dataclass(frozen=True, slots=True)
class _Group:
    """A control group. ``wrapper`` has a command join it; ``said`` tells which limits hold."""

    said: str
    wrapper: tuple[str, ...] = ()


@contextlib.contextmanager
def _group() -> Iterator[_Group]:
    """A control group with the limits of the function, where there can be one; gone afterwards."""
    root = Path("/sys/fs/cgroup")
    quota = int(_PERIOD * MEMORY_MB / _FULL_CORE_MB)
    limit = str(MEMORY_MB << 20)
    if (root / "memory").is_dir():  # version 1: a hierarchy for each controller
        wanted = {
            root / "memory": {"memory.limit_in_bytes": limit},
            root / "cpu": {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(quota)},
        }
    else:
        wanted = {root: {"memory.max": limit, "memory.swap.max": "0", "cpu.max": f"{quota} {_PERIOD}"}}
    made: list[Path] = []
    try:
        yield _joined(wanted, made, quota)
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _joined(wanted: dict[Path, dict[str, str]], made: list[Path], quota: int) -> _Group:
    """Make the folders of a group, and note them in ``made``."""
    try:
        for above, values in wanted.items():
            folder = above / f"stills-bench-{os.getpid()}"
            folder.mkdir()
            made.append(folder)
            for name, value in values.items():
                (folder / name).write_text(value)
    except OSError as error:
        return _Group(f"No control group could be made here ({error}): nothing but stills itself held the limits.")
    join = " && ".join(f"echo $$ > {folder}/cgroup.procs" for folder in made)
    held = f"{MEMORY_MB} MiB and {quota / _PERIOD:.2f} processors"
    said = f"A control group held all processes to {held}, as Lambda does."
    return _Group(said, ("/bin/sh", "-c", f'{join} && exec "$@"', "join"))
