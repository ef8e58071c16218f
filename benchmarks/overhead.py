"""What a library costs for each video beside decoding and inference: state, processes, index, result, logs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.library_many import make_library
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table
from benchmarks.scaling import cut
from benchmarks.stats import spread

VIDEOS = 200
MOST_MS = 30.0
"""Most milliseconds of a video beyond its decoding and inference."""

_AGE_S = 3600
"""How old the videos look: younger files may still be being copied, and are waited for."""


def overhead(bench: Bench) -> Section:
    """``stills.library`` over tiny videos with nobody in them, and over short ones with people, one after another."""
    folder = Path(tempfile.mkdtemp(prefix="overhead-", dir=bench.work))
    try:
        make_library(folder / "tiny", VIDEOS)
        film = bench.corpus.film("long") if bench.corpus.folder is not None else bench.corpus.sample()
        short = cut(film, folder / "short")
        for video in short.iterdir():
            os.utime(video, (time.time() - _AGE_S,) * 2)
        said = {name: [_take(bench, folder / name) for _ in range(bench.repetitions)] for name in ("tiny", "short")}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows, checks = [], []
    what = {"tiny": "tiny videos, no pictures", "short": "short videos, pictures of people"}
    for name, taken in said.items():
        for state in ("new", "known"):
            found = [one[state] for one in taken]
            videos = f"{found[0]['videos']:.0f} {what[name]}{', already in the index' if state == 'known' else ''}"
            best = {key: min(one[key] for one in found) for key in ("wall_ms", "cpu_ms", "tasks_ms")}
            rows.append((videos, f"{best['wall_ms']:.1f}", spread([one["wall_ms"] for one in found]).text(1),
                         f"{best['cpu_ms']:.1f}", f"{best['tasks_ms']:.1f}"))  # fmt: skip
            if name == "tiny":
                least, limit = best["wall_ms"], f"≤ {MOST_MS:.0f} ms"
                checks.append(Check(f"beside decoding and inference, {videos}", f"{least:.1f} ms", limit,
                                    least <= MOST_MS))  # fmt: skip
    columns = ("what", "ms a video, best", "ms a video, all", "CPU of the first process, ms", "tasks of workers, ms")
    remarks = (
        "One video after another, one worker. Milliseconds of the clock beside the tasks of the worker, which are "
        "probing, decoding, inference and, for videos in the index, nothing. All else is in them: state in the "
        "database, leases, the index, the result and its files made durable, passing rows between processes, logs. The "
        "start of processes and the report at the end are not: a library pays them once.",
        "Pictures are converted and encoded by the first process, several at a time: that is work which the videos ask "
        "for, and shown to tell what it takes.",
    )
    return Section("overhead", "What a library costs for each video", (Table(columns, tuple(rows)),), tuple(checks),
                   remarks, data=said)  # fmt: skip


def _take(bench: Bench, folder: Path) -> dict[str, dict[str, float]]:
    taken: dict[str, dict[str, Any]] = json.loads(
        run(python("-m", "benchmarks.library_cost", str(folder)), env=bench.code).output
    )
    new, known = (taken[state]["wall_ms"] for state in ("new", "known"))
    bench.say(f"{folder.name}: {new:.1f} ms a new video, {known:.1f} ms a known one")
    return taken
