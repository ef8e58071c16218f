"""`stills cast` on small films, nothing faked: people, posters, attributes that were named, the annotated video."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from films import empty_film, face_film
from stills.cli import main
from stills.render.cast import cast_schema

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    return face_film(tmp_path / "film.mp4")


@pytest.fixture
def poster(tmp_path: Path) -> Path:
    from skimage.data import astronaut

    path = tmp_path / "poster.png"
    Image.fromarray(astronaut()).save(path)
    return path


def told(capsys: pytest.CaptureFixture[str], kind: str = "result") -> list[dict]:
    return [e for e in map(json.loads, capsys.readouterr().out.splitlines()) if e["event"] == kind]


def saved(out: Path) -> dict:
    document = json.loads((out / "film" / "cast.json").read_text())
    Draft202012Validator(cast_schema()).validate(document)
    return document


def attributes_measured(tmp_path: Path) -> set[str]:
    """Attributes of which any face in the index has a value."""
    (faces,) = (tmp_path / "cache").rglob("faces.parquet")
    table = pq.read_table(faces)
    return {name for name in ("age", "gender", "ethnicity", "emotion") if table[name].null_count < table.num_rows}


def test_the_life_of_a_cast(film: Path, poster: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = ["cast", str(film), "--poster", str(poster), "-o", str(out), "--json"]

    assert main([*command, "--dry-run"]) == 0
    assert not told(capsys)[0]["cached"]
    assert not out.exists()

    assert main(command) == 0
    (event,) = told(capsys)
    assert (event["people"], event["posters"], event["poster_faces"], event["poster_people"]) == (1, 1, 1, 1)
    document = saved(out)
    (person,) = document["people"]
    (face,) = document["posters"][0]["faces"]
    assert (document["posters"][0]["file"], face["person"]) == ("poster.png", person["id"])
    assert face["distance"] < 0.3
    assert (person["attributes"], face["attributes"], document["summary"]["attributes"]) == ({}, {}, {})
    assert attributes_measured(tmp_path) == set()
    assert (person["appearances"], person["screen_time"]) == (1, pytest.approx(2.0, abs=0.1))
    assert {Path(f).name for f in event["files"]} == {"cast.json", "person_01.jpg", "poster_1.jpg"}
    with Image.open(out / "film" / document["posters"][0]["picture"]) as drawn, Image.open(poster) as plain:
        scale = drawn.width / plain.width
        changed = np.abs(np.asarray(drawn, int) - np.asarray(plain.resize(drawn.size), int)).max(axis=2) > 60
    x, y, w, h = (round(v * scale) for v in face["bbox"])
    assert changed[y - 5 : y + 6, x + w // 4 : x + w - w // 4].any(axis=0).mean() > 0.9  # the upper edge of a box
    assert (
        changed[y + h // 3 : y + h - h // 3, x + w // 3 : x + w - w // 3].mean() < 0.1
    )  # and the face in it as it was
    assert "The cast: 1 person" in (out / "report.html").read_text()

    assert main([*command, "--dry-run"]) == 0
    assert told(capsys)[0]["cached"]
    assert main([*command, "--dry-run", "--attributes", "age"]) == 0
    assert not told(capsys)[0]["cached"]

    assert main(["forget", str(film), "-o", str(out), "-q"]) == 0
    assert not list(out.rglob("cast*"))
    assert poster.exists()


def test_only_what_is_named_is_inferred(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["cast", str(film), "-o", str(out), "-q", "--attributes", "gender,age"]) == 0
    assert attributes_measured(tmp_path) == {"age", "gender"}
    (person,) = saved(out)["people"]
    assert list(person["attributes"]) == ["age", "gender"]
    assert all(one["inferred"] for one in person["attributes"].values())
    assert 20 < person["attributes"]["age"]["value"] < 50
    assert person["attributes"]["gender"]["value"] == "female"
    page = (out / "report.html").read_text()
    assert "Inferred by models, not facts about anyone" in page
    assert "thnic" not in page
    # What is too uncertain is unknown, with the reason, and nothing is decoded for that.
    assert main(["cast", str(film), "-o", str(out), "-q", "--attributes", "gender", "--attribute-certainty", "1"]) == 0
    estimate = saved(out)["people"][0]["attributes"]["gender"]
    assert (estimate["value"], "uncertain" in estimate["reason"]) == (None, True)
    assert saved(out)["scan"]["cached"]


def test_a_poster_that_cannot_be_read_is_said_and_strict_refuses_it(
    film: Path, poster: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a picture")
    out = tmp_path / "out"
    command = ["cast", str(film), "--poster", str(bad), str(poster), "-o", str(out)]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert f"{bad}: " in captured.err
    assert captured.err.startswith("note: ")
    assert "1 of 1 face on 2 posters known" in captured.out
    first, second = saved(out)["posters"]
    assert (first["file"], first["picture"], first["faces"]) == ("bad.jpg", None, [])
    assert first["error"]
    assert second["picture"] == "cast/poster_2.jpg"
    assert saved(out)["fallbacks"][0]["code"] == "poster-unreadable"
    (out / "film" / "cast.json").unlink()
    assert main([*command, "--strict"]) == 1
    assert "--strict" in capsys.readouterr().err
    assert not (out / "film" / "cast.json").exists()


def test_nobody_is_a_result_of_its_own(poster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    film, out = empty_film(tmp_path / "film.mp4"), tmp_path / "out"
    assert main(["cast", str(film), "--poster", str(poster), "-o", str(out), "-q"]) == 4
    document = saved(out)
    assert document["people"] == []
    (face,) = document["posters"][0]["faces"]
    assert (face["person"], face["distance"], face["nearest"]) == (None, None, None)


def test_filters_leave_out_and_count(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["cast", str(film), "-o", str(out), "-q", "--max-area", "0.001"]) == 4
    assert saved(out)["dropped"]["faces_large"] > 0
    assert main(["cast", str(film), "-o", str(out), "-q", "--min-faces", "1000"]) == 4
    assert saved(out)["dropped"]["few_faces"] == 1
    assert main(["cast", str(film), "-o", str(out), "-q", "--cluster", "agglomerative"]) == 0


def test_several_films_share_a_report_but_no_posters(
    film: Path, poster: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = face_film(tmp_path / "other.mp4", seconds=1)
    out = tmp_path / "out"
    assert main(["cast", str(film), str(other), "--poster", str(poster), "-o", str(out)]) == 2
    assert "stills batch" in capsys.readouterr().err
    assert not out.exists()
    assert main(["cast", str(film), str(other), "-o", str(out), "-q"]) == 0
    assert "All films" in (out / "report.html").read_text()


@pytest.mark.parametrize("options", [["--annotate"], ["--blur", "all"]])
def test_the_video_with_its_faces_marked_or_hidden(film: Path, tmp_path: Path, options: list[str]) -> None:
    import stills

    out = tmp_path / "out"
    assert main(["cast", str(film), "-o", str(out), "-q", *options]) == 0
    document = saved(out)
    assert document["annotated"] == ("cast/blurred.mp4" if "--blur" in options else "cast/annotated.mp4")
    video = stills.probe(out / "film" / document["annotated"])
    assert (video.codec, video.width, video.height) == ("h264", 640, 360)
    assert video.duration == pytest.approx(2.0, abs=0.05)
    assert ("Video with hidden faces" in (out / "report.html").read_text()) == ("--blur" in options)
