"""Workers on a Ray cluster of this machine against processes of it: the same videos, the same number of workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table
from benchmarks.scaling import cut
from benchmarks.stats import Spread, paired, spread

WORKERS = 2
MOST = 1.10
"""Most times as long as with processes of this machine; of the fastest run of each."""


def ray(bench: Bench) -> Section:
    """Both take turns. The best of each counts: what disturbs a run only ever makes it slower."""
    film = bench.corpus.film("long") if bench.corpus.folder is not None else bench.corpus.sample()
    short = cut(film, bench.work / "short")
    alone = bench.work / "alone"
    alone.mkdir()
    (alone / "long.mp4").symlink_to(film.path)
    rows, checks = [], []
    said: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name, folder, threads in (("short videos", short, WORKERS + 1), (f"one film, {film.name}", alone, 1)):
        taken: dict[str, list[dict[str, Any]]] = {"local": [], "ray": []}
        for repetition in range(bench.repetitions):
            for runner in ("local", "ray") if repetition % 2 == 0 else ("ray", "local"):
                taken[runner].append(_take(bench, folder, threads, runner))
        said[name] = taken
        what = name if folder is alone else f"{taken['ray'][0]['videos']} {name}"
        ratio = min(map(_seconds, taken["ray"])) / min(map(_seconds, taken["local"]))
        pairs = paired(list(map(_seconds, taken["ray"])), list(map(_seconds, taken["local"])))
        rows += [_row(what, runner, taken[runner], pairs if runner == "ray" else None) for runner in taken]
        checks.append(Check(f"Ray, {what}, × the time of local", f"{ratio:.2f}", f"≤ {MOST:.2f}", ratio <= MOST))
    columns = ("what", "runner", "seconds, best", "seconds, all", "× local, pairs", "workers busy", "starting, s")
    remarks = (
        f"Each with {WORKERS} workers, warm: starting (the cluster, actors, processes, models) is not in the times. A "
        "cluster of this machine is started for each run, and its own processes share the cores with the workers.",
    )
    return Section("ray", "Ray", (Table(columns, tuple(rows)),), tuple(checks), remarks, data={"runs": said})


def _take(bench: Bench, folder: Path, threads: int, runner: str) -> dict[str, Any]:
    arguments = ("--workers", str(WORKERS), "--threads", str(threads), "--runner", runner)
    taken = run(python("-m", "benchmarks.many_videos", str(folder), *arguments), env=bench.code)
    said: dict[str, Any] = json.loads(taken.output)
    bench.say(
        f"{folder.name}, {runner}: {said['seconds']:.1f} s, busy {said['busy']:.0%}, {said['starting']:.1f} s before"
    )
    return said


def _seconds(taken: dict[str, Any]) -> float:
    return float(taken["seconds"])


def _row(what: str, runner: str, taken: list[dict[str, Any]], pairs: Spread | None) -> tuple[str, ...]:
    best = min(taken, key=_seconds)
    return (
        what,
        runner,
        f"{best['seconds']:.1f}",
        spread(list(map(_seconds, taken))).text(1),
        "1" if pairs is None else pairs.text(),
        f"{best['busy']:.0%}",
        spread([one["starting"] for one in taken]).text(1),
    )
