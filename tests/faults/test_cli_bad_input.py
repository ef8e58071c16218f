"""Every bad input is one clear line and the right exit code; nothing half-written; the others still get done."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from films import empty_film, face_film
from media_factory import jpeg, make_sound
from stills.cli import main

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good film, as bytes."""
    return face_film(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of its own for each test."""
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def flipped(film: bytes) -> bytes:
    data = bytearray(film)
    for at in range(100, len(data), 97):
        data[at] ^= 0xFF
    return bytes(data)


BAD: dict[str, Callable[[bytes], bytes]] = {
    "empty.mp4": lambda film: b"",
    "text.mp4": lambda film: b"this is a letter, not a film\n" * 100,
    "playlist.mp4": lambda film: b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n",
    "picture.jpg": lambda film: jpeg(),
    "head.mp4": lambda film: film[:1000],
    "half.mp4": lambda film: film[100 : len(film) // 2],
    "flipped.mp4": flipped,
    "zeros.mp4": lambda film: film[:40] + bytes(len(film)),
}
"""Files in which there is no video, by name."""


def no_leftovers(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if ".stills-tmp-" in path.name]


def test_bad_files_cost_the_good_one_nothing(film: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for name, spoil in BAD.items():
        (films / name).write_bytes(spoil(film))
    make_sound(films / "sound.mp4")
    (films / "good.mp4").write_bytes(film)
    (films / "a folder").mkdir()
    bad = [*BAD, "sound.mp4", "missing.mp4", "a folder"]
    out = tmp_path / "out"
    code = main(["people", *(str(films / name) for name in [*bad[:4], "good.mp4", *bad[4:]]), "-o", str(out)])
    captured = capsys.readouterr()
    assert code == 3
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    for name in bad:
        assert [line for line in errors if str(films / name) in line], name
    assert len(errors) == len(bad)
    assert "Traceback" not in captured.err
    assert "bug" not in captured.err
    assert f"{films / 'good.mp4'}: 1 person" in captured.out
    assert sorted(path.name for path in out.iterdir()) == [".stills", "good", "report.html"]
    assert no_leftovers(tmp_path)
    noted = json.loads((out / ".stills" / "failures.json").read_text())
    assert sorted(item["path"] for item in noted) == sorted(str(films / name) for name in bad)


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_film_cut_short_gives_what_it_can_and_says_so(
    share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In Matroska the index is not at the end, so a copy that stopped half-way can be played so far."""
    import av

    whole = face_film(tmp_path / "whole.mp4", seconds=4)
    with av.open(str(whole)) as source, av.open(str(tmp_path / "whole.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: int(len(data) * share)])
    code = main(["people", str(tmp_path / "cut.mkv"), "-o", str(tmp_path / "out")])
    assert code == 0, capsys.readouterr().err
    document = json.loads((tmp_path / "out" / "cut" / "people.json").read_text())
    assert len(document["people"]) == 1
    assert document["partial"] or document["warnings"] or document["fallbacks"]


def test_nobody_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = empty_film(tmp_path / "empty.mp4")
    assert main(["people", str(path), "-o", str(tmp_path / "out")]) == 4
    assert "nobody" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "empty" / "people.json").read_text())["people"] == []


def test_one_frame_is_a_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = face_film(tmp_path / "one.mp4", seconds=1 / 25)
    assert main(["people", str(path), "-o", str(tmp_path / "out")]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    ["-dash.mp4", "new\nline.mp4", "quote\"'.mp4", "film.txt", "no ending", "[a]*?.mp4", "ünï 映画.mp4", "50%.mp4"],
)
def test_names_are_only_names(
    name: str, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(film)
    assert main(["people", "-o", "out", "--", name]) == 0, capsys.readouterr().err
    (result,) = (tmp_path / "out").glob("*/people.json")
    assert json.loads(result.read_text())["video"]["path"] == name
    assert capsys.readouterr().out.count("\n") == 2


def test_a_name_that_is_no_text(film: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mp4")
    Path(path).write_bytes(film)
    assert main(["people", path, "-o", str(tmp_path / "out"), "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0]["input"] == path


def test_an_output_that_is_a_file(film: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film.mp4").write_bytes(film)
    (tmp_path / "out").write_text("mine")
    assert main(["people", str(tmp_path / "film.mp4"), "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'out'}: the output folder is a file")
    assert (tmp_path / "out").read_text() == "mine"


def test_no_models_and_no_network(
    film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "film.mp4").write_bytes(film)
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    code = main(["people", str(tmp_path / "film.mp4"), "-o", str(tmp_path / "out"), "--retries", "0"])
    err = capsys.readouterr().err
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "stills models pull" in line
    assert "Traceback" not in err


def test_a_damaged_model(
    film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stills.models.store import pull

    (tmp_path / "film.mp4").write_bytes(film)
    models = tmp_path / "models"
    monkeypatch.setenv("STILLS_MODELS_DIR", str(models))
    for path in pull(folder=models):
        path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    assert main(["people", str(tmp_path / "film.mp4"), "-o", str(tmp_path / "out"), "--retries", "0"]) == 1
    err = capsys.readouterr().err
    assert "damaged" in err
    assert "Traceback" not in err


def test_ctrl_c_leaves_nothing_half_done(tmp_path: Path) -> None:
    film = face_film(tmp_path / "long.mp4", seconds=60)
    options = ["-o", str(tmp_path / "out"), "--json", "--effort", "exhaustive"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stills", "people", str(film), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "progress" and event["stage"] == "scan":
            break
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.monotonic() - started < 15
    assert "interrupted" in err
    assert "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["exit_code"] == 130
    assert not list((tmp_path / "out").rglob("*.jpg"))
    assert no_leftovers(tmp_path)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
