"""The people of many videos, as the report shows them: a face, and where somebody is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stills.render.across import RESULT, shown_name
from stills.render.view import Problem, damaged
from stills.render.view_pictures import Links, PictureView, picture_view
from stills.render.view_words import count, length

MOST_PEOPLE = 200
"""People in the table: a page must open. All are in ``across.json``."""

MOST_VIDEOS = 12
"""Videos listed for each."""

_EDGE = 160


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


def across_view(out: Path, anchors: Mapping[str, str]) -> tuple[AcrossView | None, Problem | None]:
    """The section on ``OUT/across.json``, if there is one, or what is wrong with it.

    ``anchors`` are the videos' places in the page by their folders.
    """
    try:
        document = json.loads((out / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except (OSError, ValueError, RecursionError) as error:
        return None, damaged(RESULT, error)
    try:
        return _view(out, document, anchors), None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        return None, damaged(RESULT, error)


def _view(out: Path, document: Mapping[str, Any], anchors: Mapping[str, str]) -> AcrossView | None:
    people, videos = document["people"], [video["folder"] for video in document["videos"]]
    if not people:
        return None
    several = sum(len(person["appearances"]) > 1 for person in people)
    shown = people[:MOST_PEOPLE]
    left = len(people) - len(shown)
    links = Links(out, ".")
    return AcrossView(
        facts=f"{count(len(people), 'person', 'people')} in {count(len(videos), 'video')}, {several} in several",
        rows=[_row(person, videos, anchors, links) for person in shown],
        note=f"The first {MOST_PEOPLE} people; {left:,} more are in {RESULT}." if left > 0 else "",
    )


def _row(person: Mapping[str, Any], videos: list[str], anchors: Mapping[str, str], links: Links) -> AcrossRow:
    name = shown_name(int(person["id"]), person["name"]).capitalize() if not person["name"] else str(person["name"])
    where = [str(videos[one["video"]]) for one in person["appearances"]]
    still = person["still"]
    return AcrossRow(
        name=name,
        picture=picture_view(still, name, links, _EDGE) if still is not None else None,
        number=len(where),
        time=length(float(person["screen_time"])),
        videos=[(folder, f"#{anchors[folder]}" if folder in anchors else "") for folder in where[:MOST_VIDEOS]],
        more=max(0, len(where) - MOST_VIDEOS),
    )
