"""One segment, in one process: decode by plan, look for transitions and faces, give rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stills.index.previews import PreviewShelf, evenly
from stills.index.schema import ATTRIBUTES, FACES, QUALITY_PARTS
from stills.index.spill import write_spill
from stills.index.store import SegmentRows
from stills.media.decode import DecodedFrame, DecodePlan, DecodeStats, decode
from stills.scan.faces import FaceCollector, Vision
from stills.scan.frames import FrameNotes, with_values
from stills.scan.likely import LikelyPicks, likely_key_frames
from stills.scan.parameters import CONTEXT, ScanParameters
from stills.scan.patches import FaceRow
from stills.scan.plan import Segment, SegmentTask
from stills.scan.thumbs import pack_thumbs
from stills.types import VideoInfo
from stills.vision.transitions import ShotChange, find_changes, sparse_changes

LEAST_INTERVAL = 0.08
"""Seconds between two looks for faces, however much the picture changes."""

SETTLED = 2.0
"""Seconds after a change until looks become fewer; after twice as many they are as few as they get."""

MEASURED_RATE = 3.0
"""Frames a second that are measured in full, about. Of short videos more are candidates, so any frame may be one."""

STRETCH = 2.0
"""Lengths of a segment after which its rows are finished though decoding goes on: where a container has no index, or a
video hardly a key frame, one segment may be hours."""


@dataclass(frozen=True, slots=True)
class CloseLook:
    """Faces are looked for in the frames with ``start <= pts < end`` alone, a track's kept each ``moment`` seconds.

    The frames around them show where shots change.
    """

    start: int
    end: int
    moment: float


def scan_segment(
    task: SegmentTask,
    vision: Vision | None,
    on_frame: Callable[[int, float], None] | None = None,
    *,
    close: CloseLook | None = None,
) -> list[SegmentRows]:
    """Measure the task's layers in one segment; ``vision`` is needed for faces. Mostly one part, of long segments many.

    ``on_frame(pts, seconds)`` is called for each decoded frame. Decoding errors are noted, in the last part.
    """
    stats = DecodeStats()
    parts: list[SegmentRows] = []
    stretch = _Stretch(task, vision, close)
    for frame in _frames(task, stats):
        if stretch.full(frame.time):
            parts.append(stretch.finish(DecodeStats()))
            stretch = _Stretch(task, vision, close)
        stretch.add(frame)
        if on_frame is not None:
            on_frame(frame.pts, frame.time)
    stats.decoded -= sum(len(p.frames) for p in parts)
    return [*parts, stretch.finish(stats)]


class _Stretch:
    """What is noted of a run of frames, until its rows are made."""

    def __init__(self, task: SegmentTask, vision: Vision | None, close: CloseLook | None) -> None:
        self._task, self._close = task, close
        self._sparse = task.parameters.decode == "sparse"
        signals = "signals" in task.layers
        self._notes = FrameNotes(signals=signals)
        hold = 0 if task.spill is None else task.hold_bytes
        if signals and vision is not None:  # a share for either sort of picks, and one for the models
            hold //= 3
        self._faces = FaceCollector(task.video, task.parameters, vision, hold) if vision is not None else None
        if self._faces is not None and close is not None:
            self._faces.moment = close.moment
        self._likely = LikelyPicks(hold, frame_bytes(task.video)) if signals and hold else None
        self._previews = None if task.previews is None else PreviewShelf(task.previews, task.video)
        self._any_frame = _candidate_rate(task.parameters, task.video.duration) > MEASURED_RATE
        self._next_look = self._last_look = float("-inf")
        self._last_change = 0.0

    def full(self, time: float) -> bool:
        """Whether a frame at ``time`` seconds belongs to the next stretch."""
        times = self._notes.times
        return bool(times) and time - times[0] > STRETCH * self._task.parameters.segment_seconds

    def add(self, frame: DecodedFrame) -> None:
        """Note ``frame``, and look for faces where it is time to."""
        parameters, faces = self._task.parameters, self._faces
        if self._notes.add(frame):
            self._last_change = frame.time
            self._next_look = min(self._next_look, max(frame.time, self._last_look + LEAST_INTERVAL))
            if faces is not None:
                faces.picture_changed()
            if self._likely is not None:
                self._likely.picture_changed(frame.time)
        score = self._notes.score
        meant = self._close is None or self._close.start <= frame.pts < self._close.end
        if faces is not None and meant and (frame.time >= self._next_look or self._sparse):
            faces.look(frame)
            self._notes.analysed[-1] = True
            self._last_look = frame.time
            self._next_look = frame.time + _interval(parameters, frame.time - self._last_change)
        if self._likely is not None and score is not None:
            self._likely.look(frame, score)
        if self._previews is not None and (score is not None or self._any_frame or self._notes.analysed[-1]):
            self._previews.add(frame)

    def finish(self, stats: DecodeStats) -> SegmentRows:
        """The rows; frames of likely picks go into the spill."""
        task, notes, faces = self._task, self._notes, self._faces
        thumbs = notes.stacked()
        times = np.array(notes.times)
        changes = _changes(thumbs, times, task.segment, task.video, task.parameters)
        held = faces.finish(changes) if faces is not None else {}
        frames = notes.table(thumbs, changes, _candidate_rate(task.parameters, task.video.duration))
        if faces is not None and "expression" in task.layers:
            frames = with_values(frames, "expression", {pts: e.tolist() for pts, e in faces.expressions.items()})
        if faces is not None and "signals" not in task.layers:
            frames = with_values(frames, "bars", faces.bars)
        if self._likely is not None:
            held = self._likely.among(likely_key_frames(task.video, frames, changes)) | held
        if task.spill is not None:
            write_spill(Path(task.spill), held)
        face_rows = faces.rows if faces is not None else []
        if self._previews is not None and len(times):
            self._previews.write(_wanted(held, frames, face_rows), float(times[-1] - times[0]))
        said = {
            "layers": sorted(task.layers),
            "frames_decoded": stats.decoded or len(frames),
            "bytes_read": stats.read_bytes,
            "errors": stats.errors,
            "damaged": stats.damaged,
            "first_error": stats.first_error,
            "changes": [[c.kind, c.start, c.end, c.strength] for c in changes],
            "context": _context(thumbs, times),
        }
        rows = face_table(face_rows)
        return SegmentRows(task.segment.number, frames, rows, said)


def _wanted(held: Collection[int], frames: pa.Table, faces: list[FaceRow]) -> list[int]:
    """The pts of all frames that a selection may pick: likely picks, candidates, then those with faces."""
    candidates = frames.filter(frames["thumb"].is_valid())["pts"].to_pylist()
    shown = list(dict.fromkeys(row.pts for row in sorted(faces, key=lambda row: -row.quality.value)))
    return [*held, *(candidates[place] for place in evenly(len(candidates))), *shown]


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
        age = r.attributes.get("age")
        columns["age"].append(None if age is None else float(age[0]))
        columns["age_spread"].append(None if age is None else float(age[1]))
        for attribute in ATTRIBUTES[1:]:
            found = r.attributes.get(attribute)
            columns[attribute].append(None if found is None else found.tolist())
    return pa.table(columns, schema=FACES)
