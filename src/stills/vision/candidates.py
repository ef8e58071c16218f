"""Which frames of a run may become stills: of these the index keeps a tiny picture, and a scan may keep the frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.vision.signals import LOCAL_CHANGE, SETTLED_CHANGE

_STAYS = 0.15
"""Seconds that a picture stays as it is after a local change to count as settled."""


def choose_candidates(
    columns: Mapping[str, NDArray[Any]],
    times: NDArray[np.float64],
    change_times: NDArray[np.float64],
    per_second: float,
    goodness: NDArray[np.float32],
    *,
    measured: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """The best frame of each stretch of 1 / ``per_second`` seconds, and what a local change settled to: (n,).

    Stretches begin anew at ``change_times`` (the times of new shots, ascending), so every shot has a candidate, however
    short. A frame in a transition is one only where its shot has no other. Frames that were ``measured`` in full go
    before others; of equals the first is taken. ``columns`` are those of ``frames``; ``in_transition`` and
    ``local_change`` are looked at. Raises ``UsageError`` where ``per_second`` is not positive.
    """
    if not per_second > 0:
        raise UsageError(f"candidates a second must be more than 0, not {per_second}")
    n = len(times)
    if not n:
        return np.zeros(0, bool)
    shots = np.searchsorted(change_times, times, side="right")
    first = np.ones(n, bool)
    first[1:] = shots[1:] != shots[:-1]
    begins = times[np.maximum.accumulate(np.where(first, np.arange(n), 0))]
    # a hair more, so that frames at whole fractions of a second do not fall to either side by rounding
    stretches = np.floor((times - begins) * per_second + 1e-6).astype(np.int64)
    transition = columns["in_transition"].astype(bool)
    clean = np.bincount(shots, weights=~transition, minlength=shots[-1] + 1) > 0
    allowed = ~transition | ~clean[shots]
    rank = np.where(measured, 1, 0) if measured is not None else np.zeros(n, np.int64)
    chosen = _best(shots, stretches, allowed, rank=rank, score=goodness)
    settled, change = _settled(columns["local_change"], times, first)
    return chosen | _best(shots, stretches, allowed & settled, rank=rank, score=change)


def _best(
    shots: NDArray[np.intp],
    stretches: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    *,
    rank: NDArray[Any],
    score: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """The frame of the highest rank, then score, of each stretch of a shot that has an allowed one."""
    chosen = np.zeros(len(shots), bool)
    at = np.flatnonzero(allowed)
    if len(at):
        order = at[np.lexsort((at, -score[at], -rank[at], stretches[at], shots[at]))]
        new = np.ones(len(order), bool)
        new[1:] = (shots[order][1:] != shots[order][:-1]) | (stretches[order][1:] != stretches[order][:-1])
        chosen[order[new]] = True
    return chosen


def _settled(
    local_change: NDArray[np.float32], times: NDArray[np.float64], first: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Frames in which a part of the picture has just come to rest and stays so, and how much it had changed."""
    n = len(times)
    change = np.where(first, 0.0, local_change).astype(np.float32)  # a new shot is no local change
    every = np.arange(n)
    last_moved = np.maximum.accumulate(np.where(change >= LOCAL_CHANGE, every, -1))
    last_still = np.maximum.accumulate(np.where(change < SETTLED_CHANGE, every, -1))
    before = np.concatenate([[-1], last_still[:-1]])
    rests = (change < SETTLED_CHANGE) & (last_moved > before)
    # the next frame that moves, n where none does
    moves = np.where(change >= SETTLED_CHANGE, every, n)
    next_moves = np.minimum.accumulate(moves[::-1])[::-1]
    until = np.where(next_moves < n, times[np.minimum(next_moves, n - 1)], np.inf)
    stays = until - times > _STAYS
    return rests & stays, change[np.maximum(last_moved, 0)]
