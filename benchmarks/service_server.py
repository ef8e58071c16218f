"""The service for the benchmark: a real ``stills serve``, asked over HTTP, and watched from outside."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.bench import Bench
from benchmarks.corpus import ROOT
from benchmarks.errors import BenchmarkError

LONG_S = 1800.0
"""Seconds after which something is taken for hung."""
EVERY_S = 0.05
"""Between two questions to ``/healthz``, and between two looks at the memory: 20 a second."""
_MEGABYTE = 1e6
_IDLE_S = 0.02


def tests_module(name: str) -> Any:
    """A module that tests use: it lies with them."""
    tests = str(ROOT / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    return importlib.import_module(name)


@dataclass
class Service:
    """A server that runs, and a client of it."""

    url: str
    client: httpx.Client
    process: psutil.Process
    folder: Path
    """Its data lie in ``folder``/data."""
    said: list[str] = field(default_factory=list)

    def upload(self, path: Path, recipe: str) -> Any:
        """A job for the video at ``path``. Raises ``BenchmarkError`` where it is not taken."""
        with path.open("rb") as file:
            answer = self.client.post("/v1/jobs", files={"file": (path.name, file)}, data={"recipe": recipe})
        return _json(answer, 202)

    def get(self, path: str) -> bytes:
        """What is at ``path``. Raises ``BenchmarkError`` where nothing is."""
        answer = self.client.get(path)
        if answer.status_code != 200:
            raise BenchmarkError(f"{path} was answered with {answer.status_code}: {answer.text[:300]}")
        return answer.content

    def events(self, job: Any) -> Iterator[Any]:
        """A job, each time that something happens to it, until its end."""
        with self.client.stream("GET", job["links"]["events"]) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def ended(self, job: Any) -> tuple[Any, float]:
        """A job that is done, and when that was heard (Unix seconds). Raises ``BenchmarkError`` for one that failed."""
        *_, last = self.events(job)
        heard = time.time()
        if last["state"] != "done":
            raise BenchmarkError(f"job {last['name']} is {last['state']}: {last['error']}")
        return last, heard

    def wait_idle(self) -> float:
        """Seconds until the processes that work for it do nothing any more."""
        start = last = time.monotonic()
        workers = self.process.children(recursive=True)
        before = _seconds(workers)
        while time.monotonic() - last < 1.0:
            time.sleep(_IDLE_S)
            now = _seconds(workers)
            if now > before:
                last, before = time.monotonic(), now
            if last - start > LONG_S:
                raise BenchmarkError("the workers never came to rest")
        return last - start


@contextlib.contextmanager
def serving(bench: Bench, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Service]:
    """``stills serve`` in a fresh folder, of the code that the benchmark measures; killed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="service-", dir=bench.work))
    module = tests_module("service_server")
    with (
        module.serving_process(folder, *arguments, env={**bench.code, **(env or {})}) as server,
        httpx.Client(base_url=server.url, timeout=LONG_S) as client,
    ):
        yield Service(server.url, client, psutil.Process(server.process.pid), folder, server.said)


class Pulse:
    """Asks ``/healthz`` 20 times a second, from a thread of its own; each answer's seconds are in ``taken``."""

    def __init__(self, url: str) -> None:
        """Begin to ask."""
        self.taken: list[float] = []
        self.failed = 0
        self._url = url
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def stop(self) -> list[float]:
        """Stop asking; the seconds of each answer, rising. Raises ``BenchmarkError`` where one was none."""
        self._stopped.set()
        self._thread.join()
        if self.failed or not self.taken:
            raise BenchmarkError(f"{self.failed} of {self.failed + len(self.taken)} answers to /healthz were none")
        return sorted(self.taken)

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60.0) as client:
            due = time.perf_counter()
            while not self._stopped.wait(max(0.0, due - time.perf_counter())):
                due += EVERY_S
                start = time.perf_counter()
                try:
                    ok = client.get("/healthz").status_code == 200
                except httpx.HTTPError:
                    ok = False
                if ok:
                    self.taken.append(time.perf_counter() - start)
                else:
                    self.failed += 1


class Weight:
    """Watches the memory of a server: its own process, and that with all that it started; in MB, PSS."""

    def __init__(self, process: psutil.Process) -> None:
        """Begin to look."""
        self._process = process
        self.first = self.own, self.all = self._look()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> tuple[float, float]:
        """Stop looking; by how much it grew, itself and with the others."""
        self._stopped.set()
        self._thread.join()
        return self.own - self.first[0], self.all - self.first[1]

    def _watch(self) -> None:
        while not self._stopped.wait(EVERY_S):
            own, every = self._look()
            self.own, self.all = max(self.own, own), max(self.all, every)

    def _look(self) -> tuple[float, float]:
        sizes = [_size(one) for one in (self._process, *self._process.children(recursive=True))]
        return sizes[0], sum(sizes)


def percentile(rising: list[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed (nearest rank)."""
    return rising[min(len(rising) - 1, int(share * len(rising)))]


def own_memory(process: psutil.Process) -> float:
    """What a process has for itself (USS), in MB."""
    return float(process.memory_full_info().uss) / _MEGABYTE


def _size(process: psutil.Process) -> float:
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(info, "pss", info.rss)) / _MEGABYTE


def _seconds(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _json(answer: httpx.Response, status: int) -> Any:
    if answer.status_code != status:
        raise BenchmarkError(f"{answer.status_code} was answered, not {status}: {answer.text[:300]}")
    return answer.json()
