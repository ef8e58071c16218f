"""Tracks become persons: what the questions "which people" and "which cast" share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index
from stills.index.schema import QUALITY_PARTS
from stills.select.area import shot_of
from stills.select.clustering import cluster_tracks, default_threshold, is_measured
from stills.select.evidence import convincing, frail, is_person
from stills.select.spans import Clock, Span, total, track_span, union
from stills.select.tracks import FaceColumns, Tracks, seen_together
from stills.types import Box, ClusterMethod, Fallback, Person, Pick

APART = 0.6
"""Seconds between two pictures of one person that are offered as different ones."""


@dataclass(frozen=True, slots=True)
class PeopleOptions:
    """What counts as a person, and how many pictures each gets.

    ``min_face`` is in pixels of the upright frame (shorter side of the largest face), ``min_screen_time`` in seconds,
    ``similarity`` a cosine; ``None`` for the measured default. ``cluster`` is how tracks become people.
    """

    min_face: float = 24.0
    min_screen_time: float = 0.0
    max_people: int | None = None
    similarity: float | None = None
    per_person: int = 1
    runners_up: int = 3
    cluster: ClusterMethod = "constrained"


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is looked at: the faces that count, those of ``index``, and their tracks.

    ``shares`` (n,) are the shares of the picture that the faces take. ``breaks`` are the moments (seconds, sorted), by
    track, at which its face was there but did not count: nothing is bridged over them.
    """

    index: Index
    faces: FaceColumns
    tracks: Tracks
    clock: Clock
    shares: NDArray[np.float64]
    breaks: dict[int, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Found:
    """Persons, longest on screen first and numbered; how many were left out, by reason; the similarity used.

    ``fallbacks`` says where it is no measured one.
    """

    people: tuple[Person, ...]
    dropped: dict[str, int]
    similarity: float
    fallbacks: tuple[Fallback, ...] = ()


def find_people(seen: Seen, options: PeopleOptions, *, min_faces: int = 1) -> Found:
    """The persons among the tracks of ``seen``, those with fewer than ``min_faces`` faces left out and counted."""
    o, tracks = options, seen.tracks
    embedder = str(seen.index.parameters.get("embedder", "sface"))
    similarity = default_threshold(o.cluster, embedder) if o.similarity is None else o.similarity
    there = np.array([len(rows) > 0 for rows in tracks.rows], bool)
    kept = there & convincing(tracks, seen.index)
    dropped = {"unconvincing": int((there & ~kept).sum())}
    large = kept & (tracks.size >= o.min_face)
    dropped["small"] = int((kept & ~large).sum())
    members = np.flatnonzero(large)
    labels = _labels(seen, members, o.cluster, similarity, embedder)
    people = []
    for label in range(int(labels.max(initial=-1)) + 1):
        own = members[labels == label]
        if not is_person(tracks, own):
            dropped["unconvincing"] += len(own)
            continue
        person = _person(seen, own, o)
        if person is not None:
            people.append(person)
    many = [p for p in people if p.faces >= min_faces]
    if min_faces > 1:
        dropped["few_faces"] = len(people) - len(many)
    long_enough = [p for p in many if p.screen_time >= o.min_screen_time]
    dropped["brief"] = len(many) - len(long_enough)
    ranked = sorted(long_enough, key=lambda p: (-p.screen_time, p.first_seen, p.tracks))
    if o.max_people is not None:
        dropped["beyond_max_people"] = max(0, len(ranked) - o.max_people)
        ranked = ranked[: o.max_people]
    fallbacks: tuple[Fallback, ...] = ()
    if o.similarity is None and tracks.weight.any() and not is_measured(embedder):
        fallbacks = (
            Fallback("similarity-unmeasured", f"no similarity was measured for {embedder}: {similarity:g} is a guess"),
        )
    return Found(tuple(replace(p, id=number) for number, p in enumerate(ranked, 1)), dropped, similarity, fallbacks)


def _labels(
    seen: Seen, members: NDArray[np.int64], method: ClusterMethod, similarity: float, embedder: str
) -> NDArray[np.int64]:
    faces, tracks = seen.faces, seen.tracks
    if not (tracks.weight[members] > 0).any():  # the embeddings were dropped, or nobody is there
        return np.unique(tracks.person[members], return_inverse=True)[1].astype(np.int64)
    place = {int(t): i for i, t in enumerate(members)}
    pairs = [(place[a], place[b]) for a, b in seen_together(faces, tracks) if a in place and b in place]
    return cluster_tracks(
        method,
        tracks.vector[members],
        tracks.weight[members],
        pairs,
        similarity,
        embedder=embedder,
        frail=lambda own: frail(tracks, members[own]),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One stay of a face on screen: its span, the shot most of it lies in, and the integral of its share over time."""

    span: Span
    shot: int
    area: float


def _runs(seen: Seen, track: int) -> list[_Run]:
    """The stays of ``track``: one, or several where its face did not count in between."""
    rows = seen.tracks.rows[track]
    rows = rows[np.argsort(seen.faces.time[rows], kind="stable")]
    times = seen.faces.time[rows]
    part = np.searchsorted(seen.breaks.get(track, np.zeros(0)), times)
    runs = []
    for group in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(part)) + 1):
        start, end = track_span(seen.clock, times[group])
        # Between two looks a face grows or shrinks evenly; before the first and after the last it stays as it is.
        moments = np.concatenate([[start], times[group], [end]])
        shares = seen.shares[rows[group]]
        area = float(np.trapezoid(np.concatenate([shares[:1], shares, shares[-1:]]), moments))
        runs.append(_Run((start, end), _main_shot(seen, start, end), area))
    return runs


def _main_shot(seen: Seen, start: float, end: float) -> int:
    """The shot that most of ``start`` to ``end`` lies in: a span may reach a little beyond, into a dissolve."""
    first, last = (int(s) for s in shot_of(seen.index, np.array([start, end])))
    borders = seen.clock.starts, seen.clock.ends
    overlap = [min(end, borders[1][s]) - max(start, borders[0][s]) for s in range(first, last + 1)]
    return first + int(np.argmax(overlap))


def _person(seen: Seen, own: NDArray[np.int64], o: PeopleOptions) -> Person | None:
    tracks, faces = seen.tracks, seen.faces
    rows = np.sort(np.concatenate([tracks.rows[t] for t in own]))
    picks = _best(seen.index, faces, rows, o.per_person + o.runners_up)
    if not picks:
        return None
    runs = [run for t in own for run in _runs(seen, int(t))]
    spans = union([run.span for run in runs])
    shots = sorted({run.shot for run in runs})
    in_shots = [total(union([run.span for run in runs if run.shot == shot])) for shot in shots]
    return Person(
        id=0,
        stills=picks[: o.per_person],
        runners_up=picks[o.per_person :],
        faces=len(rows),
        tracks=tuple(int(t) for t in own),
        screen_time=round(total(spans), 6),
        spans=tuple(spans),
        area=round(min(1.0, float(np.mean(seen.shares[rows]))), 6),
        first_seen=spans[0][0],
        last_seen=spans[-1][1],
        appearances=len(shots),
        longest=round(max(in_shots), 6),
        total_area=round(sum(run.area for run in runs), 6),
    )


def _best(index: Index, faces: FaceColumns, rows: NDArray[np.int64], count: int) -> tuple[Pick, ...]:
    """The ``count`` best frames among ``rows``, measured faces first, none near another."""
    order = sorted(rows, key=lambda r: (faces.in_transition[r], not faces.measured[r], -faces.quality[r], faces.pts[r]))
    chosen: list[int] = []
    for r in order:
        if len(chosen) == count:
            break
        if all(abs(faces.time[r] - faces.time[c]) >= APART for c in chosen):
            chosen.append(int(r))
    return tuple(_pick(index, faces, r) for r in chosen)


def _pick(index: Index, faces: FaceColumns, row: int) -> Pick:
    parts = {name: index.faces[f"quality_{name}"][row].as_py() for name in QUALITY_PARTS}
    return Pick(
        pts=int(faces.pts[row]),
        time=float(faces.time[row]),
        score=round(float(faces.quality[row]), 4),
        reasons={name: round(value, 4) for name, value in parts.items() if value is not None},
        box=box_of(faces, row),
    )


def box_of(faces: FaceColumns, row: int) -> Box:
    """The box of one face."""
    x, y, w, h = (float(v) for v in faces.box[row])
    return x, y, w, h


def faces_at(faces: FaceColumns, pts: int) -> Sequence[Box]:
    """The boxes of all faces in the frame at ``pts``, the largest first."""
    boxes = [box_of(faces, int(row)) for row in np.flatnonzero(faces.pts == pts)]
    return sorted(boxes, key=lambda b: (-b[2] * b[3], b))
