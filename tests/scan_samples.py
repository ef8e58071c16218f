"""Made-up packets of videos that were never encoded."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from render_samples import video
from stills.media.packets import PacketIndex
from stills.types import VideoInfo

TICK = 40
"""Ticks of a frame: 1/25 s in milliseconds."""


def packets(frames: int, keys: list[int], *, large: list[int] | None = None, start: int = 0) -> PacketIndex:
    """Packets of ``frames`` frames; those at ``keys`` are sync samples, those at ``large`` suspiciously large."""
    pts = start + TICK * np.arange(frames, dtype=np.int64)
    size = np.full(frames, 1000, np.int32)
    key = np.zeros(frames, bool)
    key[keys] = True
    size[key] = 20_000
    size[large or []] = 15_000
    nothing = np.zeros(frames, bool)
    return PacketIndex(pts, pts.copy(), np.full(frames, TICK, np.int64), size, key, nothing)


def film(index: PacketIndex, **changes: object) -> VideoInfo:
    start = int(index.pts[0])
    return video(
        **{
            "time_base": Fraction(1, 1000),
            "start_pts": start,
            "duration": (index.end_pts - start) / 1000,
            "frame_rate": Fraction(25),
            **changes,
        }
    )
