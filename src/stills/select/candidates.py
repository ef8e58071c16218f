"""The frames that a selection may choose from, how good each is, and why others are out of the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stills.index.goodness import SIGNAL_COLUMNS, edge_factor, frame_parts, goodness
from stills.index.index import Index
from stills.index.memo import remembered
from stills.select.presets import PresetRules
from stills.select.similarity import HEIGHT, WIDTH, StillPairs, Views, views_of_hashes, views_of_thumbs

_FLAGS = frozenset({"in_transition", "flat", "black", "flash"})

BORDER_FRAMES = 2
"""Frames on either side of a cut that are left alone: encoders blur them, and some editors blend them."""

_BORDER_SECONDS = 0.2
"""Where frames were sampled, those farther than this from a cut are not near it, whatever their number (if the video
has ten frames a second or more)."""

_VARIABLE_MARGIN = 0.25
"""Most seconds that ``BORDER_FRAMES`` last where the frame rate varies: they are reckoned at its lowest."""

_GRADUAL_MARGIN = 0.08
"""Seconds around a dissolve or fade: its first and last mixed frames show hardly any of the other shot."""

_PER_SECOND = 2.0
"""Candidates a second where the index holds no tiny pictures."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Frames to choose from, in order of time: arrays of one length.

    ``shot`` is the number of the shot (0 first), ``score`` the goodness (0…1), ``key`` the same for ordering only.
    ``by_hash``: there were no pictures, so hashes are compared. ``spoiled``: there was nothing better than frames that
    nobody wants. ``dropped`` counts frames that were left out, by reason.
    """

    pts: NDArray[np.int64]
    time: NDArray[np.float64]
    shot: NDArray[np.intp]
    score: NDArray[np.float32]
    key: NDArray[np.float64]
    parts: Mapping[str, NDArray[np.float32]]
    views: Views
    by_hash: bool
    spoiled: bool
    dropped: Mapping[str, int]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.pts)


@dataclass(frozen=True, slots=True)
class _Pool:
    """All of the candidates that does not depend on weights, of the frames between a start and an end.

    ``columns`` are those that scores are made of, ``kept`` the rows of them that are candidates.
    """

    pts: NDArray[np.int64]
    time: NDArray[np.float64]
    shot: NDArray[np.intp]
    columns: Mapping[str, NDArray[Any]]
    border: _Border
    kept: NDArray[np.intp]
    looks: pa.Table
    by_hash: bool
    spoiled: bool
    dropped: Mapping[str, int]
    views: Views | None

    @property
    def bytes(self) -> int:
        """How much memory it takes, about."""
        views = self.views
        arrays = () if views is None else (views.blocks, views.colors, views.thumbs)
        return int(self.looks.nbytes) + 100 * len(self.pts) + sum(one.nbytes for one in arrays if one is not None)


def find_candidates(
    index: Index, weights: Mapping[str, float], rules: PresetRules, start: float | None, end: float | None
) -> Candidates:
    """The candidates of ``index`` from ``start`` up to ``end`` (seconds); none where no frame lies there."""
    pool = remembered(
        index, ("candidates", rules, start, end), lambda: _pool(index, rules, start, end), lambda one: one.bytes
    )
    score = goodness(pool.columns, weights)
    key = score * edge_factor(pool.border.seconds)
    # Where a whole shot is near its cuts, the frame in the middle is farthest from both.
    key = np.where(pool.border.near, pool.border.frames - 10.0 + 0.1 * key, key)
    keep, views = pool.kept, pool.views
    if views is None:
        keep = _thinned(keep, pool.time, pool.shot, key)
        looks = pool.looks.take(pa.array(np.searchsorted(pool.kept, keep)))
        views = _views(looks, pool.shot[keep], pool.columns["flat"][keep], rules)
    return Candidates(
        pts=pool.pts[keep],
        time=pool.time[keep],
        shot=pool.shot[keep],
        score=score[keep],
        key=key[keep],
        parts={name: values[keep] for name, values in frame_parts(pool.columns).items()},
        views=views,
        by_hash=pool.by_hash,
        spoiled=pool.spoiled,
        dropped=pool.dropped,
    )


def _pool(index: Index, rules: PresetRules, start: float | None, end: float | None) -> _Pool:
    time = _numbers(index.frames, "time", np.float64)
    shots = _Shots.of(index)
    inside = np.ones(len(time), np.bool_)
    if start is not None:
        inside &= time >= start
    if end is not None:
        inside &= time < end
    pictured = inside & np.asarray(index.frames["thumb"].is_valid())
    by_hash = not pictured.any()
    rows = np.flatnonzero(inside if by_hash else pictured)
    frames = index.frames.select(["pts", *SIGNAL_COLUMNS]).take(pa.array(rows))
    columns = {name: _flags(frames, name) if name in _FLAGS else _numbers(frames, name) for name in SIGNAL_COLUMNS}
    shot = shots.at(time[rows])
    columns["in_transition"] |= shots.in_gradual(time[rows])
    border = shots.border_distance(time, rows, shot, _margins(index, time))
    kept, dropped = _allowed(columns, shot, border.near)
    spoiled = not len(kept) and len(rows) > 0
    if spoiled:
        kept, dropped = np.arange(len(rows)), {}
    looks = index.frames.select(["time", "thumb", "colors", "hash"]).take(pa.array(rows[kept]))
    # Which of those that have no pictures are compared depends on how good they are.
    views = None if by_hash else _views(looks, shot[kept], columns["flat"][kept], rules)
    return _Pool(
        pts=_numbers(frames, "pts", np.int64),
        time=time[rows],
        shot=shot,
        columns=columns,
        border=border,
        kept=kept,
        looks=looks if by_hash else looks.slice(0, 0),
        by_hash=by_hash,
        spoiled=spoiled,
        dropped=dropped,
        views=views,
    )


@dataclass(frozen=True, slots=True)
class _Border:
    """How far frames are from the cuts of their shot; infinite where it has none (the ends of the video)."""

    seconds: NDArray[np.float64]
    frames: NDArray[np.float64]
    near: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Shots:
    """The table of shots as arrays, in order; at least one."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    gradual: NDArray[np.float64]

    @classmethod
    def of(cls, index: Index) -> _Shots:
        start, end = (_numbers(index.shots, name, np.float64) for name in ("start", "end"))
        first, last = (_numbers(index.shots, f"transition_{name}", np.float64) for name in ("start", "end"))
        if not len(start):
            start, end = np.zeros(1), np.array([index.video.duration])
        mixed = last > first
        return cls(start, end, np.stack([first[mixed], last[mixed]], axis=1))

    def at(self, time: NDArray[np.float64]) -> NDArray[np.intp]:
        """The shots that show the moments ``time``. Times are exact to a microsecond."""
        return np.maximum(np.searchsorted(self.start, time + 5e-7, side="right") - 1, 0)

    def in_gradual(self, time: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of ``time`` (ascending) lie in a dissolve or fade, or next to it."""
        found = np.zeros(len(time), np.bool_)
        for first, last in self.gradual:
            a, b = np.searchsorted(time, [first - _GRADUAL_MARGIN, last + _GRADUAL_MARGIN])
            found[a:b] = True
        return found

    def border_distance(
        self, time: NDArray[np.float64], rows: NDArray[np.intp], shot: NDArray[np.intp], margins: tuple[float, float]
    ) -> _Border:
        """For the frames ``rows`` of all frames' ``time``; ``margins`` as of :func:`_margins`."""
        first = np.searchsorted(time, self.start - 5e-7)
        after = np.append(first[1:], len(time))
        has_left, has_right = shot > 0, shot < len(self.start) - 1
        seconds = np.minimum(
            np.where(has_left, time[rows] - self.start[shot], np.inf),
            np.where(has_right, self.end[shot] - time[rows], np.inf),
        )
        frames = np.minimum(
            np.where(has_left, rows - first[shot], np.inf), np.where(has_right, after[shot] - 1 - rows, np.inf)
        )
        near = ((frames < BORDER_FRAMES) & (seconds < margins[1])) | (seconds < margins[0])
        return _Border(np.maximum(seconds, 0.0), frames, near)


def _margins(index: Index, time: NDArray[np.float64]) -> tuple[float, float]:
    """Seconds from a cut that are near it in any case, and those from which no frame is."""
    rate = index.video.frame_rate
    most = max(_BORDER_SECONDS, BORDER_FRAMES / float(rate) if rate else 0.0) + 1e-6
    if not index.video.variable_frame_rate or len(time) < 2:
        return 0.0, most
    longest = float(np.quantile(np.diff(time), 0.99))
    return min(_VARIABLE_MARGIN, BORDER_FRAMES * longest) + 1e-6, most


def _allowed(
    columns: Mapping[str, NDArray[Any]], shot: NDArray[np.intp], near_cut: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], dict[str, int]]:
    """The best frames that each shot has to offer, and how many others were left out for what."""
    dull = columns["black"] | columns["flat"]
    # From wanted to impossible; of each shot, only those of its best kind are candidates.
    kind = np.select([columns["in_transition"], dull, columns["flash"], near_cut], [4, 3, 2, 1], 0)
    best = np.full(int(shot.max(initial=-1)) + 1, 4)
    np.minimum.at(best, shot, kind)
    keep = (kind == best[shot]) & (kind < 3)
    names = {4: "in_transition", 3: "black", 2: "flash", 1: "near_cut"}
    return np.flatnonzero(keep), {name: int(((kind == k) & ~keep).sum()) for k, name in names.items()}


def _thinned(
    keep: NDArray[np.intp], time: NDArray[np.float64], shot: NDArray[np.intp], key: NDArray[np.float64]
) -> NDArray[np.intp]:
    """The best of ``keep`` in each half second of each shot, in order of time."""
    slot = np.floor(time[keep] * _PER_SECOND).astype(np.int64)
    order = np.lexsort([-key[keep], slot, shot[keep]])
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(slot[order]) != 0) | (np.diff(shot[keep][order]) != 0)
    return np.sort(keep[order[first]])


def _views(frames: pa.Table, shot: NDArray[np.intp], flat: NDArray[np.bool_], rules: PresetRules) -> Views:
    """Views of ``frames``: from their tiny pictures, or where they have none, from their hashes."""
    colors = _pictures(frames["colors"], 64).astype(np.float32)
    if frames["thumb"].null_count:
        hashes = pc.fill_null(frames["hash"], pa.scalar(0, pa.uint64())).to_numpy()
        return views_of_hashes(hashes, flat, colors, rules)
    time = _numbers(frames, "time", np.float64)
    thumbs = _pictures(frames["thumb"], WIDTH * HEIGHT)
    return views_of_thumbs(thumbs, colors, StillPairs.of(time, shot), rules)


def _pictures(column: pa.ChunkedArray, size: int) -> NDArray[np.uint8]:
    """A column of binary values of ``size`` bytes as (n, size); zeros where there is none."""
    values = b"".join(column.drop_null().to_pylist())
    if not column.null_count:
        return np.frombuffer(values, np.uint8).reshape(-1, size)
    known = np.asarray(column.is_valid())
    out = np.zeros((len(known), size), np.uint8)
    out[known] = np.frombuffer(values, np.uint8).reshape(-1, size)
    return out


def _numbers(table: pa.Table, name: str, kind: Any = np.float32) -> NDArray[Any]:
    column = table[name]
    return np.asarray((pc.fill_null(column, 0) if column.null_count else column).to_numpy(), kind)


def _flags(table: pa.Table, name: str) -> NDArray[np.bool_]:
    return np.array(pc.fill_null(table[name], False).to_numpy(), np.bool_)
