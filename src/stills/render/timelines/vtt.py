"""Shots as WebVTT chapters: what web players show as marks on their time bar."""

from __future__ import annotations

from stills.render.timelines.shotlist import ShotList


class WebVtt:
    """``shots.vtt``: a chapter a shot, for ``<track kind="chapters">``."""

    name = "vtt"
    file = "shots.vtt"

    def render(self, shots: ShotList) -> bytes:
        """One cue a shot, without gaps and overlap. A shot that is nothing in milliseconds has no cue."""
        cues = ["WEBVTT"]
        for row in shots.shots:
            start, end = (round(seconds * 1000) for seconds in (row.start, row.end))
            if end > start:
                cues.append(f"{row.number}\n{_clock(start)} --> {_clock(end)}\nShot {row.number}")
        return ("\n\n".join(cues) + "\n").encode()

    def notes(self, shots: ShotList) -> list[str]:
        """Nothing that matters is lost."""
        return []


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
