"""Bad input through the real command: one clear line each, the right exit code, nothing half-written, the rest done."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

from command import Done, leftovers, one_clear_line, stills
from films import empty_film, face_film
from media_factory import Movie, jpeg, make, make_sound

pytestmark = pytest.mark.slow

CODES = {
    "missing.mp4": "input", "a folder": "input", "dangling.mp4": "input", "empty.mp4": "not-a-video",
    "text.mp4": "not-a-video", "sound.mp4": "not-a-video", "picture.jpg": "not-a-video", "picture.mp4": "not-a-video",
    "index lost.mp4": "corrupt", "garbage.mp4": "not-a-video", "no key frame.mkv": "corrupt",
    "no pictures.mp4": "corrupt", "canvas 0.gif": "corrupt", "canvas 16384.gif": "corrupt", "large.mkv": "limit",
    "larger than it says.mkv": "limit",
}  # fmt: skip
"""Inputs that give nothing, with the stable code of their error."""
PARTIAL = {"cut 50.mkv": "too early", "cut 95.mp4": "too early", "flipped.ts": "damaged frame"}
"""Inputs that give something, with what is said about the rest."""
GOOD = {"film.mp4": True, "film.txt": True, "one frame.mp4": True, "nobody.mp4": False, "intra refresh.mp4": False}
"""Inputs in which nothing is wrong, and whether somebody is in them."""


def remux(source: Path, target: Path, *, skip: int = 0, options: dict[str, str] | None = None) -> Path:
    """Copy the packets of ``source``, without the first ``skip``."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options or {}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.dts is not None and number >= skip:
                packet.stream = stream
                new.mux(packet)
    return target


def pictures(path: Path, declared: int, real: bytes) -> None:
    """A Matroska file of motion JPEG whose header declares a square, and whose packets hold ``real``."""
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("mjpeg", rate=25, width=declared, height=declared)
        packet = av.Packet(real)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
        container.mux(packet)


def large_jpeg(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, "JPEG")
    return buffer.getvalue()


def canvas(data: bytes, side: int) -> bytes:
    """A GIF of another size: the two numbers behind its signature."""
    return data[:6] + side.to_bytes(2, "little") * 2 + data[10:]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind."""
    folder = tmp_path_factory.mktemp("films")
    film = face_film(folder / "film.mp4")
    shutil.copy(film, folder / "film.txt")
    face_film(folder / "one frame.mp4", seconds=1 / 25)
    empty_film(folder / "nobody.mp4")
    refresh = (("x264-params", "intra-refresh=1:keyint=25:bframes=0"),)
    make(folder / "intra refresh.mp4", Movie(options=refresh, b_frames=0))
    (folder / "a folder").mkdir()
    (folder / "dangling.mp4").symlink_to(folder / "nowhere")
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is a letter, not a film\n" * 100)
    make_sound(folder / "sound.mp4")
    for name in ("picture.jpg", "picture.mp4"):
        (folder / name).write_bytes(jpeg())
    front = remux(film, folder / "whole.mp4", options={"movflags": "+faststart"}).read_bytes()
    last = remux(film, folder / "last.mp4").read_bytes()
    (folder / "index lost.mp4").write_bytes(last[: len(last) // 2])
    (folder / "no pictures.mp4").write_bytes(front[: front.index(b"mdat") + 4])
    (folder / "garbage.mp4").write_bytes(film.read_bytes()[:40] + bytes(20_000))
    remux(film, folder / "no key frame.mkv", skip=1)
    gif = make(folder / "a.gif", Movie(codec="gif", pixel_format="rgb8", frames=5, timescale=100)).read_bytes()
    (folder / "canvas 0.gif").write_bytes(canvas(gif, 0))
    (folder / "canvas 16384.gif").write_bytes(canvas(gif, 16384))
    large = large_jpeg(12000)
    pictures(folder / "large.mkv", 12000, large)
    pictures(folder / "larger than it says.mkv", 64, large)
    whole = remux(film, folder / "whole.mkv").read_bytes()
    (folder / "cut 50.mkv").write_bytes(whole[: len(whole) // 2])
    (folder / "cut 95.mp4").write_bytes(front[: len(front) * 80 // 100])
    stream = bytearray(remux(film, folder / "whole.ts").read_bytes())
    for at in range(len(stream) // 3, len(stream), 1880):
        stream[at + 100] ^= 0xFF
    (folder / "flipped.ts").write_bytes(stream)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An index of this file's own, which its tests share."""
    folder = tmp_path_factory.mktemp("cache")
    patch = pytest.MonkeyPatch()
    patch.setenv("STILLS_CACHE_DIR", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def all_at_once(films: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """All kinds in one call, bad and good by turns."""
    out = tmp_path_factory.mktemp("out")
    names = sorted([*CODES, *PARTIAL, *GOOD])
    return stills("people", *(films / name for name in names), "-o", out, "--json"), out


def test_some_failed_is_3_and_every_input_has_its_answer(all_at_once: tuple[Done, Path], films: Path) -> None:
    done, out = all_at_once
    assert done.code == 3
    summary = done.events[-1]
    failed, nothing = len(CODES), len([name for name, found in GOOD.items() if not found])
    assert (summary["failed"], summary["exit_code"]) == (failed, 3)
    assert summary["done"] + summary["nothing"] == len(PARTIAL) + len(GOOD)
    assert summary["nothing"] >= nothing
    noted = json.loads((out / ".stills" / "failures.json").read_text())
    assert {Path(item["path"]).name for item in noted} == set(CODES)
    assert not leftovers(out)


@pytest.mark.parametrize("name", CODES)
def test_a_bad_file_is_one_clear_line(name: str, all_at_once: tuple[Done, Path], films: Path) -> None:
    done, _ = all_at_once
    (line,) = (line for line in done.errors if line.startswith(f"error: {films / name}: "))
    assert one_clear_line(line)
    event = done.of(films / name, "error", "result")
    assert (event["event"], event["code"]) == ("error", CODES[name])


@pytest.mark.parametrize("name", PARTIAL)
def test_what_decodes_only_in_part_gives_that_and_says_so(
    name: str, all_at_once: tuple[Done, Path], films: Path
) -> None:
    done, out = all_at_once
    result = done.of(films / name, "result", "error")
    assert result["event"] == "result", result
    assert result["partial"]
    assert any(PARTIAL[name] in warning for warning in result["warnings"])
    (line,) = (line for line in done.lines if line.startswith(f"warning: {films / name}: only a part"))
    assert PARTIAL[name] in line
    document = json.loads(Path(result["files"][-1]).read_text())
    assert document["partial"]
    assert document["warnings"] == result["warnings"]
    report = (out / "report.html").read_text()
    assert "Only a part of this video could be read" in report
    assert PARTIAL[name] in report


@pytest.mark.parametrize(("name", "found"), GOOD.items())
def test_good_files_beside_bad_ones_are_done(
    name: str, found: bool, all_at_once: tuple[Done, Path], films: Path
) -> None:
    done, _ = all_at_once
    result = done.of(films / name, "result", "error")
    assert (result["event"], result.get("found"), result.get("partial")) == ("result", found, False)
    assert len(result["files"]) == 1 + found


@pytest.mark.parametrize("command", ["scan", "probe"])
def test_scan_and_probe_answer_alike(command: str, all_at_once: tuple[Done, Path], films: Path) -> None:
    names = [name for name in [*CODES, *PARTIAL] if name != "larger than it says.mkv"]  # slow, and asked above
    done = stills(command, *(films / name for name in names), "--json")
    assert done.code == 3
    for name in names:
        event = done.of(films / name, "error", "result")
        assert event.get("code") == CODES.get(name), name
    assert all(one_clear_line(line) for line in done.lines)


def test_only_bad_files_are_1_and_only_empty_ones_4(films: Path, cache: Path, tmp_path: Path) -> None:
    failed = stills("people", films / "text.mp4", films / "missing.mp4", "-o", tmp_path / "out")
    assert (failed.code, len(failed.errors)) == (1, 2)
    nothing = stills("people", films / "nobody.mp4", "-o", tmp_path / "out", "-q")
    assert (nothing.code, nothing.out, nothing.err) == (4, "", "")


def test_debug_shows_the_traceback(films: Path, tmp_path: Path) -> None:
    arguments = ("probe", films / "missing.mp4")
    assert "Traceback" not in stills(*arguments).err
    assert "Traceback" in stills(*arguments, "--log-level", "debug").err


NAMES = [
    b"new\nline.mp4", b"quo'\"te.mp4", b"-dash.mp4", b"--help", b"\xff\xfe.mp4", "🎬 映画.mp4".encode(), b"tab\t .mp4",
    b"x" * 251 + b".mp4", "é".encode() * 125 + b".mp4", b"\x1b[31mred.mp4", b"$(touch pwned);`x`.mp4", b"[a]*?.mp4",
    b"..mp4", b"con", b"concat:a|b.mp4", b"%2e%2e%2f.mp4", b"back\\slash.mp4", "\u202egpm.mp4".encode(),
    b".stills", b"report.html",
]  # fmt: skip


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="this file system wants Unicode names")
def test_names_are_only_names(films: Path, cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    named = [os.fsdecode(name) for name in NAMES]
    for name in named:
        shutil.copy(films / "nobody.mp4", source / name)
    missing = [os.fsdecode(b"no \xff\n.mp4")]
    done = stills("people", "-o", tmp_path / "out", "--json", "--", *named, *missing, cwd=source)
    assert done.out.isascii()
    assert sorted(e["input"] for e in done.events if e["event"] == "result") == sorted(named)
    assert [e["input"] for e in done.events if e["event"] == "error"] == missing
    assert done.code == 3
    folders = {Path(e["files"][-1]).parent for e in done.events if e["event"] == "result"}
    assert len(folders) == len(named)
    assert all(folder.parent == tmp_path / "out" and folder.name.isprintable() for folder in folders)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert not list(tmp_path.rglob("pwned"))
    (line,) = done.lines
    assert line.startswith("error: no \\udcff\\n.mp4: no such file")

    spoken = stills("people", "-o", tmp_path / "out", "--", *named, *missing, cwd=source)
    assert len(spoken.out.splitlines()) == len(named) + 1  # one each, and where to look
    assert len(spoken.lines) == 2  # the error, and the sum
    quiet = stills("people", "-o", tmp_path / "out", "-q", "--", *named, *missing, cwd=source)
    assert quiet.out == ""
    (again,) = quiet.lines
    assert again.startswith("error: no \\udcff\\n.mp4: failed before: no such file")


@pytest.mark.parametrize(
    ("arguments", "more", "named"),
    [
        (["--nonsense", "3"], {}, "--nonsense"),
        (["--effort", "lazy"], {}, "--effort"),
        (["--quality", "101"], {}, "--quality"),
        (["--fit", "3"], {}, "fit"),
        (["-c", "settings.yaml"], {}, "scan.efort"),
        (["-c", "missing.yaml"], {}, "missing.yaml"),
        ([], {"STILLS_SCAN__EFORT": "fast"}, "STILLS_SCAN__EFORT"),
        ([], {"STILLS_SCAN__WORKERS": "many"}, "STILLS_SCAN__WORKERS"),
    ],
)
def test_an_unknown_setting_is_2_before_anything_is_done(
    arguments: list[str], more: dict[str, str], named: str, films: Path, tmp_path: Path
) -> None:
    (tmp_path / "settings.yaml").write_text("scan: {efort: fast}")
    done = stills("people", films / "film.mp4", "-o", "out", *arguments, cwd=tmp_path, env=more)
    assert done.code == 2
    (line,) = done.lines
    assert one_clear_line(line)
    assert named in line
    assert not (tmp_path / "out").exists()
