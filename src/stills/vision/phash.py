"""Perceptual hash: 64 bits that stay when a picture is scaled, recoded or made brighter."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_SIDE = 8


def perceptual_hashes(thumbs: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The hash of each of ``thumbs`` (n, h, w), at least 9 × 9: (n,).

    Signs of the lowest 8 × 8 frequencies of the cosine transform against their median, the mean aside (Zauner,
    "Implementation and benchmarking of perceptual image hash functions", 2010; as in pHash). The lowest frequency of
    each row comes first, from the highest bit down. Pictures of one brightness have the hash 0.
    """
    down, across = _basis(thumbs.shape[1]), _basis(thumbs.shape[2])
    # Frequencies 1…8 in each direction: the mean and pure gradients of light along one axis are left out.
    spectrum = (down @ thumbs.astype(np.float32) @ across.T).reshape(len(thumbs), _SIDE * _SIDE)
    bits = spectrum > np.median(spectrum, axis=1, keepdims=True)
    bits[np.abs(spectrum).max(axis=1) < thumbs.shape[1]] = False  # no structure but rounding
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64)[:, 0]


def hash_distances(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.int64]:
    """In how many of 64 bits ``a`` and ``b`` differ: 0 for equal pictures, about 32 for unrelated ones."""
    return np.bitwise_count(np.bitwise_xor(a, b)).astype(np.int64)


@lru_cache(maxsize=8)
def _basis(length: int) -> NDArray[np.float32]:
    """Cosines of frequencies 1…8 over ``length`` samples (8, length)."""
    at = (np.arange(length) + 0.5) / length
    return np.cos(np.pi * np.arange(1, _SIDE + 1)[:, None] * at).astype(np.float32)
