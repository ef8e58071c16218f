"""Tables over many films: the same types always, complete whoever wrote what, whole or not at all."""

from __future__ import annotations

import csv
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_samples import cast_document, estimate, face, keep, person
from stills.errors import OutputError
from stills.jobs.records import record_path, records
from stills.jobs.rows import TABLES
from stills.jobs.tables import Planned, arrow_schema, write_tables
from stills.render.documents import schema_of
from stills.render.report import FAILURES


def parquet(out: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(out / "tables" / f"{name}.parquet").to_pylist()


def jsonl(out: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "tables" / f"{name}.jsonl").read_text().splitlines()]


def as_csv(out: Path, name: str) -> list[dict[str, str]]:
    with (out / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    document = cast_document(
        [person(1, age=estimate(34.2), gender=estimate("female")), person(2, age=estimate(None, 0.3))],
        [face(1, age=estimate(35.0)), face(None)],
    )
    keep(tmp_path, "A", 0, document, posters=("p.jpg",), extra={"year": "1999"}, seconds=3.0, warnings=("odd; really",))
    keep(tmp_path, "B", 1, status="skipped")
    keep(tmp_path, "C", 2, cast_document([]), status="nobody")
    return tmp_path


def test_the_three_forms_say_the_same(out: Path) -> None:
    written = write_tables(out, pickled=True)
    assert written.rows == {"films": 3, "people": 2, "poster_faces": 2, "frames": 0}
    for name, columns in TABLES.items():
        one, two = parquet(out, name), jsonl(out, name)
        json_columns = [column for column, kind in columns.items() if kind == "json"]
        for row in one:
            row |= {column: None if row[column] is None else json.loads(row[column]) for column in json_columns}
        assert one == two == pickle.loads((out / "tables" / f"{name}.pkl").read_bytes())
        rows = as_csv(out, name)
        assert [list(row) for row in rows] == [list(columns)] * len(two)
        for text, row in zip(rows, two, strict=True):
            for column, kind in columns.items():
                value = row[column]
                read = {"real": float, "whole": int, "json": json.loads, "text": str}[kind]
                assert (None if text[column] == "" else read(text[column])) == value


def test_what_the_rows_say(out: Path) -> None:
    write_tables(out)
    first, second = parquet(out, "people")
    assert (first["film"], first["person"], first["age"], first["age_confidence"]) == ("A", 1, 34.2, 0.8)
    assert (first["gender"], first["gender_faces"], first["ethnicity"]) == ("female", 3, None)
    assert (first["still"], first["mean_area"], first["appearances"]) == ("A/cast/person_01.jpg", 0.05, 3)
    assert (second["age"], second["age_confidence"], second["gender_confidence"]) == (None, 0.3, None)
    known, stranger = parquet(out, "poster_faces")
    assert (known["person"], known["x"], known["height"], known["age"]) == (1, 1.0, 40.0, 35.0)
    assert (stranger["person"], stranger["nearest"], stranger["picture"]) == (None, 1, "A/cast/poster_1.jpg")
    a, b, c = parquet(out, "films")
    assert (a["people"], a["poster_faces"], a["matched"], a["posters_read"]) == (2, 2, 1, 1)
    assert (b["status"], b["error"], b["people"], b["duration"]) == ("skipped", "missing", None, None)
    assert (c["status"], c["people"]) == ("nobody", 0)


@pytest.mark.parametrize("films", [0, 1])
def test_types_do_not_depend_on_values(films: int, tmp_path: Path) -> None:
    if films:
        keep(tmp_path, "A", 0, status="failed")
    write_tables(tmp_path)
    for name, columns in TABLES.items():
        schema = pq.read_schema(tmp_path / "tables" / f"{name}.parquet")
        assert schema.equals(arrow_schema(columns))
        assert not {pa.null()} & set(schema.types)


def test_parts_complete_each_other_in_the_order_of_the_table(tmp_path: Path) -> None:
    keep(tmp_path, "z", 0, cast_document([person(1)]))
    write_tables(tmp_path, planned=Planned("cast", "films.csv", ("z", "a", "m"), 0, 1))
    summary = json.loads((tmp_path / "batch.json").read_text())
    assert summary["pending"] == ["a", "m"]
    keep(tmp_path, "a", 1, cast_document([person(1)]))
    keep(
        tmp_path,
        "z",
        0,
        {"frames": [], "video": cast_document([])["video"], "scan": {"coverage": 1}},
        recipe="keyframes",
    )
    write_tables(tmp_path, planned=Planned("cast", "films.csv", ("z", "a", "m"), 1, None, ("odd",)))
    assert [(f["recipe"], f["film"]) for f in parquet(tmp_path, "films")] == [
        ("cast", "z"), ("cast", "a"), ("keyframes", "z"),
    ]  # fmt: skip
    summary = json.loads((tmp_path / "batch.json").read_text())
    assert (summary["pending"], summary["warnings"], summary["start"]) == (["m"], ["odd"], 1)
    write_tables(tmp_path)  # with nothing planned, as after `stills forget`
    assert json.loads((tmp_path / "batch.json").read_text()) == summary


def test_runs_that_end_together_take_turns(tmp_path: Path) -> None:
    def run(number: int) -> None:
        keep(tmp_path, f"F{number}", number, cast_document([person(1)]))
        write_tables(tmp_path)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [film["film"] for film in parquet(tmp_path, "films")] == [f"F{number}" for number in range(6)]
    assert len(parquet(tmp_path, "people")) == 6
    assert not list(tmp_path.rglob(".stills-tmp-*"))


def test_the_summary_is_what_its_schema_says(out: Path) -> None:
    planned = Planned("cast", "films.csv", ("A", "B", "C", "D"), None, 3, ("not UTF-8",))
    for one, pickled in ((planned, False), (None, True)):
        write_tables(out, planned=one, pickled=pickled)
        summary = json.loads((out / "batch.json").read_text())
        jsonschema.validate(summary, schema_of("batch"))
    assert summary["counts"] == {"done": 1, "partial": 0, "nobody": 1, "skipped": 1, "failed": 0}
    assert summary["totals"] == {
        "duration": 120.0, "people": 2, "frames": 0, "posters": 1, "poster_faces": 2, "matched": 1, "seconds": 3.0,
    }  # fmt: skip
    assert all((out / name).is_file() for table in summary["tables"].values() for name in table["files"])
    for film in summary["films"]:
        assert list(film) == list(TABLES["films"])


def test_a_pickle_needs_nothing_of_ours(out: Path) -> None:
    write_tables(out, pickled=True)
    for path in (out / "tables").glob("*.pkl"):
        names = [argument for code, argument, _ in __import__("pickletools").genops(path.read_bytes())
                 if code.name in {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}]  # fmt: skip
        assert names == []
    keep(out, "D", 3, cast_document([person(1)]))
    write_tables(out)  # without being asked to: the old one would be wrong
    assert len(pickle.loads((out / "tables" / "people.pkl").read_bytes())) == 3


def test_what_was_erased_is_in_no_table(out: Path) -> None:
    write_tables(out)
    (out / "A" / "cast.json").unlink()
    written = write_tables(out)
    assert [film["film"] for film in parquet(out, "films")] == ["B", "C"]
    assert written.rows["people"] == written.rows["poster_faces"] == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"video": 3}', '{"schema": "stills/cast/1", "people": [{}]}'])
def test_a_damaged_result_is_one_films_alone(content: str, out: Path) -> None:
    (out / "A" / "cast.json").write_text(content)
    keep(out, "D", 3, cast_document([person(1)]))
    written = write_tables(out)
    assert {film["film"]: film["status"] for film in parquet(out, "films")} == {
        "A": "failed", "B": "skipped", "C": "nobody", "D": "done",
    }  # fmt: skip
    assert written.rows["people"] == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "stills/film/2"}'])
def test_a_damaged_record_counts_as_not_done(content: str, out: Path) -> None:
    record_path(out, "cast", "A").write_text(content)
    write_tables(out, planned=Planned("cast", "films.csv", ("A", "B", "C")))
    assert [one.id for one in records(out)] == ["B", "C"]
    assert json.loads((out / "batch.json").read_text())["pending"] == ["A"]


def test_failures_are_noted_for_the_report_and_taken_back(out: Path) -> None:
    path = out / FAILURES
    path.parent.mkdir(exist_ok=True)
    other = {"path": "other.mp4", "message": "no such file", "remedy": None}
    path.write_text(json.dumps([other]))
    write_tables(out)
    noted = json.loads(path.read_text())
    assert noted[0] == other
    assert (noted[1]["path"], noted[1]["message"]) == ("B (B.mp4)", "skipped: the trailer is not there")
    keep(out, "B", 1, cast_document([person(1)]))
    write_tables(out)
    assert json.loads(path.read_text()) == [other]


def test_a_write_that_fails_changes_nothing(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tables(out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def full(*_: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    keep(out, "D", 3, cast_document([person(1)]))
    with pytest.raises(OutputError, match="the disk is full"):
        write_tables(out)
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path in before}
    assert after == before
    assert not list(out.rglob(".stills-tmp-*"))


@pytest.mark.slow
def test_ten_thousand_films(tmp_path: Path) -> None:
    for number in range(10_000):
        keep(tmp_path, f"F{number:05}", number, status="skipped")
    written = write_tables(tmp_path)
    assert written.rows["films"] == 10_000
    assert [film["position"] for film in parquet(tmp_path, "films")] == list(range(10_000))
