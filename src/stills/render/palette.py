"""Colours of people: the same for a person in posters, videos and plots, and told apart by people who see fewer."""

from __future__ import annotations

from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0…255."""

PEOPLE: tuple[Colour, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
)
"""Okabe and Ito, "Color Universal Design" (2008), without black."""

NOBODY: Colour = (160, 160, 160)
"""A face that is nobody's."""

_TINTS = (0.0, 0.5, -0.35)  # as they are, half-way to white, a third of the way to black


def person_color(number: int) -> Colour:
    """The colour of the person with this id (from 1): always the same one. They repeat after 21 people."""
    place = max(0, number - 1)
    tint = _TINTS[place // len(PEOPLE) % len(_TINTS)]
    target = 255 if tint > 0 else 0
    red, green, blue = (round(part + abs(tint) * (target - part)) for part in PEOPLE[place % len(PEOPLE)])
    return red, green, blue


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever has more contrast (WCAG 2.2) on ``colour``."""
    light = luminance(colour)
    return (0, 0, 0) if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else (255, 255, 255)


def luminance(colour: Colour) -> float:
    """Relative luminance of an sRGB colour, 0…1 (WCAG 2.2)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
