"""One page of a report that has several: the videos on it, and how it is made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from stills.render.embed import edge_for
from stills.render.report_html import PAGE, fitting, html
from stills.render.report_results import Documents, Folder, read_folder
from stills.render.report_state import KEY_NAME, Placed, Told, page_key, page_name
from stills.render.view import Problem, VideoView, damaged, found_in_all, video_view
from stills.render.view_frames import shown_count
from stills.render.view_overview import video_row
from stills.render.view_pictures import Links
from stills.render.view_problems import problems_view

PER_PAGE = 100
PICTURES_PER_PAGE = 600
"""Videos and pictures on a page, unless it is a single video that has more."""

EDGE = 240
"""Longest edge of thumbnails in pixels: at 600 of them a page has some 10 MB."""


@dataclass(slots=True)
class SheetVideo:
    """A video on a page: ``pictures`` are as many as were known last; its results are there once they were read."""

    folder: Folder
    pictures: int = 0
    documents: Documents | None = None
    problems: list[Problem] = field(default_factory=list)

    def read(self, out: Path) -> bool:
        """Read the results; whether there are any."""
        self.documents, self.problems = read_folder(out, self.folder)
        self.pictures = sum(shown_count(document) for document in self.documents.values())
        return bool(self.documents)


@dataclass(slots=True)
class Sheet:
    """A page that is planned: its number, its videos, and the numbers of the pages around it."""

    number: int
    videos: list[SheetVideo] = field(default_factory=list)
    before: int | None = None
    after: int | None = None

    @property
    def pictures(self) -> int:
        """How many pictures are on it."""
        return sum(video.pictures for video in self.videos)

    @property
    def filling(self) -> float:
        """How full it is: 1 is full."""
        return max(len(self.videos) / PER_PAGE, self.pictures / PICTURES_PER_PAGE)

    @property
    def key(self) -> str:
        """Of all that makes it what it is."""
        return page_key(self.number, self.before, self.after, [video.folder for video in self.videos])

    def takes(self, video: SheetVideo) -> bool:
        """Whether there is room for another one."""
        return not self.videos or (len(self.videos) < PER_PAGE and self.pictures + video.pictures <= PICTURES_PER_PAGE)


def make_sheet(out: Path, sheet: Sheet) -> tuple[bytes, Told]:
    """The page over videos whose results were read, and what the overview needs of it."""
    unread = [problem for video in sheet.videos for problem in video.problems]
    views: dict[str, VideoView] = {}
    problems: list[Problem] = []
    key = sheet.key

    def make(edge: int) -> bytes:
        made = list(_views(out, sheet.videos, edge))
        views.clear()
        views.update((name, view) for name, view in made if isinstance(view, VideoView))
        problems[:] = [*unread, *(view for _, view in made if isinstance(view, Problem))]
        videos = list(views.values())
        return html(
            PAGE,
            inferred={name for view in videos for name in view.inferred},
            plays=any(view.plays for view in videos),
            number=sheet.number,
            key_name=KEY_NAME,
            key=key,
            before=page_name(sheet.before) if sheet.before else "",
            after=page_name(sheet.after) if sheet.after else "",
            overview="../report.html",
            videos=videos,
            problems=problems_view(problems),
            found=found_in_all(videos),
        )

    content = fitting(make, min(EDGE, edge_for(sheet.pictures)))
    return content, Told(
        key=key,
        size=len(content),
        videos=[Placed(one.folder.name, one.folder.signature, one.pictures) for one in sheet.videos],
        rows=[
            video_row(one.folder.name, views[one.folder.name], one.documents)
            for one in sheet.videos
            if one.documents and one.folder.name in views
        ],
        films=[replace(view.film, href=name) for name, view in views.items() if view.film is not None],
        problems=problems,
    )


def _views(out: Path, videos: Sequence[SheetVideo], edge: int) -> Iterator[tuple[str, VideoView | Problem]]:
    """What is shown of each by its folder, or why it cannot be."""

    def view(video: SheetVideo) -> VideoView | Problem:
        documents, name = video.documents or {}, video.folder.name
        try:
            return video_view(_anchor(name), documents, Links(out, name, "../"), edge)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            return damaged(f"{name}/{', '.join(documents)}", error)

    # Most of it is Pillow, which lets go of the interpreter.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        yield from zip((video.folder.name for video in videos), threads.map(view, videos), strict=True)


def _anchor(folder: str) -> str:
    """Where a video is on its page. It does not depend on the others, so a link to it goes on being right."""
    return f"v-{hashlib.blake2b(folder.encode('utf-8', 'surrogateescape'), digest_size=5).hexdigest()}"
