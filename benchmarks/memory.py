"""Memory: the peak of all processes together."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.errors import BenchmarkError
from benchmarks.measure import INTERVAL, Memory
from benchmarks.results import Check, Section, Table
from benchmarks.stats import spread
from stills.types import Effort

MOST = 900
"""MB of all processes on a 4-minute 720p film."""

GROWTH = 1.2
"""Most memory on a 30-minute film, as a multiple of that on the 4-minute one."""


def memory(bench: Bench) -> Section:
    """Peaks on a short film and a long one; the long one shows what grows with the film."""
    rows, peaks, data = [], {}, {}
    for film, effort, repetitions in _runs(bench):
        taken = [_peak(bench, film, effort) for _ in range(repetitions)]
        peak, rss = spread([m.peak for m in taken]), spread([m.rss for m in taken])
        largest = max(taken, key=lambda m: m.peak)
        parts = " + ".join(f"{value:.0f}" for value in sorted(largest.processes.values(), reverse=True))
        rows.append((film.name, effort, peak.text(0), rss.text(0), parts, str(len(taken))))
        peaks[film.name, effort] = peak.median
        data[f"{film.name} {effort}"] = [{"peak": m.peak, "rss": m.rss, "samples": m.samples} for m in taken]
    kind = taken[0].kind
    columns = ("film", "effort", f"peak, {kind} sum, MB", "peak, RSS sum, MB", "processes at the peak, MB", "runs")
    remark = (
        f"MB are 10⁶ bytes, sampled every {1000 * INTERVAL:.0f} ms over all processes, so a shorter peak can hide. PSS "
        "counts pages that processes share once, RSS once for each of them; targets are held against PSS where the "
        "system tells it. Runs of their own, as sampling takes time."
    )
    checks = _checks(peaks)
    return Section("memory", "Memory of all processes", (Table(columns, tuple(rows)),), checks, (remark,), data=data)


def _runs(bench: Bench) -> list[tuple[Film, Effort, int]]:
    """Film, effort and number of runs of each row."""
    most = min(3, bench.repetitions)
    if bench.corpus.folder is None or not bench.full:
        return [(film, "balanced", most) for film in bench.corpus.films("dinner")]
    dinner, gala, long = bench.corpus.films("dinner", "gala", "long")
    default: list[tuple[Film, Effort, int]] = [(dinner, "balanced", most), (gala, "balanced", most)]
    return [*default, (long, "balanced", min(2, most)), (dinner, "fast", 1), (dinner, "exhaustive", 1)]


def _peak(bench: Bench, film: Film, effort: Effort) -> Memory:
    taken = bench.people(film, effort, memory=True).run.memory
    if taken is None:
        raise BenchmarkError("no memory was measured", path=str(film.path))
    bench.say(f"{film.name}: {taken.peak:.0f} MB {taken.kind}, {taken.samples} samples")
    return taken


def _checks(peaks: dict[tuple[str, Effort], float]) -> tuple[Check, ...]:
    checks = []
    short, long = peaks.get(("dinner", "balanced")), peaks.get(("long", "balanced"))
    if short is not None:
        checks.append(Check("peak memory, dinner", f"{short:.0f} MB", f"≤ {MOST} MB", short <= MOST))
    if short is not None and long is not None:
        growth = long / short
        checks.append(Check("peak memory, long against dinner", f"{growth:.2f} ×", f"≤ {GROWTH} ×", growth <= GROWTH))
    return tuple(checks)
