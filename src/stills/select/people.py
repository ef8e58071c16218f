"""Who is in a video, when, and in which frame best: tracks become people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index
from stills.index.schema import QUALITY_PARTS
from stills.select.cluster import absorb, constrained_clusters
from stills.select.evidence import convincing, frail, is_person
from stills.select.spans import Clock, total, track_span, union
from stills.select.tracks import FaceColumns, Tracks, build_tracks, seen_together
from stills.types import Box, ClusterMethod, PeopleSelection, Person, Pick

SIMILARITY = 0.45
"""Cosine similarity from which two groups of tracks are one person. See docs/concepts for the measurement."""

ABSORB = 0.32
"""The same for somebody seen only in profile or cut off, where nobody else is nearly as similar."""

APART = 0.6
"""Seconds between two pictures of one person that are offered as different ones."""


@dataclass(frozen=True, slots=True)
class PeopleOptions:
    """What counts as a person, and how many pictures each gets.

    ``min_face`` is in pixels of the upright frame (shorter side of the largest face), ``min_screen_time`` in seconds,
    ``similarity`` a cosine; ``None`` for the measured default.
    """

    min_face: float = 24.0
    min_screen_time: float = 0.0
    max_people: int | None = None
    similarity: float | None = None
    per_person: int = 1
    runners_up: int = 3
    cluster: ClusterMethod = "constrained"


def select_people(index: Index, options: PeopleOptions | None = None) -> PeopleSelection:
    """The people of ``index``, longest on screen first. Pure: reads the tables, decodes nothing."""
    o = options or PeopleOptions()
    similarity = SIMILARITY if o.similarity is None else o.similarity
    faces = FaceColumns.of(index)
    tracks = build_tracks(faces)
    clock = Clock.of(index)
    kept = convincing(tracks)
    dropped = {"unconvincing": int(len(tracks) - kept.sum())}
    large = kept & (tracks.size >= o.min_face)
    dropped["small"] = int((kept & ~large).sum())
    members = np.flatnonzero(large)
    labels = _labels(faces, tracks, members, similarity)
    people = []
    for label in range(int(labels.max(initial=-1)) + 1):
        own = members[labels == label]
        if not is_person(tracks, own):
            dropped["unconvincing"] += len(own)
            continue
        person = _person(_Seen(index, faces, tracks, clock), own, o)
        if person is not None:
            people.append(person)
    long_enough = [p for p in people if p.screen_time >= o.min_screen_time]
    dropped["brief"] = len(people) - len(long_enough)
    ranked = sorted(long_enough, key=lambda p: (-p.screen_time, p.first_seen, p.tracks))
    if o.max_people is not None:
        dropped["beyond_max_people"] = max(0, len(ranked) - o.max_people)
        ranked = ranked[: o.max_people]
    numbered = tuple(replace(p, id=number) for number, p in enumerate(ranked, 1))
    settings = {**asdict(o), "similarity": similarity}
    return PeopleSelection(people=numbered, shots=index.shot_list(), settings=settings, dropped=dropped)


def _labels(faces: FaceColumns, tracks: Tracks, members: NDArray[np.int64], similarity: float) -> NDArray[np.int64]:
    if not len(faces.embeddings) and len(members):
        return np.unique(tracks.person[members], return_inverse=True)[1].astype(np.int64)
    place = {int(t): i for i, t in enumerate(members)}
    pairs = [(place[a], place[b]) for a, b in seen_together(faces, tracks) if a in place and b in place]
    vectors, weights = tracks.vector[members], tracks.weight[members]
    labels = constrained_clusters(vectors, weights, pairs, similarity)
    weak = [frail(tracks, members[labels == c]) for c in range(int(labels.max(initial=-1)) + 1)]
    return absorb(labels, vectors, weights, pairs, frail=weak, threshold=ABSORB * similarity / SIMILARITY)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What selections look at."""

    index: Index
    faces: FaceColumns
    tracks: Tracks
    clock: Clock


def _person(seen: _Seen, own: NDArray[np.int64], o: PeopleOptions) -> Person | None:
    tracks, faces = seen.tracks, seen.faces
    rows = np.sort(np.concatenate([tracks.rows[t] for t in own]))
    picks = _best(seen.index, faces, rows, o.per_person + o.runners_up)
    if not picks:
        return None
    spans = union([track_span(seen.clock, faces.time[tracks.rows[t]]) for t in own])
    picture = float(seen.index.video.width * seen.index.video.height)
    area = float(np.mean(faces.box[rows, 2].astype(np.float64) * faces.box[rows, 3]) / picture)
    return Person(
        id=0,
        stills=picks[: o.per_person],
        runners_up=picks[o.per_person :],
        faces=len(rows),
        tracks=tuple(int(t) for t in own),
        screen_time=round(total(spans), 6),
        spans=tuple(spans),
        area=round(min(1.0, area), 6),
        first_seen=spans[0][0],
        last_seen=spans[-1][1],
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
    x, y, w, h = (float(v) for v in faces.box[row])
    box: Box = (x, y, w, h)
    return Pick(
        pts=int(faces.pts[row]),
        time=float(faces.time[row]),
        score=round(float(faces.quality[row]), 4),
        reasons={name: round(value, 4) for name, value in parts.items() if value is not None},
        box=box,
    )
