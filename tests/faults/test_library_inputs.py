"""Inputs of a library that are bad in all ways there are: each costs only itself, and is one line that says which."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from command import SOURCE, Done, Running, leftovers, one_clear_line, stills, without_rights
from library_middle import ONE_BY_ONE, RECIPE, pictures
from library_samples import film
from media_factory import Movie, make
from range_server import range_serving
from s3_server import s3_serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for number in range(6):
        film(folder / f"film_{number}.mp4", number)
    return folder


def said_of(done: Done) -> dict[str, str]:
    """What the error lines say, by the name of what they are about, without its folder; each is a clear line."""
    assert all(one_clear_line(line) for line in done.errors)
    parts = [line.removeprefix("error: ").split(": ", 1) for line in done.errors]
    said = {Path(name).name: text for name, text in parts}
    assert len(said) == len(parts), "one line each"
    return said


def test_what_lies_in_folders_and_stands_in_lists(good: Path, tmp_path: Path) -> None:
    wrapper = without_rights()
    if wrapper is None:
        pytest.skip("root may read all, and there is no setpriv")
    folder, locked = tmp_path / "films", tmp_path / "films" / "locked"
    locked.mkdir(parents=True)
    (folder / "sub").mkdir()
    shutil.copy(good / "film_0.mp4", folder)
    shutil.copy(good / "film_1.mp4", folder / "sub")
    shutil.copy(good / "film_2.mp4", locked)
    shutil.copy(good / "film_2.mp4", folder / "secret.mp4")
    (folder / "secret.mp4").chmod(0)
    os.mkfifo(folder / "pipe.mp4")
    for name, target in {
        "device.mp4": "/dev/zero", "nowhere.mp4": "nothing", "itself.mp4": "itself.mp4", "inside.mp4": "locked/x.mp4",
        "ping": "pong", "pong": "ping", "sub/up": "..", "other": str(folder),
    }.items():  # fmt: skip
        (folder / name).symlink_to(target)
    lists = {
        "rows.csv": f'video,title\n{good}/film_3.mp4,"three\n{good}/film_4.mp4,four\n,nobody\n{good}/film_3.mp4,"3"\n',
        "lines.jsonl": f'{{"video": "{good}/film_4.mp4"}}\n{{"video": "{good}\n{{"title": "x"}}\n[1]\n\\xff\n',
        "names.txt": f"{good}/film_5.mp4\n\n{good}/gone.mp4\nze\0ro.mp4\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    locked.chmod(0)
    inputs = [folder, tmp_path / "rows.csv", tmp_path / "lines.jsonl", f"@{tmp_path / 'names.txt'}"]
    call = [RECIPE, *inputs, "-o", tmp_path / "out", "--settle", "0"]
    env = {"STILLS_CACHE_DIR": str(tmp_path / "cache")}
    try:
        done = stills(*call, env=env, wrapper=wrapper)
        again = stills(*call, env=env, wrapper=wrapper)
    finally:
        locked.chmod(0o700)
    assert done.code == again.code == 3
    expected = {
        "locked": "the folder cannot be read: Permission denied",
        "secret.mp4": "no permission to read this file",
        "inside.mp4": "",  # who may not look into a folder does not know what is in it
        "pipe.mp4": "a device or pipe, not a regular file",
        "device.mp4": "a device or pipe, not a regular file",
        "nowhere.mp4": "the link points to nothing",
        "itself.mp4": "Too many levels of symbolic links",
        "rows.csv:2": "a quotation mark is never closed",
        "rows.csv:4": "the row names no video",
        "lines.jsonl:2": "the line is no JSON",
        "lines.jsonl:3": "the line names no video",
        "lines.jsonl:4": "the line names no video",
        "lines.jsonl:5": "the line is no JSON",
        "names.txt:4": "a zero byte",
        "gone.mp4": "no such file",
    }
    for told in (said_of(done), said_of(again)):
        assert told.keys() == expected.keys()
        for name, text in expected.items():
            assert text in told[name], (name, told[name])
    assert "failed before: this is a device" in said_of(again)["pipe.mp4"]
    assert f"stills retry {tmp_path / 'out'}" in said_of(again)["pipe.mp4"]
    assert (done.out.count(" key frame"), again.out.count(": done before")) == (5, 5)
    for number in (0, 1, 3, 4, 5):
        assert pictures(tmp_path / "out" / f"film_{number}")
    assert not leftovers(tmp_path)


def noise(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """What cannot be made small, and takes a while to decode."""
    return np.random.default_rng(index).integers(0, 255, (height, width, 3), np.uint8)


def flat(_: int, width: int, height: int) -> NDArray[np.uint8]:
    """Large without being much."""
    return np.full((height, width, 3), 100, np.uint8)


def make_large(path: Path, seconds: int, *, gop: int) -> Path:
    options = (("preset", "ultrafast"), ("crf", "22"))
    return make(path, Movie(320, 240, frames=25 * seconds, gop=gop, b_frames=0, options=options, picture=noise))


def test_films_that_hang_kill_or_swell(good: Path, tmp_path: Path) -> None:
    """As their decoders would: one stops, one dies of a segmentation fault, one takes more memory than allowed."""
    folder = tmp_path / "films"
    for name, number in {"a": 0, "z": 1}.items():
        folder.mkdir(exist_ok=True)
        shutil.copy(good / f"film_{number}.mp4", folder / f"{name}.mp4")
    film(folder / "hangs.mp4", 5, frames=600)
    make_large(folder / "kills.mp4", 6, gop=250)  # all of it is one segment
    make(folder / "swells.mkv", Movie(6000, 6000, frames=1, codec="mjpeg", pixel_format="yuvj420p", picture=flat))
    env = {"STILLS_CACHE_DIR": str(tmp_path / "cache"), "STILLS_SCAN__SEGMENT_SECONDS": "2"}
    limits = ("--max-memory", "400", "--frame-timeout", "1.5", "--retries", "0")
    call = [RECIPE, folder, "-o", tmp_path / "out", *ONE_BY_ONE, *limits]
    running = Running(*call, env=env)
    try:
        running.until_event("started", folder / "hangs.mp4")
        running.until("scan", beyond=5.0)
        for worker in workers(running):
            worker.suspend()
        running.until_event("started", folder / "kills.mp4")
        running.until("scan")
        for worker in workers(running):
            worker.send_signal(signal.SIGSEGV)
        done = running.end()
    finally:
        running.process.kill()
    assert done.code == 3
    said = said_of(done)
    assert said.keys() == {"kills.mp4", "swells.mkv"}
    assert "the decoder crashed with SIGSEGV near " in said["kills.mp4"]
    assert "(put into quarantine)" in said["kills.mp4"]
    assert "memory" in said["swells.mkv"]  # refused beforehand, or stopped on its way
    assert "--max-memory" in said["swells.mkv"]
    hung = done.of(folder / "hangs.mp4", "result")
    assert hung["partial"]
    assert "no progress for 1.5 s" in hung["warnings"][0]
    for name in ("a", "hangs", "z"):
        assert pictures(tmp_path / "out" / name)
    assert not leftovers(tmp_path)

    status = stills("status", tmp_path / "out", env=env)
    assert "1 in quarantine, corrupt: decoder-crash" in status.out
    assert "1 failed, resource: memory" in status.out
    (folder / "swells.mkv").unlink()
    assert stills("quarantine", "clear", tmp_path / "out", env=env).code == 0
    again = Running(*call, env=env).end()
    assert again.code == 0, again.err
    assert again.of(folder / "kills.mp4", "result")["what"] == "resume"


def workers(running: Running) -> list[psutil.Process]:
    return [worker for server in psutil.Process(running.process.pid).children() for worker in server.children()]


def test_a_bucket_without_permission_and_one_that_closes_in_the_middle(good: Path, tmp_path: Path) -> None:
    with s3_serving() as s3:
        s3.put("closed", "in/film.mp4", b"film")
        s3.put("openfilms", "in/a.mp4", (good / "film_0.mp4").read_bytes())
        s3.put("openfilms", "in/long.mp4", film(tmp_path / "long.mp4", 8, frames=400).read_bytes())
        s3.put("openfilms", "in/z.mp4", (good / "film_1.mp4").read_bytes())
        s3.put("results", "mine.txt", b"mine")
        s3.refused.add("closed")
        env = {**s3.environment(), "STILLS_CACHE_DIR": str(tmp_path / "cache")}
        call = [RECIPE, "s3://openfilms/in/", "-o", "s3://results/out", *ONE_BY_ONE]
        running = Running(*call, env=env)
        running.until_event("started", "s3://openfilms/in/long.mp4")
        s3.refused.add("results")
        done = running.end()
        assert done.code == 1
        (line,) = done.errors
        assert one_clear_line(line)
        assert line.startswith("error: s3://results/out: the output cannot be uploaded: access is refused")
        s3.refused.remove("results")
        again = Running(*call, "s3://closed/in/", "s3://closed/in/film.mp4", env=env).end()
        assert again.code == 3
        assert [line.partition(" — ")[0] for line in again.errors] == [
            "error: s3://closed/in: access is refused", "error: s3://closed/in/film.mp4: access is refused",
        ]  # fmt: skip
        what = {Path(e["input"]).stem: e["what"] for e in again.events if e["event"] == "result"}
        assert what == {"a": "done", "long": "resume", "z": "resume"}
        assert {f"out/{name}/{RECIPE}.json" for name in what} | {"mine.txt"} <= set(s3.keys("results"))
    assert not leftovers(tmp_path)


def impatient(folder: Path) -> dict[str, str]:
    """What has all processes, workers too, give up sooner where a server does not answer."""
    (folder / "sitecustomize.py").write_text("import stills.media.remote\nstills.media.remote.PATIENCE_S = 0.5\n")
    return {"PYTHONPATH": os.pathsep.join([str(SOURCE), str(folder)])}


def test_a_connection_that_drops_in_the_middle_of_a_read(good: Path, tmp_path: Path) -> None:
    files = {"a": good / "film_0.mp4", "large": make_large(tmp_path / "large.mp4", 6, gop=25), "z": good / "film_1.mp4"}
    with range_serving(**{name: path.read_bytes() for name, path in files.items()}) as server:
        addresses = tmp_path / "films.txt"
        addresses.write_text("".join(f"{server.url(f'/{name}.mp4')}\n" for name in files))
        env = {"STILLS_CACHE_DIR": str(tmp_path / "cache"), "STILLS_SCAN__SEGMENT_SECONDS": "2", **impatient(tmp_path)}
        call = [RECIPE, f"@{addresses}", "-o", tmp_path / "out", *ONE_BY_ONE, "--retries", "0"]
        running = Running(*call, env=env)
        running.until_event("started", server.url("/large.mp4"))
        running.until("scan")
        server.status = 503
        running.until_event("error", server.url("/large.mp4"))
        server.status, server.drops = None, 5  # answers that end in the middle are asked for again, and nobody notices
        done = running.end()
        assert (done.code, server.drops) == (3, 0)
        said = said_of(done)
        assert said.keys() == {"large.mp4"}
        assert "503" in said["large.mp4"]
        assert "1 failed, transient: download" in stills("status", tmp_path / "out", env=env).out
        retried = stills("retry", tmp_path / "out", "--reason", "transient", env=env)
        assert retried.code == 0
        again = Running(*call, env=env).end()
        assert again.code == 0, again.err
        what = {Path(e["input"]).stem: e["what"] for e in again.events if e["event"] == "result"}
        assert what == {"a": "done", "large": "resume", "z": "done"}
    assert all(pictures(tmp_path / "out" / name) for name in files)
    assert not leftovers(tmp_path)


def test_a_film_that_is_copied_while_others_are_done(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    shutil.copytree(good, folder)
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    whole = film(tmp_path / "whole.mp4", 9, frames=100).read_bytes()
    copied, finish = folder / "copied.mp4", threading.Event()
    copied.write_bytes(whole[:5000])

    def copy() -> None:
        with copied.open("ab", buffering=0) as file:
            for place in range(5000, len(whole)):
                if not finish.wait(0.2):
                    file.write(whole[place : place + 1])
                else:
                    file.write(whole[place:])
                    return

    writer = threading.Thread(target=copy)
    writer.start()
    options = ["-o", tmp_path / "out", "--settle", "0.7"]
    try:
        running = Running(RECIPE, folder, *options, env={"STILLS_CACHE_DIR": str(tmp_path / "cache")})
        others = 6
        for event in running.hear():
            others -= event["event"] == "result"
            if not others:
                break
        finish.set()
        done = running.end()
    finally:
        finish.set()
        writer.join()
    assert done.code == 0, done.err
    told = done.of(copied, "result")
    assert (told["what"], told["attempt"]) == ("new", 1)
    assert pictures(tmp_path / "out" / "copied")
    assert not leftovers(tmp_path)
