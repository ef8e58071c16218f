"""How the report says numbers: labels, lengths, shares, sizes and places on a time line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stills.errors import printable
from stills.render.metadata import clock

WIDTH = 1000
"""Units of a time line's width."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a time line, in its units, or a part of a score (``start`` 0), with words for both."""

    start: float
    width: float
    label: str
    value: str = ""


def parts(reasons: Mapping[str, Any]) -> list[Bar]:
    """The parts of a score as bars of 0…100."""
    return [Bar(0, share(v) * 100, label(k), f"{float(v):.2f}") for k, v in reasons.items()]


def span(start: float, end: float, duration: float) -> Bar:
    """A stretch of a video's time line."""
    left = at(start, duration)
    # A second of a long film is thinner than a pixel: show at least a thin line.
    width = max(at(end, duration) - left, 2.0)
    words = f"{clock(start)} – {clock(end)}"
    return Bar(round(min(left, WIDTH - width), 2), round(width, 2), words, length(end - start))


def at(seconds: Any, duration: float) -> float:
    """Where a moment is on a time line."""
    return round(min(max(float(seconds) / duration, 0.0), 1.0) * WIDTH, 2) if duration > 0 else 0.0


def share(value: Any) -> float:
    """A number as one of 0…1."""
    return round(min(max(float(value), 0.0), 1.0), 4)


def label(key: str) -> str:
    """A key of a result as words."""
    words = printable(key).replace("_", " ")
    return words[:1].upper() + words[1:]


def why(reasons: Mapping[str, Any]) -> str:
    """The parts of a score in one line."""
    return ", ".join(f"{printable(key).replace('_', ' ')} {float(value):.2f}" for key, value in reasons.items())


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 shot``, ``12 shots``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(part: float) -> str:
    """A share in percent, never rounded down to nothing."""
    number = part * 100
    if 0 < number < 0.05:
        return "less than 0.1 %"
    return f"{number:.0f} %" if number >= 10 or number == 0 else f"{number:.1f} %"


def length(seconds: float) -> str:
    """A stretch of time."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def running_time(seconds: float) -> str:
    """A video's duration: tenths of a second count only in short ones."""
    return clock(seconds, digits=1 if seconds < 60 else 0)


def size(number: float) -> str:
    """A file's size in bytes."""
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if number >= 100 or unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
