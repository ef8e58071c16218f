"""From the rows of all segments to the index of a video, with what has to be said about it."""

from __future__ import annotations

import time
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from stills.errors import CorruptVideoError, StillsError
from stills.index.index import Index
from stills.index.store import SegmentRows
from stills.scan.join import join_segments
from stills.scan.parameters import models_of
from stills.scan.watch import OutOfTimeError
from stills.scan.work import Work
from stills.types import Fallback, ScanReport


def assemble(work: Work, fallbacks: tuple[Fallback, ...]) -> Index:
    """The index that ``work`` gave, not saved yet.

    Where no frame came out, raises ``CorruptVideoError``, ``OutOfTimeError`` or what else was in the way.
    """
    from stills.models import model_hashes

    parts = sorted(chain.from_iterable(work.done.values()), key=_place)
    decoded = sum(int(p.notes["frames_decoded"]) for p in parts)
    if not decoded:
        raise _nothing_decoded(work, parts)
    frames, shots, faces = join_segments(work.video, parts, work.parameters, work.layers)
    for segment, error in work.failed:
        work.warnings.append(f"{segment.start_time:.1f}–{segment.end_time:.1f} s were not looked at: {error.message}")
    if damaged := sum(int(p.notes.get("damaged", 0)) for p in parts):
        work.warnings.append(f"{damaged} damaged frame{'s' * (damaged > 1)} could be restored in part only")
    if errors := sum(int(p.notes["errors"]) for p in parts):
        first = next(p.notes["first_error"] for p in parts if p.notes["first_error"])
        work.warnings.append(f"{errors} packet{'s' * (errors > 1)} could not be decoded ({first})")
    json = work.parameters.to_json()
    times = (frames["time"] if "shots" in work.layers else frames["time"].filter(frames["analysed"])).to_numpy()
    report = ScanReport(
        effort=work.parameters.effort,
        frames_total=work.video.frame_count,
        frames_decoded=decoded,
        frames_analysed=len(times),
        coverage=_coverage(times, work.video.duration),
        seconds=round(time.monotonic() - work.started, 3),
    )
    return Index(
        video=work.video,
        content=work.content,
        frames=frames,
        shots=shots,
        faces=faces,
        layers=work.layers,
        parameters=json,
        models=model_hashes(models_of(work.layers, work.parameters)),
        report=report,
        fallbacks=fallbacks,
        warnings=(*work.warnings, *work.remarks),
        cover=work.cover,
        partial=bool(work.failed or work.warnings or work.video.missing_end),
    )


def _place(rows: SegmentRows) -> tuple[int, int]:
    """Where rows belong: by segment, and by time among the pieces of one whose worker died, in whatever order."""
    return rows.number, int(rows.frames["pts"][0].as_py()) if len(rows.frames) else 0


def _coverage(times: NDArray[np.float64], duration: float) -> float:
    """Share of the video within half a second of a frame that was looked at."""
    if not len(times) or duration <= 0:
        return 0.0
    reach = 0.5
    start, end = np.maximum(times - reach, 0.0), np.minimum(times + reach, duration)
    covered = (end - np.maximum(start, np.r_[0.0, end[:-1]])).clip(0.0).sum()
    return round(float(min(1.0, covered / duration)), 4)


def _nothing_decoded(work: Work, parts: list[SegmentRows]) -> StillsError:
    if work.failed:
        return work.failed[0][1]
    if work.stopped is not None:  # which says nothing about the video
        return OutOfTimeError(work.stopped.message, path=work.path)
    reason = next((p.notes["first_error"] for p in parts if p.notes["first_error"]), None)
    return CorruptVideoError(
        f"no frame can be decoded ({reason})" if reason else "no frame can be decoded", path=work.path
    )
