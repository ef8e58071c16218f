"""Pages of a large report are made again only where what they show has changed; what is not needed any more goes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from report_samples import Page, clone, library, made_pages, names, pages, rows, small_reports
from stills.errors import OutputError
from stills.files import TEMP_PREFIX
from stills.render import report, report_html, report_pages, report_sheet
from stills.render.names import folder_names
from stills.render.report import FAILURES, build_report, erase_report
from stills.render.report_results import list_folders
from stills.render.results import to_json


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_reports(monkeypatch)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return made_pages(monkeypatch)


def touch(path: Path) -> None:
    """Have ``path`` be written again, later."""
    then = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(then, then))


def test_nothing_is_made_again_where_nothing_changed(tmp_path: Path, made: list[int]) -> None:
    library(tmp_path, 7)
    before = build_report(tmp_path).read_bytes()
    assert made == [1, 2, 3]
    made.clear()
    assert build_report(tmp_path).read_bytes() == before
    assert made == []


def test_new_videos_change_the_last_page_only(tmp_path: Path, made: list[int]) -> None:
    library(tmp_path, 7)
    build_report(tmp_path)
    made.clear()
    clone(tmp_path, "v1", ["films/a new one.mp4"])
    overview = build_report(tmp_path).read_text(encoding="utf-8")
    assert made == [3]
    assert names(pages(tmp_path)["page-0003.html"]) == ["v7.mp4", "a new one.mp4"]
    assert [row[0] for row in rows(overview)][:2] == ["a new one.mp4", "v1.mp4"]
    made.clear()
    library(tmp_path, 9, 8)
    build_report(tmp_path)
    assert made == [3, 4]  # the third is full now, and leads to the fourth
    assert names(pages(tmp_path)["page-0004.html"]) == ["v9.mp4"]


@pytest.mark.parametrize("what", ["result", "picture gone", "picture replaced", "page gone", "page cut off", "notes"])
def test_what_changed_is_made_again(tmp_path: Path, made: list[int], what: str) -> None:
    library(tmp_path, 7)
    build_report(tmp_path)
    made.clear()
    result, picture = tmp_path / "v5" / "people.json", tmp_path / "v5" / "people" / "person_01.jpg"
    page = tmp_path / "report" / "page-0002.html"
    if what == "result":
        document = json.loads(result.read_text())
        document["warnings"] = ["damaged end"]
        result.write_bytes(to_json(document))
    elif what == "picture gone":
        picture.unlink()
        touch(picture.parent)
    elif what == "picture replaced":
        (picture.parent / "new").write_bytes(b"no picture")
        (picture.parent / "new").replace(picture)
        touch(picture.parent)
    elif what == "page gone":
        page.unlink()
    elif what == "page cut off":
        page.write_bytes(page.read_bytes()[:5000])
    else:
        (tmp_path / ".stills" / "report" / "page-0002.json").write_text("{")
    overview = build_report(tmp_path).read_text(encoding="utf-8")
    if what == "notes":  # of which page a video was is forgotten with them
        assert 2 in made or 4 in made
    else:
        assert made == [2]
    assert sorted(row[0] for row in rows(overview)) == [f"v{n}.mp4" for n in range(1, 8)]
    text = Page("".join(pages(tmp_path).values()).replace("<!doctype html>", "")).text
    assert ("Damaged end" in text) == (what == "result")
    assert ("The picture is not there" in text) == what.startswith("picture")


def test_pages_that_are_no_longer_needed_go_and_other_files_stay(tmp_path: Path) -> None:
    library(tmp_path, 7)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "page-0099.html").write_text("somebody else's")
    build_report(tmp_path)
    for number in (7, 6, 5):
        (tmp_path / f"v{number}" / "people.json").unlink()
    overview = build_report(tmp_path).read_text(encoding="utf-8")
    assert list(pages(tmp_path)) == ["page-0001.html", "page-0002.html", "page-0099.html"]
    assert len(rows(overview)) == 4
    (tmp_path / "v4" / "people.json").unlink()
    assert "rows" not in build_report(tmp_path).read_text(encoding="utf-8").partition("<script type")[2]
    assert list(pages(tmp_path)) == ["page-0099.html"]
    assert not (tmp_path / ".stills" / "report").exists()
    assert not (tmp_path / ".stills" / "report.json").exists()


def test_nearly_empty_pages_are_put_together(tmp_path: Path) -> None:
    library(tmp_path, 15)
    build_report(tmp_path)
    first = [names(html)[0] for html in pages(tmp_path).values()]
    for number in range(1, 16):
        if f"v{number}.mp4" not in first:
            (tmp_path / f"v{number}" / "people.json").unlink()
    build_report(tmp_path)
    assert [names(html) for html in pages(tmp_path).values()] == [first[:3], first[3:]]


def test_a_video_called_report_shares_the_folder(tmp_path: Path, made: list[int]) -> None:
    library(tmp_path, 4)
    (tmp_path / "v4").rename(tmp_path / "report")  # as older versions named it
    build_report(tmp_path)
    assert sum(len(names(html)) for html in pages(tmp_path).values()) == 4
    made.clear()
    build_report(tmp_path)
    assert made == []
    erase_report(tmp_path)
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["people", "people.json"]
    assert folder_names(["report.mp4"], str) != ["report"]


def test_damaged_results_and_folders_of_other_things_are_no_hindrance(tmp_path: Path, made: list[int]) -> None:
    library(tmp_path, 4)
    for name, content in (("bad", "{"), ("odd", '{"schema": "stills/people/1", "video": 3}'), ("node", '{"name": 1}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "people.json").write_text(content)
    (tmp_path / FAILURES).parent.mkdir(exist_ok=True)
    (tmp_path / FAILURES).write_text(json.dumps([{"path": "gone.mp4", "message": "there is no such file"}]))
    text = Page(build_report(tmp_path).read_text(encoding="utf-8")).text
    assert "4 videos, 4 people" in text
    assert "Without a result 3" in text
    for words in ("bad/people.json : the result is damaged", "odd/people.json : the result is damaged", "gone.mp4"):
        assert words in text
    assert "node" not in text
    made.clear()
    assert Page(build_report(tmp_path).read_text(encoding="utf-8")).text == text
    assert made == []
    (tmp_path / "bad" / "people.json").write_bytes((tmp_path / "v1" / "people.json").read_bytes())
    assert "5 videos" in Page(build_report(tmp_path).read_text(encoding="utf-8")).text


def test_a_failure_leaves_the_old_report_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, 7)
    build_report(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    library(tmp_path, 12, 8)
    (tmp_path / "v1" / "people.json").unlink()

    def full(*_: object, **__: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(report_pages, "films_section", full)
    with pytest.raises(OutputError):
        build_report(tmp_path)
    for path, content in before.items():
        if path.parent.parent == tmp_path and path.parent.name == "report":
            assert path.read_bytes() == content
    assert (tmp_path / "report.html").read_bytes() == before[tmp_path / "report.html"]
    assert [path for path in tmp_path.iterdir() if path.name.startswith(TEMP_PREFIX)] == []
    monkeypatch.undo()
    monkeypatch.setattr(report, "MOST_VIDEOS", 3)
    assert len(rows(build_report(tmp_path).read_text(encoding="utf-8"))) == 11


def test_who_was_forgotten_is_on_no_page(tmp_path: Path) -> None:
    library(tmp_path, 4)
    build_report(tmp_path)
    (tmp_path / "v2" / "people.json").unlink()
    clone(tmp_path, "v1", ["v9.mp4"])
    build_report(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.suffix in {".html", ".json"} and path.parent.name != "v2":
            assert b"v2.mp4" not in path.read_bytes(), path
    erase_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "report").exists()
    assert not (tmp_path / ".stills" / "report").exists()


def test_listing_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, 4)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(Path, "read_text", never)
    monkeypatch.setattr("builtins.open", never)
    assert [folder.name for folder in list_folders(tmp_path)] == ["v1", "v2", "v3", "v4"]


@pytest.mark.slow
def test_a_library_of_1200_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[int]) -> None:
    monkeypatch.setattr(report, "MOST_VIDEOS", 100)
    monkeypatch.setattr(report_sheet, "PER_PAGE", 100)
    library(tmp_path, 1200)
    begun = time.perf_counter()
    overview = build_report(tmp_path)
    took = time.perf_counter() - begun
    got = rows(overview.read_text(encoding="utf-8"))
    assert [row[0] for row in got] == [f"v{n}.mp4" for n in range(1, 1201)]
    assert made == list(range(1, 13))
    assert all(path.stat().st_size < report_html.MOST_BYTES for path in (tmp_path / "report").iterdir())
    library(tmp_path, 1203, 1201)
    made.clear()
    begun = time.perf_counter()
    build_report(tmp_path)
    again = time.perf_counter() - begun
    assert made == [12, 13]
    assert again < took / 3
