"""Outputs behind an address: complete where they can be seen, replaced as a whole, and nothing of others touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from stills.errors import OutputError
from stills.jobs.outputs import RemoteOutput, remote_output, staged
from stills.render.report_state import Listed, list_json


class Told:
    """A store in memory that tells what was done to it, and fails as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fs: Any = fsspec.filesystem("memory")
        if self.fs.exists("/bucket"):
            self.fs.rm("/bucket", recursive=True)
        self.done: list[tuple[str, str]] = []
        self.fail: Callable[[str], None] = lambda _: None
        for name, at in (("put_file", 1), ("rm_file", 0)):
            monkeypatch.setattr(type(self.fs), name, self._told(name, getattr(type(self.fs), name), at))

    def _told(self, name: str, real: Any, at: int) -> Any:
        def call(fs: Any, *values: Any, **more: Any) -> Any:
            place = str(values[at]).removeprefix("/bucket/out/")
            self.fail(place)
            answer = real(fs, *values, **more)
            self.done.append((name.partition("_")[0], place))
            return answer

        return call

    def seen(self) -> list[str]:
        return sorted(path.removeprefix("/bucket/out/") for path in self.fs.find("/bucket/out"))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


@pytest.fixture
def output(tmp_path: Path) -> RemoteOutput:
    return RemoteOutput("memory://bucket/out/", tmp_path, pause=lambda _: None)


def result(folder: Path, *pictures: str) -> list[Path]:
    """A result of people with these pictures; its files, the JSON last."""
    (folder / "film" / "people").mkdir(parents=True, exist_ok=True)
    files = [folder / "film" / "people" / name for name in pictures]
    for path in files:
        path.write_bytes(path.name.encode())
    listed = folder / "film" / "people.json"
    listed.write_text(json.dumps({"schema": "stills/people/1", "files": [f"people/{name}" for name in pictures]}))
    return [*files, listed]


def test_the_json_comes_last_and_goes_first(store: Told, output: RemoteOutput, tmp_path: Path) -> None:
    files = result(tmp_path, "1.jpg", "2.jpg")
    assert output.publish(files) == [
        f"memory://bucket/out/film/{n}" for n in ("people/1.jpg", "people/2.jpg", "people.json")
    ]
    assert store.done == [("put", "film/people/1.jpg"), ("put", "film/people/2.jpg"), ("put", "film/people.json")]
    store.fs.pipe_file("/bucket/out/film/mine.txt", b"x")
    store.done.clear()
    output.publish(result(tmp_path, "2.jpg", "3.jpg"))
    assert store.done == [
        ("rm", "film/people.json"), ("put", "film/people/2.jpg"), ("put", "film/people/3.jpg"),
        ("put", "film/people.json"), ("rm", "film/people/1.jpg"),
    ]  # fmt: skip
    assert store.seen() == ["film/mine.txt", "film/people.json", "film/people/2.jpg", "film/people/3.jpg"]


def test_after_a_failure_no_result_is_seen_and_the_next_try_is_whole(
    store: Told, output: RemoteOutput, tmp_path: Path
) -> None:
    output.publish(result(tmp_path, "1.jpg"))

    def fail(place: str) -> None:
        if place.endswith("2.jpg"):
            raise PermissionError("no")

    store.fail = fail
    with pytest.raises(OutputError, match="access is refused") as caught:
        output.publish(result(tmp_path, "1.jpg", "2.jpg"))
    assert "memory://bucket/out" in str(caught.value)
    assert "film/people.json" not in store.seen()
    store.fail = lambda _: None
    output.publish(result(tmp_path, "1.jpg", "2.jpg"))
    assert store.seen() == ["film/people.json", "film/people/1.jpg", "film/people/2.jpg"]


def test_what_may_pass_is_tried_again(store: Told, output: RemoteOutput, tmp_path: Path) -> None:
    left = [2]

    def fail(_: str) -> None:
        if left[0]:
            left[0] -= 1
            raise ConnectionResetError("gone")

    store.fail = fail
    output.publish(result(tmp_path, "1.jpg"))
    assert store.seen() == ["film/people.json", "film/people/1.jpg"]


def test_a_forged_list_of_files_removes_nothing_of_others(store: Told, output: RemoteOutput, tmp_path: Path) -> None:
    forged = {"files": ["../other.txt", "people/../../other.txt", "/bucket/other.txt", 7, "sub/x", "people/old.jpg"]}
    store.fs.pipe_file("/bucket/out/film/people.json", json.dumps(forged).encode())
    for name in ("out/other.txt", "other.txt", "out/film/sub/x", "out/film/people/old.jpg"):
        store.fs.pipe_file(f"/bucket/{name}", b"x")
    output.publish(result(tmp_path, "1.jpg"))
    assert store.seen() == ["film/people.json", "film/people/1.jpg", "film/sub/x", "other.txt"]
    assert store.fs.exists("/bucket/other.txt")


def test_a_place_that_cannot_be_written_is_said_at_once(store: Told, output: RemoteOutput, tmp_path: Path) -> None:
    output.check()
    assert store.seen() == []

    with pytest.raises(OutputError, match="nothing can be written to http"):
        RemoteOutput("https://me:secret@host/out", tmp_path).check()
    with pytest.raises(OutputError, match="nothing that can be fetched") as caught:
        RemoteOutput("nonsense://me:secret@host/out", tmp_path).check()
    assert "secret" not in str(caught.value)


def test_a_folder_stands_for_an_address(tmp_path: Path) -> None:
    folder = staged("memory://me:secret@bucket/out", tmp_path)
    assert staged("memory://bucket/out/", tmp_path) == folder
    assert "secret" not in str(folder)
    found = remote_output(folder / "film" / "people.json")
    assert found is not None
    assert found.name == "memory://bucket/out"
    assert remote_output(tmp_path / "other") is None


def test_where_uploads_can_be_seen_half_they_get_their_name_last(tmp_path: Path) -> None:
    target = tmp_path / "there"
    output = RemoteOutput(f"local://{target}", tmp_path / "here")
    files = result(tmp_path / "here", "1.jpg")
    output.publish(files)
    output.publish(files)
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()) == [
        "film/people.json", "film/people/1.jpg",
    ]  # fmt: skip


def report(folder: Path, pages: dict[str, str]) -> Path:
    """A report with pages of these keys."""
    (folder / "report").mkdir(exist_ok=True)
    (folder / ".stills").mkdir(exist_ok=True)
    for name, key in pages.items():
        (folder / "report" / name).write_text(key)
    (folder / ".stills" / "report.json").write_bytes(list_json([Listed(name, key) for name, key in pages.items()]))
    overview = folder / "report.html"
    overview.write_text(" ".join(pages))
    return overview


def test_a_report_goes_up_with_its_pages_itself_last(store: Told, output: RemoteOutput, tmp_path: Path) -> None:
    first, second, third = "page-0001.html", "page-0002.html", "page-0003.html"
    assert output.publish_one(report(tmp_path, {first: "a", second: "b"})) == "memory://bucket/out/report.html"
    assert store.done == [("put", f"report/{first}"), ("put", f"report/{second}"), ("put", "report.html")]
    store.done.clear()
    output.publish_one(report(tmp_path, {first: "a", second: "c", third: "d"}))
    assert store.done == [("put", f"report/{second}"), ("put", f"report/{third}"), ("put", "report.html")]
    store.done.clear()
    output.publish_one(report(tmp_path, {first: "a"}))
    assert store.done == [("put", "report.html"), ("rm", f"report/{second}"), ("rm", f"report/{third}")]
    assert store.seen() == [".stills/report.json", "report.html", f"report/{first}"]
    store.done.clear()
    (tmp_path / ".stills" / "report.json").unlink()
    output.publish_one(tmp_path / "report.html")
    assert store.seen() == ["report.html"]


def test_pages_of_an_upload_that_was_broken_off_go_up_again(store: Told, output: RemoteOutput, tmp_path: Path) -> None:
    pages = {f"page-000{n}.html": "a" for n in range(1, 5)}
    output.publish_one(report(tmp_path, pages))
    changed = pages | {"page-0001.html": "b", "page-0002.html": "b"}

    def fail(place: str) -> None:
        if place.endswith("page-0002.html"):
            raise PermissionError("no")

    store.fail = fail
    with pytest.raises(OutputError, match="access is refused"):
        output.publish_one(report(tmp_path, changed))
    assert store.fs.cat_file("/bucket/out/report.html").decode() == " ".join(pages)
    store.fail = lambda _: None
    store.done.clear()
    output.publish_one(report(tmp_path, pages))  # the first page at the address is that of the other report
    assert store.done == [("put", "report/page-0001.html"), ("put", "report/page-0002.html"), ("put", "report.html")]


def test_a_forged_list_of_pages_removes_nothing_of_others(store: Told, output: RemoteOutput, tmp_path: Path) -> None:
    forged = {"pages": [{"name": name, "key": "a"} for name in ("../x.txt", "x.html", "page-0001.html/../../x.txt")]}
    store.fs.pipe_file("/bucket/out/.stills/report.json", json.dumps(forged).encode())
    for name in ("x.txt", "report/x.html"):
        store.fs.pipe_file(f"/bucket/out/{name}", b"x")
    output.publish_one(report(tmp_path, {}))
    assert {"x.txt", "report/x.html"} <= set(store.seen())


def test_a_report_goes_where_uploads_can_be_seen_half(tmp_path: Path) -> None:
    target = tmp_path / "there"
    (tmp_path / "here").mkdir()
    output = RemoteOutput(f"local://{target}", tmp_path / "here")
    for key in "ab":
        output.publish_one(report(tmp_path / "here", {"page-0001.html": key}))
    assert (target / "report" / "page-0001.html").read_text() == "b"
    assert (target / "report.html").read_text() == "page-0001.html"
