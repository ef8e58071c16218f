"""What the state of a library costs, one video after another; as JSON.

``python -m benchmarks.store [--database URL] [--videos 10000]`` adds so many videos to a new library
and works them off: a claim, a heartbeat, a segment, a result each. ``cpu`` is of the process that measures, so it
means something on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

from stills.jobs.store import Fingerprint, Run, Store, VideoRow, open_store

ENDS = 10
"""The first and the last tenth are compared."""


def one_video(store: Store, run: Run) -> None:
    """All that happens to a video."""
    (claim,) = store.claim(run)
    store.heartbeat(run, [claim])
    store.segment_done(claim, 0, seconds=0.1)
    store.finish(claim, "done", {"people": 2, "files": ["person-1.jpg", "person-2.jpg"]}, seconds=0.1)


def measure(store: Store, videos: int) -> dict[str, float]:
    """Seconds, milliseconds and MB."""
    run = store.begin_run("benchmark")
    begun = time.perf_counter()
    store.add_videos(run, (VideoRow(f"/v/{i}.mp4", "people", Fingerprint(size=i, mtime_ns=i)) for i in range(videos)))
    added = time.perf_counter() - begun
    walls, cpus = [], []
    memory = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]
    for number in range(videos):
        wall, cpu = time.perf_counter(), time.process_time()
        one_video(store, run)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        if number == videos // ENDS:
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    begun = time.perf_counter()
    counts = store.counts()
    counted = time.perf_counter() - begun
    begun = time.perf_counter()
    again = sum(d.what == "done" for d in store.add_videos(
        run, (VideoRow(f"/v/{i}.mp4", "people", Fingerprint(size=i, mtime_ns=i)) for i in range(videos))
    ))  # fmt: skip
    assert counts.done == again == videos
    store.end_run(run)
    part = videos // ENDS
    return {
        "videos": videos,
        "add_s": added,
        "add_again_s": time.perf_counter() - begun,
        "counts_ms": counted * 1e3,
        "per_video_ms": statistics.fmean(walls) * 1e3,
        "per_video_median_ms": statistics.median(walls) * 1e3,
        "per_video_cpu_ms": statistics.fmean(cpus) * 1e3,
        "rate_last_over_first": sum(walls[:part]) / sum(walls[-part:]),
        "rate_last_over_first_median": statistics.median(walls[:part]) / statistics.median(walls[-part:]),
        "rate_last_over_first_cpu": sum(cpus[:part]) / sum(cpus[-part:]),
        "memory_growth_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory[1]) / 1024,
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--videos", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), options.database) as store:
        print(json.dumps({name: round(value, 3) for name, value in measure(store, options.videos).items()}, indent=1))


if __name__ == "__main__":
    main()
