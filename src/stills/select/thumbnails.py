"""Which frames make one want to watch a video: the most engaging ones, each with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.index.index import Index
from stills.select.edges import middle_of
from stills.select.thumbnail_candidates import Candidates, find_candidates
from stills.select.thumbnail_parts import (
    CLEAN,
    FACE_PARTS,
    FLAWED,
    UNSURE,
    early_parts,
    emotion_weights,
    has_faces,
    late_parts,
    nothing_at_all,
    nothing_but_text,
    part_weights,
    tiers,
)
from stills.select.thumbnail_spread import Spread
from stills.types import Fallback, Pick, ThumbnailsSelection

FINALISTS = (240, 12)
"""Frames whose tiny pictures are looked at: so many, or so many times the number asked for if that is more."""

_SHOT_STEP = 0.03
"""What a further frame of one shot loses on its way to the finalists, so that many shots have some there."""

_CREDITS_TEXT = 0.08  # share of the picture that looks like text: credits over pictures; photos have less


@dataclass(frozen=True, slots=True)
class ThumbnailsOptions:
    """What is asked for.

    ``emotions`` and ``weights`` are as in the settings; ``expression`` is whether emotions count at all. ``aspect`` is
    what pictures will be cut to, like ``"9:16"``. ``avoid_edges`` leaves out opening logos and closing credits.
    """

    count: int = 5
    expression: bool = True
    emotions: Mapping[str, float] = field(default_factory=lambda: {"happy": 1.0, "surprise": 0.6})
    weights: Mapping[str, float] = field(default_factory=dict)
    avoid_edges: bool = False
    cover: bool = True
    aspect: str | None = None
    runners_up: int = 5


def select_thumbnails(index: Index, options: ThumbnailsOptions | None = None) -> ThumbnailsSelection:
    """The ``count`` most engaging frames of ``index``, best first. Pure: reads the tables, decodes nothing.

    The first frame is the best; each further one has to differ from those before, the more shots and people the
    better. A spoiled or flawed frame (see ``thumbnail_parts``) is given only where there is no other, and then said.
    Raises ``UsageError`` for an unknown name of a weight or an emotion, and for an index without the layer ``signals``.
    """
    o = options or ThumbnailsOptions()
    terms = _Terms.of(o)
    if "signals" not in index.layers:
        raise UsageError("thumbnails need the layer signals", remedy="scan the video with the layers signals and faces")
    candidates = find_candidates(index, cover=o.cover)
    choice = _choose(index, candidates, terms) if len(candidates) else _Choice(fallbacks=[_NOTHING])
    picks = [
        Pick(
            pts=int(candidates.pts[c]),
            time=float(candidates.time[c]),
            score=round(choice.scores[c], 4),
            reasons=choice.reasons[c],
            faces=candidates.faces.boxes(c),
            rank=rank,
        )
        for rank, c in enumerate(choice.order, 1)
    ]
    return ThumbnailsSelection(
        frames=tuple(picks[: o.count]),
        runners_up=tuple(picks[o.count :]),
        shots=index.shot_list(),
        settings={**asdict(o), "weights": dict(terms.weights)},
        dropped=choice.dropped,
        fallbacks=tuple(choice.fallbacks),
    )


_NOTHING = Fallback("fewer-frames", "no frame of the video could be measured")


@dataclass(frozen=True, slots=True)
class _Terms:
    """The options, checked and read: ``emotions`` (7,), ``None`` where they do not count; ``aspect`` width / height."""

    options: ThumbnailsOptions
    weights: Mapping[str, float]
    emotions: NDArray[np.float64] | None
    aspect: float | None

    @classmethod
    def of(cls, o: ThumbnailsOptions) -> _Terms:
        if o.count < 1 or o.runners_up < 0:
            raise UsageError("at least one thumbnail is needed, and no fewer than 0 runners-up")
        emotions = emotion_weights(o.emotions)
        return cls(o, part_weights(o.weights), emotions if o.expression else None, _ratio(o.aspect))

    def applicable(self, c: Candidates) -> dict[str, float]:
        """The weights of the parts that this video has anything to say about, adding up to 1."""
        people = has_faces(c).any()
        feelings = people and self.emotions is not None and bool(np.isfinite(c.expression[:, 0]).any())
        weights = {
            n: w for n, w in self.weights.items() if (people or n not in FACE_PARTS) and (feelings or n != "expression")
        }
        total = sum(weights.values())
        return {n: w / total if total > 0 else 1.0 / len(weights) for n, w in weights.items()}


@dataclass(slots=True)
class _Choice:
    """Chosen candidates, best first, runners-up behind; their scores and reasons, and what was left out."""

    order: list[int] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    reasons: dict[int, dict[str, float]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    fallbacks: list[Fallback] = field(default_factory=list)


def _choose(index: Index, c: Candidates, terms: _Terms) -> _Choice:
    o, choice = terms.options, _Choice()
    parts = early_parts(c, terms.emotions)
    tier = tiers(c, parts)
    weights = terms.applicable(c)
    open_to = np.ones(len(c), bool)
    if o.avoid_edges:
        inside = _inside(index, c)
        if (inside & (tier < FLAWED)).any():
            open_to = inside
            choice.dropped["edges"] = int((~inside).sum())
        else:
            message = "there is no clean frame but at the beginning and the end"
            choice.fallbacks.append(Fallback("edges-used", message))
    allowed = max(UNSURE, int(tier[open_to].min()))
    choice.dropped["flawed_or_spoiled"] = int((open_to & (tier > allowed)).sum())
    open_to &= tier <= allowed
    early = _weighed(parts, weights, len(c))
    finalists = _finalists(c, np.flatnonzero(open_to), tier, early, max(FINALISTS[0], FINALISTS[1] * o.count))
    late, thumbs = late_parts(c, index, finalists, terms.aspect)
    score = early[finalists] + _weighed(late, weights, len(finalists))
    spread = Spread(index, c, finalists, thumbs)
    places = spread.choose(score, tier[finalists], o.count, o.runners_up)
    choice.dropped["near_duplicates"] = spread.duplicates
    best = sorted(places[: o.count], key=lambda p: (tier[finalists[p]], -score[p], p))
    for place in best + places[o.count :]:
        one = int(finalists[place])
        values = {n: v[one] for n, v in parts.items()} | {n: v[place] for n, v in late.items()}
        silent = () if has_faces(c)[one] else FACE_PARTS[1:]  # they count as 0; "faces": 0 says why
        choice.order.append(one)
        choice.scores[one] = float(score[place])
        choice.reasons[one] = {n: round(float(values[n]), 4) for n in weights if n not in silent}
    choice.fallbacks += _said(len(best), o.count, allowed)
    return choice


def _weighed(parts: Mapping[str, NDArray[np.float64]], weights: Mapping[str, float], count: int) -> NDArray[np.float64]:
    return sum((weights[n] * parts[n] for n in weights if n in parts), np.zeros(count))


def _finalists(
    c: Candidates, which: NDArray[np.int64], tier: NDArray[np.int64], score: NDArray[np.float64], most: int
) -> NDArray[np.int64]:
    """The ``most`` promising of ``which``, clean ones first, few of one shot where it can be; in order of time."""
    if len(which) <= most:
        return which
    order = which[np.lexsort((-score[which], tier[which], c.shot[which]))]
    shot = c.shot[order]
    first = np.flatnonzero(np.r_[True, shot[1:] != shot[:-1]])
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    best = np.lexsort((c.time[order], -(score[order] - _SHOT_STEP * rank), tier[order] > CLEAN))
    return np.sort(order[best[:most]])


def _inside(index: Index, c: Candidates) -> NDArray[np.bool_]:
    """Which candidates lie between the opening and the credits; a cover belongs to neither."""
    frames = ~c.is_cover()
    titles = nothing_but_text(c.columns) | nothing_at_all(c.columns) | (c.columns["text"] >= _CREDITS_TEXT)
    start, end = middle_of(c.time[frames], (titles & ~has_faces(c))[frames], index.video.duration)
    return np.asarray(~frames | ((c.time >= start) & (c.time < end)))


def _said(found: int, asked: int, allowed: int) -> list[Fallback]:
    if allowed >= FLAWED:
        what = "closed eyes, blurred, badly exposed or nothing but text" if allowed == FLAWED else "black or blended"
        return [Fallback("spoiled-frames", f"the video has no clean frame: the {found} chosen are {what}")]
    if found < asked:
        few = "only one clean frame is" if found == 1 else f"only {found} clean frames are"
        return [Fallback("fewer-frames", f"{asked} thumbnails were asked for; {few} clearly different")]
    return []


def _ratio(aspect: str | None) -> float | None:
    if aspect is None:
        return None
    across, _, down = aspect.replace("/", ":").partition(":")
    try:
        ratio = float(across) / float(down)
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 0.0 < ratio < float("inf"):
        raise UsageError(f"there is no aspect {aspect!r}", remedy="give WIDTH:HEIGHT like 16:9")
    return ratio
