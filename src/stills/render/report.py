"""``report.html``: all results in an output folder, to look at.

The report is made from the JSON results and their pictures alone, so it can be built again at any time. Over some films
it is one self-contained page; over more it is an overview with pages beside it (:mod:`stills.render.report_pages`).
"""

from __future__ import annotations

from pathlib import Path

from stills.files import atomic_write, remove_file
from stills.render.embed import edge_for
from stills.render.report_html import SINGLE, films_section, fitting, html
from stills.render.report_results import FAILURES, Found, count_results, find_results, list_folders, results_of
from stills.render.view import Problem, VideoView, damaged, found_in_all, video_view
from stills.render.view_across import across_view
from stills.render.view_frames import shown_count
from stills.render.view_pictures import Links
from stills.render.view_problems import problems_view

__all__ = [
    "FAILURES",
    "REPORT_NAME",
    "Found",
    "build_report",
    "count_results",
    "erase_report",
    "find_results",
    "report_page",
    "results_of",
]

REPORT_NAME = "report.html"

MOST_VIDEOS = 100
MOST_PICTURES = 1200
"""More videos, or more pictures of several videos, are not put into one page: it could not be opened any more."""


def build_report(out: Path) -> Path:
    """Write ``OUT/report.html`` from the results found in ``out``, any number of videos and recipes; returns its path.

    Where there are many videos, pages with their results are written into ``OUT/report/``; those whose results did not
    change since the last time are kept. A result that is damaged, a picture that is gone and inputs that failed are
    named in the report. Raises :class:`stills.errors.OutputError` where it cannot be written: then the one that was
    there is there still.
    """
    folders = list_folders(out)
    page = _single(out) if len(folders) <= MOST_VIDEOS else None
    if page is None:
        from stills.render.report_pages import build_pages

        if build_pages(out, folders, out / REPORT_NAME, least=MOST_VIDEOS if len(folders) > MOST_VIDEOS else 0):
            return out / REPORT_NAME
        page = report_page(out).encode("utf-8", "backslashreplace")  # most of the folders hold no results at all
    atomic_write(out / REPORT_NAME, page)
    _forget_pages(out)
    return out / REPORT_NAME


def report_page(out: Path) -> str:
    """The report over the results in ``out`` as HTML, in one page however many there are."""
    return _page(out, find_results(out)).decode("utf-8")


def erase_report(out: Path) -> None:
    """Remove the report with all that belongs to it. Raises :class:`stills.errors.OutputError`."""
    remove_file(out / REPORT_NAME)
    _forget_pages(out)


def _forget_pages(out: Path) -> None:
    """Remove the pages of a report that needs none any more."""
    from stills.render.report_state import erase_pages, has_pages

    if has_pages(out):
        erase_pages(out)


def _single(out: Path) -> bytes | None:
    """The one page; None where it would be too large."""
    found = find_results(out)
    if len(found.results) > 1 and _pictures(found) > MOST_PICTURES:
        return None
    return _page(out, found)


def _pictures(found: Found) -> int:
    return sum(shown_count(document) for documents in found.results.values() for document in documents.values())


def _page(out: Path, found: Found) -> bytes:
    return fitting(lambda edge: _page_with(out, found, edge), edge_for(_pictures(found)))


def _page_with(out: Path, found: Found, edge: int) -> bytes:
    videos: list[VideoView] = []
    problems: list[Problem] = []
    for number, (folder, documents) in enumerate(found.results.items(), 1):
        try:
            videos.append(video_view(f"v{number}", documents, Links(out, folder), edge))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            problems.append(damaged(f"{folder}/{', '.join(documents)}", error))
    across, problem = across_view(out, {folder: f"#v{number}" for number, folder in enumerate(found.results, 1)})
    if problem is not None:
        problems.append(problem)
    return html(
        SINGLE,
        inferred={name for video in videos for name in video.inferred},
        plays=any(video.plays for video in videos),
        videos=videos,
        problems=problems_view([*found.problems, *problems]),
        found=found_in_all(videos),
        films=films_section([video.film for video in videos if video.film is not None]),
        across=across,
    )
