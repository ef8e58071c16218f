"""Two workers against one: over many short videos that threads do side by side, and on one long film."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table
from benchmarks.stats import spread

VIDEOS = 40
LEAST_SECONDS = 8.0
"""Seconds of video of a short one, or more, until the next sync sample."""

MANY, LONG = 1.8, 1.7
"""Least speed of two workers in times of one: over the short videos, on the long film."""

OVERHEAD_MS = 30.0
"""Most milliseconds of a video outside of its tasks: probing, decoding and inference are tasks of the workers."""


def scaling(bench: Bench) -> Section:
    """One worker and two, taking turns. The best of each counts: what disturbs a run only ever makes it slower."""
    film = bench.corpus.film("long") if bench.corpus.folder is not None else bench.corpus.sample()
    short = cut(film, bench.work / "short")
    alone = bench.work / "alone"
    alone.mkdir()
    (alone / "long.mp4").symlink_to(film.path)
    said: dict[str, dict[int, list[dict[str, Any]]]] = {"short": {1: [], 2: []}, "long": {1: [], 2: []}}
    for repetition in range(bench.repetitions):
        for workers in (1, 2) if repetition % 2 == 0 else (2, 1):
            said["short"][workers].append(_take(bench, short, workers, workers + 1))
            said["long"][workers].append(_take(bench, alone, workers, 1))
    between = [_take(bench, short, 1, 1, "--scan") for _ in range(bench.repetitions)]
    rows, checks = [], []
    for name, target in (("short", MANY), ("long", LONG)):
        best = {workers: min(taken, key=lambda one: one["seconds"]) for workers, taken in said[name].items()}
        speed = best[1]["seconds"] / best[2]["seconds"]
        what = f"{VIDEOS} short videos" if name == "short" else f"one film, {film.name}"
        rows += [_row(what, workers, said[name][workers], best[1]["seconds"]) for workers in (1, 2)]
        checks.append(Check(f"2 workers, {what}, × as fast as 1", f"{speed:.2f}", f"≥ {target}", speed >= target))
    overhead = min(1000 * one["between"][len(one["between"]) // 2] for one in between)
    spent = min(1000 * one["parent_cpu"] / one["videos"] for one in between)
    limit = f"≤ {OVERHEAD_MS:.0f} ms"
    checks.append(Check("a video outside of its tasks", f"{overhead:.0f} ms", limit, overhead <= OVERHEAD_MS))
    columns = ("what", "workers", "seconds, best", "seconds, all", "× as fast as one", "workers busy",
               "CPU of this process, s", "CPU of workers, s")  # fmt: skip
    remarks = (
        "Busy is the share of the time in which workers had a task. Videos under way: one more than workers. Pictures "
        "and results are written. The start of processes is not in the times; a library pays it once.",
        f"A video outside of its tasks: {overhead:.0f} ms, the median over {VIDEOS} videos, scanned one after another "
        f"by one worker; it takes this process {spent:.0f} ms of CPU. Probing, decoding and inference are the tasks.",
    )
    return Section("scaling", "Scaling with workers", (Table(columns, tuple(rows)),), tuple(checks), remarks,
                   data={"runs": said, "between": between})  # fmt: skip


def _take(bench: Bench, folder: Path, workers: int, threads: int, *more: str) -> dict[str, Any]:
    arguments = ("--workers", str(workers), "--threads", str(threads), *more)
    taken = run(python("-m", "benchmarks.many_videos", str(folder), *arguments), env=bench.code)
    said: dict[str, Any] = json.loads(taken.output)
    bench.say(f"{folder.name}, {' '.join(arguments)}: {said['seconds']:.1f} s, workers busy {said['busy']:.0%}")
    return said


def _row(what: str, workers: int, taken: list[dict[str, Any]], one: float) -> tuple[str, ...]:
    best = min(taken, key=lambda run: run["seconds"])
    return (
        what,
        str(workers),
        f"{best['seconds']:.1f}",
        spread([run["seconds"] for run in taken]).text(1),
        f"{one / best['seconds']:.2f}",
        f"{best['busy']:.0%}",
        f"{best['parent_cpu']:.1f}",
        f"{best['children_cpu']:.1f}",
    )


def cut(film: Film, folder: Path) -> Path:
    """``VIDEOS`` pieces of ``film``: packets copied from one sync sample to another, from the start again at its end.

    Each has a number in its metadata, so that no two are one video to the index.
    """
    folder.mkdir()
    number = 0
    with av.open(str(film.path)) as source:
        stream = source.streams.video[0]
        while True:
            source.seek(0)
            for packets in _pieces(source, stream):
                if number == VIDEOS:
                    return folder
                with av.open(str(folder / f"{number:02}.mp4"), "w") as out:
                    out.metadata["comment"] = str(number)
                    copy = out.add_stream_from_template(stream)
                    start = packets[0].dts
                    for packet in packets:
                        packet.pts, packet.dts = packet.pts - start, packet.dts - start
                        packet.stream = copy
                        out.mux(packet)
                number += 1


def _pieces(source: Any, stream: Any) -> Iterator[list[Any]]:
    """Packets from a sync sample to the next that comes ``LEAST_SECONDS`` or more later."""
    piece: list[Any] = []
    for packet in source.demux(stream):
        if packet.dts is None:
            continue
        if piece and packet.is_keyframe and (packet.pts - piece[0].pts) * stream.time_base >= LEAST_SECONDS:
            yield piece
            piece = []
        piece.append(packet)
    if piece:
        yield piece
