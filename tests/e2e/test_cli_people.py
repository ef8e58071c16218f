"""The life of a film on the command line, nothing faked: dry run, people, again, report, forget."""

import json
from pathlib import Path

import pytest

from films import face_film
from stills.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    return face_film(tmp_path / "film.mp4")


def results(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [e for e in map(json.loads, capsys.readouterr().out.splitlines()) if e["event"] == "result"]


def indexes(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").rglob("meta.json"))


def test_the_life_of_a_film(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    people = ["people", str(film), "-o", str(out), "--json"]

    assert main([*people, "--dry-run"]) == 0
    (told,) = results(capsys)
    assert (told["dry_run"], told["cached"], told["out"]) == (True, False, str(out / "film"))
    assert not out.exists()
    assert not indexes(tmp_path)

    assert main(people) == 0
    (told,) = results(capsys)
    assert (told["people"], told["cached"]) == (1, False)
    assert all(Path(file).stat().st_size for file in told["files"])
    assert len(indexes(tmp_path)) == 1

    assert main([*people, "--dry-run"]) == 0
    assert results(capsys)[0]["cached"]
    assert main([*people, "--fit", "1080p", "--format", "png", "--crops", "--per-person", "2"]) == 0
    (told,) = results(capsys)
    assert told["cached"]
    document = json.loads((out / "film" / "people.json").read_text())
    (person,) = document["people"]
    assert person["still"]["file"].endswith(".png")
    assert (person["still"]["width"], person["still"]["height"]) == (1920, 1080)
    assert (out / "film" / person["still"]["crop"]).exists()
    assert not list(out.rglob("*.jpg"))

    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert "film" in (out / "report.html").read_text()
    capsys.readouterr()

    assert main(["forget", str(film), "-o", str(out), "--json"]) == 0
    assert len(results(capsys)[0]["files"]) == 2
    assert film.exists()
    assert not indexes(tmp_path)
    assert not list(out.rglob("*.json"))
    assert not (out / "report.html").exists()


def test_forgetting_an_output_folder_forgets_its_films(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    other = face_film(tmp_path / "other.mp4", seconds=1)
    assert main(["people", str(film), str(other), "-o", str(out), "-q"]) == 0
    assert len(indexes(tmp_path)) == 2
    assert main(["forget", str(out), "-q"]) == 0
    assert not indexes(tmp_path)
    assert not list(out.rglob("*.json"))
    assert other.exists()


def test_without_embeddings_no_face_vector_stays(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow.parquet as pq

    command = ["people", str(film), "-o", str(tmp_path / "out"), "--json"]
    assert main(command) == 0
    (faces,) = (tmp_path / "cache").rglob("faces.parquet")
    assert pq.read_table(faces)["embedding"].null_count < pq.read_table(faces).num_rows
    assert main([*command, "--no-embeddings"]) == 0
    for table in (tmp_path / "cache").rglob("faces.parquet"):
        column = pq.read_table(table)["embedding"]
        assert column.null_count == len(column)
    assert not list((tmp_path / "cache").rglob("*.arrow"))
    # The people are known all the same, without another scan.
    capsys.readouterr()
    assert main([*command, "--per-person", "2"]) == 0
    (told,) = results(capsys)
    assert (told["people"], told["cached"]) == (1, True)


def test_probe_says_what_a_film_is(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(film), "--json"]) == 0
    video = results(capsys)[0]["video"]
    assert (video["width"], video["height"], video["frame_rate"], video["duration"]) == (640, 360, "25/1", 2.0)
    assert main(["probe", str(film)]) == 0
    assert capsys.readouterr().out == f"{film}: 640x360, 0:02, 25 fps, h264 in mov,mp4,m4a,3gp,3g2,mj2\n"


def test_too_large_is_refused_and_can_be_allowed(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["people", str(film), "-o", str(tmp_path / "out")]
    assert main([*command, "--max-pixels", "100000"]) == 1
    assert "--max-pixels" in capsys.readouterr().err
    assert main(command) == 0
