"""Many videos in threads over one runner, as a library of them is done; what that took, as JSON.

``python -m benchmarks.many_videos FOLDER --workers N --threads T`` asks ``stills.people`` about every ``*.mp4`` in
FOLDER, from nothing, and writes pictures and results. ``--scan`` only scans; ``--runner ray`` has the workers on a Ray
cluster of this machine. The start of processes and the loading of models are over when the clock starts: a library of
ten thousand videos pays them once.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import stills
from stills.jobs.runner import Limits, Runner, Task, TaskResult, open_runner
from stills.media.sandbox_tasks import Stopper
from stills.scan.sharing import SharedWorkers
from stills.settings import Settings, change_settings, load_settings

WARM_FRAMES = 2
"""Frames of the film that warms each worker up."""


@dataclass
class Counting:
    """A runner that adds up how long tasks took: ``seconds`` of all, and of each thread in ``here``."""

    inner: Runner
    seconds: float = 0.0
    here: threading.local = field(default_factory=threading.local)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def workers(self) -> int:
        """As the runner says."""
        return self.inner.workers

    @property
    def limits(self) -> Limits:
        """As the runner says."""
        return self.inner.limits

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
        at_once: int | None = None,
    ) -> Iterator[TaskResult]:
        """Run them, and note the time of each."""
        for result in self.inner.run(tasks, on_progress=on_progress, cancel=cancel, at_once=at_once):
            with self.lock:
                self.seconds += result.seconds
            self.here.seconds = getattr(self.here, "seconds", 0.0) + result.seconds
            yield result

    def close(self) -> None:
        """Close the runner."""
        self.inner.close()


def main() -> None:
    """Do what the command line says and print the figures."""
    parser = argparse.ArgumentParser("python -m benchmarks.many_videos", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--scan", action="store_true")
    parser.add_argument("--runner", default="local")
    options = parser.parse_args()
    films = sorted(options.folder.glob("*.mp4"))
    with tempfile.TemporaryDirectory() as work:
        asked = {"workers": options.workers, "cache_dir": Path(work) / "cache", "runner": options.runner}
        settings = change_settings(load_settings(env={}), **asked)
        print(json.dumps(measure(films, settings, Path(work), options.threads, scan_only=options.scan)))


def measure(films: list[Path], settings: Settings, work: Path, threads: int, *, scan_only: bool) -> dict[str, Any]:
    """Do ``films`` in ``threads``; seconds of wall and processor time, and the share in which workers had a task."""
    opened = time.perf_counter()
    runner = Counting(open_runner(settings))
    try:
        shared = SharedWorkers(runner, settings)
        warm_up(settings, shared, work)
        starting = time.perf_counter() - opened
        before = runner.seconds
        between = list[float]()

        def do(film: Path) -> None:
            begun, in_tasks = time.perf_counter(), getattr(runner.here, "seconds", 0.0)
            with stills.Scanner(settings, shared) as scanner:
                if scan_only:
                    scanner.scan(str(film))
                else:
                    result = stills.people(film, settings=settings, scanner=scanner)
                    result.save(work / "out", name=film.stem)
            in_tasks = getattr(runner.here, "seconds", 0.0) - in_tasks
            between.append(time.perf_counter() - begun - in_tasks)

        own, begun = time.process_time(), time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(do, films))
        seconds = time.perf_counter() - begun
        parent = time.process_time() - own
    finally:
        runner.close()
    times = os.times()
    return {
        "seconds": seconds,
        "videos": len(films),
        "starting": starting,
        "parent_cpu": parent,
        "children_cpu": times.children_user + times.children_system,
        "task_seconds": runner.seconds - before,
        "busy": (runner.seconds - before) / (seconds * settings.scan.workers) if settings.scan.workers else None,
        "between": sorted(between),
    }


def warm_up(settings: Settings, shared: SharedWorkers, work: Path) -> None:
    """Have all imported, and every worker started with its models: each scans a film of two frames, all at one time."""
    import numpy as np

    from stills.media.encode import write_video
    from stills.render.metadata import PictureMetadata
    from stills.render.pictures import encode

    films = [work / f"warm {number}.mp4" for number in range(shared.runner.workers)]
    for number, film in enumerate(films):
        with write_video(film, 320, 180, Fraction(25)) as writer:
            for _ in range(WARM_FRAMES):
                writer.write(np.full((180, 320, 3), 40 * number % 256, np.uint8))

    def scan(film: Path) -> None:
        with stills.Scanner(settings, shared) as scanner:
            scanner.scan(str(film))

    with ThreadPoolExecutor(len(films)) as pool:
        list(pool.map(scan, films))
    with stills.Scanner(settings, shared) as scanner:  # what this process imports to select and to write, too
        stills.people(films[0], settings=settings, scanner=scanner).save(work / "warm")
    encode(np.zeros((180, 320, 3), np.uint8), "jpeg", metadata=PictureMetadata("warm.mp4", 0.0, 0))


if __name__ == "__main__":
    main()
