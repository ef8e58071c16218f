"""The frames that may become thumbnails, the faces in each, and the embedded cover picture as one of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stills.index.index import Index
from stills.index.schema import EMOTIONS, THUMB_SIZE
from stills.types import COVER_PTS, Box

FACE_REACH = 0.3
"""Seconds to the next frame in which faces were looked for, within which they are taken to be where they were."""

EYES_REACH = 1.1
"""Seconds around eyes seen closed in which they are not trusted where nobody looked: one face a second is measured."""

THUMB_REACH = 0.6
"""Seconds to the next frame of the shot that has a tiny picture, within which it stands for this one."""

MAIN = 0.35
"""Share of the largest face's area from which a face matters as well."""

SURE = 0.5
"""Presence from which the mesh is believed to lie on a face, and so its eyes and smile."""
PROFILE_SCORE, UNMEASURED_SCORE = 0.85, 0.75
"""Detector scores from which a face counts that the mesh denies (a profile), or that it never saw."""

_FLOATS = (
    "luma", "contrast", "sharpness", "noise", "exposure", "highlights", "colorfulness", "text", "detail",
)  # fmt: skip
GRADUAL_MARGIN = 0.3
"""Seconds around a dissolve or fade: its first and last tenths are hard to see, but in a thumbnail they show."""

_FLAGS = ("in_transition", "flat", "black", "flash")
_FACE_FLOATS = (
    "eyes_open",
    "smile",
    "presence",
    "quality_sharpness",
    "quality_exposure",
    "quality_visible",
    "quality_pose",
)


@dataclass(frozen=True, slots=True, eq=False)
class ShownFaces:
    """Faces of candidates, one row a face and candidate; ``of`` is the candidate's place.

    ``box`` is in pixels of its picture, ``share`` in shares of it; ``values`` are the columns of ``faces`` by name, NaN
    where not measured. ``measured``: eyes and smile are known, in this very frame. ``track`` is -1 in a cover.
    """

    of: NDArray[np.int64]
    box: NDArray[np.float64]
    share: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]
    measured: NDArray[np.bool_]
    main: NDArray[np.bool_]
    track: NDArray[np.int64]
    eyes_near: NDArray[np.float64]

    def boxes(self, candidate: int) -> tuple[Box, ...]:
        """The faces of a candidate, the largest first."""
        own = self.box[self.of == candidate]
        order = np.argsort(-own[:, 2] * own[:, 3], kind="stable")
        return tuple((float(x), float(y), float(w), float(h)) for x, y, w, h in own[order])


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Frames in order of time, then the cover, if it is one.

    ``columns`` are those of ``frames``; ``expression`` is (n, 7), NaN where there is none. ``thumb_row`` is the row of
    ``index.frames`` whose tiny picture stands for the frame (-1: none). ``shot`` is -1 for the cover. ``shape`` is
    width / height of the picture.
    """

    pts: NDArray[np.int64]
    time: NDArray[np.float64]
    shot: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    hash: NDArray[np.uint64]
    colors: NDArray[np.uint8]
    expression: NDArray[np.float64]
    shape: NDArray[np.float64]
    thumb_row: NDArray[np.int64]
    faces: ShownFaces
    cover_thumb: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.pts)

    def is_cover(self) -> NDArray[np.bool_]:
        """Which is the cover (n,)."""
        return np.asarray(self.pts == COVER_PTS)

    def thumbs(self, index: Index, which: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The tiny pictures of ``which`` (m, 36, 64), and which of them there are (m,); grey stands for the others."""
        rows = self.thumb_row[which]
        known = rows >= 0
        width, height = THUMB_SIZE
        pictures = np.full((len(which), height, width), 128, np.uint8)
        if known.any():
            data = b"".join(index.frames["thumb"].take(pa.array(rows[known])).to_pylist())
            pictures[known] = np.frombuffer(data, np.uint8).reshape(-1, height, width)
        if self.cover_thumb is not None:
            pictures[self.is_cover()[which]] = self.cover_thumb
            known = known | self.is_cover()[which]
        return pictures, known


def find_candidates(index: Index, *, cover: bool) -> Candidates:
    """Frames with a tiny picture and frames with a measured face; all with signals, where none has either."""
    table = index.frames
    time, pts = table["time"].to_numpy(), table["pts"].to_numpy()
    known = table["sharpness"].is_valid().to_numpy()
    has_thumb = table["thumb"].is_valid().to_numpy()
    measured = index.faces["pts"].to_numpy()[index.faces["measured"].to_numpy()]
    chosen = known & (has_thumb | np.isin(pts, measured))
    if not chosen.any():
        chosen = known
    rows = np.flatnonzero(chosen)
    part = table.select([*_FLOATS, *_FLAGS, "hash", "colors", "expression"]).take(pa.array(rows))
    shot = np.searchsorted(index.shots["start"].to_numpy(), time, side="right") - 1
    columns: dict[str, NDArray[Any]] = {n: part[n].fill_null(0.0).to_numpy().astype(np.float64) for n in _FLOATS}
    columns |= {n: part[n].fill_null(False).to_numpy() for n in _FLAGS}
    columns["in_transition"] = columns["in_transition"] | _in_transition(index, time[rows])
    analysed = np.flatnonzero(table["analysed"].to_numpy())
    source = _nearest(time, shot, rows, analysed, FACE_REACH)
    expression = _expressions(part["expression"])
    borrowed = np.isnan(expression[:, 0]) & (source >= 0)
    if borrowed.any():
        expression[borrowed] = _expressions(table["expression"].take(pa.array(source[borrowed])))
    found = Candidates(
        pts=pts[rows],
        time=time[rows],
        shot=shot[rows],
        columns=columns,
        hash=part["hash"].fill_null(0).to_numpy(),
        colors=_bytes(part["colors"], 64),
        expression=expression,
        shape=np.full(len(rows), index.video.width / index.video.height),
        thumb_row=_nearest(time, shot, rows, np.flatnonzero(has_thumb), THUMB_REACH),
        faces=_faces(index, np.where(source >= 0, pts[source], 0), source >= 0, source == rows),
    )
    return found if index.cover is None or not cover else _with_cover(found, index.cover)


def _nearest(
    time: NDArray[np.float64], shot: NDArray[np.int64], rows: NDArray[np.int64], among: NDArray[np.int64], reach: float
) -> NDArray[np.int64]:
    """For each of ``rows`` the row ``among`` others of its shot nearest in time; -1 where none is within ``reach``."""
    if not len(among):
        return np.full(len(rows), -1, np.int64)
    after = np.searchsorted(among, rows)
    options = np.stack([among[np.minimum(after, len(among) - 1)], among[np.maximum(after - 1, 0)]])
    away = np.abs(time[options] - time[rows]) + np.where(shot[options] == shot[rows], 0.0, np.inf)
    best = away.argmin(axis=0)
    column = np.arange(len(rows))
    return np.asarray(np.where(away[best, column] <= reach, options[best, column], -1), np.int64)


def _in_transition(index: Index, time: NDArray[np.float64]) -> NDArray[np.bool_]:
    start, end = index.shots["transition_start"].to_numpy(), index.shots["transition_end"].to_numpy()
    start, end = start[end > start] - GRADUAL_MARGIN, end[end > start] + GRADUAL_MARGIN
    if not len(start):
        return np.zeros(len(time), bool)
    place = np.searchsorted(start, time, side="left") - 1
    return np.asarray((place >= 0) & (time < end[np.maximum(place, 0)]))


def _expressions(column: pa.ChunkedArray) -> NDArray[np.float64]:
    values = np.full((len(column), len(EMOTIONS)), np.nan)
    valid = column.is_valid().to_numpy()
    flat = column.combine_chunks().drop_null().flatten().to_numpy(zero_copy_only=False)
    values[valid] = np.asarray(flat, np.float64).reshape(-1, len(EMOTIONS))
    return values


def _bytes(column: pa.ChunkedArray, width: int) -> NDArray[np.uint8]:
    """A column of byte strings of one length; zeros where there is none."""
    empty = bytes(width)
    return np.frombuffer(b"".join(v or empty for v in column.to_pylist()), np.uint8).reshape(-1, width)


def _faces(index: Index, source: NDArray[np.int64], known: NDArray[np.bool_], exact: NDArray[np.bool_]) -> ShownFaces:
    """The faces at the pts ``source`` of each candidate, where there is one (``known``), its own where ``exact``."""
    table = index.faces
    face_pts = table["pts"].to_numpy()
    order = np.argsort(face_pts, kind="stable")
    ordered = face_pts[order]
    first = np.searchsorted(ordered, source, side="left")
    count = np.where(known, np.searchsorted(ordered, source, side="right") - first, 0)
    of = np.repeat(np.arange(len(source)), count)
    offset = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    rows = order[np.repeat(first, count) + offset]
    part = table.select(["x", "y", "width", "height", "score", "track", "measured", *_FACE_FLOATS]).take(pa.array(rows))
    values = {name: part[name].to_numpy().astype(np.float64) for name in (*_FACE_FLOATS, "score")}
    box = np.stack([part[c].to_numpy() for c in ("x", "y", "width", "height")], axis=1).astype(np.float64)
    size = np.array([index.video.width, index.video.height] * 2, np.float64)
    measured = part["measured"].to_numpy() & (values["presence"] >= SURE)
    faces = ShownFaces(
        of=of,
        box=box,
        share=box / size,
        values=values,
        measured=measured & exact[of],
        main=np.ones(len(of), bool),
        track=part["track"].to_numpy().astype(np.int64),
        eyes_near=np.where(measured, values["eyes_open"], _eyes_near(index, rows)),
    )
    return _believed(faces)


def _eyes_near(index: Index, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How open the eyes of each face ``rows`` were when last and next seen, the less open; NaN where that is far."""
    table = index.faces
    time, track = table["time"].to_numpy(), table["track"].to_numpy().astype(np.int64)
    presence = table["presence"].to_numpy()
    seen = np.flatnonzero(table["measured"].to_numpy() & (np.nan_to_num(presence) >= SURE))
    if not len(seen):
        return np.full(len(rows), np.nan)
    # One axis for all tracks, each far from the next, so that one search finds the neighbours inside a track.
    axis = time + track * (float(time.max() - time.min()) + 10 * EYES_REACH)
    seen = seen[np.argsort(axis[seen], kind="stable")]
    after = np.searchsorted(axis[seen], axis[rows])
    around = np.stack([seen[np.maximum(after - 1, 0)], seen[np.minimum(after, len(seen) - 1)]])
    eyes = table["eyes_open"].to_numpy().astype(np.float64)[around]
    near = np.where(np.abs(axis[around] - axis[rows]) <= EYES_REACH, eyes, np.inf).min(axis=0)
    return np.asarray(np.where(np.isfinite(near), near, np.nan), np.float64)


def _believed(faces: ShownFaces) -> ShownFaces:
    """``faces`` without what is hardly a face, and with those marked that matter."""
    presence, score = faces.values["presence"], faces.values["score"]
    seen = np.isfinite(presence)
    keep = np.where(seen, (presence >= SURE) | (score >= PROFILE_SCORE), score >= UNMEASURED_SCORE)
    of, share = faces.of[keep], faces.share[keep]
    area = share[:, 2] * share[:, 3]
    largest = np.zeros(int(of.max(initial=-1)) + 1)
    np.maximum.at(largest, of, area)
    return ShownFaces(
        of=of,
        box=faces.box[keep],
        share=share,
        values={name: column[keep] for name, column in faces.values.items()},
        measured=faces.measured[keep],
        main=np.asarray(area >= MAIN * largest[of], bool),
        track=faces.track[keep],
        eyes_near=faces.eyes_near[keep],
    )


def _with_cover(found: Candidates, cover: Mapping[str, Any]) -> Candidates:
    """``found`` and the cover picture, judged by the same values."""
    signals, faces = cover["signals"], cover["faces"]
    here = len(found)
    columns = {n: np.append(c, c.dtype.type(signals.get(n) or 0)) for n, c in found.columns.items()}
    box = np.array([f["box"] for f in faces], np.float64).reshape(-1, 4)
    size = np.array([cover["width"], cover["height"]] * 2, np.float64)
    values = {
        name: np.array([np.nan if f.get(name) is None else f[name] for f in faces], np.float64)
        for name in (*_FACE_FLOATS, "score")
    }
    measured = values["presence"] >= SURE
    own = _believed(
        ShownFaces(
            of=np.full(len(faces), here),
            box=box,
            share=box / size,
            values=values,
            measured=measured,
            main=np.ones(len(faces), bool),
            track=np.full(len(faces), -1),
            eyes_near=np.where(measured, values["eyes_open"], np.nan),
        )
    )
    expression = cover.get("expression") or [np.nan] * len(EMOTIONS)
    thumb = np.frombuffer(base64.b64decode(cover["thumb"]), np.uint8).reshape(THUMB_SIZE[::-1])
    return Candidates(
        pts=np.append(found.pts, COVER_PTS),
        time=np.append(found.time, 0.0),
        shot=np.append(found.shot, -1),
        columns=columns,
        hash=np.append(found.hash, np.uint64(cover["hash"])),
        colors=np.vstack([found.colors, np.frombuffer(base64.b64decode(cover["colors"]), np.uint8)]),
        expression=np.vstack([found.expression, np.array(expression, np.float64)]),
        shape=np.append(found.shape, cover["width"] / cover["height"]),
        thumb_row=np.append(found.thumb_row, -1),
        faces=_joined(found.faces, own),
        cover_thumb=thumb,
    )


def _joined(a: ShownFaces, b: ShownFaces) -> ShownFaces:
    return ShownFaces(
        of=np.append(a.of, b.of),
        box=np.vstack([a.box, b.box]),
        share=np.vstack([a.share, b.share]),
        values={n: np.append(a.values[n], b.values[n]) for n in a.values},
        measured=np.append(a.measured, b.measured),
        main=np.append(a.main, b.main),
        track=np.append(a.track, b.track),
        eyes_near=np.append(a.eyes_near, b.eyes_near),
    )
