"""Timelines: the shots of a video in the formats of editing programs, players and spreadsheets.

A format is one file with a class that fulfils :class:`TimelineFormat`, and one line in :data:`FORMATS`; the contract
tests (``tests/contract/test_timelines.py``) run on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stills.render.timelines.csv_table import CsvTable
from stills.render.timelines.edl import Edl
from stills.render.timelines.json_document import JsonDocument
from stills.render.timelines.otio import Otio
from stills.render.timelines.shotlist import ShotList
from stills.render.timelines.vtt import WebVtt


class TimelineFormat(Protocol):
    """Writes the shots of a video in one format. Pure: the same shots give the same bytes."""

    name: str
    """What the user calls it."""

    file: str
    """The name of its file."""

    def render(self, shots: ShotList) -> bytes:
        """The whole file."""
        ...

    def notes(self, shots: ShotList) -> list[str]:
        """What of ``shots`` this format cannot hold, in words for people."""
        ...


FORMATS: Mapping[str, TimelineFormat] = {
    sink.name: sink for sink in (JsonDocument(), CsvTable(), Edl(), Otio(), WebVtt())
}
"""All formats by name."""

__all__ = ["FORMATS", "ShotList", "TimelineFormat"]
