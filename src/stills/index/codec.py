"""Values of stills as JSON and back: what an index's ``meta.json`` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from fractions import Fraction
from typing import Any

from stills.types import Fallback, ScanReport, VideoInfo

_FRACTIONS = ("sample_aspect_ratio", "frame_rate", "time_base")


def video_to_json(video: VideoInfo) -> dict[str, Any]:
    """``video`` with its fractions written as ``"25/1"``."""
    row = asdict(video)
    for name in _FRACTIONS:
        value = row[name]
        row[name] = None if value is None else f"{value.numerator}/{value.denominator}"
    return row


def video_from_json(row: Mapping[str, Any]) -> VideoInfo:
    """The inverse of :func:`video_to_json`. Raises ``KeyError``, ``TypeError`` or ``ValueError`` on other rows."""
    values = {f.name: row[f.name] for f in fields(VideoInfo)}
    for name in _FRACTIONS:
        values[name] = None if values[name] is None else Fraction(values[name])
    values["cover_streams"] = tuple(values["cover_streams"])
    values["warnings"] = tuple(values["warnings"])
    return VideoInfo(**values)


def report_from_json(row: Mapping[str, Any]) -> ScanReport:
    """A :class:`ScanReport` from its fields."""
    return ScanReport(**{f.name: row[f.name] for f in fields(ScanReport)})


def fallbacks_from_json(rows: list[Mapping[str, Any]]) -> tuple[Fallback, ...]:
    """Fallbacks from their fields."""
    return tuple(Fallback(r["code"], r["message"]) for r in rows)
