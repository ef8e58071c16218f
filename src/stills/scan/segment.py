"""One segment, in one process: decode by plan, look for transitions and faces, give rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stills.index.schema import FACES, FRAMES, QUALITY_PARTS
from stills.index.spill import write_spill
from stills.index.store import SegmentRows
from stills.media.decode import DecodedFrame, DecodePlan, DecodeStats, decode
from stills.scan.faces import FaceCollector, FaceRow, Vision
from stills.scan.parameters import CONTEXT, ScanParameters
from stills.scan.plan import Segment, SegmentTask
from stills.scan.thumbs import pack_thumbs
from stills.types import VideoInfo
from stills.vision.transitions import (
    CONTRAST_FLOOR,
    THUMB_SIZE,
    ShotChange,
    find_changes,
    sparse_changes,
    step_changes,
)

SUDDEN_CHANGE = 0.25
"""Change between two decoded frames from which faces are looked for at once: it may be a cut."""

LEAST_INTERVAL = 0.08
"""Seconds between two looks for faces, however much the picture changes."""

SETTLED = 2.0
"""Seconds after a change until looks become fewer; after twice as many they are as few as they get."""

HOLD_BYTES = 48 << 20
"""Decoded frames of likely picks that a worker holds until its segment ends."""


@dataclass(slots=True)
class _Signals:
    """What is noted of every decoded frame."""

    pts: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    analysed: list[bool] = field(default_factory=list)
    thumbs: list[NDArray[np.uint8]] = field(default_factory=list)
    _contrast: float = 0.0

    def add(self, frame: DecodedFrame) -> bool:
        """Note ``frame``; whether the picture changed suddenly since the one before."""
        thumb = frame.small_luma(*THUMB_SIZE)
        contrast = float(cv2.meanStdDev(thumb)[1][0, 0])
        # A rough version of vision.transitions.distance, for nothing: it decides when to look, not where shots end.
        away = cv2.norm(thumb, self.thumbs[-1], cv2.NORM_L1) / thumb.size if self.thumbs else 0.0
        sudden = away >= SUDDEN_CHANGE * (0.5 * (contrast + self._contrast) + CONTRAST_FLOOR)
        self._contrast = contrast
        self.pts.append(frame.pts)
        self.times.append(frame.time)
        self.keys.append(frame.is_key)
        self.analysed.append(False)
        self.thumbs.append(thumb)
        return sudden

    def stacked(self) -> NDArray[np.uint8]:
        """All tiny pictures, (n, height, width)."""
        return np.stack(self.thumbs) if self.thumbs else np.zeros((0, THUMB_SIZE[1], THUMB_SIZE[0]), np.uint8)

    def table(self, thumbs: NDArray[np.uint8]) -> pa.Table:
        """Rows of ``frames``."""
        flat = thumbs.reshape(len(thumbs), -1)
        columns = {
            "pts": self.pts,
            "time": self.times,
            "is_key": self.keys,
            "analysed": self.analysed,
            "luma": flat.mean(axis=1, dtype=np.float32),
            "contrast": flat.std(axis=1, dtype=np.float32),
            "change": step_changes(thumbs),
        }
        absent = {f.name: pa.nulls(len(flat), f.type) for f in FRAMES if f.name not in columns}
        return pa.table(columns | absent, schema=FRAMES)


def scan_segment(
    task: SegmentTask, vision: Vision, on_frame: Callable[[int, float], None] | None = None
) -> SegmentRows:
    """Measure one segment. ``on_frame(pts, seconds)`` is called for each decoded frame. Decoding errors are noted."""
    video, parameters, segment = task.video, task.parameters, task.segment
    stats = DecodeStats()
    signals = _Signals()
    faces = FaceCollector(video, parameters, vision, HOLD_BYTES if task.spill else 0)
    next_look = float("-inf")
    last_look = float("-inf")
    last_change = 0.0
    for frame in _frames(task, stats):
        if signals.add(frame):
            faces.picture_changed()
            last_change = frame.time
            next_look = min(next_look, max(frame.time, last_look + LEAST_INTERVAL))
        if frame.time >= next_look or parameters.decode == "sparse":
            faces.look(frame)
            signals.analysed[-1] = True
            last_look = frame.time
            next_look = frame.time + _interval(parameters, frame.time - last_change)
        if on_frame is not None:
            on_frame(frame.pts, frame.time)
    thumbs = signals.stacked()
    times = np.array(signals.times)
    changes = _changes(thumbs, times, segment, video, parameters)
    held = faces.finish(changes)
    if task.spill is not None:
        write_spill(Path(task.spill), held)
    notes = {
        "frames_decoded": stats.decoded,
        "errors": stats.errors,
        "damaged": stats.damaged,
        "first_error": stats.first_error,
        "changes": [[c.kind, c.start, c.end, c.strength] for c in changes],
        "context": _context(thumbs, times),
    }
    return SegmentRows(segment.number, signals.table(thumbs), face_table(faces.rows), notes)


def _interval(parameters: ScanParameters, calm: float) -> float:
    """Seconds until faces are looked for again, ``calm`` seconds after the picture last changed at once."""
    slow = min(1.0, max(0.0, calm / SETTLED - 1.0))
    return parameters.sample_interval + slow * (parameters.slow_interval - parameters.sample_interval)


def _frames(task: SegmentTask, stats: DecodeStats) -> Iterator[DecodedFrame]:
    p, segment = task.parameters, task.segment
    plan = DecodePlan(
        mode="references" if p.decode == "references" else "all",
        start_pts=segment.start,
        end_pts=segment.end,
        times=segment.wanted,
        threads=task.threads,
        device=p.device,
    )
    return decode(task.path, task.video, plan, task.packets, stats)


def _changes(
    thumbs: NDArray[np.uint8],
    times: NDArray[np.float64],
    segment: Segment,
    video: VideoInfo,
    parameters: ScanParameters,
) -> list[ShotChange]:
    """The transitions inside of a segment."""
    if parameters.decode != "sparse":
        return find_changes(thumbs, times)
    return sparse_changes(thumbs, times, [video.seconds(p) for p in segment.cuts])


def _context(thumbs: NDArray[np.uint8], times: NDArray[np.float64]) -> dict[str, Any]:
    """The tiny pictures of both ends, as JSON values."""
    head = times <= times[0] + CONTEXT if len(times) else np.zeros(0, bool)
    tail = times >= times[-1] - CONTEXT if len(times) else head
    return {
        "head": pack_thumbs(thumbs[head]),
        "head_times": times[head].tolist(),
        "tail": pack_thumbs(thumbs[tail]),
        "tail_times": times[tail].tolist(),
    }


def face_table(rows: list[FaceRow]) -> pa.Table:
    """Rows of ``faces``, in order of time."""
    columns: dict[str, list[Any]] = {name: [] for name in FACES.names}
    for r in rows:
        columns["pts"].append(r.pts)
        columns["time"].append(r.time)
        for name, value in zip(("x", "y", "width", "height"), r.box, strict=True):
            columns[name].append(value)
        columns["landmarks"].append(r.landmarks.reshape(-1).tolist())
        columns["score"].append(r.score)
        columns["track"].append(r.track)
        columns["in_transition"].append(r.in_transition)
        columns["quality"].append(r.quality.value)
        for name in QUALITY_PARTS:
            columns[f"quality_{name}"].append(r.quality.parts.get(name))
        mesh = r.mesh
        columns["measured"].append(mesh is not None)
        columns["presence"].append(None if mesh is None else mesh.presence)
        for name in ("yaw", "pitch", "roll", "eyes_open", "mouth_open", "smile"):
            columns[name].append(None if mesh is None else getattr(mesh, name))
        columns["person"].append(None)
        columns["embedding"].append(None if r.embedding is None else r.embedding.tolist())
    return pa.table(columns, schema=FACES)
