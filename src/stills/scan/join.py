"""Putting the rows of segments together, as if the video had been scanned in one piece."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stills.index.schema import FACES, FRAMES, SHOTS
from stills.index.store import SegmentRows
from stills.scan.parameters import CONTEXT, ScanParameters
from stills.scan.purity import SAME_TRACK
from stills.scan.thumbs import unpack_thumbs
from stills.scan.tracking import Tracker
from stills.types import Box, Layer, VideoInfo
from stills.vision.transitions import ShotChange, find_changes, shots_from_changes, sparse_changes

BORDER = CONTEXT / 2
"""Seconds on both sides of a border in which transitions are found again, with the pictures of both segments."""


def join_segments(
    video: VideoInfo, parts: Sequence[SegmentRows], parameters: ScanParameters, layers: Collection[Layer]
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The tables ``frames``, ``shots`` and ``faces`` of a video from its segments' rows, in order of time."""
    changes = _join_changes(parts, parameters)
    frames = pa.concat_tables([p.frames for p in parts]) if parts else FRAMES.empty_table()
    tracks = _join_tracks(parts, changes, parameters)
    faces = pa.concat_tables([p.faces for p in parts]) if parts else FACES.empty_table()
    # A transition over a border is known only now, so what the segments said of being inside one is said again.
    inside = _inside(changes, faces["time"].to_numpy())
    for name, values in (("track", pa.array(tracks, pa.int32())), ("in_transition", pa.array(inside))):
        faces = faces.set_column(FACES.get_field_index(name), FACES.field(name), values)
    if "signals" in layers and len(frames):
        mixed = frames["in_transition"].to_numpy().astype(bool) | _inside(changes, frames["time"].to_numpy())
        place = FRAMES.get_field_index("in_transition")
        frames = frames.set_column(place, FRAMES.field("in_transition"), pa.array(mixed))
    return frames.combine_chunks(), shot_table(changes, video.duration), faces.combine_chunks()


def _inside(changes: Sequence[ShotChange], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of ``times`` lies inside a dissolve or fade."""
    inside = np.zeros(len(times), bool)
    for c in changes:
        inside |= (c.kind != "cut") & (times > c.start) & (times < c.end)
    return inside


def _join_changes(parts: Sequence[SegmentRows], parameters: ScanParameters) -> list[ShotChange]:
    changes = [ShotChange(*row) for p in parts for row in p.notes["changes"]]
    for before, after in pairwise(parts):
        tail, tail_times = _thumbs(before.notes["context"], "tail")
        head, head_times = _thumbs(after.notes["context"], "head")
        if not len(tail) or not len(head):
            continue
        border = float(head_times[0])
        thumbs, times = np.concatenate([tail, head]), np.concatenate([tail_times, head_times])
        if parameters.decode == "sparse":
            changes += sparse_changes(thumbs[len(tail) - 1 : len(tail) + 1], times[len(tail) - 1 : len(tail) + 1], [])
            continue
        changes = [c for c in changes if abs(c.time - border) > BORDER]
        changes += [c for c in find_changes(thumbs, times) if abs(c.time - border) <= BORDER]
    return sorted(changes, key=lambda c: c.time)


def _thumbs(context: dict[str, Any], end: str) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    return unpack_thumbs(context[end]), np.array(context[f"{end}_times"], np.float64)


def shot_table(changes: Sequence[ShotChange], duration: float) -> pa.Table:
    """Rows of ``shots``: the runs of frames between ``changes``."""
    at = {round(c.time, 6): c for c in changes}
    rows = []
    for shot in shots_from_changes(changes, duration):
        change = at.get(shot.start)
        rows.append(
            {
                "start": shot.start,
                "end": shot.end,
                "transition_in": shot.transition_in,
                "transition_start": change.start if change else shot.start,
                "transition_end": change.end if change else shot.start,
            }
        )
    return pa.Table.from_pylist(rows, schema=SHOTS)


def _join_tracks(
    parts: Sequence[SegmentRows], changes: list[ShotChange], parameters: ScanParameters
) -> NDArray[np.int32]:
    """Track ids of all faces: numbered through, linked over borders, cut at all transitions, in order of appearance."""
    borders = np.array([c.time for c in changes])
    ids: list[NDArray[np.int64]] = []
    times: list[NDArray[np.float64]] = []
    offset = 0
    for part in parts:
        own = part.faces["track"].to_numpy().astype(np.int64) + offset
        seen = part.faces["time"].to_numpy()
        if ids:
            before = _Side(parts[len(ids) - 1].faces, ids[-1])
            own = _link(before, _Side(part.faces, own), borders, parameters.max_gap)
        ids.append(own)
        times.append(seen)
        offset = max(offset, int(own.max(initial=-1)) + 1)
    track = np.concatenate(ids) if ids else np.zeros(0, np.int64)
    shot = np.searchsorted(borders, np.concatenate(times), side="right") if ids else np.zeros(0, np.int64)
    pairs: dict[tuple[int, int], int] = {}
    return np.array(
        [pairs.setdefault((int(t), int(s)), len(pairs)) for t, s in zip(track, shot, strict=True)], np.int32
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """The faces on one side of a border, and their tracks."""

    faces: pa.Table
    ids: NDArray[np.int64]

    def mean(self, track: int) -> NDArray[np.float32] | None:
        """The mean embedding of a track, of unit length; ``None`` where no face has one."""
        own = self.faces["embedding"].filter(pa.array(self.ids == track)).drop_null().to_pylist()
        if not own:
            return None
        mean = np.mean(own, axis=0, dtype=np.float64)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def moments(self, rows: NDArray[np.bool_]) -> list[tuple[float, list[Box], list[int]]]:
        """The faces of ``rows`` by analysed frame: time, boxes, track ids."""
        out: list[tuple[float, list[Box], list[int]]] = []
        where = np.flatnonzero(rows)
        part = self.faces.take(pa.array(where)).select(["time", "x", "y", "width", "height"]).to_pylist()
        for row, track in zip(part, self.ids[where], strict=True):
            if not out or out[-1][0] != row["time"]:
                out.append((row["time"], [], []))
            out[-1][1].append((row["x"], row["y"], row["width"], row["height"]))
            out[-1][2].append(int(track))
        return out


def _link(before: _Side, after: _Side, borders: NDArray[np.float64], max_gap: float) -> NDArray[np.int64]:
    """The track ids of ``after``, with those tracks under their old ids that go on from the segment before."""
    if not len(before.ids) or not len(after.ids):
        return after.ids
    first, last = float(after.faces["time"][0].as_py()), float(before.faces["time"][-1].as_py())
    tracker = Tracker(max_gap)
    old: dict[int, int] = {}
    for time, boxes, own in before.moments(before.faces["time"].to_numpy() >= first - max_gap):
        old.update(zip(tracker.update(time, boxes), own, strict=True))
    renamed: dict[int, int] = {}
    for time, boxes, own in after.moments(after.faces["time"].to_numpy() <= first + max_gap):
        if np.any((borders > last) & (borders <= time)):
            break
        for linked, mine in zip(tracker.update(time, boxes), own, strict=True):
            if linked in old and mine not in renamed and old[linked] not in renamed.values():
                a, b = before.mean(old[linked]), after.mean(mine)
                if a is None or b is None or float(a @ b) >= SAME_TRACK:
                    renamed[mine] = old[linked]
    return np.array([renamed.get(int(i), int(i)) for i in after.ids], np.int64)
