"""Folders, globs, lists and addresses become videos, one after another; what cannot be used is an entry."""

from __future__ import annotations

import io
import itertools
import json
import os
import tracemalloc
from pathlib import Path

import fsspec
import pytest

from stills.errors import DownloadError, InputError
from stills.jobs.sources import Search, Source, expand, iter_sources
from stills.media import remote


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    for name in ("b.mp4", "a.MKV", "notes.txt", "sub/c.webm", "sub/deep/e.mov", "takes/take1.mp4", "takes/take2.mp4"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def names(items: list[Source], root: Path) -> list[str]:
    return [os.path.relpath(item.path, root) for item in items]


def test_patterns_choose_among_what_is_in_folders(films: Path) -> None:
    def found(**patterns: tuple[str, ...]) -> list[str]:
        return names(expand([str(films)], Search(**patterns)), films)

    assert found(include=("*.mp4",)) == ["b.mp4", "takes/take1.mp4", "takes/take2.mp4"]
    assert found(include=("*.txt",)) == ["notes.txt"]  # who names an ending means it
    assert found(exclude=("takes", "*.webm")) == ["a.MKV", "b.mp4", "sub/deep/e.mov"]
    assert found(include=("takes/*",), exclude=("*2*",)) == ["takes/take1.mp4"]
    (nothing,) = expand([str(films)], Search(include=("*.flv",)))
    assert "--include" in str(nothing.error)


def test_links_are_followed_once_and_never_in_circles(films: Path, tmp_path: Path) -> None:
    (films / "sub" / "up").symlink_to(films)
    (films / "sub" / "self").symlink_to(films / "sub")
    other = tmp_path / "other"
    other.mkdir()
    (other / "far.mp4").write_bytes(b"x")
    (films / "linked").symlink_to(other)
    (films / "again").symlink_to(other)
    (films / "broken.mp4").symlink_to(tmp_path / "gone")
    found = names(expand([str(films)]), films)
    assert sorted(found) == sorted({*found})
    assert [name for name in found if name.endswith("far.mp4")] == ["again/far.mp4"]
    assert "broken.mp4" in found  # it is for the probe to say what is wrong with it
    assert len(found) == 8


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_an_entry(films: Path) -> None:
    (films / "sub").chmod(0)
    try:
        found = expand([str(films)])
    finally:
        (films / "sub").chmod(0o755)
    (bad,) = [item for item in found if item.error]
    assert isinstance(bad.error, InputError)
    assert bad.path == str(films / "sub")
    assert len(found) == 5


def test_a_folder_that_went_away_while_it_was_searched_is_an_entry(films: Path) -> None:
    search = iter_sources([str(films)])
    first = next(search)
    (films / "sub" / "c.webm").unlink()
    (films / "sub" / "deep" / "e.mov").unlink()
    (films / "sub" / "deep").rmdir()
    (films / "sub").rmdir()
    rest = list(search)
    assert first.error is None
    assert [os.path.basename(item.path) for item in rest if item.error] == ["sub"]
    assert len(rest) == 4


LISTS = {
    "films.csv": 'id,Path\n1,films/b.mp4\n2,"films/sub/c.webm"\n\n3,\n',
    "films.tsv": "url\tid\nfilms/b.mp4\t1\nfilms/sub/c.webm\t2\n",
    "semi.csv": "\ufeffid;video\n1;films/b.mp4\n2;films/sub/c.webm\n",
    "films.jsonl": '{"id": 1, "video": "films/b.mp4"}\n\n{"path": "films/sub/c.webm"}\n',
    "plain.ndjson": '"films/b.mp4"\n"films/sub/c.webm"\n',
    "@films.txt": "# all films\nfilms/b.mp4\n\nfilms/sub/c.webm\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_name_videos_beside_them(name: str, films: Path, tmp_path: Path) -> None:
    path = tmp_path / name.removeprefix("@")
    path.write_text(LISTS[name], encoding="utf-8")
    found = expand([f"@{path}" if name.startswith("@") else str(path)])
    assert names([item for item in found if not item.error], tmp_path) == ["films/b.mp4", "films/sub/c.webm"]
    assert [str(item.error) for item in found if item.error] == (
        [f"{path}:5: the row names no video"] if name == "films.csv" else []
    )


@pytest.mark.parametrize("name", ["films.csv", "films.jsonl", "@films.txt"])
def test_a_list_may_come_on_standard_input(
    name: str, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        buffer = io.BytesIO(LISTS[name].encode())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", Stdin())
    found = expand(["-"])
    assert [item.path for item in found if not item.error] == ["films/b.mp4", "films/sub/c.webm"]
    assert not Stdin.buffer.closed


def test_a_list_names_folders_addresses_and_a_column_of_its_own(films: Path, tmp_path: Path) -> None:
    rows = [f"{films / 'takes'}", "https://host/film.mp4?a=1", str(films / "b.mp4"), "other.csv"]
    (tmp_path / "list.csv").write_text("where,video\n" + "".join(f"{row},no\n" for row in rows))
    found = expand([str(tmp_path / "list.csv")], Search(column="where"))
    assert [os.path.basename(item.path) for item in found] == [
        "take1.mp4", "take2.mp4", "film.mp4?a=1", "b.mp4", "other.csv",  # a list in a list is no list
    ]  # fmt: skip
    assert found[2].name == "https://host/film.mp4?…"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"id,title\n1,Film\n", "no column video"),
        (b"\x00\x01\x02PK", "no list of videos"),
    ],
)
def test_what_is_no_list_is_said(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    (item,) = expand([str(path)])
    assert says in str(item.error)
    assert "\n" not in str(item.error)
    (gone,) = expand([str(tmp_path / "gone.csv")])
    assert isinstance(gone.error, InputError)


def test_lines_that_are_no_json_are_entries(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"video": "a.mp4"}\n{broken\n{"title": "x"}\n{"video": "b.mp4"}\n')
    assert [None if item.error is None else item.error.path for item in expand([str(path)])] == [
        None, f"{path}:2", f"{path}:3", None,
    ]  # fmt: skip


def test_a_row_that_is_broken_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    lines = [
        "video,title",
        'a.mp4,"two',
        'lines, and ""quoted"""',
        'b.mp4,"never closed',
        'c.mp4,"not closed either',
        'g.mp4,"closed"',
        '"h".mp4,"x"y',
        f"d.mp4,{'x' * 140_000}",
    ]
    path.write_text("\n".join([*lines, "e\0.mp4,x", "f.mp4,x"]) + "\n")
    found = expand([str(path)])
    assert names([item for item in found if not item.error], tmp_path) == ["a.mp4", "g.mp4", "h.mp4", "f.mp4"]
    said = [str(item.error) for item in found if item.error]
    assert [text.removeprefix(f"{path}:")[:2] for text in said] == ["4:", "5:", "8:", "9:"]
    assert all("a quotation mark is never closed" in text for text in said[:2])
    assert "zero byte" in said[3]
    (item,) = expand(["a\0b.mp4"])
    assert "zero byte" in str(item.error)


def test_one_link_that_leads_nowhere_costs_only_itself(films: Path) -> None:
    (films / "ping").symlink_to("pong")
    (films / "pong").symlink_to("ping")
    (films / "self.mp4").symlink_to("self.mp4")
    found = expand([str(films)])
    assert not [item for item in found if item.error]
    assert len(found) == 7  # the film that is a circle is said where it is opened


@pytest.mark.slow
def test_a_hundred_thousand_lines_are_passed_on_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps({"video": f"s3-mirror/{number:06}.mp4"}) + "\n" for number in range(100_000))
    found = iter_sources([str(path)])
    assert next(found).path.endswith("000000.mp4")
    tracemalloc.start()
    try:
        assert sum(1 for _ in itertools.islice(found, 30_000)) == 30_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20  # what each of them is remembered by, to give it once, and no list of them
    assert sum(1 for _ in found) == 69_999


@pytest.fixture
def bucket() -> str:
    remote._objects.clear()
    fs = fsspec.filesystem("memory")
    fs.rm("/bucket", recursive=True) if fs.exists("/bucket") else None
    result = json.dumps({"schema": "stills/people/1"}).encode()
    for name, data in {
        "a.mp4": b"x", "b.txt": b"x", "deep/c.mkv": b"x", "deep/d.mp4": b"x", ".hidden/e.mp4": b"x",
        "out/a/people.json": result, "out/a/annotated.mp4": b"x", "lists/films.csv": b"path\n../a.mp4\n../deep/c.mkv\n",
    }.items():  # fmt: skip
        fs.pipe_file(f"/bucket/{name}", data)
    return "memory://bucket"


def test_a_store_is_searched_like_a_folder(bucket: str) -> None:
    def found(*places: str, **search: object) -> list[str]:
        items = expand([f"{bucket}{place}" for place in places], Search(**search))  # type: ignore[arg-type]
        assert not [item for item in items if item.error]
        return [item.path.removeprefix(bucket) for item in items]

    assert found("/a.mp4", "/gone.mp4") == ["/a.mp4", "/gone.mp4"]  # for the probe to say
    assert found("/") == ["/a.mp4", "/deep/c.mkv", "/deep/d.mp4"]
    assert found("/deep") == ["/deep/c.mkv", "/deep/d.mp4"]
    assert found("/", "/deep/d.mp4", exclude=("*.mkv",)) == ["/a.mp4", "/deep/d.mp4"]
    assert found("/*.mp4") == ["/a.mp4"]
    assert found("/deep/*") == ["/deep/c.mkv", "/deep/d.mp4"]
    assert found("/lists/films.csv") == ["/a.mp4", "/deep/c.mkv"]


def test_what_a_store_cannot_give_is_an_entry(bucket: str) -> None:
    found = expand(
        [f"{bucket}/nothing/", f"{bucket}/no*.mp4", "nonsense://x/", "gs://bucket/film.mp4", bucket + "/a.mp4"]
    )
    assert [type(item.error) for item in found] == [DownloadError, InputError, InputError, InputError, type(None)]
    assert "stills[remote" in str(found[3].error)


def test_addresses_of_files_on_this_machine_are_paths(films: Path) -> None:
    assert [item.path for item in expand([f"file://{films / 'b.mp4'}"])] == [str(films / "b.mp4")]
