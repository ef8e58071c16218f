"""Shots as JSON: the result itself, schema ``stills/shots/1``."""

from __future__ import annotations

from stills.render.documents import to_json
from stills.render.timelines.shotlist import ShotList


class JsonDocument:
    """``shots.json``: everything that is known."""

    name = "json"
    file = "shots.json"

    def render(self, shots: ShotList) -> bytes:
        """The document."""
        return to_json(dict(shots.document))

    def notes(self, shots: ShotList) -> list[str]:
        """Nothing is lost."""
        return []
