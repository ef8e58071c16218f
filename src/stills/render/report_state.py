"""What is remembered of a report with pages, so that only those are made again whose results changed.

``OUT/.stills/report.json`` lists the pages, each with a key of what it was made from; the same key is in the page. For
every page a file in ``OUT/.stills/report/`` holds what the overview says of its videos. All of that may be removed at
any time: then all pages are made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stills.files import ensure_folder, output_error, remove_file
from stills.render.report_html import maker
from stills.render.report_results import PAGES, Folder
from stills.render.view import Problem
from stills.render.view_cast import FilmSums
from stills.render.view_overview import VideoRow

LIST = Path(".stills") / "report.json"
NOTES = Path(".stills") / "report"
KEY_NAME = "stills-report-key"
"""The ``<meta>`` that holds the key of a page."""

_FORMAT = 1
_HEAD_BYTES = 2048
_KEY = re.compile(rf'<meta name="{KEY_NAME}" content="([0-9a-f]+)">'.encode())
_NAME = re.compile(r"page-(\d{4,9})\.html")
_BAD = (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a report: its name in ``OUT/report/``, and the key of what it was made from."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A video on a page: its folder with the signature that it had, and how many pictures are shown of it."""

    folder: str
    signature: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the overview says of the videos on a page; ``size`` is that of the page in bytes."""

    key: str
    size: int
    videos: list[Placed]
    rows: list[VideoRow]
    films: list[FilmSums]
    problems: list[Problem]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "format": _FORMAT,
            "key": self.key,
            "size": self.size,
            "videos": [[one.folder, one.signature, one.pictures] for one in self.videos],
            "rows": [row.to_json() for row in self.rows],
            "films": [{name: getattr(film, name) for name in FilmSums.__dataclass_fields__} for film in self.films],
            "problems": [[one.name, one.message, one.remedy] for one in self.problems],
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """A page as it was written: its key, its size in bytes, and the videos on it."""

    key: str
    size: int
    videos: list[Placed]


@dataclass(slots=True)
class State:
    """The report as it was made last: its pages by their numbers, and folders that hold no results.

    ``others`` are those with their signatures and what is wrong with them.
    """

    pages: dict[int, Kept] = field(default_factory=dict)
    others: dict[str, tuple[str, list[Problem]]] = field(default_factory=dict)


def page_name(number: int) -> str:
    """The name of a page; they count from 1."""
    return f"page-{number:04d}.html"


def page_key(number: int, before: int | None, after: int | None, videos: Sequence[Folder | Placed]) -> str:
    """A key of all that makes a page what it is."""
    named = [[one.name, one.signature] if isinstance(one, Folder) else [one.folder, one.signature] for one in videos]
    said = json.dumps([maker(), _FORMAT, number, before, after, named])
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def listed_pages(out: Path) -> list[Listed]:
    """The pages of the report in ``out``; none where it has none, or where that cannot be read."""
    try:
        return parse_list((out / LIST).read_bytes())
    except OSError:
        return []


def parse_list(data: bytes) -> list[Listed]:
    """The pages that a list (:data:`LIST`) names; none where it is damaged."""
    try:
        listed = [Listed(str(one["name"]), str(one["key"])) for one in json.loads(data)["pages"]]
    except _BAD:
        return []
    return [one for one in listed if _NAME.fullmatch(one.name)]


def list_json(pages: Sequence[Listed], others: Mapping[str, tuple[str, list[Problem]]] | None = None) -> bytes:
    """The content of :data:`LIST`."""
    values = {
        "format": _FORMAT,
        "pages": [{"name": one.name, "key": one.key} for one in pages],
        "others": {
            folder: [signature, [[one.name, one.message, one.remedy] for one in problems]]
            for folder, (signature, problems) in (others or {}).items()
        },
    }
    return json.dumps(values, indent=1).encode()


def read_told(path: Path) -> Told | None:
    """What is remembered of a page; None where there is nothing, or nothing that can be used."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != _FORMAT:
            return None
        return Told(
            str(values["key"]),
            int(values["size"]),
            [Placed(str(folder), str(signature), int(pictures)) for folder, signature, pictures in values["videos"]],
            [VideoRow.from_json(row) for row in values["rows"]],
            [FilmSums(**film) for film in values["films"]],
            [Problem(*map(str, one)) for one in values["problems"]],
        )
    except _BAD:
        return None


def notes_path(folder: Path, number: int) -> Path:
    """Where in ``folder`` it is remembered what is on a page."""
    return folder / f"page-{number:04d}.json"


def load_state(out: Path) -> State:
    """What is remembered of the report in ``out``; a page of which that is lost is left out."""
    state = State()
    for one in listed_pages(out):
        match = _NAME.fullmatch(one.name)
        number = int(match[1]) if match else 0
        told = read_told(notes_path(out / NOTES, number))
        if told is not None:
            state.pages[number] = Kept(told.key, told.size, told.videos)
    try:
        others = json.loads((out / LIST).read_text(encoding="utf-8"))["others"]
        state.others = {
            str(folder): (str(signature), [Problem(*map(str, one)) for one in problems])
            for folder, (signature, problems) in others.items()
        }
    except _BAD:
        state.others = {}
    return state


def is_there(out: Path, number: int, kept: Kept | None, key: str) -> bool:
    """Whether the page with this key is in ``out`` as it was written, and remembered as ``kept``."""
    if kept is None or kept.key != key:
        return False
    page = out / PAGES / page_name(number)
    try:
        return _key_of(page) == key and page.stat().st_size == kept.size
    except OSError:
        return False


def _key_of(page: Path) -> str | None:
    """The key in a page; None where it is none of ours."""
    try:
        with page.open("rb") as file:
            found = _KEY.search(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return found[1].decode() if found else None


def has_pages(out: Path) -> bool:
    """Whether there is, or was, a report with pages."""
    return (out / LIST).exists() or (out / NOTES).exists()


def erase_pages(out: Path, but: Sequence[int] = ()) -> None:
    """Remove the pages of the report in ``out``, except those of these numbers, and what is remembered of them.

    Other files in their folder stay: it may be that of a video. Raises ``OutputError``.
    """
    keep = {page_name(number) for number in but}
    try:
        ours = [path for path in (out / PAGES).glob("page-*.html") if _NAME.fullmatch(path.name)]
    except OSError:
        ours = []
    for path in ours:
        if path.name not in keep and _key_of(path) is not None:
            remove_file(path)
    notes = {notes_path(out / NOTES, number).name for number in but}
    for path in (out / NOTES).glob("page-*.json"):
        if path.name not in notes:
            remove_file(path)
    if not but:
        remove_file(out / LIST)
        shutil.rmtree(out / NOTES, ignore_errors=True)
        with contextlib.suppress(OSError):  # not empty, or gone
            (out / PAGES).rmdir()


@contextlib.contextmanager
def turn(out: Path) -> Iterator[None]:
    """Wait for one's turn to write the report of ``out``; where files cannot be locked, just go on.

    Raises ``OutputError``.
    """
    path = ensure_folder(out / NOTES) / "lock"
    try:
        file = path.open("ab")
    except OSError as error:
        raise output_error(error, path) from error
    with file:
        if sys.platform != "win32":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
