"""The people of many videos, as the report shows them: a face, and where somebody is."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from stills.render.across import RESULT, shown_name
from stills.render.embed import Thumbnail
from stills.render.view import Problem, damaged
from stills.render.view_pictures import Links, PictureView, picture_view
from stills.render.view_words import count, length

MOST_PEOPLE = 200
"""People in the table: a page must open. All are in ``across.json``."""

MOST_VIDEOS = 12
"""Videos listed for each."""

_EDGE = 160

Faces: TypeAlias = MutableMapping[str, list[Any]]
"""Faces cut out before, by the file: its size, its time and the face's place, and the ``data:`` URI."""


@dataclass(frozen=True, slots=True)
class AcrossRow:
    """Somebody in the table: ``videos`` are names and links."""

    name: str
    picture: PictureView | None
    number: int
    time: str
    videos: list[tuple[str, str]]
    more: int


@dataclass(frozen=True, slots=True)
class AcrossView:
    """Everybody over all videos."""

    facts: str
    rows: list[AcrossRow]
    note: str


def across_view(
    out: Path, places: Mapping[str, str], faces: Faces | None = None
) -> tuple[AcrossView | None, Problem | None]:
    """The section on ``OUT/across.json``, if there is one, or what is wrong with it.

    ``places`` are links to the videos by their folders. ``faces`` are taken where their pictures are unchanged; those
    that are shown are in it afterwards.
    """
    try:
        document = json.loads((out / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except (OSError, ValueError, RecursionError) as error:
        return None, damaged(RESULT, error)
    try:
        return _view(out, document, places, {} if faces is None else faces), None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        return None, damaged(RESULT, error)


def _view(out: Path, document: Mapping[str, Any], places: Mapping[str, str], faces: Faces) -> AcrossView | None:
    people, videos = document["people"], [video["folder"] for video in document["videos"]]
    if not people:
        return None
    several = sum(len(person["appearances"]) > 1 for person in people)
    shown = people[:MOST_PEOPLE]
    left = len(people) - len(shown)
    for gone in faces.keys() - {person["still"]["file"] for person in shown if person["still"] is not None}:
        del faces[gone]
    links = Links(out, ".")
    return AcrossView(
        facts=f"{count(len(people), 'person', 'people')} in {count(len(videos), 'video')}, {several} in several",
        rows=[_row(person, videos, places, links, faces) for person in shown],
        note=f"The first {MOST_PEOPLE} people; {left:,} more are in {RESULT}." if left > 0 else "",
    )


def _row(
    person: Mapping[str, Any], videos: list[str], places: Mapping[str, str], links: Links, faces: Faces
) -> AcrossRow:
    name = shown_name(int(person["id"]), person["name"]).capitalize() if not person["name"] else str(person["name"])
    where = [str(videos[one["video"]]) for one in person["appearances"]]
    still = person["still"]
    return AcrossRow(
        name=name,
        picture=_picture(still, name, links, faces) if still is not None else None,
        number=len(where),
        time=length(float(person["screen_time"])),
        videos=[(folder, places.get(folder, "")) for folder in where[:MOST_VIDEOS]],
        more=max(0, len(where) - MOST_VIDEOS),
    )


def _picture(still: dict[str, Any], name: str, links: Links, faces: Faces) -> PictureView:
    """The still of a person, of which only the face is shown."""
    path = links.path(still.get("file"))
    if path is None:
        return picture_view(still, name, links, _EDGE)
    about = path.stat()
    now = [about.st_size, about.st_mtime_ns, still.get("face")]
    before = faces.get(still["file"])
    if before is not None and before[:3] == now:
        thumb = Thumbnail("", 0, 0, before[3])
        return PictureView(links.href(still["file"]), thumb, name, "", "")
    view = picture_view(still, name, links, _EDGE)
    if view.thumb is not None and view.thumb.face is not None:
        faces[still["file"]] = [*now, view.thumb.face]
    return view
