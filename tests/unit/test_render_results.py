from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from numpy.typing import NDArray
from PIL import Image

from render_samples import person, pick, picture, report, selection, video
from stills.errors import OutputError
from stills.render import writing
from stills.render.metadata import read_metadata
from stills.render.pictures import OutputOptions
from stills.render.results import people_document, people_schema, to_json, write_people
from stills.types import Box, Fallback

FACE: Box = (60.0, 20.0, 30.0, 40.0)
MODELS = {"detect": {"name": "yunet", "sha256": "49f0"}}


def document(*, extra_still: bool = False, path: str = "film.mp4", people: int = 2) -> dict[str, Any]:
    stills = [pick(30.0000004, box=FACE), *([pick(12.5, 0.7, FACE)] if extra_still else [])]
    everyone = [
        person(1, [(1.00000049, 4.0), (28.0, 33.5)], stills, [pick(3.2, 0.61, FACE)]),
        person(2, [(50.0, 52.0)], [pick(51.0, 0.5, None)]),
    ]
    return people_document(
        video(path, warnings=("cover art",)),
        selection(*everyone[:people]),
        report(),
        MODELS,
        {"min_face": 24},
        [Fallback("sampled", "no scene cuts were found")],
        warnings=["cover art", "damaged end"],
        partial=True,
    )


def frames(doc: dict[str, Any]) -> dict[int, NDArray[np.uint8]]:
    picks = sorted(s["pts"] for p in doc["people"] for s in p["stills"])
    return {pts: picture(160, 90, seed) for seed, pts in enumerate(picks)}


def check(doc: object) -> None:
    Draft202012Validator.check_schema(people_schema())
    Draft202012Validator(people_schema()).validate(doc)


def test_the_document_keeps_to_the_schema_and_the_contract() -> None:
    doc = document()
    check(doc)
    assert doc["video"] == doc["video"] | {
        "path": "film.mp4", "duration": 225.25, "width": 1280, "height": 720, "rotation": 0,
        "frame_rate": 29.97003, "variable_frame_rate": False, "codec": "h264", "hdr": "none",
    }  # fmt: skip
    assert doc["scan"] == doc["scan"] | {"effort": "balanced", "frames_total": 6751, "coverage": 0.9871}
    assert doc["fallbacks"] == [{"code": "sampled", "message": "no scene cuts were found"}]
    assert doc["warnings"] == ["cover art", "damaged end"]
    one = doc["people"][0]
    assert one["spans"][0] == [1.0, 4.0]
    assert one["still"]["time"] == 30.0
    assert one["still"] == one["stills"][0]
    assert one["runners_up"][0]["reasons"]["sharpness"] == 0.91
    assert one["screen_time"] == pytest.approx(8.5)


def test_the_schema_refuses_what_is_wrong() -> None:
    validator = Draft202012Validator(people_schema())
    for change in (
        lambda d: d.pop("people"),
        lambda d: d["people"][0].pop("spans"),
        lambda d: d["people"][0]["still"].update(score=1.5),
        lambda d: d["people"][0]["still"].pop("file"),
        lambda d: d["people"][0]["still"].update(file="/etc/passwd"),
        lambda d: d["people"][0]["spans"].append([1.0]),
        lambda d: d["video"].update(hdr="yes"),
        lambda d: d.update(schema="stills/people/2"),
    ):
        doc = document()
        assert validator.is_valid(doc)
        change(doc)
        assert not validator.is_valid(doc)


def test_nobody_and_unknown_values_are_valid_too() -> None:
    empty = people_document(
        video(frame_rate=None, duration=0.0, bit_rate=None), selection(), report(frames_total=None), {}, {}, []
    )
    check(empty)
    assert empty["people"] == []
    assert empty["video"]["frame_rate"] is None


def test_files_are_where_the_json_says_and_know_what_they_are(tmp_path: Path) -> None:
    doc = document(extra_still=True)
    before = json.dumps(doc)
    paths = write_people(tmp_path, "film", doc, frames(doc), OutputOptions(crops=True))
    assert json.dumps(doc) == before
    assert paths[-1] == tmp_path / "film" / "people.json"
    saved = json.loads(paths[-1].read_text())
    check(saved)
    names = sorted(path.name for path in paths[:-1])
    assert names == ["person_01.jpg", "person_01_2.jpg", "person_01_2_face.jpg", "person_01_face.jpg", "person_02.jpg"]
    assert sorted(os.listdir(tmp_path / "film" / "people")) == names
    assert sorted(os.listdir(tmp_path / "film")) == ["people", "people.json"]
    still = saved["people"][0]["still"]
    assert still["file"] == "people/person_01.jpg"
    assert still["crop"] == "people/person_01_face.jpg"
    assert still == saved["people"][0]["stills"][0]
    assert (still["width"], still["height"], still["face"]) == (160, 90, [60.0, 20.0, 30.0, 40.0])
    assert saved["people"][1]["still"]["crop"] is None
    about = read_metadata(tmp_path / "film" / still["file"])
    assert about is not None
    assert (about.source, about.pts, about.person, about.score) == ("film.mp4", still["pts"], 1, still["score"])
    with Image.open(tmp_path / "film" / still["crop"]) as crop:
        assert crop.height > crop.width


def test_each_still_shows_its_own_frame(tmp_path: Path) -> None:
    doc = document(extra_still=True)
    pictures = frames(doc)
    write_people(tmp_path, "film", doc, pictures, OutputOptions(format="png"))
    for one in json.loads((tmp_path / "film" / "people.json").read_text())["people"]:
        for still in one["stills"]:
            with Image.open(tmp_path / "film" / still["file"]) as image:
                assert np.array_equal(np.asarray(image), pictures[still["pts"]])


def test_fitted_pictures_say_where_the_face_is(tmp_path: Path) -> None:
    doc = document(people=1)
    write_people(tmp_path, "film", doc, frames(doc), OutputOptions(fit=(90, 160), format="webp"))
    still = json.loads((tmp_path / "film" / "people.json").read_text())["people"][0]["still"]
    assert still["file"] == "people/person_01.webp"
    assert (still["width"], still["height"]) == (90, 160)
    x, y, w, h = still["face"]
    assert (w, h) == (pytest.approx(30 * 16 / 9, abs=0.1), pytest.approx(40 * 16 / 9, abs=0.1))
    assert 0 <= x <= 90 - w
    assert 0 <= y <= 160 - h
    with Image.open(tmp_path / "film" / still["file"]) as image:
        assert image.size == (90, 160)


class Decoder(Mapping[int, NDArray[np.uint8]]):
    """Hands out frames as a decoder would, and notes who asked."""

    def __init__(self, pictures: dict[int, NDArray[np.uint8]]) -> None:
        self.pictures = pictures
        self.asked: list[int] = []

    def __getitem__(self, pts: int) -> NDArray[np.uint8]:
        self.asked.append(pts)
        return self.pictures[pts]

    def __iter__(self) -> Iterator[int]:
        return iter(self.pictures)

    def __len__(self) -> int:
        return len(self.pictures)


def test_frames_are_asked_for_once_and_in_order(tmp_path: Path) -> None:
    shared = pick(51.0, box=FACE)
    doc = people_document(
        video(),
        selection(*(person(i, [(50, 52)], [shared, pick(60 - i, box=FACE)]) for i in (1, 2, 3))),
        report(), {}, {}, [],
    )  # fmt: skip
    decoder = Decoder(frames(doc))
    assert len(write_people(tmp_path, "film", doc, decoder)) == 7
    assert decoder.asked == sorted(decoder.pictures)


def test_a_frame_that_could_not_be_decoded_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    doc = document()
    pictures = frames(doc)
    del pictures[doc["people"][1]["still"]["pts"]]
    with caplog.at_level(logging.WARNING):
        write_people(tmp_path, "film", doc, pictures)
    saved = json.loads((tmp_path / "film" / "people.json").read_text())
    check(saved)
    assert saved["people"][1]["still"]["file"] is None
    assert [f["code"] for f in saved["fallbacks"]] == ["sampled", "picture-missing"]
    assert "person 2" in caplog.text


def test_a_second_run_replaces_the_first_and_leaves_the_users_files(tmp_path: Path) -> None:
    first = document(extra_still=True)
    write_people(tmp_path, "film", first, frames(first), OutputOptions(crops=True))
    folder = tmp_path / "film" / "people"
    for mine in ("notes.txt", "person_01 (copy).jpg", "person_1.jpg"):
        (folder / mine).write_text("mine")
    second = document(people=1)
    write_people(tmp_path, "film", second, frames(second), OutputOptions(format="png"))
    assert sorted(os.listdir(folder)) == ["notes.txt", "person_01 (copy).jpg", "person_01.png", "person_1.jpg"]


def test_a_full_disk_leaves_the_old_result_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = document()
    write_people(tmp_path, "film", first, frames(first))

    def tree() -> dict[str, bytes]:
        return {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    before = tree()
    written: list[Path] = []
    original = writing.atomic_write

    def full(path: Path, data: bytes) -> Path:
        if len(written) == 1:
            raise OutputError("the disk is full", path=str(path))
        written.append(path)
        return original(path, data)

    monkeypatch.setattr(writing, "atomic_write", full)
    with pytest.raises(OutputError):
        write_people(tmp_path, "film", document(extra_still=True), frames(document(extra_still=True)))
    assert tree() == before


def test_a_json_on_disk_means_that_its_pictures_are_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = document()
    write_people(tmp_path, "film", first, frames(first))
    original = writing.move_all

    def interrupted(source: Path, target: Path, names: list[str]) -> list[Path]:
        original(source, target, [name for name in names if name != "person_02.jpg"])
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "move_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_people(tmp_path, "film", first, frames(first))
    assert sorted(os.listdir(tmp_path / "film")) == ["people", "people.unfinished"]


def test_json_takes_any_file_name_and_no_nonsense() -> None:
    data = to_json(document(path="caf\u00e9 \udcff\n.mp4"))
    assert "café".encode() in data
    assert json.loads(data)["video"]["path"] == "café \udcff\n.mp4"
    assert data == to_json(document(path="caf\u00e9 \udcff\n.mp4"))
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json({"score": float("nan")})


def test_an_output_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    doc = document()
    with pytest.raises(OutputError, match="--out"):
        write_people(tmp_path / "out", "film", doc, frames(doc))
