"""Memory of key frames: the peak of all processes, what a longer film adds, and what a limit does."""

from __future__ import annotations

import json

from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.errors import BenchmarkError
from benchmarks.measure import Memory
from benchmarks.memory import GROWTH
from benchmarks.results import Check, Section, Table
from benchmarks.stats import spread

MOST = 600
"""MB of all processes."""

LIMIT = 300
"""MB given to ``--max-memory``, far below what is used without."""


def keyframes_memory(bench: Bench) -> Section:
    """Peaks with default settings on films of 4 and 30 minutes, and under a limit."""
    rows: list[tuple[str, ...]] = []
    checks, data = [], {}
    peaks: dict[str, float] = {}
    films = bench.corpus.films("dinner", "gala", "long") if bench.full else bench.corpus.films("dinner")
    for film in films:
        for name in ("keyframes", "thumbnails") if film is films[0] else ("keyframes",):
            taken = [_peak(bench, film, name) for _ in range(min(2, bench.repetitions))]
            peak = spread([memory.peak for memory in taken])
            rows.append((film.name, f"`stills {name}`", "none", peak.text(0), "done"))
            data[f"{film.name} {name}"] = [memory.peak for memory in taken]
            if name == "keyframes":
                peaks[film.name] = peak.median
            measured, met = f"{peak.median:.0f} MB", peak.median <= MOST
            checks.append(Check(f"peak memory of `stills {name}`, {film.name}", measured, f"≤ {MOST} MB", met))
    for film in films[:2]:
        row, check = _limited(bench, film)
        rows.append(row)
        checks.append(check)
    if "long" in peaks:
        growth = peaks["long"] / peaks["dinner"]
        name = "peak memory of key frames, long against dinner"
        checks.append(Check(name, f"{growth:.2f} ×", f"≤ {GROWTH} ×", growth <= GROWTH))
    columns = ("film", "command", "`--max-memory`", f"peak, {taken[0].kind} sum, MB", "outcome")
    remark = "Measured as in the section above: the sum over all processes, looked at every 30 ms."
    return Section(
        "keyframes-memory", "Memory of key frames", (Table(columns, tuple(rows)),), tuple(checks), (remark,), {}, data
    )


def _peak(bench: Bench, film: Film, name: str) -> Memory:
    taken = bench.recipe(film, name, memory=True).run.memory
    if taken is None:
        raise BenchmarkError("no memory was measured", path=str(film.path))
    return taken


def _limited(bench: Bench, film: Film) -> tuple[tuple[str, ...], Check]:
    """Under :data:`LIMIT`: it is held, or the call ends with an error that says so."""
    taken, path = bench.attempt(film, "keyframes", "--json", "--max-memory", str(LIMIT), memory=True, accept=range(6))
    if taken.memory is None:
        raise BenchmarkError("no memory was measured", path=str(film.path))
    peak = taken.memory.peak
    errors = [event["code"] for event in map(json.loads, taken.output.splitlines()) if event["event"] == "error"]
    done = taken.code == 0 and path.is_file()
    outcome = "done" if done else f"refused: {', '.join(errors) or f'exit code {taken.code}'}"
    bench.say(f"{film.name}: stills keyframes --max-memory {LIMIT}: {peak:.0f} MB, {outcome}")
    met = peak <= LIMIT if done else set(errors) == {"memory"}
    name, target = f"`--max-memory {LIMIT}`, {film.name}", f"≤ {LIMIT} MB, or refused clearly"
    row = (film.name, "`stills keyframes`", f"{LIMIT} MB", f"{peak:.0f}", outcome)
    return row, Check(name, f"{peak:.0f} MB, {outcome}", target, met)
