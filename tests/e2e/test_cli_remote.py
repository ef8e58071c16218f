"""``stills --remote URL``: files, lines, events and exit codes as of work on this machine, and nothing left there."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import stills
from command import Running, leftovers
from films import empty_film, face_film
from service_server import RunningServer, serving
from stills.cli import main
from stills.cli.remote import Server

pytestmark = pytest.mark.slow

TOKEN = "ann-0123456789abcdef0123456789abcdef"  # noqa: S105 - of a server that lives for a moment


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    face_film(folder / "film.mp4", seconds=1.0, width=320, height=180)
    empty_film(folder / "empty.mp4", frames=12)
    (folder / "text.mp4").write_text("no video")
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("service"), token=TOKEN, tokens_text=f"ann {TOKEN}") as server:
        yield server


@pytest.fixture
def server(running: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunningServer:
    monkeypatch.setenv("STILLS_REMOTE_TOKEN", TOKEN)
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return running


def jobs(server: RunningServer) -> list[str]:
    return [one["id"] for one in server.client.get("/v1/jobs").raise_for_status().json()["jobs"]]


def inside(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_people_are_as_if_found_here(
    server: RunningServer, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["--crops", "--fit", "160x90", "--effort", "exhaustive"]
    film, here, there = str(films / "film.mp4"), tmp_path / "here", tmp_path / "there"
    assert main(["people", film, "-o", str(here), *how]) == 0
    said_here = capsys.readouterr()
    assert main(["--remote", server.url, "people", film, "-o", str(there), *how]) == 0
    said_there = capsys.readouterr()
    assert said_there.out == said_here.out.replace("/here", "/there")
    assert said_there.err == said_here.err == ""
    assert inside(there) == inside(here)
    one, other = (json.loads((out / "film" / "people.json").read_text()) for out in (here, there))
    assert other["video"] == one["video"]
    assert other["settings"] == one["settings"]
    assert (other["files"], other.keys()) == (one["files"], one.keys())
    assert not jobs(server)
    assert not (tmp_path / "cache" / "index").exists() or len(list((tmp_path / "cache" / "index").iterdir())) == 1
    assert not leftovers(there)

    assert main(["forget", film, "-o", str(there)]) == 0  # by the path that it has here
    assert not list(there.rglob("*.json"))


FILES = {
    "keyframes --target 2 --sheet 2x1 --explain": ("2 key frames in", "keyframes/sheet.jpg"),
    "keyframes --every 10f": ("3 frames in", "keyframes/keyframe_0003_00-00-00.800.jpg"),
    "thumbnails -k 1 --preview webp": ("1 thumbnail in", "thumbnails/preview.webp"),
    "portrait --explain": ("portrait at", "portrait/portrait.jpg"),
    "cast --min-faces 2": ("1 person in", "cast/person_01.jpg"),
}


@pytest.mark.parametrize("call", FILES)
def test_every_recipe_has_its_files(
    server: RunningServer, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], call: str
) -> None:
    recipe, *how = call.split()
    said, file = FILES[call]
    out = tmp_path / "out"
    assert main(["--remote", server.url, recipe, str(films / "film.mp4"), "-o", str(out), *how]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert said in lines[0]
    assert lines[0].endswith(f" → {out / 'film'}")
    assert lines[-1] == f"look at {out / 'report.html'}"
    assert ("score" in "".join(lines[1:-1])) == ("--explain" in how)
    document = json.loads((out / "film" / f"{recipe}.json").read_text())
    assert file in document["files"]
    assert inside(out) == sorted(
        ["report.html", f"film/{recipe}.json", *(f"film/{name}" for name in document["files"])]
    )
    assert not jobs(server)


def test_posters_go_along(
    server: RunningServer, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, poster, out = str(films / "film.mp4"), tmp_path / "poster.jpg", tmp_path / "out"
    assert main(["--remote", server.url, "thumbnails", film, "-o", str(out), "-k", "1", "-q"]) == 0
    shutil.copy(out / "film" / "thumbnails" / "thumbnail_1.jpg", poster)
    call = ["--remote", server.url, "cast", film, "--poster", str(poster), "-o", str(out), "--min-faces", "2"]
    assert main(call) == 0
    assert "1 person in 0:01, 1 of 1 face on 1 poster known →" in capsys.readouterr().out
    document = json.loads((out / "film" / "cast.json").read_text())
    (shown,) = document["posters"]
    assert (shown["path"], shown["file"], shown["picture"]) == (str(poster), "poster.jpg", "cast/poster_1.jpg")
    assert (out / "film" / "cast" / "poster_1.jpg").is_file()
    assert main([*call, "--poster", str(tmp_path / "none.jpg")]) == 2


def test_several_films_each_for_itself(
    server: RunningServer, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = shutil.copytree(films, tmp_path / "films")
    shutil.copy(films / "film.mp4", more / "zoe.mp4")
    out = tmp_path / "out"
    assert main(["--remote", server.url, "people", str(more), "-o", str(out), "--json"]) == 3
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    results = {Path(event["input"]).name: event for event in events if event["event"] == "result"}
    assert {name: event["found"] for name, event in results.items()} == {
        "film.mp4": True, "zoe.mp4": True, "empty.mp4": False,
    }  # fmt: skip
    (error,) = (event for event in events if event["event"] == "error")
    assert (Path(error["input"]).name, error["code"]) == ("text.mp4", "not-a-video")
    assert all(Path(file).stat().st_size for event in results.values() for file in event["files"])
    progress = [event for event in events if event["event"] == "progress"]
    assert {event["stage"] for event in progress} <= {"upload", "queued", "probe", "scan", "select", "render", "done"}
    assert events[-1]["event"] == "summary"
    assert (events[-1]["done"], events[-1]["nothing"], events[-1]["failed"]) == (2, 1, 1)
    assert "text.mp4" in (out / "report.html").read_text()
    assert not jobs(server)


def test_nobody_that_qualifies_is_no_error(server: RunningServer, films: Path, tmp_path: Path) -> None:
    assert main(["--remote", server.url, "people", str(films / "empty.mp4"), "-o", str(tmp_path / "out")]) == 4
    assert not jobs(server)


def test_a_job_stays_where_that_is_asked(
    server: RunningServer, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["keyframes", str(films / "film.mp4"), "-o", str(tmp_path / "out")]
    assert main(["--remote", server.url, "--keep-remote", *call]) == 0
    (kept,) = jobs(server)
    assert kept in capsys.readouterr().err
    with stills.Client(server.url, TOKEN) as client:
        client.delete(kept)


def test_a_dry_run_sends_nothing(
    server: RunningServer, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--remote", server.url, "people", str(films / "film.mp4"), "-o", str(tmp_path / "out"), "--dry-run"]
    assert main(call) == 0
    assert f"MB to {server.url} → {tmp_path / 'out' / 'film'}" in capsys.readouterr().out
    assert not jobs(server)
    assert not (tmp_path / "out").exists()


REFUSED = {
    "people FILM --workers 2": "--workers is about work on this machine",
    "people FILM --gpu": "--gpu is about",
    "people FILM --across": "--across is about",
    "people FILM --runner ray": "--runner is about",
    "cast FILM --detector yunet": "--detector is about",
    "keyframes FILM --max-memory 500": "--max-memory is about",
    "keyframes FILM --no-resume": "--resume is about",
    "thumbnails FILM --database sqlite:///x": "--database is about",
    "portrait FILM --video-timeout 5": "--video-timeout is about",
    "scan FILM": "scan works on this machine",
    "shots FILM": "shots works on this machine",
    "keyframes FILM --target 3 --every 2s": "contradict each other",
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_means_nothing_there_is_refused_before_anything_is_sent(
    server: RunningServer, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], call: str
) -> None:
    filled = [str(films / "film.mp4") if word == "FILM" else word for word in call.split()]
    said = REFUSED[call]
    assert main(["--remote", server.url, *filled]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert not jobs(server)
    assert not (tmp_path / "out").exists()


def test_settings_may_name_the_server(
    server: RunningServer,
    films: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STILLS_REMOTE", server.url)
    monkeypatch.setenv("STILLS_SCAN__EMBEDDER", "sface")
    call = [str(films / "film.mp4"), "-o", str(tmp_path / "out"), "--dry-run"]
    assert main(["people", *call]) == 0
    captured = capsys.readouterr()
    assert server.url in captured.out
    assert "scan.embedder of the settings: the server has its own" in captured.err
    assert main(["people", *call, "--workers", "2"]) == 2
    assert "--remote none" in capsys.readouterr().err
    assert main(["--remote", "none", "people", *call]) == 0
    assert "would scan" in capsys.readouterr().out
    assert main(["probe", str(films / "film.mp4")]) == 0


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://stills.example.org", True),
        ("http://10.0.0.7:8000", True),
        ("https://stills.example.org", False),
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
    ],
)
def test_a_token_that_others_can_read_is_said(
    films: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str, told: bool
) -> None:
    def nobody(server: Server) -> stills.Client:
        return stills.Client(server.url, server.token, transport=httpx.MockTransport(lambda _: httpx.Response(403)))

    monkeypatch.setattr(Server, "client", nobody)
    monkeypatch.setenv("STILLS_REMOTE_TOKEN", TOKEN)
    assert main(["--remote", url, "people", str(films / "film.mp4")]) == 1
    said = capsys.readouterr().err
    assert ("unencrypted" in said) == told
    assert TOKEN not in said


def test_the_option_in_the_wrong_place_is_told_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["people", "film.mp4", "--remote", "http://127.0.0.1:8000"]) == 2
    assert capsys.readouterr().err == "error: --remote goes before the command: stills --remote … people …\n"


@pytest.mark.parametrize("token", ["", "somebody-else"])
def test_a_wrong_token_is_one_line(
    server: RunningServer, films: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("STILLS_REMOTE_TOKEN", token)
    assert main(["--remote", server.url, "people", str(films / "film.mp4")]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {server.url}: ")
    assert "STILLS_REMOTE_TOKEN" in captured.err
    assert captured.err.count("\n") == 1
    assert "somebody-else" not in captured.err


def test_what_is_no_server_is_one_line(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stills.cli.remote_work.FIRST_TRY_S", 0.1)
    call = ["--remote", "http://127.0.0.1:1", "people", str(films / "film.mp4"), "-o", str(tmp_path), "--json"]
    assert main(call) == 1
    captured = capsys.readouterr()
    assert "no server answers there" in captured.err
    assert "stills serve" in captured.err
    assert json.loads(captured.out)["code"] == "unreachable"


def test_ctrl_c_cancels_there_and_leaves_nothing(
    server: RunningServer, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stills.service.jobs.work._claimable", lambda at: _nothing())  # queued until it is cancelled
    out = tmp_path / "out"
    call = ["--remote", server.url, "people", films / "film.mp4", films / "empty.mp4", "-o", out]
    interrupted = Running(*call)
    interrupted.until("queued", beyond=-1)
    assert jobs(server)
    interrupted.signal(signal.SIGINT)
    done = interrupted.end()
    assert done.code == 130
    assert done.lines == ["error: interrupted; 2 inputs not done — run the same command again to go on"]
    assert done.events[-1]["interrupted"]
    assert not jobs(server)
    assert not [path for path in out.rglob("*") if path.is_file()]


def _nothing() -> tuple[object, ...]:
    from sqlalchemy import false

    return (false(),)
