"""The order in which frames would be kept: N frames are always a part of N + 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.select.similarity import Views

_NEW_SHOT = 0.3
"""What a shot that has no frame yet counts, beside how different it looks (0…1): every shot, then more of those that
change most."""

_SEEN_BEFORE = 0.02
"""Distance below which a shot counts less and less as new: it shows again what was shown elsewhere."""

_LEAST_QUALITY = 0.5
"""How much of its worth the worst frame keeps: how good it is decides among like ones, not whether a scene is shown."""

_SHOT_SECONDS = (0.25, 8.0)
"""Length from which a shot counts fully, by the root, and the least length that is reckoned with."""

_COMPARED_AT_ONCE = 1024
"""Frames up to which all are compared with all beforehand: 4 MB, and quicker than one by one."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """In which order frames are kept.

    ``order``: rows, the first is kept longest. ``similarity``: of each to its most similar predecessor; 0 for the
    first. ``skipped`` counts rows left out by reason: too near in time, or too many of their shot.
    """

    order: NDArray[np.intp]
    similarity: NDArray[np.float32]
    skipped: dict[str, int]


def rank(
    views: Views,
    time: NDArray[np.float64],
    shot: NDArray[np.intp],
    score: NDArray[np.floating],
    length: NDArray[np.float64],
    *,
    limit: int | None = None,
    per_shot: int | None = None,
    min_gap: float = 0.0,
) -> Ranking:
    """Rank frames, each time taking the one that adds most: farthest from all taken before, in a new shot, good, long.

    This is greedy farthest-point traversal (Gonzalez, "Clustering to minimize the maximum intercluster distance",
    1985), weighted. It stops after ``limit`` frames. ``length`` (n,) are the seconds that each frame's shot lasts.
    What ``per_shot`` and ``min_gap`` (seconds) forbid is passed over, so the order of fewer is the beginning of it.
    """
    count = len(time)
    worth = _worth(score, length)
    similarity = np.zeros(count, np.float32)
    far = np.ones(count, np.float32)
    new_shot = np.full(count, np.float32(_NEW_SHOT))
    open_, skipped = np.ones(count, np.bool_), {"min_gap": 0, "per_shot": 0}
    taken_of_shot: dict[int, int] = {}
    order: list[int] = []
    every = slice(None)  # a view: copying would take longer than comparing
    known = views.compare(every, every)[0] if count <= _COMPARED_AT_ONCE else None
    while open_.any() and (limit is None or len(order) < limit):
        gain = (far + new_shot * np.minimum(1.0, far / _SEEN_BEFORE)) * worth
        gain = np.where(open_, gain, np.float32(-1.0))
        row = int(gain.argmax())
        order.append(row)
        open_[row] = False
        near = views.compare(np.array([row]), every)[0][0] if known is None else known[row]
        later = np.maximum(similarity, near)
        similarity = np.where(open_, later, similarity)
        far = np.sqrt(np.maximum(1.0 - similarity, 0.0), dtype=np.float32)
        here = shot == shot[row]
        new_shot[here] = 0.0
        if min_gap > 0:
            close = open_ & (np.abs(time - time[row]) < min_gap)
            skipped["min_gap"] += int(close.sum())
            open_ &= ~close
        number = int(shot[row])
        taken_of_shot[number] = taken_of_shot.get(number, 0) + 1
        if taken_of_shot[number] == per_shot:
            skipped["per_shot"] += int((open_ & here).sum())
            open_ &= ~here
    chosen = np.array(order, np.intp)
    return Ranking(chosen, similarity[chosen], skipped)


def _worth(score: NDArray[np.floating], length: NDArray[np.float64]) -> NDArray[np.float32]:
    seconds = np.clip(length, *_SHOT_SECONDS) / _SHOT_SECONDS[1]
    return np.asarray(np.sqrt(seconds) * (_LEAST_QUALITY + (1.0 - _LEAST_QUALITY) * score), np.float32)
