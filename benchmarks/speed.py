"""Time: against plain decoding, of a second run, and with more workers. All of whole processes, from start to end."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.measure import Run
from benchmarks.results import Check, Section, Table
from benchmarks.stats import Spread, paired, spread
from stills.types import Effort

TARGETS: dict[Effort, float] = {"balanced": 1.5, "fast": 0.6}
"""Most time of an effort, in plain decodes of a 4-minute 720p film, process start included."""

EXHAUSTIVE_RUNS = 1
"""Repetitions of ``--effort exhaustive``, which takes some twenty times as long as the others."""

SECOND_RUN = 1.5
"""Most seconds of a run on a file that was scanned before."""


@dataclass(slots=True)
class Turns:
    """What every repetition took, by ``decode`` or effort, in seconds; ``alone`` is decoding without process start."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    alone: list[float] = field(default_factory=list)
    duration: float = 0.0

    def add(self, name: str, run: Run) -> None:
        """Note a run."""
        self.wall.setdefault(name, []).append(run.wall)
        self.cpu.setdefault(name, []).append(run.cpu)

    def ratio(self, effort: Effort) -> Spread:
        """The time of an effort in plain decodes of the same repetition, process starts included."""
        return self._against(effort, self.wall["decode"])

    def stricter(self, effort: Effort) -> Spread:
        """The same in decodes without the start of their process."""
        return self._against(effort, self.alone)

    def _against(self, effort: Effort, base: list[float]) -> Spread:
        # an effort that was measured in the first repetitions only has its partners there
        return paired(self.wall[effort], base[: len(self.wall[effort])])

    def speed(self, name: str) -> str:
        """Seconds of video a second."""
        return f"{self.duration / spread(self.wall[name]).median:.0f}"


def speed(bench: Bench) -> Section:
    """``stills people`` at each effort and plain decoding, taking turns; ratios are of neighbours in time."""
    efforts: tuple[Effort, ...] = ("balanced", "fast", "exhaustive") if bench.full else ("balanced", "fast")
    tables, checks, data = [], [], {}
    for film in bench.corpus.films("dinner", "gala") if bench.full else bench.corpus.films("dinner"):
        bench.warm_up(film)
        turns = _take_turns(bench, film, efforts)
        tables.append(_table(film, efforts, turns))
        checks += [_check(film, effort, turns.ratio(effort)) for effort in efforts if _has_target(film, effort)]
        data[film.name] = asdict(turns)
    return Section("speed", "Time against plain decoding", tuple(tables), tuple(checks), data=data)


def _take_turns(bench: Bench, film: Film, efforts: tuple[Effort, ...]) -> Turns:
    """Measure all efforts and decoding in each repetition, every second one in reverse order."""
    turns = Turns()

    def decode() -> None:
        run = bench.decode(film)
        turns.add("decode", run)
        turns.alone.append(json.loads(run.output)["seconds"])

    def people(effort: Effort) -> None:
        result = bench.people(film, effort)
        turns.add(effort, result.run)
        turns.duration = result.document["video"]["duration"]

    for repetition in range(bench.repetitions):
        now = [effort for effort in efforts if effort != "exhaustive" or repetition < EXHAUSTIVE_RUNS]
        order: list[Callable[[], None]] = [decode, *(partial(people, effort) for effort in now)]
        for step in order if repetition % 2 == 0 else reversed(order):
            step()
    return turns


def _table(film: Film, efforts: tuple[Effort, ...], turns: Turns) -> Table:
    wall = {name: spread(values).text() for name, values in turns.wall.items()}
    cpu = {name: spread(values).text() for name, values in turns.cpu.items()}
    alone = paired(turns.alone, turns.wall["decode"]).text()
    rows = [
        ("plain decode", wall["decode"], cpu["decode"], "1", "", turns.speed("decode")),
        ("… without process start", spread(turns.alone).text(), "", alone, "1", ""),
    ]
    for effort in efforts:
        stricter = turns.stricter(effort).text()
        name = f"`stills people --effort {effort}`"
        rows.append((name, wall[effort], cpu[effort], turns.ratio(effort).text(), stricter, turns.speed(effort)))
    columns = ("what", "wall, s", "CPU, s", "× plain decode", "× decode without start", "× real time")
    note = f"**{film.name}**, {turns.duration:.0f} s of video; median (least–most) of {len(turns.alone)}:"
    return Table(columns, tuple(rows), note)


def _has_target(film: Film, effort: Effort) -> bool:
    return film.name == "dinner" and effort in TARGETS


def _check(film: Film, effort: Effort, ratio: Spread) -> Check:
    target = TARGETS[effort]
    name = f"time of `--effort {effort}`, {film.name}, in plain decodes"
    return Check(name, ratio.text(), f"≤ {target}", ratio.median <= target)


def again(bench: Bench) -> Section:
    """A second run on a file that did not change."""
    rows, checks, data = [], [], {}
    for film in bench.corpus.films("dinner", "gala", "long") if bench.full else bench.corpus.films("dinner"):
        cache = Path(tempfile.mkdtemp(prefix="indexes-", dir=bench.work))
        first = bench.people(film, cache=cache)
        runs = [bench.people(film, cache=cache).run for _ in range(bench.repetitions)]
        walls = spread([run.wall for run in runs])
        rows.append((film.name, f"{first.run.wall:.2f}", walls.text(), spread([run.cpu for run in runs]).text()))
        data[film.name] = {"first": first.run.wall, "again": [run.wall for run in runs]}
        target = f"≤ {SECOND_RUN} s"
        checks.append(Check(f"second run, {film.name}", walls.text(unit=" s"), target, walls.median <= SECOND_RUN))
    table = Table(("film", "first run, s", "second run, s", "its CPU, s"), tuple(rows))
    return Section("again", "Second run on an unchanged file", (table,), tuple(checks), data=data)


def workers(bench: Bench) -> Section:
    """One worker process against two, taking turns."""
    (film,) = bench.corpus.films("dinner")
    counts = (1, 2)
    bench.warm_up(film)
    walls: dict[int, list[float]] = {count: [] for count in counts}
    cpus: dict[int, list[float]] = {count: [] for count in counts}
    for repetition in range(bench.repetitions):
        for count in counts if repetition % 2 == 0 else reversed(counts):
            run = bench.people(film, workers=count).run
            walls[count].append(run.wall)
            cpus[count].append(run.cpu)
    rows = tuple(
        (str(count), spread(walls[count]).text(), spread(cpus[count]).text(), paired(walls[1], walls[count]).text())
        for count in counts
    )
    table = Table(("workers", "wall, s", "CPU, s", "× as fast as one"), rows, f"**{film.name}**, default effort")
    remark = f"The machine has {os.cpu_count()} cores. Start of processes and rendering are in the times."
    data = {"wall": {str(count): walls[count] for count in counts}}
    return Section("workers", "Workers", (table,), (), (remark,), data=data)
