"""When a video's frames are shown: rate, variable or not, duration, and what is missing at its end."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stills.media.packets import PacketIndex

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

VFR_FRAMES = 200
"""Frames whose gaps decide about variable frame rate."""

_CUT_TAIL = 4
_MISSING_S, _MISSING_FRAMES, _MISSING_SHARE = Fraction(1, 5), 5, Fraction(1, 500)
# Headers are off by a frame or two, and by more where the rate varies; what is missing beyond all three was cut off.


def is_variable(times: NDArray[np.int64], complete: bool, time_base: Fraction) -> bool:
    """At least two, and 2 %, of the first gaps differ by more than 20 % from the median gap (with five frames or more).

    A difference of a millisecond is no difference: containers round time stamps to it. The last frames of a file do not
    count if it has many: where it was cut off, the B-frames between them are missing.
    """
    if complete and len(times) >= 6 * _CUT_TAIL:
        times = times[:-_CUT_TAIL]
    times = times[:VFR_FRAMES]
    if len(times) < 5:
        return False
    gaps = np.diff(times)
    median = float(np.median(gaps))
    tolerance = max(0.2 * median, float(Fraction(1, 1000) / time_base))
    odd = int(np.count_nonzero(np.abs(gaps - median) > tolerance))
    return odd >= max(2, 0.02 * len(gaps))


def frame_rate(stream: VideoStream, packets: PacketIndex, time_base: Fraction, variable: bool) -> Fraction | None:
    """The rate that the packets show, in the exact form that a header has for it (mean rate where it varies)."""
    times = packets.presentation_pts
    headers = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    if len(times) < 2:
        return next((rate for rate in headers if rate <= 1000), None)
    mean, usual = Fraction(int(times[-1] - times[0]), len(times) - 1), packets.frame_ticks
    # Time stamps in milliseconds are rounded, so the mean is the better measure; a lost frame spoils the mean only.
    near = abs(mean - usual) <= max(0.03 * usual, 0.5)
    measured = 1 / ((mean if variable or near or not usual else usual) * time_base)
    close = [rate for rate in headers if abs(rate - measured) <= measured / 50]
    if close:
        return min(close, key=lambda rate: (rate.denominator not in {1, 1001}, abs(rate - measured)))
    return measured.limit_denominator(1001)


def duration(
    container: InputContainer,
    stream: VideoStream,
    packets: PacketIndex,
    *,
    complete: bool,
    start: int,
    rate: Fraction | None,
) -> float:
    """Seconds from the first frame shown to the end of the last."""
    time_base = stream.time_base or Fraction(1, 90000)
    if complete:
        ticks: Fraction | int = max(0, packets.end_pts - start)
        if not ticks and rate:
            ticks = Fraction(int(np.count_nonzero(packets.shown))) / rate / time_base
        return round(float(ticks * time_base), 6)
    if stream.duration:
        return round(float(max(0, (stream.start_time or 0) + stream.duration - start) * time_base), 6)
    if container.duration:
        begin = Fraction(container.start_time or 0, 1_000_000)
        return round(float(max(Fraction(0), begin + Fraction(container.duration, 1_000_000) - start * time_base)), 6)
    return 0.0


def missing_end(container: InputContainer, stream: VideoStream, packets: PacketIndex, start: int) -> float:
    """Seconds that the header declares and that no packet was found for; 0 where nothing noteworthy is missing."""
    time_base = stream.time_base
    if time_base is None:
        return 0.0
    if stream.duration:
        end = ((stream.start_time or 0) + stream.duration) * time_base
    elif tag := _clock(stream.metadata.get("DURATION", "")):  # Matroska keeps the length of a stream in a tag
        end = tag
    elif container.duration and len(container.streams) == 1:  # else it may be the length of the sound
        end = Fraction((container.start_time or 0) + container.duration, 1_000_000)
    else:
        return 0.0
    missing = end - max(start, packets.end_pts) * time_base
    least = max(_MISSING_S, _MISSING_FRAMES * packets.frame_ticks * time_base, _MISSING_SHARE * end)
    return round(float(missing), 3) if missing > least else 0.0


def _clock(text: str) -> Fraction:
    """Seconds of ``"00:01:02.500000000"``; 0 where it is not that."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    return (int(match[1]) * 60 + int(match[2])) * 60 + Fraction(match[3]) if match else Fraction(0)
