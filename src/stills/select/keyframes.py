"""Which frames differ: the best of each run of near-equals, or exactly as many as asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from stills.errors import NothingFoundError, UsageError
from stills.index.goodness import WEIGHTS
from stills.index.index import Index
from stills.index.memo import remembered
from stills.select.candidates import Candidates, find_candidates
from stills.select.near import TOLD_APART, Groups, compare, group
from stills.select.presets import DEFAULT_SIMILARITY, PRESETS, PresetRules
from stills.select.ranking import Ranker
from stills.types import Fallback, KeyframesSelection, Pick, Preset


@dataclass(frozen=True, slots=True)
class KeyframesOptions:
    """Which frames count as different, and how many are wanted.

    ``similarity`` (0…1): frames of a shot at least this similar are near-equals; ``None`` for 0.95. ``target``: this
    many frames instead. ``per_shot``: at most this many of each shot. ``min_gap``, ``window``, ``start`` and ``end``
    are seconds; a frame counts as new again when nothing like it was seen for ``window`` (``None``: the preset's).
    ``weights`` change those of :data:`stills.index.goodness.WEIGHTS`.
    """

    preset: Preset = "film"
    similarity: float | None = None
    target: int | None = None
    per_shot: int | None = None
    min_gap: float = 0.0
    window: float | None = None
    start: float | None = None
    end: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is out of range or contradicts itself (``UsageError``)."""
        if self.preset not in PRESETS:
            raise UsageError(f"there is no preset {self.preset!r}", remedy=f"use one of {', '.join(PRESETS)}")
        if self.target is not None and self.similarity is not None:
            raise UsageError(
                "target and similarity contradict each other: either says how many frames there will be",
                remedy="leave one of them out",
            )
        limits = (("target", self.target, 1), ("per_shot", self.per_shot, 1), ("min_gap", self.min_gap, 0))
        for name, value, least in limits:
            if value is not None and not value >= least:
                raise UsageError(f"{name} must be {least} or more, not {value}")
        if self.similarity is not None and not 0.0 <= self.similarity <= 1.0:
            raise UsageError(f"similarity must be between 0 and 1, not {self.similarity}")
        if self.window is not None and not self.window > 0.0:
            raise UsageError(f"window must be more than 0 seconds, not {self.window}")
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise UsageError(f"start ({self.start:g} s) must be before end ({self.end:g} s)")
        unknown = sorted(set(self.weights) - set(WEIGHTS))
        if unknown:
            raise UsageError(f"there is no weight {', '.join(unknown)}", remedy=f"weights are {', '.join(WEIGHTS)}")
        full = self.all_weights.values()
        if not all(0.0 <= w < float("inf") for w in full) or not sum(full) > 0:
            raise UsageError("weights must be 0 or more, and one of them more than 0")

    @property
    def all_weights(self) -> dict[str, float]:
        """The weights of all parts, those not given as usual."""
        return {**WEIGHTS, **self.weights}

    @property
    def rules(self) -> PresetRules:
        """Those of the preset."""
        return PRESETS[self.preset]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a kept frame stands for.

    ``shot`` is its number, from 1. ``stands_for`` other candidates look more like it than like any other kept frame of
    their shot, from ``first`` to ``last`` (seconds). ``nearest`` is the time of the kept frame before it that looks
    most like it, ``similarity`` how much; ``None`` and 0 for the first.
    """

    pts: int
    time: float
    shot: int
    stands_for: int
    first: float
    last: float
    nearest: float | None
    similarity: float


def select_keyframes(index: Index, options: KeyframesOptions | None = None) -> KeyframesSelection:
    """The key frames of ``index``, in order of time. Pure: reads the tables, decodes nothing.

    Without a target: frames that differ from all kept before within the window, each the best of its near-equals. With
    one: that many frames, the most different, longest seen and best first; a smaller target gives a part of them.

    Raises:
        UsageError: the index is without the layer ``signals``.
        NothingFoundError: no frame lies between ``start`` and ``end``.
    """
    o = options or KeyframesOptions()
    if "signals" not in index.layers:
        raise UsageError("this index has no measurements of pictures", remedy="scan the video with the layer signals")
    window = o.rules.window if o.window is None else o.window
    candidates = find_candidates(index, o.all_weights, o.rules, o.start, o.end)
    if not len(candidates):
        raise _nothing(index, o)
    distinct = _distinct(index, candidates, window, o)
    threshold = DEFAULT_SIMILARITY if o.similarity is None else o.similarity
    if o.target is not None or threshold >= TOLD_APART:
        groups, ranker = distinct.groups, distinct.ranker
    else:
        groups = group(candidates, compare(candidates, window), similarity=threshold, window=window)
        ranker = _ranker(index, candidates, groups, o)
    ranking = ranker.ranking(o.target)
    kept = groups.leaders[ranking.order]
    fallbacks = _fallbacks(candidates, o, len(kept), len(distinct.groups.leaders))
    picks = _picks(candidates, kept, 1.0 - ranking.similarity)
    used = float(ranking.similarity.max()) if o.target is not None else threshold
    dropped = {
        **candidates.dropped,
        "similar": groups.similar,
        "repeated": groups.repeated,
        **ranking.skipped,
        "beyond_target": len(groups.leaders) - len(kept) - sum(ranking.skipped.values()),
    }
    return KeyframesSelection(
        frames=tuple(sorted(picks, key=lambda pick: pick.time)),
        shots=index.shot_list(),
        similarity=round(used, 6),
        distinct=len(distinct.groups.leaders),
        settings=asdict(replace(o, weights=o.all_weights, window=window)),
        dropped={reason: count for reason, count in dropped.items() if count},
        fallbacks=fallbacks,
    )


def explain(index: Index, selection: KeyframesSelection) -> tuple[Explanation, ...]:
    """What each frame of ``selection``, which was made from ``index``, stands for; in order of time."""
    names = {f.name for f in fields(KeyframesOptions)}
    o = KeyframesOptions(**{name: value for name, value in selection.settings.items() if name in names})
    candidates = find_candidates(index, o.all_weights, o.rules, o.start, o.end)
    kept = np.searchsorted(candidates.pts, [pick.pts for pick in selection.frames])
    similarity, _ = candidates.views.compare(np.arange(len(candidates)), kept)
    own = candidates.shot[:, None] == candidates.shot[kept][None]
    nearest_kept = np.where(own, similarity, -1.0).argmax(axis=1)
    nearest_kept[~own.any(axis=1)] = -1
    nearest_kept[kept] = np.arange(len(kept))
    explained = []
    for place, (pick, row) in enumerate(zip(selection.frames, kept.tolist(), strict=True)):
        members = np.flatnonzero(nearest_kept == place)
        before = similarity[row, :place]
        explained.append(
            Explanation(
                pts=pick.pts,
                time=pick.time,
                shot=int(candidates.shot[row]) + 1,
                stands_for=len(members) - 1,
                first=float(candidates.time[members[0]]),
                last=float(candidates.time[members[-1]]),
                nearest=selection.frames[int(before.argmax())].time if place else None,
                similarity=round(float(before.max(initial=0.0)), 6),
            )
        )
    return tuple(explained)


def _nothing(index: Index, o: KeyframesOptions) -> NothingFoundError:
    times = index.frames["time"]
    if not len(times):
        return NothingFoundError("no frame of this video could be looked at", path=index.video.path)
    last = times[-1].as_py()
    if o.start is not None and o.start > last:
        return NothingFoundError(
            f"the video ends at {last:.3f} s, before the start asked for ({o.start:g} s)",
            path=index.video.path,
            remedy="choose an earlier start",
        )
    return NothingFoundError(
        f"no frame lies between {o.start or 0.0:g} s and {last if o.end is None else o.end:g} s", path=index.video.path
    )


@dataclass(frozen=True, slots=True)
class _Distinct:
    """The frames that can be told apart, and their order."""

    groups: Groups
    ranker: Ranker

    @property
    def bytes(self) -> int:
        """How much memory it takes, about."""
        return self.groups.leader.nbytes + self.groups.leaders.nbytes + self.ranker.bytes


def _distinct(index: Index, candidates: Candidates, window: float, o: KeyframesOptions) -> _Distinct:
    """What all targets have in common, so that another one is answered from what was found out for the last."""

    def make() -> _Distinct:
        groups = group(candidates, compare(candidates, window), similarity=TOLD_APART, window=window)
        return _Distinct(groups, _ranker(index, candidates, groups, o))

    weights = tuple(sorted(o.all_weights.items()))
    key = ("distinct", o.rules, window, o.start, o.end, weights, o.per_shot, o.min_gap)
    return remembered(index, key, make, lambda one: one.bytes)


def _ranker(index: Index, candidates: Candidates, groups: Groups, o: KeyframesOptions) -> Ranker:
    rows = groups.leaders
    shot = candidates.shot[rows]
    return Ranker(
        candidates.views.take(rows),
        candidates.time[rows],
        shot,
        candidates.score[rows],
        _lengths(index)[shot],
        per_shot=o.per_shot,
        min_gap=o.min_gap,
    )


def _lengths(index: Index) -> NDArray[np.float64]:
    if not index.shots.num_rows:
        return np.array([index.video.duration])
    return np.asarray(index.shots["end"].to_numpy() - index.shots["start"].to_numpy(), np.float64)


def _picks(candidates: Candidates, kept: NDArray[np.intp], novelty: NDArray[np.float32]) -> list[Pick]:
    """``kept`` (rows, in order of rank) as picks."""
    names = (*candidates.parts, "novelty")
    parts = np.stack([*(values[kept] for values in candidates.parts.values()), novelty], axis=1)
    reasons = np.clip(parts, 0.0, 1.0).astype(np.float64).round(4).tolist()
    pts, time = candidates.pts[kept].tolist(), candidates.time[kept].tolist()
    score = candidates.score[kept].astype(np.float64).round(4).tolist()
    return [
        Pick(pts[i], time[i], score[i], dict(zip(names, reasons[i], strict=True)), rank=i + 1) for i in range(len(kept))
    ]


def _fallbacks(candidates: Candidates, o: KeyframesOptions, kept: int, distinct: int) -> tuple[Fallback, ...]:
    said = []
    if candidates.spoiled:
        said.append(
            Fallback("only-spoiled", "every frame is black, of one colour or in a transition; the best of them is kept")
        )
    if candidates.by_hash:
        said.append(
            Fallback("coarse-comparison", "this scan kept no small pictures, so frames were compared by their hashes")
        )
    if o.target is not None and kept < o.target:
        bound = o.per_shot is not None or o.min_gap > 0
        why = "as many as the other options allow" if bound and kept < distinct else "no others can be told apart"
        said.append(Fallback("fewer-frames", f"{kept} of {o.target} frames: {why}"))
    return tuple(said)
