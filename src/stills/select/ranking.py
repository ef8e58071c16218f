"""The order in which frames would be kept: N frames are always a part of N + 1."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

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

_COMPARED_AT_ONCE = (8, 64)
"""How many frames are compared with all others together: one for so many that were taken, up to a most. A product of
matrices reads those others once for all of them; but of the first that are compared in advance, many are not taken
soon. It is no matter of how many are wanted, so that rounding never makes fewer frames others than the beginning of
more."""

_LIVE = 0.75
"""Share of the frames reckoned with that may still be taken, below which the others are left out of all arrays."""

_HELD_BYTES = 1 << 26
"""Most memory for comparisons that were made in advance."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """In which order frames are kept.

    ``order``: rows, the first is kept longest. ``similarity``: of each to its most similar predecessor; 0 for the
    first. ``skipped`` counts rows left out by reason: too near in time, or too many of their shot.
    """

    order: NDArray[np.intp]
    similarity: NDArray[np.float32]
    skipped: dict[str, int]


class Ranker:
    """Ranks frames, each time taking the one that adds most: farthest from all taken before, in a new shot, good, long.

    This is greedy farthest-point traversal (Gonzalez, "Clustering to minimize the maximum intercluster distance",
    1985), weighted. What ``per_shot`` and ``min_gap`` (seconds) forbid is passed over, so the order of fewer is the
    beginning of it, and asking for more goes on from there. Safe to use from any thread.

    What a frame adds only ever falls, and with each frame that is taken, falls for those like it alone: nothing else
    is reckoned again.
    """

    def __init__(
        self,
        views: Views,
        time: NDArray[np.float64],
        shot: NDArray[np.intp],
        score: NDArray[np.floating],
        length: NDArray[np.float64],
        *,
        per_shot: int | None = None,
        min_gap: float = 0.0,
    ) -> None:
        """``length`` (n,) are the seconds that each frame's shot lasts."""
        self._lock = threading.Lock()
        self._per_shot, self._min_gap = per_shot, min_gap
        self._order: list[int] = []
        self._nearest: list[float] = []
        self._skipped: list[tuple[int, int]] = [(0, 0)]
        self._of_shot: dict[int, int] = {}
        # From here on, arrays of the frames that are still reckoned with: of all of them, first.
        count = len(time)
        self._rows = np.arange(count)
        self._views = replace(views, thumbs=None)
        self._time, self._shot = time, shot
        self._worth = _worth(score, length)
        self._similarity = np.zeros(count, np.float32)
        self._far = np.ones(count, np.float32)
        self._new_shot = np.full(count, np.float32(_NEW_SHOT))
        self._open = np.ones(count, np.bool_)
        self._gain = self._gain_of(np.arange(count))
        self._compared: dict[int, NDArray[np.float32]] = {}
        self._ahead = np.zeros(count, np.bool_)

    @property
    def bytes(self) -> int:
        """About how much memory this takes between two questions."""
        views = self._views
        return views.blocks.nbytes + views.colors.nbytes + 64 * len(self._rows)

    def ranking(self, limit: int | None = None) -> Ranking:
        """The first ``limit`` frames, or all."""
        with self._lock:
            while limit is None or len(self._order) < limit:
                if not self._take():
                    break
            self._forget()
            count = len(self._order) if limit is None else min(limit, len(self._order))
            gap, shot = self._skipped[count]
            return Ranking(
                np.array(self._order[:count], np.intp),
                np.array(self._nearest[:count], np.float32),
                {"min_gap": gap, "per_shot": shot},
            )

    def _take(self) -> bool:
        """Take the frame that adds most; whether there was one."""
        if not len(self._gain):
            return False
        place = int(self._gain.argmax())
        if self._gain[place] < 0.0:
            return False
        near = self._compare(place)
        number, time = int(self._shot[place]), float(self._time[place])
        self._order.append(int(self._rows[place]))
        self._nearest.append(float(self._similarity[place]))
        too_near, too_many = self._skipped[-1]
        changed = np.flatnonzero(near > self._similarity)
        self._similarity[changed] = near[changed]
        self._far[changed] = np.sqrt(np.maximum(1.0 - near[changed], 0.0), dtype=np.float32)
        self._close(np.array([place]))
        if self._min_gap > 0:
            too_near += self._close(np.flatnonzero(np.abs(self._time - time) < self._min_gap))
        taken = self._of_shot[number] = self._of_shot.get(number, 0) + 1
        if taken == 1:
            here = np.flatnonzero(self._shot == number)
            self._new_shot[here] = 0.0
            changed = np.concatenate([changed, here])
        if taken == self._per_shot:
            too_many += self._close(np.flatnonzero(self._shot == number))
        self._gain[changed] = self._gain_of(changed)
        self._skipped.append((too_near, too_many))
        if (len(self._order) & 15) == 0 and self._open.sum() < _LIVE * len(self._open):
            self._leave_out()
        return True

    def _close(self, places: NDArray[np.intp]) -> int:
        """Have the frames at ``places`` not be taken (any more); how many of them were open."""
        count = int(self._open[places].sum())
        self._open[places] = False
        self._gain[places] = -1.0
        return count

    def _gain_of(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        far = self._far[places]
        gain = (far + self._new_shot[places] * np.minimum(1.0, far / _SEEN_BEFORE)) * self._worth[places]
        return np.asarray(np.where(self._open[places], gain, np.float32(-1.0)), np.float32)

    def _compare(self, place: int) -> NDArray[np.float32]:
        """Similarity of the frame at ``place`` to all; of those that are likely to be taken next, at the same time."""
        row = int(self._rows[place])
        if row not in self._compared:
            every_so_many, most = _COMPARED_AT_ONCE
            more = min(most, 1 + len(self._order) // every_so_many) - 1
            if (len(self._compared) + more + 1) * 4 * len(self._rows) > _HELD_BYTES:
                self._forget()
            self._ahead[place] = True
            batch = np.array([place, *self._likely(more)])
            self._ahead[batch] = True
            every = slice(None)  # a view: copying would take longer than comparing
            self._compared.update(zip(self._rows[batch].tolist(), self._views.compare(batch, every)[0], strict=True))
        return self._compared.pop(row)

    def _forget(self) -> None:
        self._compared.clear()
        self._ahead[:] = False

    def _likely(self, most: int) -> list[int]:
        """Places of frames that may be among the next: of a stretch the best, as its neighbours look much like it."""
        if not most:
            return []
        count = len(self._gain)
        stretch = max(1, count // most)
        gain = np.full(-(-count // stretch) * stretch, np.float32(-1.0))
        gain[:count] = np.where(self._ahead, np.float32(-1.0), self._gain)
        best = gain.reshape(-1, stretch).argmax(axis=1) + stretch * np.arange(len(gain) // stretch)
        return [place for place in best.tolist() if gain[place] >= 0.0][: 2 * most]

    def _leave_out(self) -> None:
        """Reckon no more with frames that cannot be taken."""
        keep = np.flatnonzero(self._open)
        self._rows, self._time, self._shot = self._rows[keep], self._time[keep], self._shot[keep]
        self._views = self._views.take(keep)
        self._worth, self._similarity = self._worth[keep], self._similarity[keep]
        self._far, self._new_shot = self._far[keep], self._new_shot[keep]
        self._gain, self._open, self._ahead = self._gain[keep], self._open[keep], self._ahead[keep]
        left = set(self._rows.tolist())
        self._compared = {row: near[keep] for row, near in self._compared.items() if row in left}


def _worth(score: NDArray[np.floating], length: NDArray[np.float64]) -> NDArray[np.float32]:
    seconds = np.clip(length, *_SHOT_SECONDS) / _SHOT_SECONDS[1]
    return np.asarray(np.sqrt(seconds) * (_LEAST_QUALITY + (1.0 - _LEAST_QUALITY) * score), np.float32)
