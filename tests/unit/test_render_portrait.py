"""The portrait as a document, its picture, and its section of the report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from render_samples import pick, picture, report, video
from report_samples import page
from stills.errors import CorruptVideoError
from stills.jobs.records import FilmOutcome
from stills.jobs.rows import film_rows
from stills.render.documents import schema_of
from stills.render.metadata import read_metadata
from stills.render.pictures import OutputOptions
from stills.render.portrait import portrait_document, write_portrait
from stills.types import COVER_PTS, Fallback, Pick, Shot
from stills.types_portrait import PortraitSelection, StepReport

FACE = (40.0, 20.0, 60.0, 50.0)
SHOTS = (Shot(0.0, 10.0), Shot(10.0, 225.25, "cut"))
COVER = Pick(COVER_PTS, 0.0, 0.7, {"size": 0.9, "quality": 0.78}, (10.0, 10.0, 20.0, 20.0), faces=((10, 10, 20, 20),))
BEST = Pick(375000, 12.5, 0.8, {"size": 0.9, "quality": 0.89}, FACE, faces=(FACE, (110.0, 10.0, 8.0, 9.0)))
STEPS = [StepReport("key-frames", 40, True, 1.25), StepReport("near-best", 11, True, 0.5, cached=True)]


def selected(frame: Pick | None, **changes: Any) -> PortraitSelection:
    values: dict[str, Any] = {
        "frame": frame,
        "runners_up": (pick(2.0, 0.5),),
        "qualified": frame is not None,
        "reason": None if frame is not None else "no face qualifies",
        "shots": SHOTS,
        "settings": {},
        "dropped": {"small": 3},
    }
    return PortraitSelection(**{**values, **changes})


def document(frame: Pick | None, **changes: Any) -> dict[str, Any]:
    made = portrait_document(
        video(), selected(frame, **changes), report(), {}, {"min_face": "12%"}, [Fallback("x", "y")], partial=True
    )
    made["scan"]["steps"] = [asdict(step) for step in STEPS]
    return made


def saved(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "film" / "portrait.json").read_text())
    schema = schema_of("portrait")
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)
    return found


def test_a_portrait_as_json_and_file(tmp_path: Path) -> None:
    made = document(BEST)
    before = json.dumps(made)
    Draft202012Validator(schema_of("portrait")).validate(made)
    told: list[tuple[int, int]] = []
    rgb = picture(160, 90, 1)
    paths = write_portrait(
        tmp_path, "film", made, {375000: rgb}, OutputOptions(format="png"), on_picture=lambda *n: told.append(n)
    )
    assert json.dumps(made) == before
    assert [path.name for path in paths] == ["portrait.png", "portrait.json"]
    assert told == [(1, 1)]
    result = saved(tmp_path)
    frame = result["frame"]
    assert frame == frame | {"file": "portrait/portrait.png", "time": 12.5, "pts": 375000, "shot": 2, "cover": False}
    assert frame == frame | {"bbox": list(FACE), "face": list(FACE), "width": 160, "height": 90, "score": 0.8}
    assert frame["faces"][1] == [110.0, 10.0, 8.0, 9.0]
    assert (result["qualified"], result["reason"], result["files"]) == (True, None, ["portrait/portrait.png"])
    assert result["runners_up"][0]["file"] is None
    assert result["scan"]["steps"][1] == {
        "step": "near-best", "frames": 11, "qualified": True, "seconds": 0.5, "cached": True
    }  # fmt: skip
    with Image.open(tmp_path / "film" / "portrait" / "portrait.png") as image:
        assert np.array_equal(np.asarray(image), rgb)
    about = read_metadata(tmp_path / "film" / "portrait" / "portrait.png")
    assert about is not None
    assert (about.source, about.time, about.pts) == ("film.mp4", 12.5, 375000)


def test_a_picture_that_is_made_to_fit_says_where_the_face_is(tmp_path: Path) -> None:
    write_portrait(tmp_path, "film", document(BEST), {375000: picture(160, 90, 1)}, OutputOptions(fit=(64, 72)))
    frame = saved(tmp_path)["frame"]
    assert (frame["width"], frame["height"]) == (64, 72)
    assert frame["window"][2] == pytest.approx(80, abs=1)
    x, y, width, height = frame["face"]
    assert (width, height) == (48, 40)
    assert 0 <= x <= 64 - width
    assert y == 16


def test_the_cover_has_no_time(tmp_path: Path) -> None:
    write_portrait(tmp_path, "film", document(COVER), {COVER_PTS: picture(64, 96, 2)})
    frame = saved(tmp_path)["frame"]
    assert frame == frame | {"time": None, "pts": None, "shot": None, "cover": True, "file": "portrait/portrait.jpg"}


def test_no_portrait_is_null_with_the_reason_and_removes_the_old_one(tmp_path: Path) -> None:
    write_portrait(tmp_path, "film", document(BEST), {375000: picture(160, 90, 1)})
    paths = write_portrait(tmp_path, "film", document(None), {})
    assert [path.name for path in paths] == ["portrait.json"]
    result = saved(tmp_path)
    assert (result["frame"], result["reason"], result["files"]) == (None, "no face qualifies", [])
    assert not (tmp_path / "film" / "portrait" / "portrait.jpg").exists()


def test_a_picture_that_cannot_be_had(tmp_path: Path) -> None:
    write_portrait(tmp_path, "film", document(BEST), {})
    result = saved(tmp_path)
    assert result["frame"]["file"] is None
    assert result["fallbacks"][-1]["code"] == "picture-missing"

    class Broken(dict[int, Any]):
        def get(self, key: int, default: Any = None) -> Any:
            raise CorruptVideoError("gone")

    with pytest.raises(CorruptVideoError):
        write_portrait(tmp_path / "other", "film", document(BEST), Broken())
    assert not (tmp_path / "other" / "film" / "portrait.json").exists()


def test_the_report_shows_the_portrait(tmp_path: Path) -> None:
    write_portrait(tmp_path, "film", document(BEST), {375000: picture(160, 90, 1)})
    got = page(tmp_path)
    assert [a["alt"] for a in got.all("img")] == ["Portrait, at 0:12.5"]
    assert "1 portrait" in got.text
    assert "Looked at key frames, then what is near the best" in got.text
    assert "Size 0.90" in got.text
    assert "Shot 2 · 2 faces" in got.text
    assert "0:02.0" in got.text  # the runner-up


@pytest.mark.parametrize("frame", [None, COVER])
def test_the_report_shows_what_there_is(tmp_path: Path, frame: Pick | None) -> None:
    write_portrait(tmp_path, "film", document(frame), {COVER_PTS: picture(64, 96, 2)})
    got = page(tmp_path)
    assert ("No face qualifies" in got.text or "no face qualifies" in got.text) == (frame is None)
    assert ("Cover picture" in got.text) == (frame is not None)


def test_a_damaged_result_is_named_in_the_report(tmp_path: Path) -> None:
    write_portrait(tmp_path, "film", document(BEST), {375000: picture(160, 90, 1)})
    path = tmp_path / "film" / "portrait.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "frame": [1, 2]}))
    assert "the result is damaged" in page(tmp_path).text


@pytest.mark.parametrize(("frame", "count"), [(BEST, 1), (None, 0)])
def test_a_batch_has_a_row_for_it(tmp_path: Path, frame: Pick | None, count: int) -> None:
    write_portrait(tmp_path, "film", document(frame), {375000: picture(160, 90, 1)})
    outcome = FilmOutcome(
        recipe="portrait", position=0, line=2, id="film", folder="film", trailer="film.mp4", posters=(), extra={},
        status="done" if count else "nobody", found=count, result="film/portrait.json",
    )  # fmt: skip
    rows = film_rows(tmp_path, outcome)
    assert rows is not None
    assert rows.film["frames"] == count
    assert [row["file"] for row in rows.tables["frames"]] == ["film/portrait/portrait.jpg"] * count
