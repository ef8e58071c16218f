"""The table of faces, in each of its forms."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

from stills.errors import OutputError, UsageError
from stills.render.documents import schema_of
from stills.render.faces import COLUMNS, face_rows, faces_document, write_faces
from stills.types import Estimate, FacesOfPicture, FoundFace

AGE = Estimate(34.26, 0.41, 0.0, 1)
WOMAN = Estimate("female", 0.93456, 0.0, 1, {"female": 0.93456, "male": 0.06544})
UNKNOWN = Estimate(None, 0.3, 0.0, 1, {"happy": 0.3}, "too uncertain")
LARGE = FoundFace((10.04, 20.0, 100.0, 120.0), 0.95, 0.8, 0.1, 5.04, -3.0, {"age": AGE, "gender": WOMAN})
SMALL = FoundFace((200.0, 20.0, 30.0, 36.0), 0.7, 0.4, 0.009, None, None, {"emotion": UNKNOWN})
TWO = FacesOfPicture("in/two.jpg", 400, 300, (LARGE, SMALL))
NOBODY = FacesOfPicture("in/nobody.jpg", 40, 30)
BROKEN = FacesOfPicture("in/broken.jpg", 0, 0, error="it is damaged — copy it again")
ODD = FacesOfPicture(os.fsdecode(b'in/a\n"b",\xff.jpg'), 40, 30, (SMALL,))
ALL = (TWO, NOBODY, BROKEN, ODD)


def rows(*pictures: FacesOfPicture, largest: bool = False) -> list[dict]:
    return [row for p in pictures for row in face_rows(p, p.path.removeprefix("in/"), largest=largest)]


def document() -> dict:
    models = {"detector": "yunet", "attributes_model": "default"}
    return faces_document(ALL, [p.path for p in ALL], models, {"attributes": ("age",)})


def test_a_row_a_face_and_one_for_a_picture_without() -> None:
    found = rows(*ALL)
    assert [(row["file"], row["face"]) for row in found[:4]] == [
        ("two.jpg", 1), ("two.jpg", 2), ("nobody.jpg", None), ("broken.jpg", None),
    ]  # fmt: skip
    assert all(list(row) == list(COLUMNS) for row in found)
    first, second, nobody, broken, _ = found
    assert (first["age"], first["age_confidence"], first["gender"], first["gender_confidence"]) == (
        pytest.approx(34.26), 0.41, "female", pytest.approx(0.9346, abs=1e-4),
    )  # fmt: skip
    assert (first["bbox"], first["yaw"], first["ethnicity"]) == ([10.0, 20.0, 100.0, 120.0], 5.0, None)
    assert (second["emotion"], second["emotion_confidence"], second["yaw"]) == (None, 0.3, None)
    assert (nobody["width"], nobody["height"], nobody["error"]) == (40, 30, None)
    assert (broken["width"], broken["error"]) == (None, "it is damaged — copy it again")


def test_the_largest_only() -> None:
    assert [(row["file"], row["face"]) for row in rows(*ALL[:3], largest=True)] == [
        ("two.jpg", 1), ("nobody.jpg", None), ("broken.jpg", None),
    ]  # fmt: skip


def test_the_document_is_as_published() -> None:
    made = json.loads(json.dumps(document()))
    jsonschema.Draft202012Validator(schema_of("faces")).validate(made)
    face = made["pictures"][0]["faces"][0]
    assert face["attributes"]["gender"]["inferred"]
    assert face["attributes"]["gender"]["model"] == "gender"
    assert set(face["attributes"]) == {"age", "gender"}


def test_all_forms_say_the_same(tmp_path: Path) -> None:
    told = rows(*ALL)
    shown = [{**row, "file": row["file"].replace("\udcff", "\\udcff")} for row in told]
    for ending in (".csv", ".jsonl", ".parquet", ".JSON"):
        write_faces(tmp_path / f"faces{ending}", document(), told)
    with (tmp_path / "faces.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["file"] for row in read] == [row["file"] for row in shown]
    assert json.loads(read[0]["bbox"]) == told[0]["bbox"]
    assert (read[1]["emotion"], read[2]["face"], read[3]["error"]) == ("", "", "it is damaged — copy it again")
    lines = (tmp_path / "faces.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == told
    assert pq.read_table(tmp_path / "faces.parquet").to_pylist() == shown
    assert json.loads((tmp_path / "faces.JSON").read_text(encoding="utf-8"))["pictures"][3]["path"] == ODD.path


def test_no_pictures_are_an_empty_table(tmp_path: Path) -> None:
    for ending in (".csv", ".jsonl", ".parquet"):
        write_faces(tmp_path / f"faces{ending}", {}, [])
    assert (tmp_path / "faces.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert (tmp_path / "faces.jsonl").read_text() == ""
    table = pq.read_table(io.BytesIO((tmp_path / "faces.parquet").read_bytes()))
    assert (table.num_rows, table.column_names) == (0, list(COLUMNS))


@pytest.mark.parametrize("name", ["faces.xlsx", "faces", ".csv"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.parquet"):
        write_faces(tmp_path / name, document(), [])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_faces(tmp_path / "file" / "faces.csv", document(), [])
