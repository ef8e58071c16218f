"""``stills faces`` and ``stills.faces``, nothing faked."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

import stills
from command import stills as run
from picture_samples import crowd, face_box, lying, overlap, woman, write
from stills.cli import main
from stills.errors import SettingsError, UsageError

pytestmark = pytest.mark.slow

PLACES = {(60, 40): 0.5, (300, 100): 2.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two faces, one lying on its side, nobody, and what is no picture."""
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    write(pictures / "two.png", crowd(900, 700, PLACES))
    write(pictures / "more" / "one.jpg", lying(woman(), 6), "JPEG", orientation=6)
    write(pictures / "nobody.png", np.full((200, 300, 3), 80, np.uint8))
    (pictures / "broken.jpg").write_bytes(b"no picture")
    (pictures / "notes.txt").write_text("not looked at")
    return pictures


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_table(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "faces.csv"
    assert main(["faces", str(folder), "--attributes", "age,emotion", "-o", str(out)]) == 3
    told = table(out)
    assert [(row["file"], row["face"]) for row in told] == [
        ("broken.jpg", ""), ("nobody.png", ""), ("two.png", "1"), ("two.png", "2"),
        (os.path.join("more", "one.jpg"), "1"),
    ]  # fmt: skip
    assert "no picture" in told[0]["error"]
    for row, ((x, y), scale) in zip(told[2:4], sorted(PLACES.items(), key=lambda item: -item[1]), strict=True):
        assert overlap(json.loads(row["bbox"]), face_box(x, y, scale)) > 0.5
        assert 20 < float(row["age"]) < 60
        assert row["emotion"] == "happy"
        assert (row["gender"], row["ethnicity"]) == ("", "")
    assert 0 < float(told[4]["emotion_confidence"]) <= 1
    said = capsys.readouterr()
    assert f"{folder / 'two.png'}: 2 faces" in said.out
    assert said.err.count("error: ") == 1


def test_the_largest_only_and_nothing_that_was_not_named(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.jsonl"
    assert main(["faces", str(folder / "*.png"), "--largest", "-o", str(out), "-q"]) == 0
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(Path(row["file"]).name, row["face"]) for row in told] == [("nobody.png", None), ("two.png", 1)]
    assert {told[1][name] for name in ("age", "gender", "ethnicity", "emotion")} == {None}


def test_events_are_json_and_files_may_be_called_anything(tmp_path: Path) -> None:
    odd = write(tmp_path / os.fsdecode(b"two\nlines \xff.png"), woman())
    done = run("faces", odd, tmp_path / "missing.png", "--json", "--attributes", "gender", "--workers", "1")
    assert done.code == 3
    (face,) = done.of(odd, "result")["faces"]
    assert face["attributes"]["gender"]["value"] == "female"
    assert done.of(tmp_path / "missing.png", "error")["code"] == "input"
    assert done.events[-1]["event"] == "summary"


def test_without_a_file_it_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faces", str(folder / "two.png")]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines] == [[str(folder / "two.png"), "1"], [str(folder / "two.png"), "2"]]


def test_the_exit_code_says_how_it_went(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "faces.csv"
    assert main(["faces", str(folder / "nobody.png"), "-o", str(out)]) == 4
    assert [row["face"] for row in table(out)] == [""]
    assert main(["faces", str(folder / "broken.jpg")]) == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["faces", str(empty)]) == 1
    assert "no picture in this folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-o", "faces.xlsx"], ".parquet"),
        (["--attributes", "wealth"], "wealth"),
        (["--detector", "eyes"], "yunet"),
        (["--certainty", "2"], "certainty"),
    ],
)
def test_what_is_wrong_with_the_call_is_said_first(
    folder: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faces", str(folder), *options]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_addresses_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faces", "https://example.org/poster.jpg"]) == 2
    assert "download the picture" in capsys.readouterr().err


def test_the_library_gives_typed_values(folder: Path) -> None:
    paths = [folder / "two.png", folder / "broken.jpg", str(folder / "more" / "one.jpg")]
    result = stills.faces(paths, attributes=("gender",), workers=2)
    assert [picture.path for picture in result] == [str(path) for path in paths]
    two, broken, one = result.pictures
    assert (two.width, two.height, len(two.faces)) == (900, 700, 2)
    assert two.faces[0].area > two.faces[1].area > 0
    assert two.faces[0].attributes["gender"].value == "female"
    assert broken.error is not None
    assert (one.width, one.height, len(one.faces)) == (512, 512, 1)
    unsure = stills.faces(paths[0], attributes=("gender",), certainty=1.0)
    assert unsure.pictures[0].faces[0].attributes["gender"].value is None
    assert stills.faces([]).rows() == []


def test_the_library_says_what_is_wrong_with_a_call(folder: Path) -> None:
    with pytest.raises(UsageError, match="certainty"):
        stills.faces(folder / "two.png", certainty=-1)
    with pytest.raises(SettingsError):
        stills.faces(folder / "two.png", attributes=("wealth",))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="yunet"):
        stills.faces(folder / "two.png", detector="eyes")


def test_a_limit_costs_the_picture_not_the_others(folder: Path) -> None:
    result = stills.faces([folder / "two.png", folder / "nobody.png"], max_pixels=100_000)
    assert result.pictures[0].error is not None
    assert "900 × 700" in result.pictures[0].error
    assert result.pictures[1].error is None
