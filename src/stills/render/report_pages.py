"""A report over many videos: an overview, ``OUT/report.html``, and pages with the results, ``OUT/report/page-….html``.

Results are read one page's after another's, so memory does not grow with their number. A video stays on its page, and
new ones come behind the last: so few pages change when some videos do, and only those are made again. All is prepared
in a folder of its own and then moved, the overview last.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from stills.files import atomic_write, ensure_folder, move, move_all, staging
from stills.render.report_html import OVERVIEW, films_section, html
from stills.render.report_results import PAGES, Folder, noted_failures
from stills.render.report_sheet import PICTURES_PER_PAGE, Sheet, SheetVideo, make_sheet
from stills.render.report_state import (
    LIST,
    NOTES,
    Listed,
    Told,
    erase_pages,
    is_there,
    list_json,
    load_state,
    notes_path,
    page_name,
    read_told,
    turn,
)
from stills.render.view_across import across_view
from stills.render.view_overview import Rows, VideoRow
from stills.render.view_problems import problems_view
from stills.render.view_words import count

_SPARSE = 0.4
"""Pages that are filled less than that on average, because their videos went, are all made anew."""

_FACES = "faces.json"

_log = logging.getLogger(__name__)


def build_pages(out: Path, folders: Sequence[Folder], overview: Path, *, least: int = 0) -> bool:
    """Write the report over the results in ``folders``, of ``out``, with ``overview`` last.

    Returns whether it was: nothing is written where there turn out to be no more than ``least`` videos, with no more
    pictures than a page has. Raises :class:`stills.errors.OutputError`; then the old report, if any, is there still.
    """
    with turn(out), staging(out) as stage:
        report = _Report(out, stage, folders)
        report.write_pages()
        if report.videos <= least and report.pictures <= PICTURES_PER_PAGE:
            return False
        report.write_overview(overview.name)
        report.move(overview)
    return True


class _Report:
    """One making of a report: pages go into ``stage``, and what is to be remembered of them."""

    def __init__(self, out: Path, stage: Path, folders: Sequence[Folder]) -> None:
        self._out, self._stage = out, stage
        self._by_name = {folder.name: folder for folder in folders}
        self._listed: list[Listed] = []
        self._numbers: list[int] = []
        self._fresh: list[int] = []
        self.videos = self.pictures = 0
        self._state = load_state(out)
        self._others = {
            name: other
            for name, other in self._state.others.items()
            if name in self._by_name and self._by_name[name].signature == other[0]
        }
        self._planned = self._plan()
        placed = {video.folder.name for sheet in self._planned for video in sheet.videos}
        self._waiting = [f for f in folders if f.name not in placed and f.name not in self._others]

    def _plan(self) -> list[Sheet]:
        """The pages that there were, with those of their videos that are still there."""
        sheets = []
        for number, kept in sorted(self._state.pages.items()):
            there = [one for one in kept.videos if one.folder in self._by_name]
            if there:
                sheets.append(Sheet(number, [SheetVideo(self._by_name[one.folder], one.pictures) for one in there]))
        if sum(sheet.filling for sheet in sheets[:-1]) < _SPARSE * (len(sheets) - 1):
            return []
        for sheet, following in pairwise(sheets):
            sheet.after, following.before = following.number, sheet.number
        return sheets

    def write_pages(self) -> None:
        """Make the pages whose results changed, and those of new videos."""
        for sheet in self._planned[:-1]:
            self._refresh(sheet)
            self._write(sheet)
        sheet = self._planned[-1] if self._planned else Sheet(1)
        self._refresh(sheet)
        for folder in self._waiting:
            video = SheetVideo(folder)
            if not self._read(video):
                continue
            if not sheet.takes(video):
                following = Sheet(sheet.number + 1, before=sheet.number)
                sheet.after = following.number
                self._write(sheet)
                sheet = following
            sheet.videos.append(video)
        self._write(sheet)

    def _read(self, video: SheetVideo) -> bool:
        """Read the results of a video; False, and noted, where there are none."""
        if video.read(self._out):
            return True
        self._others[video.folder.name] = (video.folder.signature, video.problems)
        return False

    def _is_there(self, sheet: Sheet) -> bool:
        return is_there(self._out, sheet.number, self._state.pages.get(sheet.number), sheet.key)

    def _refresh(self, sheet: Sheet) -> None:
        """Read all of a page where something of it changed; what has no room on it any more has to wait."""
        if self._is_there(sheet):
            return
        videos = [video for video in sheet.videos if self._read(video)]
        sheet.videos = []
        for video in videos:
            if sheet.takes(video):
                sheet.videos.append(video)
            else:
                self._waiting.append(video.folder)

    def _write(self, sheet: Sheet) -> None:
        """Make a page, unless it is there."""
        if not self._is_there(sheet):
            sheet.videos = [one for one in sheet.videos if one.documents is not None or self._read(one)]
            content, told = make_sheet(self._out, sheet)
            atomic_write(self._stage / page_name(sheet.number), content)
            notes = json.dumps(told.to_json(), separators=(",", ":")).encode()
            atomic_write(notes_path(self._stage, sheet.number), notes)
            self._fresh.append(sheet.number)
        self._listed.append(Listed(page_name(sheet.number), sheet.key))
        self._numbers.append(sheet.number)
        self.videos += len(sheet.videos)
        self.pictures += sheet.pictures
        sheet.videos.clear()  # with their results

    def _told(self) -> Iterator[tuple[int, Told]]:
        """What is remembered of each page, those made now and those kept."""
        fresh = set(self._fresh)
        for number in self._numbers:
            path = notes_path(self._stage if number in fresh else self._out / NOTES, number)
            told = read_told(path)
            if told is None:
                _log.warning("%s: gone while the report was made", path)
                continue
            yield number, told

    def write_overview(self, name: str) -> None:
        """Make the overview from what is remembered."""
        rows, pages, films = Rows(), [], []
        places: dict[str, str] = {}
        problems = [*noted_failures(self._out), *(one for _, several in self._others.values() for one in several)]
        for number, told in self._told():
            href = f"{PAGES}/{page_name(number)}"
            for row in told.rows:
                places[row.folder] = f"{href}#{row.anchor}"
                rows.add(row, places[row.folder])
            films += [replace(film, href=places.get(film.href, href)) for film in told.films]
            problems += told.problems
            pages.append({"href": href, "number": number, "said": _span(told.rows)})
        faces = self._faces()
        across, problem = across_view(self._out, places, faces)
        if problem is not None:
            problems.append(problem)
        if across is None:
            faces.clear()  # nobody is told apart any more
        shown = films_section(films)
        page = html(
            OVERVIEW,
            inferred=rows.inferred,
            plays=False,
            sums=rows.words,
            view=rows.view(len(problems)),
            pages=pages,
            problems=problems_view(problems),
            # Their table is the one of all videos.
            films=None if shown is None else replace(shown, rows=[], note=""),
            across=across,
        )
        atomic_write(self._stage / name, page)
        atomic_write(self._stage / _FACES, json.dumps(faces).encode())
        atomic_write(self._stage / LIST.name, list_json(self._listed, self._others))

    def _faces(self) -> dict[str, list[Any]]:
        """The faces of people in several videos that were cut out before."""
        try:
            faces = json.loads((self._out / NOTES / _FACES).read_text(encoding="utf-8"))
            return {str(file): [*about] for file, about in faces.items() if len(about) == 4}
        except (OSError, ValueError, RecursionError, AttributeError, TypeError):
            return {}

    def move(self, overview: Path) -> None:
        """Put everything where it belongs, the overview last, and remove what no longer does."""
        move_all(self._stage, ensure_folder(self._out / PAGES), map(page_name, self._fresh))
        notes = [notes_path(Path(), number).name for number in self._fresh]
        move_all(self._stage, self._out / NOTES, [*notes, _FACES])
        move(self._stage / LIST.name, self._out / LIST)
        move(self._stage / overview.name, overview)
        erase_pages(self._out, self._numbers)


def _span(rows: Sequence[VideoRow]) -> str:
    """What is on a page."""
    if not rows:
        return "nothing any more"
    number = count(len(rows), "video")
    return f"{rows[0].name} · {number}" if len(rows) == 1 else f"{rows[0].name} … {rows[-1].name} · {number}"
