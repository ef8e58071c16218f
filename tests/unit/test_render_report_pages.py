"""The report over more videos than one page can hold: an overview, and pages that are made again only where need be."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import cast_samples
from report_samples import HOSTILE, Page, clone, library, made_pages, names, pages, rows, small_reports, write
from stills.render import report, report_html, report_sheet
from stills.render.report import build_report, erase_report


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_reports(monkeypatch)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return made_pages(monkeypatch)


def test_few_videos_are_one_page_and_leave_nothing_else(tmp_path: Path) -> None:
    library(tmp_path, 3)
    build_report(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "v1", "v2", "v3"]


def test_many_are_an_overview_and_pages_that_link_to_and_fro(tmp_path: Path) -> None:
    library(tmp_path, 7)
    overview = build_report(tmp_path).read_text(encoding="utf-8")
    got = pages(tmp_path)
    assert [names(html) for html in got.values()] == [
        ["v1.mp4", "v2.mp4", "v3.mp4"], ["v4.mp4", "v5.mp4", "v6.mp4"], ["v7.mp4"],
    ]  # fmt: skip
    assert "7 videos, 7 people" in Page(overview).text
    assert [row[0] for row in rows(overview)] == [f"v{n}.mp4" for n in range(1, 8)]
    ways = {name: [a["href"] for a in Page(html).all("a") if a.get("rel")] for name, html in got.items()}
    assert ways["page-0001.html"] == ["page-0002.html"] * 2
    assert ways["page-0002.html"] == ["page-0001.html", "page-0003.html"] * 2
    assert ways["page-0003.html"] == ["page-0002.html"] * 2


def test_every_link_leads_somewhere_and_nothing_is_loaded(tmp_path: Path) -> None:
    library(tmp_path, 4)
    write(tmp_path, HOSTILE)
    build_report(tmp_path)
    places = [tmp_path / "report.html", *sorted((tmp_path / "report").iterdir())]
    parsed = {path: Page(path.read_text(encoding="utf-8")) for path in places}
    targets = {path: {a.get("id") for _, a in page.elements} for path, page in parsed.items()}
    seen = 0
    for path, page in parsed.items():
        assert "default-src 'none'" in str(page.all("meta")[1]["content"])
        links = [str(a["href"]) for a in page.all("a")]
        if path.name == "report.html":
            links += [row[1] for row in rows(path.read_text(encoding="utf-8"))]
        for _, attributes in page.elements:
            assert (attributes.get("src") or "data:").startswith("data:")
            assert not any(name.startswith("on") for name in attributes)
        for link in links:
            parts = urlsplit(link)
            assert (parts.scheme, parts.netloc, parts.query) == ("", "", "")
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert to.is_file(), link
            assert not parts.fragment or parts.fragment in targets[to], link
            seen += 1
    assert seen > 40


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    library(tmp_path, 3)
    for name in (HOSTILE, "x</script><script>alert(1)</script>.mp4", "<!--<script>.mp4"):
        clone(tmp_path, "v1", [name])
    html = build_report(tmp_path).read_text(encoding="utf-8")
    got = Page(html)
    assert len(got.all("script")) == 3
    assert "\u202e" not in html
    assert "x</script><script>alert(1)</script>.mp4" in [row[2] for row in rows(html)]


def test_many_folders_with_few_results_are_one_page(tmp_path: Path) -> None:
    library(tmp_path, 2)
    for number in range(9):
        (tmp_path / f"package{number}").mkdir()
        (tmp_path / f"package{number}" / "package.json").write_text("{}")
    html = build_report(tmp_path).read_text(encoding="utf-8")
    assert [a["id"] for a in Page(html).all("article")] == ["v1-1-p1", "v2-1-p1"]
    assert not (tmp_path / "report").exists()


def test_many_pictures_are_no_single_page_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_PICTURES", 5)
    monkeypatch.setattr(report_sheet, "PICTURES_PER_PAGE", 5)
    library(tmp_path, 2)
    build_report(tmp_path)
    assert pages(tmp_path) == {}
    write(tmp_path, "v3.mp4")
    build_report(tmp_path)
    assert [names(html) for html in pages(tmp_path).values()] == [["v1.mp4", "v2.mp4"], ["v3.mp4"]]
    write(tmp_path, "only/v3.mp4")
    for number in (1, 2):
        (tmp_path / f"v{number}" / "people.json").unlink()
    assert "v3.mp4 – stills" in build_report(tmp_path).read_text(encoding="utf-8")


def test_a_page_that_would_be_too_large_gets_smaller_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, 4)
    build_report(tmp_path)
    sizes = [len(html) for html in pages(tmp_path).values()]
    monkeypatch.setattr(report_html, "MOST_BYTES", max(sizes) - 100)
    erase_report(tmp_path)
    build_report(tmp_path)
    widths = {a.get("width") for html in pages(tmp_path).values() for a in Page(html).all("img")}
    assert "96" in widths
    assert max(len(html) for html in pages(tmp_path).values()) < max(sizes)


def test_casts_add_up_in_the_overview(tmp_path: Path, made: list[int]) -> None:
    for number in range(4):
        cast_samples.write(tmp_path, f"c{number}.mp4")
    html = build_report(tmp_path).read_text(encoding="utf-8")
    got = Page(html)
    for words in ("All films", "Films 4", "People 12", "Gender", "95 %", "What was inferred, and what that is not"):
        assert words in got.text
    assert [a for a in got.all("table") if a.get("class") == "films"] == []
    made.clear()
    assert build_report(tmp_path).read_text(encoding="utf-8") == html
    assert made == []


def test_the_faces_of_who_hides_are_not_in_the_overview(tmp_path: Path) -> None:
    library(tmp_path, 3)
    cast_samples.write(tmp_path, "hidden.mp4", cast_samples.cast("hidden.mp4", settings={"blur": "all"}))
    got = {row[0]: row[8] for row in rows(build_report(tmp_path).read_text(encoding="utf-8"))}
    assert got["hidden.mp4"] == ""
    assert got["v1.mp4"].startswith("data:image/")


def test_people_in_several_videos_lead_to_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, 4)
    still = {"file": "v1/people/person_01.jpg", "time": 1.0, "score": 0.5, "face": [60, 20, 30, 40]}
    where = [{"video": number} for number in range(4)]
    person = {"id": 1, "name": "Ada", "screen_time": 9.0, "appearances": where, "still": still}
    across = {"videos": [{"folder": f"v{n}"} for n in range(1, 5)], "people": [person]}
    (tmp_path / "across.json").write_text(json.dumps(across))
    html = build_report(tmp_path).read_text(encoding="utf-8")
    got = Page(html)
    links = [str(a["href"]) for a in got.all("a")]
    assert sum(link.startswith("report/page-0001.html#v-") for link in links) >= 3 * 2
    faces = [a["src"] for a in got.all("img") if a.get("class") == "face"]
    assert len(faces) == 1

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the face was cut out again")

    monkeypatch.setattr("stills.render.view_across.picture_view", never)
    assert build_report(tmp_path).read_text(encoding="utf-8") == html
    monkeypatch.undo()
    (tmp_path / "across.json").unlink()
    monkeypatch.setattr(report, "MOST_VIDEOS", 3)
    assert "Ada" not in build_report(tmp_path).read_text(encoding="utf-8")
    assert json.loads((tmp_path / ".stills" / "report" / "faces.json").read_text()) == {}


def test_rows_that_do_not_fit_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, 7)
    html = build_report(tmp_path).read_text(encoding="utf-8")
    monkeypatch.setattr("stills.render.view_overview.MOST_BYTES", 600)
    less = build_report(tmp_path).read_text(encoding="utf-8")
    assert 0 < len(rows(less)) < 7
    assert f"The first {len(rows(less))} videos; {7 - len(rows(less))} more are on the pages." in Page(less).text
    assert all(row[8] for row in rows(html))
    assert not any(row[8] for row in rows(less))
