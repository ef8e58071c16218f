"""How alike two frames look, from what an index holds of them: tiny luma pictures, colour histograms, hashes.

Pictures are averaged to a grid of blocks ``b`` and their mean is taken off. Two numbers follow from inner products
alone, so that thousands of pairs are compared by one matrix product:

* ``energy = |b_i - b_j|²``, squared grey levels summed over the blocks;
* ``structure = (b_i · b_j + C) / (|b_i| |b_j| + C)``, the structure term of SSIM (Wang et al., "Image quality
  assessment: from error visibility to structural similarity", 2004) over the whole grid: indifferent to brightness and
  contrast, so flicker is no change. ``C`` keeps noise in flat pictures from counting.

The measure ``scene`` multiplies ``1 - (1 - structure)²`` with ``1 - (1 - histogram)² / 2``, where ``histogram`` is the
Bhattacharyya coefficient of the colours. The squares widen the range near 1: somebody who moves in front of a still
background keeps 0.95, unrelated shots have about 0. The measure ``energy`` is ``0.95 ** sqrt(energy / step)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.index.schema import THUMB_SIZE
from stills.select.presets import PresetRules

Floats: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.intp] | slice
RowPairs: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]

WIDTH, HEIGHT = THUMB_SIZE
"""Size of the tiny pictures."""

_STRUCTURE_FLOOR = 4.0
"""Variance, in squared grey levels, below which a grid of blocks counts as flat."""

_HISTOGRAM_WEIGHT = 0.5

_NOISE_MARGIN = 3.0
"""How many times the mean energy of the noise still is noise; the largest of many pairs has about 1.5 times."""

_COARSE_GRAIN = 4.0
"""How much more energy grain may have than white noise of the same strength in the tiny pictures."""

_STEADY = 1.5
"""How much more frames many seconds apart may differ than frames two seconds apart where nothing moves."""

_MOST_GRAIN = 150.0
"""Most energy that is taken for grain which neighbours do not show: 8 grey levels of noise in 160 × 90 pixels, hard
compressed, differ by 250 in the middle and 460 at most. What repeats itself looks steady too, and is no noise."""

_NOISE_PAIRS = 240
_NOISE_QUANTILE = 0.1
_NOISY_CELLS = 0.8

_HASH_ENERGY = 12.0
"""Energy that one bit of a hash stands for."""


@dataclass(frozen=True, slots=True)
class StillPairs:
    """RowPairs of rows of one shot: neighbours, those two to three seconds apart, and those eight to ten."""

    next: RowPairs
    soon: RowPairs
    late: RowPairs

    @classmethod
    def of(cls, time: NDArray[np.float64], shot: NDArray[np.intp]) -> StillPairs:
        """Those of frames in order of ``time`` (n,) seconds that lie in the shots ``shot`` (n,)."""
        first = np.arange(len(time))

        def pairs(second: NDArray[np.intp], least: float, most: float) -> RowPairs:
            second = np.minimum(second, len(time) - 1)
            gap = time[second] - time
            kept = (second > first) & (shot[second] == shot) & (gap >= least) & (gap <= most)
            return first[kept], second[kept]

        soon, late = (np.searchsorted(time, time + gap) for gap in (2.0, 8.0))
        return cls(pairs(first + 1, 0.0, 1.5), pairs(soon, 2.0, 3.0), pairs(late, 8.0, 10.0))


@dataclass(frozen=True, slots=True)
class Views:
    """What frames look like, ready to be compared: all arrays have one row a frame.

    ``blocks`` (n, d): the grid without its mean; ``power`` (n,): its squared length. ``colors`` (n, 64): roots of the
    histogram, of length 1. ``thumbs`` (n, 2304): the tiny pictures, ``None`` where hashes stand for them. ``floor`` is
    C above, ``apart`` the energy up to which frames cannot be told apart, ``step`` that of the preset.
    """

    rules: PresetRules
    blocks: Floats
    power: Floats
    colors: Floats
    thumbs: NDArray[np.uint8] | None
    floor: float
    apart: float
    step: float

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.blocks)

    def take(self, rows: NDArray[np.intp]) -> Views:
        """Only the frames ``rows``."""
        thumbs = None if self.thumbs is None else self.thumbs[rows]
        return replace(self, blocks=self.blocks[rows], power=self.power[rows], colors=self.colors[rows], thumbs=thumbs)

    def compare(self, rows: Rows, columns: Rows) -> tuple[Floats, Floats]:
        """Similarity (0…1) and energy of all pairs, each (rows, columns)."""
        return self._judged(
            self.blocks[rows] @ self.blocks[columns].T,
            self.power[rows][:, None],
            self.power[columns][None],
            self.colors[rows] @ self.colors[columns].T,
        )

    def compare_pairs(self, rows: NDArray[np.intp], others: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Similarity (0…1) and energy of each of ``rows`` to that of ``others``, each (n,)."""
        return self._judged(
            np.einsum("ij,ij->i", self.blocks[rows], self.blocks[others]),
            self.power[rows],
            self.power[others],
            np.einsum("ij,ij->i", self.colors[rows], self.colors[others]),
        )

    def _judged(self, product: Floats, power: Floats, other: Floats, histogram: Floats) -> tuple[Floats, Floats]:
        energy = np.maximum(power + other - 2.0 * product, 0.0)
        if self.rules.measure == "energy":
            return np.exp(np.log(np.float32(0.95)) * np.sqrt(energy / np.float32(self.step))), energy
        floor = np.float32(self.floor)
        structure = (product + floor) / (np.sqrt(power * other) + floor)
        strange = np.clip(1.0 - structure, 0.0, 1.0)
        recolored = np.clip(1.0 - histogram, 0.0, 1.0)
        similarity = (1.0 - strange * strange) * (1.0 - np.float32(_HISTOGRAM_WEIGHT) * recolored * recolored)
        return np.asarray(similarity, np.float32), np.asarray(energy, np.float32)


def views_of_thumbs(thumbs: NDArray[np.uint8], colors: Floats, still: StillPairs, rules: PresetRules) -> Views:
    """Views of ``thumbs`` (n, 2304) with the histograms ``colors`` (n, 64; roots, any scale; 0 where unknown).

    The noise is measured between the pairs ``still``.
    """
    blocks = block_means(thumbs, *rules.grid)
    cells = blocks.shape[1]
    # White noise of a power p a cell, averaged over m cells, leaves p / m in each of the 2304 / m blocks.
    noise = _noise_energy(thumbs, blocks, still.next)
    if rules.measure == "scene" and len(still.soon[0]) and len(still.late[0]):
        # Encoders let grain stand still for a while, so neighbours may have less of it than frames seconds apart. What
        # differs no more after many seconds than after two is not motion.
        soon, late = (float(np.median(_energies(blocks, pairs))) for pairs in (still.soon, still.late))
        if late <= _STEADY * soon:
            noise = max(noise, min(_noise_energy(thumbs, blocks, still.soon), _MOST_GRAIN))
    apart = rules.apart + _NOISE_MARGIN * noise
    step = max(rules.step, rules.step_over_noise * noise)
    return Views(rules, blocks, _power(blocks), _unit(colors), thumbs, _STRUCTURE_FLOOR * cells, apart, step)


def views_of_hashes(hashes: NDArray[np.uint64], flat: NDArray[np.bool_], colors: Floats, rules: PresetRules) -> Views:
    """Views of frames of which there are no pictures: coarser, from perceptual ``hashes``; those ``flat`` are alike."""
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1).astype(np.float32)
    blocks = (2.0 * bits - 1.0) * np.float32(np.sqrt(_HASH_ENERGY / 4.0))
    blocks[flat] = 0.0
    # Three of 64 bits change by noise; six are a step of 0.05.
    return Views(
        rules, blocks, _power(blocks), _unit(colors), None, 1.0, apart=3.5 * _HASH_ENERGY, step=6.0 * _HASH_ENERGY
    )


def _noise_energy(thumbs: NDArray[np.uint8], blocks: Floats, pairs: RowPairs) -> float:
    """Energy that noise gives two frames, from those of ``pairs`` between which least moves."""
    if not len(pairs[0]):
        return 0.0
    # White noise of a power p a cell, averaged over m cells, leaves p / m in each of the 2304 / m blocks. Coarse grain
    # leaves more: where nothing moves, that is what pairs differ by.
    white = noise_power(thumbs, pairs) * blocks.shape[1] ** 2 / (WIDTH * HEIGHT)
    return float(np.clip(np.quantile(_energies(blocks, pairs), _NOISE_QUANTILE), white, _COARSE_GRAIN * white))


def _energies(blocks: Floats, pairs: RowPairs) -> Floats:
    first, second = _some(pairs)
    return _power(blocks[second] - blocks[first])


def block_means(thumbs: NDArray[np.uint8], columns: int, rows: int) -> Floats:
    """``thumbs`` (n, 2304) averaged to ``columns`` × ``rows`` blocks, less their mean: (n, columns · rows)."""
    across = np.repeat(np.eye(columns, dtype=np.float32), WIDTH // columns, axis=0) * (columns / WIDTH)
    means = np.empty((len(thumbs), rows * columns), np.float32)
    for start in range(0, len(thumbs), 512):  # small enough to stay in the cache
        part = thumbs[start : start + 512].astype(np.float32)
        if columns < WIDTH:
            part = part.reshape(-1, WIDTH) @ across
        means[start : start + 512] = (
            part.reshape(-1, rows, HEIGHT // rows, columns).mean(axis=2).reshape(-1, rows * columns)
        )
    means -= means.mean(axis=1, keepdims=True)
    return means


def noise_power(thumbs: NDArray[np.uint8], pairs: RowPairs) -> float:
    """Power of the noise in the difference of two of ``thumbs``, squared grey levels a cell.

    What is left of a difference after its local mean (3 × 3) is taken off: motion and light are smooth, noise is not.
    Not its mean over the cells counts but its upper quantile, as noise is nearly everywhere and new text is not; and of
    up to 240 of ``pairs`` the lowest tenth: in the others things may move.
    """
    if not len(pairs[0]):
        return 0.0
    first, second = _some(pairs)
    pictures = thumbs.reshape(-1, HEIGHT, WIDTH)
    away = pictures[second].astype(np.float32) - pictures[first]
    rows = away[:, :-2] + away[:, 1:-1] + away[:, 2:]
    local = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9.0
    rest = away[:, 1:-1, 1:-1] - local
    # Of the square of normal noise, that quantile is 1.642. The mean of nine cells takes 1/9 of its power off.
    power = np.quantile((rest * rest).reshape(len(rest), -1), _NOISY_CELLS, axis=1) / 1.642 * 9.0 / 8.0
    return float(np.quantile(power, _NOISE_QUANTILE))


def _some(pairs: RowPairs) -> RowPairs:
    step = max(1, len(pairs[0]) // _NOISE_PAIRS)
    return pairs[0][::step], pairs[1][::step]


def _power(blocks: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", blocks, blocks), np.float32)


def _unit(vectors: Floats) -> Floats:
    """Rows of length 1; those unknown (all 0) become alike."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    known = np.where(length > 0, vectors / np.maximum(length, 1e-9), 1.0 / np.sqrt(vectors.shape[1]))
    return np.asarray(known, np.float32)
