"""Who is in a video, when, and in which frame best: tracks become people."""

from __future__ import annotations

from dataclasses import asdict

from stills.index.index import Index
from stills.select.area import picture_shares
from stills.select.clustering import default_threshold
from stills.select.persons import PeopleOptions, Seen, find_people
from stills.select.spans import Clock
from stills.select.tracks import FaceColumns, build_tracks
from stills.types import PeopleSelection

__all__ = ["SIMILARITY", "PeopleOptions", "select_people"]

SIMILARITY = default_threshold("constrained")
"""Cosine similarity from which two groups of tracks are one person, by default."""


def select_people(index: Index, options: PeopleOptions | None = None) -> PeopleSelection:
    """The people of ``index``, longest on screen first. Pure: reads the tables, decodes nothing."""
    o = options or PeopleOptions()
    faces = FaceColumns.of(index)
    seen = Seen(index, faces, build_tracks(faces), Clock.of(index), picture_shares(index, faces), {})
    found = find_people(seen, o)
    settings = {**asdict(o), "similarity": found.similarity}
    return PeopleSelection(found.people, index.shot_list(), settings, found.dropped, found.fallbacks)
