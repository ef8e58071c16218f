"""Medians, ranges and paired ratios of a few repetitions."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from stills.errors import UsageError


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of some repetitions."""

    median: float
    least: float
    most: float
    count: int

    def text(self, digits: int = 2, unit: str = "") -> str:
        """``1.23 (1.20–1.31)``, with ``unit`` behind the median; the median alone where there is one value."""
        median = f"{self.median:.{digits}f}{unit}"
        if self.count == 1:
            return median
        return f"{median} ({self.least:.{digits}f}–{self.most:.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """Median and range of ``values``. Raises ``UsageError`` where there are none."""
    if not values:
        raise UsageError("there is no median of nothing")
    return Spread(statistics.median(values), min(values), max(values), len(values))


def paired(values: Sequence[float], base: Sequence[float]) -> Spread:
    """The ratios of each value to its partner in ``base``, measured next to it.

    Whatever slows the machine down for a while slows both down, so their ratio is steadier than the ratio of medians.
    Raises ``UsageError`` where the lengths differ, or a base is not above 0.
    """
    if len(values) != len(base) or any(b <= 0 for b in base):
        raise UsageError(f"ratios need partners above 0: {len(values)} values, bases {list(base)}")
    return spread([value / partner for value, partner in zip(values, base, strict=True)])
