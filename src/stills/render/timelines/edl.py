"""Shots as an edit decision list in the CMX 3600 format, which every editing program reads.

An event a shot: source and record times are the same, as the list describes the video as it is. Time code begins at
00:00:00:00 with the first frame shown; the container's own time stamps are no time code and don't count. A dissolve or
fade is an event of two lines, of which the second (``D`` and its length in frames) begins where the transition does,
as the format has it. The video holds the transition already, so that playing the list shows the video unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from stills.errors import printable
from stills.render.names import base_name, stem_of
from stills.render.timelines.shotlist import ShotList, frame_spans, overlaps
from stills.render.timelines.timecode import counts, is_drop_frame, timecode

MOST_EVENTS = 999
"""Event numbers have three digits. Programs of today write and read four; old ones stop here."""

REEL_LENGTH = 8
LONGEST_DISSOLVE = 255
"""Frames: what the format's three digits were defined for."""

_FASTEST_CODE = 60
_NO_REEL = "AX"
"""The usual name for a source that is no tape."""

_RESERVED = {"BL", "BLACK"}


class Edl:
    """``shots.edl``."""

    name = "edl"
    file = "shots.edl"

    def render(self, shots: ShotList) -> bytes:
        """The list in ASCII, lines ended by CR LF."""
        every = _frames_a_count(shots.rate)
        rate = shots.rate / every
        spans, sides = frame_spans(shots), overlaps(shots)
        name = _ascii(base_name(shots.video.path))
        reel = reel_name(shots.video.path)
        lines = [f"TITLE: {_ascii(stem_of(shots.video.path))[:70]}"]
        lines.append(f"FCM: {'DROP FRAME' if is_drop_frame(rate) else 'NON-DROP FRAME'}")
        lines += [f"* {note}" for note in _about(shots, every)]
        starts = [(start - before) // every for (start, _), (before, _) in zip(spans, sides, strict=True)]
        # Counting every second frame can make two borders one.
        for place in range(1, len(starts)):
            starts[place] = max(starts[place], starts[place - 1] + 1)
        ends = [*starts[1:], max(starts[-1] + 1, spans[-1][1] // every)] if starts else []
        for row, (before, after), start, end in zip(shots.shots, sides, starts, ends, strict=True):
            length = min((before + after) // every, end - start, LONGEST_DISSOLVE)
            times = " ".join(timecode(frame, rate) for frame in (start, end, start, end))
            if length:
                here = timecode(start, rate)
                lines.append(_event(row.number, reel, "C       ", " ".join([here] * 4)))
                lines.append(_event(row.number, reel, f"D    {length:03}", times))
                lines.append(f"* FROM CLIP NAME: {name}")
                lines.append(f"* TO CLIP NAME: {name}")
            else:
                lines.append(_event(row.number, reel, "C       ", times))
                lines.append(f"* FROM CLIP NAME: {name}")
            if row.transition_in == "fade":
                lines.append("* FADE FROM OR TO A PICTURE OF ONE COLOUR")
        return ("\r\n".join(lines) + "\r\n").encode("ascii")

    def notes(self, shots: ShotList) -> list[str]:
        """Varying frame rates, and more events than the format has numbers for."""
        said = []
        if shots.video.variable_frame_rate:
            said.append(f"{self.file} counts {_rate(shots.rate)} frames a second, the video's frame rate varies")
        if len(shots.shots) > MOST_EVENTS:
            said.append(
                f"{self.file} has {len(shots.shots)} events, CMX 3600 knows {MOST_EVENTS}: some programs stop there"
            )
        return said


def reel_name(path: str) -> str:
    """The reel of a video: at most eight of A–Z, 0–9 and _, from its name; ``AX`` where nothing of that is in it."""
    plain = unicodedata.normalize("NFKD", stem_of(path)).encode("ascii", "ignore").decode().upper()
    reel = re.sub(r"[^A-Z0-9]+", "_", plain).strip("_")[:REEL_LENGTH].rstrip("_")
    if not reel:
        return _NO_REEL
    return f"{reel}_" if reel in _RESERVED else reel  # BL stands for black


def _event(number: int, reel: str, transition: str, times: str) -> str:
    """One line; columns as CMX 3600 has them."""
    return f"{number:03}  {reel:<{REEL_LENGTH}} V     {transition} {times}"


def _frames_a_count(rate: Fraction) -> int:
    """How many frames share a time code: 1, but at high rates, as there are two digits and programs know up to 60."""
    every = 1
    while counts(rate / every) > _FASTEST_CODE:
        every += 1
    return every


def _about(shots: ShotList, every: int) -> list[str]:
    video = shots.video
    lines = [f"SOURCE FILE: {_ascii(video.path)}", f"FRAME RATE: {_rate(shots.rate)}"]
    if video.frame_rate is None:
        lines.append("THE FRAME RATE OF THE VIDEO IS UNKNOWN")
    elif video.variable_frame_rate:
        lines.append(f"VARIABLE FRAME RATE, {float(video.frame_rate):.3f} ON AVERAGE: TIMES ARE ROUNDED TO FRAMES")
    if every > 1:
        lines.append(f"TIME CODE COUNTS ONE IN {every} FRAMES")
    if len(shots.shots) > MOST_EVENTS:
        lines.append(f"{len(shots.shots)} EVENTS: SOME PROGRAMS READ NO MORE THAN {MOST_EVENTS}")
    return lines


def _rate(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def _ascii(text: str) -> str:
    return printable(text).encode("ascii", "replace").decode()
