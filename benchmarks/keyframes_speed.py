"""Time of key frames and thumbnails: against plain decoding, and of asking again about a film that was scanned."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.errors import BenchmarkError
from benchmarks.measure import Run, python, run
from benchmarks.results import Check, Section, Table
from benchmarks.stats import spread
from benchmarks.turns import against, take_turns, time_cells, walls

DECODE = "plain decode"
WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "`stills keyframes`": ("keyframes", ()),
    "`stills keyframes --effort fast`": ("keyframes", ("--effort", "fast")),
    "`stills thumbnails`": ("thumbnails", ()),
    "`stills thumbnails --effort fast`": ("thumbnails", ("--effort", "fast")),
}
TARGETS = {"`stills keyframes`": 1.25, "`stills thumbnails --effort fast`": 0.3}
"""Most time in plain decodes of the 1080p film: whole processes, from an empty cache, pictures written."""

MOST_SELECTION = 0.1
"""Seconds of another selection from a loaded index of a 30-minute film."""

AGAIN_TARGET = 37
"""A number that nobody tuned for: the second call asks for as many frames."""


def keyframes_speed(bench: Bench) -> Section:
    """All ways and plain decoding, taking turns; then the second call, and selections without a process."""
    tables, checks, data = [], [], {}
    for film in bench.corpus.films("gala", "dinner") if bench.full else bench.corpus.films("gala"):
        table, more, runs = _against_decoding(bench, film)
        tables.append(table)
        checks += more
        data[film.name] = {name: walls(taken) for name, taken in runs.items()}
    films = bench.corpus.films("gala", "long") if bench.full else bench.corpus.films("gala")
    rows = []
    for film in films:
        row, more, said = _again(bench, film)
        rows.append(row)
        checks += more
        data[f"{film.name} again"] = said
    columns = (
        "film", "first run, s", f"second run, `--target {AGAIN_TARGET}`, s", "index loaded, ms", "first selection, ms",
        "further selections, ms",
    )  # fmt: skip
    tables.append(Table(columns, tuple(rows), "Asking again:"))
    remark = (
        "A second run starts a process, finds the index by the content of the film, selects, decodes the chosen frames "
        "and writes them. Selections are made in one process by the Python API, at several similarities and targets; "
        "nothing is decoded or written for them."
    )
    return Section(
        "keyframes-speed", "Time of key frames and thumbnails", tuple(tables), tuple(checks), (remark,), data=data
    )


def _against_decoding(bench: Bench, film: Film) -> tuple[Table, list[Check], dict[str, list[Run]]]:
    def call(name: str) -> Run:
        recipe, options = WAYS[name]
        return bench.recipe(film, recipe, *options).run

    steps: dict[str, Callable[[], Run]] = {DECODE: partial(bench.decode, film)}
    steps |= {name: partial(call, name) for name in WAYS}
    for step in steps.values():
        step()  # models are compiled and files in the page cache from here on
    runs = take_turns(steps, bench.repetitions)
    rows = tuple((name, *time_cells(runs, name, DECODE)) for name in runs)
    note = f"**{film.name}**; median (least–most) of {bench.repetitions}:"
    checks = []
    for name, most in TARGETS.items() if film.name == "gala" else ():
        ratio = against(runs, name, DECODE)
        checks.append(
            Check(f"time of {name}, {film.name}, in plain decodes", ratio.text(), f"≤ {most}", ratio.median <= most)
        )
    return Table(("what", "wall, s", "CPU, s", "× plain decode"), rows, note), checks, runs


def _again(bench: Bench, film: Film) -> tuple[tuple[str, ...], list[Check], dict[str, Any]]:
    cache = Path(tempfile.mkdtemp(prefix="indexes-", dir=bench.work))
    first = bench.recipe(film, "keyframes", cache=cache)
    again = [
        bench.recipe(film, "keyframes", "--target", str(AGAIN_TARGET), cache=cache) for _ in range(bench.repetitions)
    ]
    seconds = spread([result.run.wall for result in again])
    written = len(list((again[0].path.parent / "keyframes").iterdir()))
    wanted = min(AGAIN_TARGET, again[0].document["distinct"])
    said = _selections(bench, film, cache)
    most = max(said["seconds"])
    row = (
        film.name, f"{first.run.wall:.1f}", seconds.text(), f"{1000 * said['load']:.0f}", f"{1000 * said['first']:.0f}",
        milliseconds(said["seconds"]),
    )  # fmt: skip
    checks = [
        Check(f"pictures of `--target {AGAIN_TARGET}`, {film.name}", str(written), str(wanted), written == wanted)
    ]
    if film.name == "long":
        name, target = "slowest further selection, long", f"≤ {1000 * MOST_SELECTION:.0f} ms"
        checks.append(Check(name, f"{1000 * most:.0f} ms", target, most <= MOST_SELECTION))
    return row, checks, {**said, "first run": first.run.wall, "again": [result.run.wall for result in again]}


def _selections(bench: Bench, film: Film, cache: Path) -> dict[str, Any]:
    """What :mod:`benchmarks.reselect` says. Raises ``BenchmarkError`` where it had to scan."""
    command = python("-m", "benchmarks.reselect", str(film.path))
    said: dict[str, Any] = json.loads(run(command, env={**bench.code, "STILLS_CACHE_DIR": str(cache)}).output)
    if not said["cached"]:
        raise BenchmarkError("the index was not found again", path=str(film.path))
    return said


def milliseconds(seconds: Sequence[float]) -> str:
    """Median, least and most in milliseconds."""
    return spread([1000 * value for value in seconds]).text(0)
