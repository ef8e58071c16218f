"""The table of films: however it was saved, whatever is wrong with it."""

from __future__ import annotations

import csv
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from stills.errors import UsageError
from stills.jobs.manifest import NO_POSTERS, Manifest, ManifestError, read_manifest
from stills.render.names import folded
from stills.settings_model import BatchSettings

GOOD = "id,trailer,posters\nA,a.mp4,p.jpg|q.jpg\nB,b.mp4,\n"


def table(tmp_path: Path, content: str | bytes, **settings: str) -> Manifest:
    path = tmp_path / "films.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_manifest(path, BatchSettings(**settings))


def problems(tmp_path: Path, content: str | bytes, **settings: str) -> list[tuple[int, str]]:
    with pytest.raises(ManifestError) as caught:
        table(tmp_path, content, **settings)
    assert caught.value.exit_code == 2
    assert [p.line for p in caught.value.problems] == sorted(p.line for p in caught.value.problems)
    return [(p.line, p.code) for p in caught.value.problems]


def ids(found: Manifest) -> list[str]:
    return [film.id for film in found.films]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    rows = [["id", "trailer", "posters", "année"], ["Amélie", "é.mp4", "p.jpg|q.jpg", "2001"], ["B", "b.mp4", "", ""]]
    content = end.join(separator.join(row) for row in rows) + end
    found = table(tmp_path, content.encode(encoding))
    assert ids(found) == ["Amélie", "B"]
    first = found.films[0]
    assert (first.line, first.position, first.extra) == (2, 0, {"année": "2001"})
    assert first.trailer == str(tmp_path / "é.mp4")
    assert first.posters == (str(tmp_path / "p.jpg"), str(tmp_path / "q.jpg"))
    assert found.films[1].posters == ()
    assert (found.separator, found.encoding, found.warnings) == (separator, encoding.removesuffix("-sig"), ())


@pytest.mark.parametrize(
    ("content", "encoding", "name"),
    [
        ("Amélie – l’été".encode("cp1252"), "windows-1252", "Amélie – l’été"),
        (b"Am\xe9lie \x81", "latin-1", "Amélie \x81"),
    ],
)
def test_what_is_not_utf_8_is_said(tmp_path: Path, content: bytes, encoding: str, name: str) -> None:
    found = table(tmp_path, b"id,trailer,posters\nX,a.mp4,\n" + content + b",a.mp4,\n")
    assert found.encoding == encoding
    assert ids(found)[1] == name
    assert "line 3 is not UTF-8" in found.warnings[0]


def test_quoted_cells_hold_separators_line_ends_and_quotes(tmp_path: Path) -> None:
    content = 'id,trailer,posters,note\n"A, the ""first""",a.mp4,"p.jpg\nq.jpg; r.jpg","one\ntwo"\nB, "b,1.mp4" ,,\n'
    with pytest.raises(ManifestError, match="line 5: a quoted cell goes on after its closing quote"):
        table(tmp_path, content)
    found = table(tmp_path, content.replace('" ,,', '",,'))
    assert [(film.id, film.line) for film in found.films] == [('A, the "first"', 2), ("B", 5)]
    assert [Path(p).name for p in found.films[0].posters] == ["p.jpg", "q.jpg", "r.jpg"]
    assert found.films[0].extra == {"note": "one\ntwo"}
    assert found.films[1].trailer == str(tmp_path / "b,1.mp4")


def test_a_semicolon_between_posters_only_where_it_is_not_between_cells(tmp_path: Path) -> None:
    found = table(tmp_path, "id;trailer;posters\nA;a.mp4;'x;y.jpg'\n".replace("'", '"'))
    assert [Path(p).name for p in found.films[0].posters] == ["x;y.jpg"]


def test_the_header_decides_the_separator_not_the_rows(tmp_path: Path) -> None:
    found = table(tmp_path, "id;trailer;posters;cast\nA;a,b,c.mp4;;one, two, three, four, five, six\n")
    assert (found.separator, ids(found)) == (";", ["A"])
    one = table(tmp_path, "sep=;\r\nid;trailer;posters\r\nA;a.mp4;\r\n")
    assert (one.separator, one.films[0].line) == (";", 3)


def test_names_of_columns(tmp_path: Path) -> None:
    found = table(tmp_path, " ID , Trailer,POSTERS \nA,a.mp4,\n")
    assert ids(found) == ["A"]
    other = table(
        tmp_path, "Film;Video URL;Plakate\nA;a.mp4;p.jpg\n",
        id_column="film", trailer_column="video url", posters_column="plakate",
    )  # fmt: skip
    assert [Path(p).name for p in other.films[0].posters] == ["p.jpg"]


def test_columns_that_are_missing_with_those_that_may_be_meant(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        table(tmp_path, "film_id,trailers,posters\nA,a.mp4,\n")
    said = [p.message for p in caught.value.problems]
    assert "no column 'id': did you mean 'film_id'? (--id-column names another)" in said[0]
    assert "no column 'trailer': did you mean 'trailers'?" in said[1]
    with pytest.raises(ManifestError, match="there are: 'foo', 'bar'"):
        table(tmp_path, "foo,bar\n1,2\n")
    with pytest.raises(ManifestError, match="did you mean 'poster'"):
        table(tmp_path, "id,trailer,poster\nA,a.mp4,p.jpg\n")
    assert problems(tmp_path, "id,trailer,posters,ID\nA,a.mp4,,B\n") == [(1, "columns")]


def test_no_posters_is_a_warning_unless_a_column_was_named(tmp_path: Path) -> None:
    content = "id,trailer\nA,a.mp4\n"
    assert table(tmp_path, content).warnings == (NO_POSTERS,)
    assert problems(tmp_path, content, posters_column="plakate") == [(1, "columns")]


def test_every_problem_is_found_with_its_line(tmp_path: Path) -> None:
    content = (
        "id,trailer,posters\n"
        "A,a.mp4,\n"  # 2
        ",b.mp4,\n"
        "C,,\n"
        "D,d.mp4\n"  # 5
        "E,e.mp4,,more\n"
        "a,f.mp4,\n"
        "A,g.mp4,\n"
        "../..,h.mp4,\n"
        "tables,i.mp4,\n"  # 10
        "\n"
        ",,\n"
        ".stills,j.mp4,,,\n"
        '"K,k.mp4,\n'
        "L,l.mp4,\n"
    )
    assert problems(tmp_path, content) == [
        (3, "id"), (4, "trailer"), (5, "cells"), (6, "cells"), (7, "duplicate"), (8, "duplicate"), (9, "id"),
        (10, "id"), (14, "row"),
    ]  # fmt: skip


def test_dot_stills_and_names_that_only_differ_in_what_folders_do_not_tell_apart(tmp_path: Path) -> None:
    found = table(tmp_path, "id,trailer,posters\n.stills,a.mp4,\na/b,b.mp4,\nCON,c.mp4,\n")
    assert [film.folder for film in found.films] == ["stills", "a_b", "_CON"]
    assert "'.stills' → 'stills' and 2 more" in found.warnings[0]
    with pytest.raises(ManifestError, match="would share its folder with 'a/b' of line 2"):
        table(tmp_path, "id,trailer,posters\na/b,a.mp4,\na:b,b.mp4,\n")
    with pytest.raises(ManifestError, match="differ in upper and lower case alone"):
        table(tmp_path, "id,trailer,posters\nÄ,a.mp4,\nä,b.mp4,\n")


@given(st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=6))
def test_no_id_ever_leaves_the_output_folder(names: list[str]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "films.csv"
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            csv.writer(file).writerows([["id", "trailer", "posters"], *([name, "a.mp4", ""] for name in names)])
        try:
            found = read_manifest(path)
        except ManifestError:
            reject()
        folders = [film.folder for film in found.films]
        assert len({folded(name) for name in folders}) == len(folders)
        for name in folders:
            assert os.path.basename(name) == name
            assert name not in {"", ".", "..", "tables", ".stills"}
            assert not name.startswith(".")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"PK\x03\x04" + bytes(100), "spreadsheet"),
        (b"\x00\x01\x02\x03" * 50, "zero bytes"),
        (b"\xff\xfea\x00b", "UTF-16"),
        (bytes(range(1, 9)) * 50, "control characters"),
        (b"id,trailer,posters\n", "no film below"),
        (b"id,trailer,posters\n,,\n\n", "no film below"),
        (b'"id,trailer,posters\nA,a.mp4,\n', "line 1: a quote is opened here and never closed"),
        (b"hello world", "there is no column 'id'"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(ManifestError, match=says) as caught:
        table(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.csv", tmp_path / "a\0b"):
        with pytest.raises(ManifestError, match="cannot be read"):
            read_manifest(path)


def test_an_unclosed_quote_in_a_long_table_is_one_problem(tmp_path: Path) -> None:
    rows = "".join(f"F{i},a{i}.mp4,\n" for i in range(100_000))
    assert problems(tmp_path, f'id,trailer,posters\nA,a.mp4,\n"B,b.mp4,\n{rows}') == [(3, "row")]


def test_ten_thousand_rows(tmp_path: Path) -> None:
    rows = "".join(f"tt{i:07d};films/{i}.mp4;p/{i}a.jpg|p/{i}b.jpg;{i}\n" for i in range(10_000))
    found = table(tmp_path, "id;trailer;posters;year\n" + rows)
    assert len(found.films) == 10_000
    last = found.films[-1]
    assert (last.position, last.line, last.extra) == (9_999, 10_001, {"year": "9999"})


def test_a_part_is_a_slice(tmp_path: Path) -> None:
    found = table(tmp_path, "id,trailer,posters\n" + "".join(f"F{i},a.mp4,\n" for i in range(5)))
    assert [f.id for f in found.part(1, 3)] == ["F1", "F2"]
    assert [f.id for f in found.part(3)] == ["F3", "F4"]
    assert len(found.part(stop=99)) == 5
    assert found.part(5) == found.part(2, 2) == ()
    for start, stop in ((-1, None), (0, -1), (3, 2)):
        with pytest.raises(UsageError):
            found.part(start, stop)


def test_addresses_and_paths(tmp_path: Path) -> None:
    content = (
        f"id,trailer,posters\nA,https://u:p@host/a.mp4?k=1,s3://b/p.jpg|p.jpg\nB,file:///x%20y.mp4,{tmp_path}/q.jpg\n"
    )
    first, second = table(tmp_path, content).films
    assert (first.trailer, first.posters[0]) == ("https://u:p@host/a.mp4?k=1", "s3://b/p.jpg")
    assert first.posters[1] == str(tmp_path / "p.jpg")
    assert (second.trailer, second.posters) == ("/x y.mp4", (f"{tmp_path}/q.jpg",))


def test_the_error_crosses_processes(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        table(tmp_path, "id,trailer,posters\n,a.mp4,\nB,,\n")
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == caught.value.problems
    assert str(again) == str(caught.value)
    assert "line 2: the id is empty (and 1 more)" in str(again)


def test_good_is_good(tmp_path: Path) -> None:
    found = table(tmp_path, GOOD)
    assert found.columns == ("id", "trailer", "posters")
    assert [len(film.posters) for film in found.films] == [2, 0]
