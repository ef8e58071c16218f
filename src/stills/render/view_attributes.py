"""What the report shows of attributes that models inferred: words with their uncertainty, and bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stills.errors import printable
from stills.render.distribution import age_deviation
from stills.render.view_words import Bar, count, label, percent, share

_OLDEST = 90.0
"""Years at the right end of the bar of an age."""


@dataclass(frozen=True, slots=True)
class AttributeView:
    """An attribute of a person: ``said`` is its value with the uncertainty.

    ``behind`` is what that rests on, or why it is unknown. ``bars`` are the probabilities of its labels, ``within`` the
    likely ages as a bar of 0…100 with the value's place.
    """

    name: str
    said: str
    unknown: bool
    behind: str
    bars: list[Bar]
    within: tuple[float, float, float] | None = None


def attribute_views(attributes: Mapping[str, Any]) -> list[AttributeView]:
    """The attributes of a person, as results hold them; what is no estimate is left to :func:`other_facts`."""
    return [_view(str(name), one) for name, one in attributes.items() if isinstance(one, Mapping)]


def other_facts(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What else stands among the attributes, as words."""
    return [(label(str(k)), printable(str(v))) for k, v in attributes.items() if not isinstance(v, Mapping)]


def attribute_words(attributes: Mapping[str, Any]) -> str:
    """The attributes of a face in one line, without those that are unknown."""
    views = attribute_views(attributes)
    return ", ".join(f"{view.name.lower()} {view.said}" for view in views if not view.unknown)


def _view(name: str, one: Mapping[str, Any]) -> AttributeView:
    value, confidence = one["value"], float(one["confidence"])
    bars = [
        Bar(0, share(p) * 100, label(str(text)), percent(share(p)))
        for text, p in (one.get("probabilities") or {}).items()
    ]
    within = None
    if value is None:
        said = "unknown"
    elif isinstance(value, str):
        said = f"{printable(value)}, {_sure(share(confidence))}"
    else:
        said, within = _age(float(value), age_deviation(confidence))
    return AttributeView(label(name), said, value is None, _behind(one), bars, within)


def _age(years: float, deviation: float) -> tuple[str, tuple[float, float, float]]:
    """``34 ± 6 (likely 28–40)``, and the place of that on a bar."""
    low, high = max(0.0, years - deviation), years + deviation
    left, right = (min(v / _OLDEST, 1.0) * 100 for v in (low, high))
    place = min(max(years / _OLDEST, 0.0), 1.0) * 100
    said = f"{years:.0f} ± {deviation:.0f} (likely {low:.0f}–{high:.0f})"
    return said, (round(left, 2), round(right - left, 2), round(place, 2))


def _sure(probability: float) -> str:
    """A probability in percent; no model is ever certain."""
    return "over 99 %" if probability > 0.99 else percent(probability)


def _behind(one: Mapping[str, Any]) -> str:
    """How many faces are behind it, and how far they disagree."""
    faces, spread = int(one["faces"]), float(one.get("spread") or 0.0)
    said = f"from {count(faces, 'face')}"
    if one["value"] is None:
        reason = printable(str(one.get("reason") or ""))
        return f"{reason}; {said}" if reason else said
    if faces < 2:
        return said
    if isinstance(one["value"], str):
        return f"{said}, {percent(spread)} disagree" if spread > 0 else f"{said} that agree"
    return f"{said}, {spread:.1f} years apart"
