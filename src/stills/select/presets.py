"""What the kinds of video differ in, as far as choosing key frames goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stills.types import Preset

Measure: TypeAlias = Literal["scene", "energy"]

DEFAULT_SIMILARITY = 0.95
"""Similarity from which two frames of one shot are near-equals, unless the user says otherwise."""


@dataclass(frozen=True, slots=True)
class PresetRules:
    """How the frames of one kind of video are compared.

    ``measure`` names the similarity (see :mod:`stills.select.similarity`): ``scene`` takes a subject that moves for the
    same picture, ``energy`` counts every lasting difference of brightness. ``grid`` is the number of columns and rows
    that the tiny pictures are averaged to before they are compared. Energy is that of a difference: squared grey
    levels, summed over the grid. Up to ``apart``, and what noise adds, two frames cannot be told apart. ``step`` is
    the energy at which the measure ``energy`` has fallen to 0.95; it is at least ``step_over_noise`` times the noise's
    own. ``window`` is in seconds. ``every_shot``: a shot counts as new even where it looks much like another.
    ``ignore_pointer``: a change no larger than a mouse pointer, here and where it was before, and a caret is none.
    """

    measure: Measure
    grid: tuple[int, int]
    window: float
    apart: float
    step: float = 0.0
    step_over_noise: float = 0.0
    every_shot: bool = True
    ignore_pointer: bool = False


PRESETS: Mapping[Preset, PresetRules] = {
    # 15 s: in dialogue, a camera comes back after 2 to 10 s; what returns later is taken for a new moment.
    # 72: 0.7 grey levels everywhere, or eight in one block of a hundredth of the picture. Compression alone makes up to
    # about 10 in a still picture of 720p, and 65 in one of 128 × 96.
    "film": PresetRules("scene", (16, 9), window=15.0, apart=72.0),
    # Measured on drawn screens of 1920 × 1080, 30 × 30 pixels a cell: ten letters that appear 1,900, a line of text
    # 3,500 and more, a caret 120, a pointer that moved up to 400. At 1280 × 720 a pointer makes up to 1,900, so small
    # changes are looked at once more (``ignore_pointer``). What changes fewer than some eight letters is not seen.
    "screen": PresetRules(
        "energy",
        (64, 36),
        window=60.0,
        apart=450.0,
        step=1500.0,
        step_over_noise=4.0,
        every_shot=False,
        ignore_pointer=True,
    ),
    # 900: two and a half grey levels over the whole picture. Blocks of 4 × 4 cells leave a sixteenth of the speckle's
    # energy, so slow motion shows above it; pairs that differ by speckle alone have 1.5 times its mean at most.
    "medical": PresetRules(
        "energy", (16, 9), window=20.0, apart=40.0, step=900.0, step_over_noise=4.0, every_shot=False
    ),
}
