"""What ``stills.library`` does for a video beside decoding and inference, as JSON.

``python -m benchmarks.library_cost FOLDER`` asks about the tiny videos in FOLDER one after another, with one worker:
from nothing, then again into another output folder, with all indexes there. Tasks of the worker (probing, decoding,
inference) are timed where they run, and taken off.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stills
from stills.media.sandbox import Pool, TaskResult
from stills.settings import Settings, change_settings, load_settings


@dataclass(frozen=True, slots=True)
class Moment:
    """When a video was done: seconds of the clock, of this process's CPU, and of all tasks until then."""

    wall: float
    cpu: float
    tasks: float


class Clock:
    """Adds up the tasks of every pool of this process, and notes when videos are done."""

    def __init__(self) -> None:
        """Count from now on."""
        self.tasks = 0.0
        self.moments: list[Moment] = []
        self._run = Pool.run
        clock = self

        def run(pool: Pool, *args: Any, **options: Any) -> Iterator[TaskResult]:
            for result in clock._run(pool, *args, **options):
                clock.tasks += result.seconds
                yield result

        Pool.run = run  # type: ignore[method-assign, assignment]

    def tick(self, outcome: stills.VideoOutcome) -> None:
        """A video is done."""
        if outcome.error is not None:
            raise outcome.error
        self.moments.append(Moment(time.perf_counter(), time.process_time(), self.tasks))

    def take(self) -> dict[str, float]:
        """Milliseconds a video since the first one was done: what processes and imports take is over by then."""
        (first, *_), last, videos = self.moments, self.moments[-1], len(self.moments) - 1
        self.moments = []
        tasks = last.tasks - first.tasks
        return {
            "videos": videos,
            "wall_ms": 1000 * (last.wall - first.wall - tasks) / videos,
            "cpu_ms": 1000 * (last.cpu - first.cpu) / videos,
            "tasks_ms": 1000 * tasks / videos,
        }


def measure(folder: Path, work: Path) -> dict[str, dict[str, float]]:
    """The videos in ``folder``, ``new`` and then ``known``, written into ``work``."""
    plain: Settings = load_settings(env={})
    jobs = plain.jobs.model_copy(update={"at_once": 1})
    settings = change_settings(plain.model_copy(update={"jobs": jobs}), workers=1, cache_dir=work / "cache")
    clock = Clock()
    said = {}
    for name in ("new", "known"):
        stills.library([folder], work / name, settings=settings, on_video=clock.tick)
        said[name] = clock.take()
    return said


def main() -> None:
    """Do what the command line says and print the figures."""
    parser = argparse.ArgumentParser("python -m benchmarks.library_cost", description=__doc__)
    parser.add_argument("folder", type=Path)
    with tempfile.TemporaryDirectory() as work:
        print(json.dumps(measure(parser.parse_args().folder, Path(work))))


if __name__ == "__main__":
    main()
