"""What the state of a library costs, one video after another; as JSON.

``python -m benchmarks.store [--database URL] [--videos 10000]`` adds so many videos to a new library
and works them off: a claim, a heartbeat, a segment, a result each. ``cpu`` is of the process that measures, so it
means something on a busy machine too. Against the ups and downs of such a machine, the last tenth is worked off in
turns with the first tenth of another new library: ``rate_last_over_first``.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
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


def rows(videos: int) -> Iterator[VideoRow]:
    """The inputs."""
    return (VideoRow(f"/v/{i}.mp4", "people", Fingerprint(size=i, mtime_ns=i)) for i in range(videos))


def measure(store: Store, fresh: Store, videos: int) -> dict[str, float]:
    """Seconds, milliseconds and MB."""
    run = store.begin_run("benchmark")
    part = videos // ENDS
    begun = time.perf_counter()
    store.add_videos(run, rows(videos))
    added = time.perf_counter() - begun
    early = [timed(store, run) for _ in range(part)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    middle = [timed(store, run) for _ in range(videos - 2 * part)]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    other = fresh.begin_run("benchmark")
    fresh.add_videos(other, rows(videos))
    pairs = [(timed(fresh, other), timed(store, run)) for _ in range(part)]
    first, last = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    begun = time.perf_counter()
    counts = store.counts()
    counted = time.perf_counter() - begun
    begun = time.perf_counter()
    again = sum(decision.what == "done" for decision in store.add_videos(run, rows(videos)))
    assert counts.done == again == videos
    return {
        "videos": videos,
        "add_s": added,
        "add_again_s": time.perf_counter() - begun,
        "counts_ms": counted * 1e3,
        "per_video_ms": statistics.fmean(wall for wall, _ in early + middle) * 1e3,
        "per_video_median_ms": statistics.median(wall for wall, _ in early + middle) * 1e3,
        "per_video_cpu_ms": statistics.fmean(cpu for _, cpu in early + middle) * 1e3,
        "rate_last_over_first": sum(wall for wall, _ in first) / sum(wall for wall, _ in last),
        "rate_last_over_first_median": statistics.median(w for w, _ in first) / statistics.median(w for w, _ in last),
        "rate_last_over_first_cpu": sum(cpu for _, cpu in first) / sum(cpu for _, cpu in last),
        "memory_growth_mb": grown / 1024,
    }


def timed(store: Store, run: Run) -> tuple[float, float]:
    """Wall and processor seconds of a video."""
    wall, cpu = time.perf_counter(), time.process_time()
    one_video(store, run)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--videos", type=int, default=10_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(Path(folder, "a"), options.database) as store,
        open_store(Path(folder, "b"), options.database) as fresh,
    ):
        measured = measure(store, fresh, options.videos)
        print(json.dumps({name: round(value, 3) for name, value in measured.items()}, indent=1))


if __name__ == "__main__":
    main()
