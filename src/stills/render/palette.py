"""The colour of each person, the same wherever people are drawn: on posters, in the annotated video, in the report."""

from __future__ import annotations

from typing import TypeAlias

Rgb: TypeAlias = tuple[int, int, int]

# Okabe and Ito, "Color Universal Design" (2008): hues that stay apart for people with any colour vision deficiency.
# Their black is left out, as it is no colour on a dark film, and blue comes late, as it is the darkest.
_HUES: tuple[Rgb, ...] = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (0, 158, 115),  # bluish green
    (240, 228, 66),  # yellow
    (204, 121, 167),  # reddish purple
    (213, 94, 0),  # vermilion
    (0, 114, 178),  # blue
)

_TINTS = (0.0, 0.45, -0.35)
"""How far the second and third seven of people are mixed with white (above 0) or black."""

STRANGER: Rgb = (176, 176, 176)
"""Whoever is nobody of the film: grey, as no person is."""

DARK: Rgb = (16, 16, 16)
LIGHT: Rgb = (255, 255, 255)


def person_color(person: int | None) -> Rgb:
    """The colour (red, green, blue, 0…255) of the person with this id; :data:`STRANGER` for ``None``.

    Ids count from 1. The first seven differ in hue, the next in lightness as well; after 21 colours come again.
    """
    if person is None:
        return STRANGER
    round_, place = divmod(person - 1, len(_HUES))
    tint = _TINTS[round_ % len(_TINTS)]
    ground = 255.0 if tint > 0 else 0.0
    red, green, blue = (round(c + (ground - c) * abs(tint)) for c in _HUES[place])
    return red, green, blue


def ink_on(color: Rgb) -> Rgb:
    """What can be read on ``color``: dark or light, by its relative luminance (WCAG 2.2, contrast ratio)."""
    red, green, blue = (_linear(c / 255) for c in color)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # Equal contrast with black and white lies at sqrt(1.05 · 0.05) - 0.05.
    return DARK if luminance > 0.179 else LIGHT


def _linear(c: float) -> float:
    return c / 12.92 if c <= 0.04045 else float(((c + 0.055) / 1.055) ** 2.4)
