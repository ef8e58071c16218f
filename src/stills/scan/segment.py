"""One segment, in one process: decode by plan, look for transitions and faces, give rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stills.index.schema import FACES, QUALITY_PARTS
from stills.index.spill import write_spill
from stills.index.store import SegmentRows
from stills.media.decode import DecodedFrame, DecodePlan, DecodeStats, decode
from stills.scan.faces import FaceCollector, FaceRow, Vision
from stills.scan.frames import FrameNotes, with_expressions
from stills.scan.likely import LikelyPicks
from stills.scan.parameters import CONTEXT, ScanParameters
from stills.scan.plan import Segment, SegmentTask
from stills.scan.thumbs import pack_thumbs
from stills.types import VideoInfo
from stills.vision.transitions import ShotChange, find_changes, sparse_changes

LEAST_INTERVAL = 0.08
"""Seconds between two looks for faces, however much the picture changes."""

SETTLED = 2.0
"""Seconds after a change until looks become fewer; after twice as many they are as few as they get."""

HOLD_BYTES = 48 << 20
"""Decoded frames of likely picks that a worker holds until its segment ends."""


def scan_segment(
    task: SegmentTask, vision: Vision | None, on_frame: Callable[[int, float], None] | None = None
) -> SegmentRows:
    """Measure the task's layers in one segment; ``vision`` is needed for faces.

    ``on_frame(pts, seconds)`` is called for each decoded frame. Decoding errors are noted.
    """
    video, parameters, segment = task.video, task.parameters, task.segment
    sparse = parameters.decode == "sparse"
    stats = DecodeStats()
    notes = FrameNotes(signals="signals" in task.layers)
    hold = HOLD_BYTES if task.spill else 0
    faces = FaceCollector(video, parameters, vision, hold) if vision is not None else None
    likely = LikelyPicks(hold, frame_bytes(video))
    next_look = float("-inf")
    last_look = float("-inf")
    last_change = 0.0
    for frame in _frames(task, stats):
        if notes.add(frame):
            likely.picture_changed(frame.time)
            last_change = frame.time
            next_look = min(next_look, max(frame.time, last_look + LEAST_INTERVAL))
            if faces is not None:
                faces.picture_changed()
        if faces is not None and (frame.time >= next_look or sparse):
            faces.look(frame)
            notes.analysed[-1] = True
            last_look = frame.time
            next_look = frame.time + _interval(parameters, frame.time - last_change)
        if notes.signals and hold:
            likely.look(frame, notes.score)
        if on_frame is not None:
            on_frame(frame.pts, frame.time)
    thumbs = notes.stacked()
    times = np.array(notes.times)
    changes = _changes(thumbs, times, segment, video, parameters)
    held = faces.finish(changes) if faces is not None else {}
    frames = notes.table(thumbs, changes, _candidate_rate(parameters, video.duration))
    if faces is not None and "expression" in task.layers:
        frames = with_expressions(frames, faces.expressions)
    if notes.signals:
        held = likely.among(set(frames["pts"].filter(frames["thumb"].is_valid()).to_pylist())) | held
    if task.spill is not None:
        write_spill(Path(task.spill), held)
    said = {
        "layers": sorted(task.layers),
        "frames_decoded": stats.decoded,
        "errors": stats.errors,
        "damaged": stats.damaged,
        "first_error": stats.first_error,
        "changes": [[c.kind, c.start, c.end, c.strength] for c in changes],
        "context": _context(thumbs, times),
    }
    return SegmentRows(segment.number, frames, face_table(faces.rows if faces is not None else []), said)


def frame_bytes(video: VideoInfo) -> int:
    """Memory of a decoded frame, about."""
    return int(video.coded_width * video.coded_height * (3 if video.bit_depth > 8 else 1.5))


def _candidate_rate(parameters: ScanParameters, duration: float) -> float:
    """Candidates a second, by the length of the film."""
    rate, least = parameters.candidates
    return max(rate, least / max(duration, 1e-3))


def _interval(parameters: ScanParameters, calm: float) -> float:
    """Seconds until faces are looked for again, ``calm`` seconds after the picture last changed at once."""
    slow = min(1.0, max(0.0, calm / SETTLED - 1.0))
    return parameters.sample_interval + slow * (parameters.slow_interval - parameters.sample_interval)


def _frames(task: SegmentTask, stats: DecodeStats) -> Iterator[DecodedFrame]:
    p, segment = task.parameters, task.segment
    plan = DecodePlan(
        mode="references" if p.decoded(task.layers) == "references" else "all",
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
