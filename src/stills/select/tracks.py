"""The tracks of an index: what is known of each, and which cannot be one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index


@dataclass(frozen=True, slots=True)
class FaceColumns:
    """The columns of ``faces`` that selections use, as arrays of one length; missing values are NaN."""

    pts: NDArray[np.int64]
    time: NDArray[np.float64]
    box: NDArray[np.float32]
    score: NDArray[np.float32]
    track: NDArray[np.int32]
    quality: NDArray[np.float32]
    measured: NDArray[np.bool_]
    presence: NDArray[np.float32]
    in_transition: NDArray[np.bool_]
    visible: NDArray[np.float32]
    person: NDArray[np.int32]
    embedding_of: NDArray[np.int64]
    embeddings: NDArray[np.float32]

    @classmethod
    def of(cls, index: Index) -> FaceColumns:
        """Read them.

        ``person`` is -1 where none was stored; ``embedding_of`` are the rows that have an embedding, ``embeddings``
        those (m, d).
        """
        t = index.faces
        has = t["embedding"].is_valid().to_numpy()
        flat = t["embedding"].combine_chunks().drop_null().flatten().to_numpy(zero_copy_only=False)
        where = np.flatnonzero(has)
        box = np.stack([t[c].to_numpy() for c in ("x", "y", "width", "height")], axis=1)
        return cls(
            pts=t["pts"].to_numpy(),
            time=t["time"].to_numpy(),
            box=box,
            score=t["score"].to_numpy(),
            track=t["track"].to_numpy(),
            quality=t["quality"].to_numpy(),
            measured=t["measured"].to_numpy(),
            presence=t["presence"].to_numpy(),
            in_transition=t["in_transition"].to_numpy(),
            visible=t["quality_visible"].to_numpy(),
            person=t["person"].fill_null(-1).to_numpy(),
            embedding_of=where,
            embeddings=np.asarray(flat, np.float32).reshape(len(where), -1)
            if len(where)
            else np.zeros((0, 1), np.float32),
        )


@dataclass(frozen=True, slots=True)
class Tracks:
    """One row a track, in order of id; ``score`` to ``size`` are the largest of its faces.

    ``vector`` is the quality-weighted mean embedding (unit length; zero without any), ``weight`` the sum of its
    weights, ``person`` the number stored where embeddings were dropped (-1: none).
    """

    rows: tuple[NDArray[np.int64], ...]
    vector: NDArray[np.float32]
    weight: NDArray[np.float32]
    score: NDArray[np.float32]
    presence: NDArray[np.float32]
    quality: NDArray[np.float32]
    visible: NDArray[np.float32]
    size: NDArray[np.float32]
    person: NDArray[np.int32]

    def __len__(self) -> int:
        """Number of tracks."""
        return len(self.rows)


def build_tracks(faces: FaceColumns) -> Tracks:
    """Gather the faces into tracks."""
    n = int(faces.track.max(initial=-1)) + 1
    order = np.argsort(faces.track, kind="stable")
    borders = np.searchsorted(faces.track[order], np.arange(n + 1))
    rows = tuple(order[borders[i] : borders[i + 1]] for i in range(n))
    dim = faces.embeddings.shape[1]
    sums = np.zeros((n, dim), np.float64)
    weight = np.zeros(n, np.float64)
    # A good face says more than many poor ones; squared, so that a blurred profile hardly turns a sharp front's vector.
    w = np.maximum(faces.quality[faces.embedding_of], 0.05).astype(np.float64) ** 2
    owner = faces.track[faces.embedding_of]
    np.add.at(sums, owner, faces.embeddings * w[:, None])
    np.add.at(weight, owner, w)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    vector = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
    presence = np.nan_to_num(faces.presence, nan=0.0)
    short = np.minimum(faces.box[:, 2], faces.box[:, 3])

    def most(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([values[r].max(initial=0.0) for r in rows], np.float32)

    return Tracks(
        rows=rows,
        vector=vector.astype(np.float32),
        weight=weight.astype(np.float32),
        score=most(faces.score),
        presence=most(presence.astype(np.float32)),
        quality=most(faces.quality),
        visible=most(np.nan_to_num(faces.visible)),
        size=most(short),
        person=np.array([faces.person[r].max(initial=-1) for r in rows], np.int32),
    )


MIRRORED = 0.8
"""Cosine similarity of two tracks from which they are one person even in one frame: in a mirror, an inset, a split
screen. Strangers stay below 0.4 in the development clips."""


def seen_together(faces: FaceColumns, tracks: Tracks) -> list[tuple[int, int]]:
    """Pairs of tracks with a face each in one frame, outside of transitions: two faces at once are two people.

    Faces so alike that it must be a mirror or an inset (``MIRRORED``) are not meant.
    """
    keep = ~faces.in_transition
    pairs: set[tuple[int, int]] = set()
    order = np.argsort(faces.pts[keep], kind="stable")
    pts, track = faces.pts[keep][order], faces.track[keep][order]
    borders = np.flatnonzero(np.diff(pts)) + 1
    for group in np.split(track, borders):
        ids = sorted({int(t) for t in group})
        pairs.update((a, b) for i, a in enumerate(ids) for b in ids[i + 1 :])
    return sorted(p for p in pairs if float(tracks.vector[p[0]] @ tracks.vector[p[1]]) < MIRRORED)
