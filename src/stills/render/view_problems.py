"""What the report shows of inputs without a result: a few as they are, many by why that is so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from stills.render.view import Problem
from stills.render.view_words import count

MOST_PLAIN = 20
"""So many are listed one by one; more are grouped."""

MOST_REASONS = 40
MOST_NAMED = 100
"""Names below one reason."""

MOST_IN_ALL = 400
"""Names below all of them; ``.stills/failures.json`` has the rest."""

_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|(?:\w+:/)?/\S+|\b0x[0-9a-f]+\b|\d+(?:[.,:]\d+)*", re.IGNORECASE)
"""What tells one case of a reason from another: names, places, numbers."""


@dataclass(slots=True)
class Group:
    """Inputs that failed for one reason: ``named`` are some, with their own words where those differ."""

    message: str
    remedy: str
    number: int = 0
    named: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0
    alike: bool = True


@dataclass(frozen=True, slots=True)
class ProblemsView:
    """Either all of them, ``plain``, or ``groups``, the largest first."""

    number: int
    plain: list[Problem]
    groups: list[Group]
    summary: str = ""
    note: str = ""


def problems_view(problems: Iterable[Problem]) -> ProblemsView | None:
    """The section on ``problems``, whatever their number; None where there are none."""
    plain: list[Problem] = []
    groups: dict[tuple[str, str], Group] = {}
    number = 0
    for problem in problems:
        number += 1
        if number <= MOST_PLAIN:
            plain.append(problem)
        key = _kind(problem.message, problem.name), _kind(problem.remedy, problem.name)
        group = groups.setdefault(key, Group(problem.message, problem.remedy))
        group.number += 1
        group.alike = group.alike and problem.message == group.message
        if len(group.named) < MOST_NAMED:
            group.named.append((problem.name, problem.message))
    if number <= MOST_PLAIN:
        return ProblemsView(number, plain, []) if plain else None
    shown = sorted(groups.items(), key=lambda item: -item[1].number)
    kept = [_told(key[0], group) for key, group in shown[:MOST_REASONS]]
    if len(shown) > MOST_REASONS:
        kept.append(_others([group for _, group in shown[MOST_REASONS:]]))
    _ration(kept)
    left = any(group.more for group in kept)
    return ProblemsView(
        number,
        [],
        kept,
        summary=f"{count(number, 'input')}, {count(len(groups), 'reason')}.",
        note="All of them are named in .stills/failures.json." if left else "",
    )


def _kind(text: str, name: str) -> str:
    """``text`` without what is of one case only."""
    return _VARIES.sub("…", text.replace(name, "…") if name else text)


def _told(kind: str, group: Group) -> Group:
    """Say once what all of a group have in common."""
    if group.alike:
        group.named = [(name, "") for name, _ in group.named]
    else:
        group.message = kind
    return group


def _others(groups: list[Group]) -> Group:
    named = [one for group in groups for one in group.named]
    return Group("Other reasons", "", sum(group.number for group in groups), named[:MOST_NAMED], alike=False)


def _ration(groups: list[Group]) -> None:
    """Share out the names there is room for: all groups alike, and what one does not need goes to the larger ones."""
    room = MOST_IN_ALL
    for place, group in enumerate(sorted(groups, key=lambda group: len(group.named))):
        share = room // (len(groups) - place)
        group.named = group.named[:share]
        room -= len(group.named)
        group.more = group.number - len(group.named)
