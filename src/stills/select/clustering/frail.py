"""Clusters of whom little can be seen, given to those whom they are clearly most like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from stills.select.clustering.numbering import renumbered

ABSORB_MARGIN = 0.1
"""How much more similar the cluster that takes a frail one must be than the next."""


def absorb(
    labels: NDArray[np.int64],
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    cannot_link: Iterable[tuple[int, int]],
    *,
    frail: Sequence[bool],
    threshold: float,
) -> NDArray[np.int64]:
    """``labels`` with ``frail`` clusters given to the one that is clearly nearest; numbered by first member.

    A frail cluster (one entry of ``frail`` a label) has vectors that say little: its similarity to its own person is
    low, but lower still to others. It goes to the most similar cluster that is not frail if that reaches ``threshold``
    (cosine) and no other comes within ``ABSORB_MARGIN``; never against ``cannot_link``.
    """
    count = len(frail)
    sums = np.zeros((count, vectors.shape[1]))
    np.add.at(sums, labels, vectors.astype(np.float64) * weights[:, None])
    units = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    forbidden = {(int(labels[a]), int(labels[b])) for a, b in cannot_link}
    forbidden |= {(b, a) for a, b in forbidden}
    sound = [c for c in range(count) if not frail[c]]
    target = np.arange(count)
    for c in range(count):
        if not frail[c] or not sound:
            continue
        near = sorted(((float(units[c] @ units[s]), s) for s in sound), reverse=True)
        best, owner = near[0]
        unsure = len(near) > 1 and best - near[1][0] < ABSORB_MARGIN
        if best >= threshold and not unsure and (c, owner) not in forbidden:
            target[c] = owner
            forbidden |= {(owner, b) for a, b in forbidden if a == c} | {(b, owner) for a, b in forbidden if a == c}
    return renumbered(target[labels])
