"""Made-up results in a folder, and the report over them as a reader of HTML sees it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from render_samples import person, pick, picture, report, selection, video
from stills.render import report as report_module
from stills.render import report_pages, report_sheet, report_state
from stills.render.names import folder_names
from stills.render.pictures import OutputOptions
from stills.render.report import build_report
from stills.render.results import people_document, to_json, write_people
from stills.types import Box

FACE: Box = (60.0, 20.0, 30.0, 40.0)
HOSTILE = "x\"><script>alert(1)</script><img src=x onerror=alert(2)>' & {{ 7*7 }} %2e%2e #?\u202e.mkv"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Elements with their attributes, text, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def write(out: Path, name: str = "film.mp4", *, people: int = 2, **changes: Any) -> dict[str, Any]:
    everyone = [
        person(1, [(1.0, 4.0), (28.0, 33.5)], [pick(30.0, box=FACE), pick(2.0, 0.6, FACE)], [pick(3.2, 0.61, FACE)]),
        person(2, [(50.0, 52.0)], [pick(51.0, 0.5, FACE)]),
    ][:people]
    doc = people_document(
        video(name, warnings=changes.pop("warnings", ())),
        selection(*everyone),
        report(),
        {},
        {},
        changes.pop("fallbacks", []),
        **changes,
    )
    frames = {s["pts"]: picture(160, 90, n) for n, p in enumerate(doc["people"]) for s in p["stills"]}
    write_people(out, folder_names([name], str)[0], doc, frames, OutputOptions(crops=True))
    return doc


def page(out: Path) -> Page:
    return Page(build_report(out).read_text(encoding="utf-8"))


def clone(out: Path, source: str, names: Iterable[str], **video_values: Any) -> None:
    """Results like those in the folder ``source`` for videos of other names, their pictures linked."""
    document = json.loads((out / source / "people.json").read_text())
    pictures = sorted((out / source / "people").iterdir())
    for name in names:
        folder = out / folder_names([name], str)[0]
        (folder / "people").mkdir(parents=True)
        for picture_file in pictures:
            os.link(picture_file, folder / "people" / picture_file.name)
        document["video"] |= {"path": name, **video_values}
        (folder / "people.json").write_bytes(to_json(document))


def rows(overview: str) -> list[list[Any]]:
    """What the overview of a large report gives its script."""
    data = overview.partition('<script type="application/json" id="rows">')[2].partition("</script>")[0]
    values: list[list[Any]] = json.loads(data)["rows"]
    return values


def library(out: Path, number: int, first: int = 1) -> None:
    """As many videos, called ``v1`` and so on."""
    if not (out / "v1").exists():
        write(out, "films/v1.mp4", people=1)
    clone(out, "v1", [f"films/v{n}.mp4" for n in range(max(first, 2), number + 1)])


def pages(out: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((out / "report").glob("*.html"))}


def names(html: str) -> list[str]:
    """The videos on a page."""
    return re.findall(r'<h2 id="v-\w+-name" title="[^"]*">([^<]*)</h2>', html)


def small_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four videos make a large report, whose pages hold three."""
    monkeypatch.setattr(report_module, "MOST_VIDEOS", 3)
    monkeypatch.setattr(report_sheet, "PER_PAGE", 3)


def made_pages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the pages, from now on, as they are made."""
    numbers: list[int] = []

    def make(out: Path, sheet: report_sheet.Sheet) -> tuple[bytes, report_state.Told]:
        numbers.append(sheet.number)
        return make_sheet(out, sheet)

    make_sheet = report_sheet.make_sheet
    monkeypatch.setattr(report_pages, "make_sheet", make)
    return numbers
