"""SMPTE time code (ST 12-1): frames counted as hours, minutes, seconds and frames.

At 30000/1001 frames a second, counting thirty to the second falls behind the clock by 3.6 s an hour. *Drop-frame* code
leaves out the numbers (not the frames) 00 and 01 at the start of each minute but every tenth, and so stays within two
frames of it; at twice the rate, four numbers. It is written with a semicolon. Rates of 24000/1001 have no drop-frame.
"""

from __future__ import annotations

import math
from fractions import Fraction

_DAY_H = 24
_NTSC = Fraction(1000, 1001)
_NEAR = Fraction(1, 10_000)
"""Relative distance within which a rate is an NTSC one; the next integer rate is ten times as far."""


def counts(rate: Fraction) -> int:
    """Frame numbers to a second of time code at ``rate`` frames a second: 30 for 30000/1001, 24 for 24000/1001."""
    return max(1, math.floor(rate + Fraction(1, 2)))


def is_drop_frame(rate: Fraction) -> bool:
    """Whether time code at ``rate`` is drop-frame: 29.97 and its multiples."""
    base = counts(rate)
    return base % 30 == 0 and abs(rate / (base * _NTSC) - 1) < _NEAR


def timecode(frame: int, rate: Fraction) -> str:
    """The time code of frame number ``frame`` (the first is 0), ``HH:MM:SS:FF`` or drop-frame ``HH:MM:SS;FF``.

    After 24 hours it begins again. Frames have as many digits as they need, at least two. Raises ``ValueError`` for a
    negative frame.
    """
    if frame < 0:
        raise ValueError(f"time code begins at frame 0, not {frame}")
    base = counts(rate)
    drop = is_drop_frame(rate)
    if drop:
        frame += _dropped(frame, base)
    seconds, frames = divmod(frame, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    digits = max(2, len(str(base - 1)))
    return f"{hours % _DAY_H:02}:{minutes:02}:{seconds:02}{';' if drop else ':'}{frames:0{digits}}"


def _dropped(frame: int, base: int) -> int:
    """Numbers left out before frame number ``frame``."""
    skip = base // 15
    minute = base * 60 - skip
    ten_minutes = minute * 10 + skip  # the tenth minute leaves out none
    tens, rest = divmod(frame, ten_minutes)
    # The first minute of ten is whole; each after it has ``skip`` numbers less.
    return tens * 9 * skip + (skip * ((rest - skip) // minute) if rest >= base * 60 else 0)
