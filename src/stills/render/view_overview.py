"""What the overview of a large report shows: sums over all videos, and a table in which each of them can be found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from stills.render.embed import tiny
from stills.render.names import folded
from stills.render.view import VideoView
from stills.render.view_words import count, running_time

FIRST = 50
"""Rows that are there without JavaScript, too."""

MOST_BYTES = 18_000_000
"""What the rows may take in the page. Their pictures are in it where all of them have room, too."""

_COLUMNS = ("Video", "", "", "Length", "People", "Frames", "Notes")
"""What is in a row for the script, by place; a link and a path come second and third."""

_NUMBERS = re.compile(r"(\d{1,18})")


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video in the table. ``people`` and ``frames`` are None where nobody, or no frame, was looked for."""

    folder: str
    anchor: str
    name: str
    path: str
    seconds: float
    duration: str
    people: int | None
    frames: int | None
    notes: int
    picture: str
    inferred: list[str]

    def values(self, heads: Sequence[str]) -> list[str]:
        """What stands in the columns ``heads``, but the first of them."""
        numbers = {"People": self.people, "Frames": self.frames, "Notes": self.notes or None}
        said = {head: "–" if number is None else f"{number:,}" for head, number in numbers.items()}
        return [{"Length": self.duration, **said}[head] for head in heads[1:]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> VideoRow:
        """The row of :meth:`to_json`. Raises TypeError or KeyError for anything else."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as it stands in the page."""

    href: str
    name: str
    path: str
    picture: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverviewView:
    """The table: ``first`` are its first rows, ``data`` is all of them as JSON for the script."""

    facts: list[tuple[str, str]]
    heads: tuple[str, ...]
    pictures: bool
    first: list[ShownRow]
    data: str
    total: int
    note: str


def video_row(folder: str, video: VideoView, documents: Mapping[str, Mapping[str, Any]]) -> VideoRow:
    """What the overview needs of a video, so that its results need not be read again."""
    about = next(iter(documents.values()))["video"]
    # Where faces are hidden, the overview is no place to show them.
    hidden = any((one.get("settings") or {}).get("blur") for one in documents.values())
    return VideoRow(
        folder=folder,
        anchor=video.anchor,
        name=video.name,
        path=video.path,
        seconds=round(float(about["duration"]), 3),
        duration=video.duration,
        people=video.people_count if video.counts_people else None,
        frames=video.frame_count if any(section.frames for section in video.sections) else None,
        notes=len(video.notes),
        picture="" if hidden else tiny(_first_picture(video)),
        inferred=sorted(video.inferred),
    )


def _first_picture(video: VideoView) -> str:
    for section in video.sections:
        pictures = [person.picture for person in (section.people or [])[:1]]
        pictures += [frame.picture for frame in (section.frames.frames if section.frames else [])[:1]]
        pictures += section.gallery[:1]
        for picture in pictures:
            if picture.thumb:
                return picture.thumb.uri
    return ""


class Rows:
    """The rows of all videos as they come, and their sums."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._rows: list[tuple[tuple[Any, ...], VideoRow, str]] = []
        self.videos = self.with_notes = 0
        self.people = self.frames = 0
        self.seconds = 0.0
        self.counts_people = False
        self.inferred: set[str] = set()
        self._pictures = 0

    def add(self, row: VideoRow, href: str) -> None:
        """Count a video in."""
        self.videos += 1
        self.with_notes += row.notes > 0
        self.people += row.people or 0
        self.frames += row.frames or 0
        self.counts_people = self.counts_people or row.people is not None
        self.seconds += row.seconds
        self.inferred.update(row.inferred)
        self._pictures += len(row.picture)
        if self._pictures > MOST_BYTES:  # what will not be shown need not be kept meanwhile
            row = replace(row, picture="")
        self._rows.append((_natural(row.name, row.folder), row, href))

    @property
    def words(self) -> str:
        """What there is in all, in a few words."""
        said = [count(self.videos, "video")]
        said += [count(self.people, "person", "people")] if self.counts_people else []
        said += [count(self.frames, "frame")] if self.frames else []
        return ", ".join(said)

    def view(self, failed: int) -> OverviewView:
        """The table; ``failed`` inputs have no result. To be called once: the rows are gone afterwards."""
        self._rows.sort(key=lambda row: row[0])
        heads = ["Video", "Length"]
        heads += [
            head
            for head, wanted in (("People", self.counts_people), ("Frames", self.frames), ("Notes", self.with_notes))
            if wanted
        ]
        lines: list[str] = []
        room = MOST_BYTES
        for _, row, href in self._rows:
            line = _script_json([row.name, href, row.path, row.seconds, row.people, row.frames, row.notes])
            line = f"{line[:-1]},{_script_json(row.values(heads))}"
            room -= len(line.encode("utf-8", "replace")) + len('""],\n')
            if room < 0:
                break
            lines.append(line)
        pictures = 0 < self._pictures <= room
        first = [
            ShownRow(href, row.name, row.path, row.picture if pictures else "", tuple(row.values(heads)))
            for _, row, href in self._rows[:FIRST]
        ]
        ends = (f"{_script_json(row.picture if pictures else '')}]" for _, row, _ in self._rows)
        begin = json.dumps({"keys": [_COLUMNS.index(head) for head in heads], "pictures": pictures})
        data = ",\n".join(f"{line},{end}" for line, end in zip(lines, ends, strict=False))
        left = self.videos - len(lines)
        self._rows.clear()
        return OverviewView(
            facts=self._facts(failed),
            heads=tuple(heads),
            pictures=pictures,
            first=first,
            data=f'{begin[:-1]}, "rows": [{data}]}}',
            total=self.videos,
            note=f"The first {len(lines):,} videos; {left:,} more are on the pages." if left else "",
        )

    def _facts(self, failed: int) -> list[tuple[str, str]]:
        facts = [("Videos", f"{self.videos:,}"), ("Length in all", running_time(self.seconds))]
        facts += [("People", f"{self.people:,}")] if self.counts_people else []
        facts += [("Frames", f"{self.frames:,}")] if self.frames else []
        facts += [("With notes", f"{self.with_notes:,}")] if self.with_notes else []
        facts += [("Without a result", f"{failed:,}")] if failed else []
        return facts


def _script_json(value: Iterable[Any]) -> str:
    """JSON that may stand in a ``<script>``: nothing in it ends that, or begins a comment (HTML, 4.12.1.3)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def _natural(name: str, folder: str) -> tuple[Any, ...]:
    """Sorts ``film 9`` before ``film 10``."""
    pieces = _NUMBERS.split(folded(name))
    return ([(int(piece), "") if place % 2 else (-1, piece) for place, piece in enumerate(pieces)], folder)
