"""Taking turns: what is compared runs side by side in time, in reverse order every second time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.measure import Run
from benchmarks.stats import Spread, paired, spread


def take_turns(steps: Mapping[str, Callable[[], Run]], repetitions: int) -> dict[str, list[Run]]:
    """Run every step ``repetitions`` times; the runs by the name of the step."""
    order = list(steps)
    runs: dict[str, list[Run]] = {name: [] for name in order}
    for repetition in range(repetitions):
        for name in order if repetition % 2 == 0 else reversed(order):
            runs[name].append(steps[name]())
    return runs


def walls(runs: list[Run]) -> list[float]:
    """Seconds that each run took."""
    return [run.wall for run in runs]


def against(runs: Mapping[str, list[Run]], name: str, base: str) -> Spread:
    """The time of one step in times of another, of the same repetition."""
    return paired(walls(runs[name]), walls(runs[base]))


def time_cells(runs: Mapping[str, list[Run]], name: str, base: str) -> tuple[str, str, str]:
    """Wall seconds, CPU seconds and times ``base``, as text."""
    cpu = spread([run.cpu for run in runs[name]]).text()
    return spread(walls(runs[name])).text(), cpu, "1" if name == base else against(runs, name, base).text()
