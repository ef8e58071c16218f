"""People over several films on the command line: told apart, named by a photo, corrected, forgotten; nothing faked."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from face_samples import portrait
from films import empty_film, face_film
from stills.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "films"
    folder.mkdir()
    face_film(folder / "a.mp4", seconds=1)
    face_film(folder / "b.mp4", seconds=1, width=480, height=270)
    empty_film(folder / "nobody.mp4")
    return folder


def photo(path: Path, *, twice: bool = False) -> Path:
    rgb = portrait()[..., ::-1]
    Image.fromarray(np.concatenate([rgb, rgb], axis=1) if twice else rgb).save(path)
    return path


def results(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [e for e in map(json.loads, capsys.readouterr().out.splitlines()) if e["event"] == "result"]


def test_the_life_of_a_library(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["people", str(films), "-o", str(out), "--across", "--json"]) == 0
    told = results(capsys)[-1]
    assert (told["people"], told["several"], told["videos"], told["added"]) == (1, 1, 3, 3)
    document = json.loads((out / "across.json").read_text())
    (person,) = document["people"]
    assert [document["videos"][one["video"]]["folder"] for one in person["appearances"]] == ["a", "b"]
    assert "The same people in several videos" in (out / "report.html").read_text()

    face_film(films / "c.mp4", seconds=1.2)
    assert main(["people", str(films), "-o", str(out), "--across", "--json"]) == 0
    assert results(capsys)[-1]["added"] == 1

    ann = photo(tmp_path / "ann.png")
    assert main(["people", "--across", str(out), "--who", f"Ann={ann}", "--json"]) == 0
    told = results(capsys)[-1]
    assert (told["added"], told["who"]) == (0, {"Ann": person["id"]})
    assert (out / "across" / f"Ann_{person['id']:04d}" / "a.jpg").is_file()
    assert json.loads((out / "across.json").read_text())["people"][0]["name"] == "Ann"

    assert main(["people", "--across", str(out), "--dry-run", "--json"]) == 0
    assert results(capsys)[-1]["videos"] == 4
    assert main(["who", "list", str(out)]) == 0
    assert "Ann: 3 videos" in capsys.readouterr().out
    assert main(["who", "split", str(out), "Ann", "b"]) == 0
    capsys.readouterr()
    assert main(["who", "rebuild", str(out), "--json"]) == 0
    assert results(capsys)[-1]["people"] == 2
    assert main(["who", "rename", str(out), "Ann", "Anna"]) == 0
    assert main(["who", "merge", str(out), "Anna", "2"]) == 0
    assert "Anna: 3 videos" in capsys.readouterr().out

    assert main(["forget", str(out)]) == 0
    assert not (out / "across.json").exists()
    assert not (out / "across").exists()
    assert not (out / "report.html").exists()


def test_photos_that_will_not_do(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["people", str(films / "a.mp4"), "-o", str(out), "-q"]) == 0
    Image.new("RGB", (200, 200), (90, 120, 90)).save(tmp_path / "grass.png")
    (tmp_path / "text.jpg").write_text("no picture")
    across = ["people", "--across", str(out)]
    for who, code, said in [
        (f"Ann={photo(tmp_path / 'two.png', twice=True)}", 1, "2 faces"),
        (f"Ann={tmp_path / 'grass.png'}", 1, "no face"),
        (f"Ann={tmp_path / 'text.jpg'}", 1, "cannot be read"),
        (f"Ann={tmp_path / 'gone.jpg'}", 1, "no such photo"),
        ("Ann", 2, "NAME=PHOTO"),
        ("=x.jpg", 2, "NAME=PHOTO"),
    ]:
        assert main([*across, "--who", who]) == code
        assert said in capsys.readouterr().err
    assert not (out / "across.json").exists()


def test_calls_that_make_no_sense(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["people", str(films), "-o", out, "--who", "Ann=x.jpg"]) == 2
    assert "--across" in capsys.readouterr().err
    assert main(["people", str(films), "-o", out, "--across", "--no-embeddings"]) == 2
    assert "without their embeddings" in capsys.readouterr().err
    assert not Path(out).exists()
    assert main(["who", "list", str(films)]) == 1
    assert "not told apart" in capsys.readouterr().err
