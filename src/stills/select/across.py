"""Who is in which of many videos, and when: from the gallery alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.index.gallery import Gallery
from stills.select.spans import Span, total, union


@dataclass(frozen=True, slots=True)
class VideoOf:
    """A video of the gallery: ``folder`` has its results in OUT."""

    content: str
    path: str
    folder: str
    duration: float
    partial: bool


@dataclass(frozen=True, slots=True)
class Appearance:
    """One person in one video. ``persons`` are the numbers in the video's own result, the longest on screen first.

    The still is that of the best of them; ``file`` is in the video's folder, ``None`` where there is no picture.
    ``tracks`` are the numbers in its index. ``similarity`` is the cosine of its mean embedding to the person's others;
    1 where there are none.
    """

    video: int
    persons: tuple[int, ...]
    tracks: tuple[int, ...]
    faces: int
    spans: tuple[Span, ...]
    screen_time: float
    file: str | None
    time: float | None
    score: float | None
    face: tuple[float, ...] | None
    similarity: float


@dataclass(frozen=True, slots=True)
class Identity:
    """A person over all videos; appearances in order of videos. ``screen_time`` is in seconds."""

    id: int
    name: str | None
    appearances: tuple[Appearance, ...]
    screen_time: float

    @property
    def best(self) -> Appearance | None:
        """The appearance with the best still."""
        pictured = [one for one in self.appearances if one.file is not None and one.score is not None]
        return max(pictured, key=lambda one: (one.score or 0.0, -one.video), default=None)


@dataclass(frozen=True, slots=True)
class AcrossSelection:
    """The answer to "who is in many videos": those in the most videos first, then the longest on screen."""

    videos: tuple[VideoOf, ...]
    people: tuple[Identity, ...]
    aliases: Mapping[int, int]
    similarity: float
    embedder: str


def select_across(gallery: Gallery) -> AcrossSelection:
    """The people of ``gallery``. Pure: reads the tables."""
    videos = tuple(
        VideoOf(v["content"], v["path"], v["folder"], v["duration"], v["partial"]) for v in gallery.videos.to_pylist()
    )
    number = {video.content: place for place, video in enumerate(videos)}
    columns = _Columns.of(gallery, number)
    stills = {(number[row["content"]], row["person"]): row for row in gallery.people.to_pylist()}
    order = np.lexsort((columns.track, columns.video, columns.identity))
    people = []
    for own in _runs(order, columns.identity[order]):
        identity = int(columns.identity[own[0]])
        parts = list(_runs(own, columns.video[own]))
        sums = np.stack([(columns.vector[p] * columns.weight[p, None]).sum(axis=0) for p in parts])
        alike = _alike(sums)
        appearances = tuple(_appearance(columns, part, stills, float(alike[place])) for place, part in enumerate(parts))
        time = sum(one.screen_time for one in appearances)
        people.append(Identity(identity, gallery.names.get(identity), appearances, round(time, 6)))
    people.sort(key=lambda one: (-len(one.appearances), -one.screen_time, one.id))
    return AcrossSelection(videos, tuple(people), dict(gallery.aliases), gallery.similarity, gallery.embedder)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """The tracks as arrays."""

    video: NDArray[np.int64]
    track: NDArray[np.int64]
    person: NDArray[np.int64]
    identity: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    faces: NDArray[np.int64]
    weight: NDArray[np.float32]
    vector: NDArray[np.float32]

    @classmethod
    def of(cls, gallery: Gallery, number: Mapping[str, int]) -> _Columns:
        video = np.array([number[content] for content in gallery.tracks["content"].to_pylist()], np.int64)
        values = {name: gallery.column(name) for name in ("track", "person", "identity", "start", "end", "faces")}
        return cls(video=video, weight=gallery.column("weight"), vector=gallery.vectors(), **values)


def _runs(rows: NDArray[np.int64], values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """``rows`` parted where ``values`` change."""
    return np.split(rows, np.flatnonzero(np.diff(values)) + 1) if len(rows) else []


def _alike(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosine of each of ``sums`` to the sum of the others; 1 for one alone."""
    if len(sums) == 1:
        return np.ones(1, np.float32)
    others = sums.sum(axis=0) - sums
    norms = np.linalg.norm(sums, axis=1) * np.linalg.norm(others, axis=1)
    return np.asarray(np.einsum("ij,ij->i", sums, others) / np.maximum(norms, 1e-12), np.float32)


def _appearance(
    columns: _Columns, rows: NDArray[np.int64], stills: Mapping[tuple[int, int], Mapping[str, Any]], alike: float
) -> Appearance:
    video = int(columns.video[rows[0]])
    spans = union([(float(columns.start[r]), float(columns.end[r])) for r in rows])
    time: dict[int, float] = {}
    for r in rows:
        time[int(columns.person[r])] = time.get(int(columns.person[r]), 0.0) + float(columns.end[r] - columns.start[r])
    persons = sorted(time, key=lambda person: (-time[person], person))
    best = None
    for person in persons:
        still = stills.get((video, person))
        inside = still is not None and any(
            columns.start[r] <= still["time"] <= columns.end[r] for r in rows if columns.person[r] == person
        )
        if inside and still is not None and (best is None or still["score"] > best["score"]):
            best = still
    return Appearance(
        video=video,
        persons=tuple(persons),
        tracks=tuple(int(t) for t in np.sort(columns.track[rows])),
        faces=int(columns.faces[rows].sum()),
        spans=tuple(spans),
        screen_time=round(total(spans), 6),
        file=None if best is None else best["file"],
        time=None if best is None else best["time"],
        score=None if best is None else best["score"],
        face=None if best is None or best["face"] is None else tuple(best["face"]),
        similarity=round(alike, 4),
    )
