"""Tracks that changed hands: two people who crossed, or a transition that nobody saw, told by the embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAME_TRACK = 0.25
"""Cosine similarity below which the faces before and after a moment are two people. Faces of one person in one shot,
a quarter of a second to some seconds apart, stay above 0.45 in the development clips; strangers are near 0."""


def change_of_person(embeddings: NDArray[np.float32]) -> int | None:
    """Where a track becomes another person's: index of the first face of the second person, or ``None``.

    ``embeddings`` (n, d), of unit length, in order of time. The place with the least similarity between the means of
    both sides is judged; one face on a side is enough, as it was chosen among the track's best.
    """
    n = len(embeddings)
    if n < 2:
        return None
    sums = np.cumsum(embeddings, axis=0, dtype=np.float64)
    before, after = sums[:-1], sums[-1] - sums[:-1]
    before = before / np.linalg.norm(before, axis=1, keepdims=True)
    after = after / np.linalg.norm(after, axis=1, keepdims=True)
    similarity = np.einsum("ij,ij->i", before, after)
    place = int(np.argmin(similarity))
    return place + 1 if similarity[place] < SAME_TRACK else None
