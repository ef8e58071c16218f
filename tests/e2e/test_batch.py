"""A batch as a user runs it: good films among broken rows, posters, addresses, parts, another run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest

import stills
from command import leftovers
from command import stills as run
from films import empty_film, face_film
from http_server import Server, serving
from stills.cancel import CancelToken
from stills.render.documents import schema_of
from stills.types import Progress

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A film with somebody, one with nobody, a text, half a film, a poster; their scans are shared."""
    from PIL import Image
    from skimage.data import astronaut

    folder = tmp_path_factory.mktemp("films")
    patch = pytest.MonkeyPatch()
    patch.setenv("STILLS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    face_film(folder / "face.mp4")
    empty_film(folder / "nobody.mp4")
    (folder / "text.mp4").write_text("not a film at all " * 100)
    (folder / "cut.mp4").write_bytes((folder / "face.mp4").read_bytes()[:1000])
    Image.fromarray(astronaut()).save(folder / "poster.png")
    (folder / "noise.jpg").write_text("not a picture")
    yield folder
    patch.undo()


def table(folder: Path, *rows: str, name: str = "films.csv", header: str = "id,trailer,posters,year") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def tables(out: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(out / "tables" / f"{name}.parquet").to_pylist()


def summary(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "batch.json").read_text())
    jsonschema.validate(document, schema_of("batch"))
    return document


def test_broken_rows_among_good_ones(films: Path, tmp_path: Path) -> None:
    path = table(
        films, "Good,face.mp4,poster.png|gone.jpg|noise.jpg,1999", "Nobody,nobody.mp4,,", "Gone,gone.mp4,,",
        "Text,text.mp4,,", "Cut,cut.mp4,,", "Again: same,face.mp4,poster.png,2001",
    )  # fmt: skip
    out = tmp_path / "out"
    done = run("batch", path, "-o", out, "--attributes", "age,gender", "--json")
    assert done.code == 3, done.err
    assert not leftovers(out)
    found = {film["film"]: film for film in tables(out, "films")}
    assert {name: film["status"] for name, film in found.items()} == {
        "Good": "partial", "Nobody": "nobody", "Gone": "skipped", "Text": "failed", "Cut": "failed",
        "Again: same": "done",
    }  # fmt: skip
    good = found["Good"]
    assert (good["people"], good["posters"], good["posters_read"], good["matched"]) == (1, 3, 1, 1)
    assert "gone.jpg: the poster is not there" in good["warnings"]
    assert json.loads(good["extra"]) == {"year": "1999"}
    assert (found["Text"]["error"], found["Cut"]["error"]) == ("not-a-video", "corrupt")
    people = tables(out, "people")
    assert [one["film"] for one in people] == ["Good", "Again: same"]
    assert 20 < people[0]["age"] < 60
    assert people[0]["emotion"] is people[0]["ethnicity_confidence"] is None
    assert all((out / one["still"]).is_file() for one in people)
    (face, other) = tables(out, "poster_faces")
    assert (face["film"], face["person"], other["film"]) == ("Good", 1, "Again: same")
    assert face["distance"] < 0.4
    assert (out / "Again_ same" / "cast.json").is_file()
    said = summary(out)
    assert said["counts"] == {"done": 1, "partial": 1, "nobody": 1, "skipped": 1, "failed": 2}
    events = done.events
    assert events[-1]["event"] == "summary"
    assert events[-1]["films"] == said["counts"]
    assert {e["film"]: e["code"] for e in events if e["event"] == "error"} == {
        "Gone": "missing", "Text": "not-a-video", "Cut": "corrupt",
    }  # fmt: skip
    report = (out / "report.html").read_text()
    assert all(f"{name} (" in report for name in ("Gone", "Text", "Cut"))

    again = run("batch", path, "-o", out, "--attributes", "age,gender", "--stop", "2", "--pickle")
    assert again.code == 0
    assert "2 films: 1 partial, 1 with nothing that qualifies" in again.err
    assert len(tables(out, "films")) == 6
    assert (out / "tables" / "people.pkl").is_file()
    assert json.loads((out / "Good" / "cast.json").read_text())["scan"]["cached"]


def test_parts_of_a_table_into_one_folder(films: Path, tmp_path: Path) -> None:
    path = table(films, *(f"F{n},{'face' if n % 2 else 'nobody'}.mp4" for n in range(5)), header="id,trailer")
    out = tmp_path / "out"
    for start, stop, code in ((3, 9, 0), (0, 2, 0), (2, 3, 4), (5, 7, 0)):
        done = run("batch", path, "-o", out, "--recipe", "people", "--start", str(start), "--stop", str(stop))
        assert done.code == code, done.err
    assert "no film lies in this part" in done.err
    assert [film["film"] for film in tables(out, "films")] == [f"F{n}" for n in range(5)]
    assert [one["film"] for one in tables(out, "people")] == ["F1", "F3"]
    assert summary(out)["pending"] == []


def test_other_recipes(films: Path, tmp_path: Path) -> None:
    path, out = table(films, "A,face.mp4,,"), tmp_path / "out"
    assert run("batch", path, "-o", out, "--recipe", "keyframes", "--target", "2").code == 0
    assert run("batch", path, "-o", out, "--recipe", "thumbnails", "-k", "1").code == 0
    frames = tables(out, "frames")
    assert [(frame["recipe"], frame["number"]) for frame in frames] == [
        ("keyframes", 1), ("keyframes", 2), ("thumbnails", 1),
    ]  # fmt: skip
    assert all((out / frame["file"]).is_file() for frame in frames)
    assert [film["recipe"] for film in tables(out, "films")] == ["keyframes", "thumbnails"]


def test_a_table_that_is_wrong_starts_nothing(films: Path, tmp_path: Path) -> None:
    path, out = table(films, "A,face.mp4,,", ",face.mp4,,", *["a,face.mp4,,"] * 30, name="bad.csv"), tmp_path / "out"
    done = run("batch", path, "-o", out, "--json")
    assert done.code == 2
    assert not out.exists()
    (event,) = done.events
    assert (event["code"], len(event["problems"])) == ("manifest", 31)
    assert event["problems"][0] == {"line": 3, "code": "id", "message": "the id is empty"}
    assert done.lines[0] == f"error: {path}: 31 problems; nothing was started — correct the table"
    assert done.lines[1] == "  line 3: the id is empty"
    assert (len(done.lines), done.lines[-1]) == (22, "  and 11 more")
    for arguments, says in (
        (("--target", "3"), "--target is no option of --recipe cast — it is one of keyframes"),
        (("--start", "3", "--stop", "2"), "stop 2 lies before start 3"),
        (("--recipe", "pantomime"), "pantomime"),
    ):
        done = run("batch", table(films, "A,face.mp4,,"), "-o", out, *arguments)
        assert done.code == 2
        assert says in done.err
    store = run("batch", table(films, "A,nonsense://b/a.mp4,,"), "-o", out)
    assert (store.code, out.exists()) == (2, False)
    assert "line 2: nonsense:// is nothing that can be fetched" in store.err


def test_dry_run_says_what_would_be_done(films: Path, tmp_path: Path) -> None:
    path, out = table(films, "A,face.mp4,gone.png,", "B,gone.mp4,,", "C,https://host/c.mp4?k=s3cret,,"), tmp_path / "o"
    done = run("batch", path, "-o", out, "--dry-run", "--recipe", "people", env={"STILLS_CACHE_DIR": str(tmp_path)})
    assert done.code == 3
    assert not out.exists()
    first, last = done.out.splitlines()
    assert first.startswith(f"A: {films / 'face.mp4'}: would scan 0:02 → ")
    assert last == f"C: https://host/c.mp4?…: would be downloaded and scanned → {out / 'C'}"
    assert "the trailer is not there: this film would be skipped" in done.err


@pytest.fixture
def server(films: Path) -> Iterator[Server]:
    with serving(films) as one:
        yield one


def test_films_and_posters_at_addresses(films: Path, server: Server, tmp_path: Path) -> None:
    user = "me:s3cret"
    path = table(
        films,
        f"A,{server.url('/face.mp4?sig=s3cret', user=user)},"
        f"{server.url('/poster.png', user=user)}|{server.url('/x.png')}",
        f"B,{server.url('/gone.mp4')},", f"C,{server.url('/status/500')},", f"D,{server.url('/html')},",
        f"E,{server.url('/short/face.mp4')},", f"F,{server.url('/flaky/nobody.mp4')},",
        header="id,trailer,posters",
    )  # fmt: skip
    out, log = tmp_path / "out", tmp_path / "log"
    done = run("batch", path, "-o", out, "--retry-delay", "0", "--json", "--log-level", "debug", "--log-file", log)
    assert done.code == 3, done.err
    found = {film["film"]: film for film in tables(out, "films")}
    assert [(film["status"], film["error"]) for film in found.values()] == [
        ("partial", None), ("skipped", "missing"), ("failed", "download"), ("failed", "not-a-video"),
        ("failed", "download"), ("nobody", None),
    ]  # fmt: skip
    assert server.asked["/status/500"] == server.asked["/flaky/nobody.mp4"] == 2
    assert (found["A"]["matched"], found["A"]["posters_read"]) == (1, 1)
    document = json.loads((out / "A" / "cast.json").read_text())
    shown = server.url("/face.mp4?…")
    assert document["video"]["path"] == found["A"]["trailer"] == shown
    assert document["posters"][0]["path"] == server.url("/poster.png")
    assert {e["input"] for e in done.events if e["event"] == "progress" and e["stage"] == "scan"} <= {
        shown, server.url("/flaky/nobody.mp4"),
    }  # fmt: skip
    assert list((out / ".stills" / "downloads").iterdir()) == []
    written = [file.read_bytes() for file in out.rglob("*") if file.is_file()]
    assert not [data for data in written if b".stills-tmp-" in data]
    assert not [
        data for data in (*written, done.out.encode(), done.err.encode(), log.read_bytes()) if b"s3cret" in data
    ]

    forgotten = run("forget", out)
    assert forgotten.code == 0, forgotten.err
    assert tables(out, "people") == tables(out, "poster_faces") == []
    assert run("batch", path, "-o", out, "--stop", "1", "--json").code == 0
    assert not json.loads((out / "A" / "cast.json").read_text())["scan"]["cached"]  # its index was erased too


def test_a_film_too_large_to_be_fetched(films: Path, server: Server, tmp_path: Path) -> None:
    big = films / "big.bin"
    big.write_bytes(bytes(1_500_000))
    path = table(films, f"A,{server.url('/big.bin')},,", f"B,face.mp4,{server.url('/big.bin')},", name="big.csv")
    result = stills.batch(path, tmp_path / "out", max_download=1)
    big.unlink()
    first, second = result.films
    assert (first.status, first.error and first.error.code) == ("failed", "limit")
    assert (second.status, second.missing_posters[0].path) == ("partial", server.url("/big.bin"))


def test_from_python(films: Path, tmp_path: Path) -> None:
    path = table(films, "A,face.mp4,,", "B,gone.mp4,,", "C,nobody.mp4,,")
    seen: list[str] = []
    steps: list[Progress] = []
    result = stills.batch(
        path, tmp_path / "out", recipe="people", min_screen_time=0.5,
        on_start=lambda row: seen.append(f"start {row.id}"), on_progress=steps.append,
        on_film=lambda film: seen.append(f"{film.id} {film.status}"),
    )  # fmt: skip
    assert seen == ["start A", "A done", "start B", "B skipped", "start C", "C nobody"]
    assert {step.path for step in steps} == {str(films / "face.mp4"), str(films / "nobody.mp4")}
    assert [film.id for film in result.of("done", "nobody")] == ["A", "C"]
    assert result.here == result.counts == {"done": 1, "partial": 0, "nobody": 1, "skipped": 1, "failed": 0}
    assert all(table.is_file() for table in result.tables)
    assert not result.interrupted


def test_a_cancelled_batch_keeps_what_is_finished(films: Path, tmp_path: Path) -> None:
    path = table(films, "A,face.mp4,,", "B,nobody.mp4,,", "C,face.mp4,,")
    token = CancelToken()
    result = stills.batch(path, tmp_path, recipe="people", cancel=token, on_film=lambda film: token.cancel())
    assert (result.interrupted, [film.id for film in result.films]) == (True, ["A"])
    assert [film["film"] for film in tables(tmp_path, "films")] == ["A"]
    assert summary(tmp_path)["pending"] == ["B", "C"]


def test_what_a_callback_raises_is_the_callers(films: Path, tmp_path: Path) -> None:
    path = table(films, "A,face.mp4,,", "B,nobody.mp4,,")

    def fail(_: object) -> None:
        raise LookupError("mine")

    for callback in ("on_progress", "on_film"):
        with pytest.raises(LookupError, match="mine"):
            stills.batch(path, tmp_path / callback, recipe="people", **{callback: fail})
    assert [film["film"] for film in tables(tmp_path / "on_film", "films")] == ["A"]


def test_a_bug_is_one_films_alone(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stills.api import people

    good = people.people

    def odd(video: str, **options: Any) -> Any:
        if "nobody" in video:
            raise ZeroDivisionError("in our code, at https://me:s3cret@host/")
        return good(video, **options)

    monkeypatch.setattr(people, "people", odd)
    result = stills.batch(table(films, "A,nobody.mp4,,", "B,face.mp4,,"), tmp_path, recipe="people")
    error = result.films[0].error
    assert error is not None
    assert (error.code, result.films[1].status) == ("bug", "done")
    assert "ZeroDivisionError" in error.details
    assert "s3cret" not in f"{error}"


def test_an_output_beside_the_films_hides_none_of_them(films: Path, tmp_path: Path) -> None:
    shutil.copy(films / "face.mp4", tmp_path)
    path = table(tmp_path, "A,face.mp4,,")
    assert run("batch", path, "-o", tmp_path, "--recipe", "people").code == 0
    assert "face.mp4: 1 person" in run("people", tmp_path, "-o", tmp_path / "people").out
