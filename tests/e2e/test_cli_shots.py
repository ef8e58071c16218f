"""``stills shots`` as a user meets it: on films whose cuts and dissolves we painted."""

from __future__ import annotations

import json
import os
import pty
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import opentimelineio as otio
import pytest

import stills as library
from command import environment, stills
from stills.media.encode import write_video
from stills.render.documents import schema_of

pytestmark = pytest.mark.slow

RATE = 25
SIZE = (320, 180)


def scene(seed: int) -> np.ndarray:
    """A picture of its own: soft colours with shapes on them."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.uniform(30, 220, (5, 8, 3)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        x, y, size = (int(v) for v in rng.integers(20, 160, 3))
        cv2.rectangle(picture, (x, y), (x + size, y + size // 2), rng.uniform(0, 255, 3).tolist(), -1)
    return np.clip(picture, 0, 255)


def film(path: Path, *lengths: int, dissolve: int = 0) -> Path:
    """Shots of ``lengths`` frames with cuts between, the last after a dissolve of that many frames."""
    pictures = [np.repeat(scene(n)[None], length, axis=0) for n, length in enumerate(lengths)]
    frames = np.concatenate(pictures)
    if dissolve:
        share = (np.arange(1, dissolve + 1) / (dissolve + 1))[:, None, None, None]
        at = len(frames) - lengths[-1]
        frames[at : at + dissolve] = (1 - share) * scene(len(lengths) - 2) + share * scene(len(lengths) - 1)
    with write_video(path, *SIZE, Fraction(RATE)) as writer:
        for frame in frames:
            writer.write(frame.astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shots")
    film(path / "cuts.mp4", 40, 30, 50)
    film(path / "mixed.mp4", 40, 40, 60, dissolve=20)
    return path


@pytest.fixture(scope="module")
def env(folder: Path) -> dict[str, str]:
    """A cache of its own, and no models to be had: shots need none."""
    nothing = folder / "no models"
    nothing.mkdir()
    return {"STILLS_CACHE_DIR": str(folder / "cache"), "STILLS_MODELS_DIR": str(nothing), "PIP_INDEX_URL": "none:"}


def test_a_pipe_gets_lines_with_tabs(folder: Path, env: dict[str, str]):
    done = stills("shots", folder / "cuts.mp4", env=env)
    assert done.code == 0
    assert not done.errors
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert rows == [
        ["1", "0.000000", "1.600000", "1.600000", "none", str(folder / "cuts.mp4")],
        ["2", "1.600000", "2.800000", "1.200000", "cut", str(folder / "cuts.mp4")],
        ["3", "2.800000", "4.800000", "2.000000", "cut", str(folder / "cuts.mp4")],
    ]
    assert not list(folder.rglob("*.json")) or "cache" in str(next(folder.rglob("*.json")))


def test_a_terminal_gets_a_table(folder: Path, env: dict[str, str]):
    ours, theirs = pty.openpty()
    pid = os.fork()
    if pid == 0:  # the command, with a terminal as its standard output
        os.dup2(theirs, 1)
        os.execve(  # noqa: S606 - no shell is wanted
            sys.executable,
            [sys.executable, "-m", "stills", "shots", str(folder / "mixed.mp4")],
            environment(**env),
        )
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how a terminal ends on Linux
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    lines = [line.split() for line in said.decode().splitlines()]
    assert lines[0][-4:] == ["3", "shots", "in", "0:06"]
    assert lines[1] == ["shot", "start", "end", "length", "begins", "with"]
    assert lines[3] == ["2", "0:01.600", lines[4][1], lines[3][3], "s", "cut"]
    assert lines[4][-4:-2] == ["dissolve", "of"]


def test_every_format_is_written_and_says_the_same(folder: Path, env: dict[str, str], tmp_path: Path):
    done = stills("shots", folder / "mixed.mp4", "-o", tmp_path, "--write", "csv,edl", "--write", "otio,vtt", env=env)
    assert done.code == 0
    out = tmp_path / "mixed"
    assert sorted(file.name for file in out.iterdir()) == [f"shots.{x}" for x in ("csv", "edl", "json", "otio", "vtt")]
    document = json.loads((out / "shots.json").read_text())
    jsonschema.validate(document, schema_of("shots"))
    assert document["files"] == ["shots.csv", "shots.edl", "shots.otio", "shots.vtt"]
    first, second, third = document["shots"]
    assert (second["start"], second["start_frame"], second["transition_in"]) == (1.6, 40, "cut")
    assert third["transition_in"] == "dissolve"
    # Painted from frame 80 to frame 100.
    assert third["transition"] == pytest.approx([3.2, 4.0], abs=0.13)
    assert first["end_pts"] == second["start_pts"]
    assert len((out / "shots.csv").read_text().splitlines()) == 4
    assert "\nShot 3" in (out / "shots.vtt").read_text()
    assert " D    " in (out / "shots.edl").read_text()
    timeline = otio.adapters.read_from_file(str(out / "shots.otio"))
    assert [type(c).__name__ for c in timeline.video_tracks()[0]] == ["Clip", "Clip", "Transition", "Clip"]
    assert timeline.duration().value == 140


def test_what_an_earlier_call_wrote_and_this_one_does_not_is_removed(folder: Path, env: dict[str, str], tmp_path: Path):
    stills("shots", folder / "cuts.mp4", "-o", tmp_path, "--write", "csv,edl", env=env)
    (tmp_path / "cuts" / "mine.txt").write_text("kept")
    stills("shots", folder / "cuts.mp4", "-o", tmp_path, "--write", "vtt", env=env)
    names = {file.name for file in (tmp_path / "cuts").iterdir()}
    assert names == {"mine.txt", "shots.json", "shots.vtt"}
    # A copy: forgetting the film itself would cost the other tests its scan.
    copy = folder / "cuts copy.mp4"
    copy.write_bytes((folder / "mixed.mp4").read_bytes())
    stills("shots", copy, "-o", tmp_path, "--write", "otio", env=env)
    assert stills("forget", copy, "-o", tmp_path, env=env).code == 0
    assert not (tmp_path / "cuts copy").exists()


def test_events_and_many_inputs(folder: Path, env: dict[str, str], tmp_path: Path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    done = stills("shots", folder / "cuts.mp4", broken, folder / "mixed.mp4", "--json", env=env)
    assert done.code == 3
    result = done.of(folder / "cuts.mp4", "result")
    assert [shot["start"] for shot in result["shots"]] == [0.0, 1.6, 2.8]
    assert result["files"] == []
    assert done.of(broken, "error")["code"] == "not-a-video"
    assert len(done.of(folder / "mixed.mp4", "result")["shots"]) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--write", "edl"], "--out"), (["-o", "x", "--write", "edl,fcp"], "'fcp'"), (["--effort", "none"], "effort")],
)
def test_wrong_options_are_usage_errors(
    folder: Path, env: dict[str, str], tmp_path: Path, arguments: list[str], said: str
):
    done = stills("shots", folder / "cuts.mp4", *arguments, env=env, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert not list(tmp_path.iterdir())


def test_a_dry_run_says_what_would_be_done(folder: Path, env: dict[str, str], tmp_path: Path):
    fresh = film(tmp_path / "fresh.mp4", 20, 20)
    done = stills("shots", fresh, "--dry-run", env=env)
    assert done.code == 0
    assert "would scan" in done.out
    assert "measured before" in stills("shots", folder / "cuts.mp4", "--dry-run", env=env).out


def test_the_library_gives_the_same(folder: Path, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    result = library.shots(folder / "cuts.mp4")
    assert [shot.start for shot in result.shots] == [0.0, 1.6, 2.8]
    assert result.to_json()["schema"] == "stills/shots/1"
    again = library.shots(result.index)
    assert again.shots == result.shots
    files = result.save(tmp_path, formats=("edl",), name="here")
    assert files == [tmp_path / "here" / "shots.edl", tmp_path / "here" / "shots.json"]
    with pytest.raises(library.StillsError, match="aaf"):
        result.save(tmp_path, formats=("aaf",))
    assert result.notes(("edl", "csv")) == []
