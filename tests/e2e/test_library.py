"""Libraries of real little videos: done once, done again only where something has changed, each failure its own."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import stills
from command import leftovers
from library_samples import Heard, film, settings, start, written
from range_server import range_serving
from stills.cancel import CancelToken
from stills.errors import (
    DownloadInterruptedError,
    MemoryLimitError,
    ModelError,
    OutputError,
    RunActiveError,
    StateError,
    UsageError,
)
from stills.jobs.library import desk as desk_module
from stills.jobs.recipes import RECIPES, Work
from stills.jobs.store import Store, open_store
from stills.settings import Settings

pytestmark = pytest.mark.slow

RECIPE = "keyframes"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    for number in range(4):
        film(folder / f"film_{number}.mp4", number)
    return folder


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    return settings(tmp_path / "cache")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(inputs: Any, out: Path | str, given: Settings, **call: Any) -> Heard:
    heard = Heard()
    heard.result = stills.library(inputs, out, recipe=RECIPE, settings=given, **heard.callbacks, **call)
    return heard


def look(out: Path) -> Store:
    return open_store(out, readonly=True)


def asking(monkeypatch: pytest.MonkeyPatch, ask: Callable[[Work, Callable[[Work], Any]], Any]) -> None:
    """Have ``ask`` answer, given the work and who would have answered."""
    usual = RECIPES[RECIPE]
    monkeypatch.setitem(RECIPES, RECIPE, dataclasses.replace(usual, ask=lambda work: ask(work, usual.ask)))  # type: ignore[arg-type]


def test_each_input_gets_its_result_or_its_failure_and_then_all_is_kept(
    films: Path, out: Path, given: Settings
) -> None:
    (films / "empty.mp4").touch()
    (films / "garbage.mp4").write_bytes(b"no video at all" * 100)
    gone = films / "gone.mp4"
    first = run([films, gone], out, given)
    assert first.statuses == {"done": 4, "quarantined": 2, "failed": 1}
    assert first.result.counts == {"done": 4, "quarantined": 2, "failed": 1}
    assert (first.one(films / "empty.mp4").error_class, first.one(gone).error_class) == ("corrupt", "input")
    done = first.one(films / "film_0.mp4")
    assert (done.what, done.attempt, done.folder) == ("new", 1, out / "film_0")
    assert json.loads(Path(done.files[-1]).read_text())["frames"]
    assert done.result is not None
    assert sorted(first.started) == sorted(map(str, [*films.iterdir(), gone])), "each is begun once"
    assert first.result.report == out / "report.html"
    listed = {item["path"] for item in json.loads((out / ".stills" / "failures.json").read_text())}
    assert listed == {str(films / "empty.mp4"), str(films / "garbage.mp4"), str(gone)}

    page = first.result.report.stat().st_mtime_ns
    second = run([films, gone], out, given)
    assert second.statuses == {"kept": 4, "quarantined": 2, "failed": 1}
    assert not second.started
    assert second.one(films / "film_0.mp4").noted["found"] == done.noted["found"] > 0
    assert "no such file" in str(second.one(gone).error)
    assert second.result.report.stat().st_mtime_ns == page
    assert second.result.library == dataclasses.replace(first.result.library, rate=None)

    film(gone, 9)
    (films / "garbage.mp4").unlink()
    third = run([films], out, given, again=("quarantined",))
    assert third.statuses == {"kept": 4, "quarantined": 1, "done": 1}
    assert third.one(films / "empty.mp4").what == "again"
    assert third.one(gone).reasons == ("input",)
    assert not leftovers(out)


def test_what_has_changed_is_done_again_and_said(films: Path, out: Path, given: Settings) -> None:
    run(films, out, given)
    film(films / "film_1.mp4", 77)
    shutil.rmtree(out / "film_2")
    second = run(films, out, given)
    assert second.statuses == {"kept": 2, "done": 2}
    assert (second.one(films / "film_1.mp4").what, second.one(films / "film_1.mp4").reasons) == ("changed", ("input",))
    assert second.one(films / "film_2.mp4").what == "again"
    assert (out / "film_2" / "keyframes.json").is_file()

    fewer = run(films, out, given, target=1)
    assert fewer.statuses == {"done": 4}
    assert {outcome.reasons for outcome in fewer.outcomes} == {("settings",)}
    assert run(films, out, given, target=1, workers=1, at_once=1).statuses == {"kept": 4}, "how, not what"

    anew = run(films, out, given, target=1, resume=False)
    assert anew.statuses == {"done": 4}
    assert {outcome.what for outcome in anew.outcomes} == {"again"}


def test_a_source_keeps_its_folder_and_nobody_else_gets_it(tmp_path: Path, out: Path, given: Settings) -> None:
    here, there, later = (tmp_path / name / "film.mp4" for name in ("here", "there", "later"))
    film(later, 3)
    run([later], out, given)
    before = (out / "film" / "keyframes.json").read_bytes()
    film(here, 1)
    film(there, 2)
    both = run([here, there, later], out, given)
    folders = {outcome.source: outcome.folder for outcome in both.outcomes}
    assert folders[str(later)] == out / "film"
    assert (out / "film" / "keyframes.json").read_bytes() == before
    assert len({folder.name for folder in folders.values() if folder}) == 3
    film(here, 8)
    changed = run([there, here], out, given)
    assert changed.one(here).folder == folders[str(here)], "though its content is another one"
    assert changed.one(there).status == "kept"
    # A result that was made without a library is not another one's to replace.
    foreign = tmp_path / "elsewhere" / "other.mp4"
    film(foreign, 5)
    stills.keyframes(str(foreign), settings=given).save(out, name="other")
    mine = film(tmp_path / "here" / "other.mp4", 6)
    kept = (out / "other" / "keyframes.json").read_bytes()
    assert run([mine], out, given).one(mine).folder != out / "other"
    assert (out / "other" / "keyframes.json").read_bytes() == kept
    assert run([foreign], out, given).one(foreign).folder == out / "other", "that is its own"


def test_one_content_is_scanned_once(films: Path, out: Path, given: Settings) -> None:
    for number in range(6):
        shutil.copy(films / "film_0.mp4", films / f"copy_{number}.mp4")
    heard = run(films, out, given, at_once=6)
    assert heard.statuses == {"done": 10}
    with look(out) as store:
        scanned = [video.source for video in store.videos() if store.segments(video.id)]
    assert len(scanned) == 4


def test_relative_names_are_kept(films: Path, out: Path, given: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(films.parent)
    heard = run("films", out, given)
    assert sorted(heard.started) == [f"films/film_{number}.mp4" for number in range(4)]
    assert json.loads((out / "film_0" / "keyframes.json").read_text())["video"]["path"] == "films/film_0.mp4"
    monkeypatch.chdir(films)
    assert run(films, out, given).statuses == {"kept": 4}


def test_a_file_that_is_being_copied_is_left_until_it_is_whole(films: Path, out: Path, tmp_path: Path) -> None:
    given = settings(tmp_path / "cache", **{"jobs.settle": 1.0})
    whole = film(tmp_path / "whole.mp4", 7, frames=100).read_bytes()
    copied = films / "copied.mp4"
    copied.write_bytes(whole[:1000])
    others = threading.Event()
    heard = Heard()

    def told(outcome: stills.VideoOutcome) -> None:
        heard.outcomes.append(outcome)
        if len(heard.outcomes) == 4:
            others.set()

    def copy() -> None:
        with copied.open("ab") as file:
            for place in range(1000, len(whole), 4000):
                others.wait(0.3)
                file.write(whole[place : place + 4000])
                file.flush()

    for path in films.glob("film_*"):
        os.utime(path, (1, 1))
    copying = threading.Thread(target=copy)
    copying.start()
    stills.library(films, out, recipe=RECIPE, settings=given, on_video=told)
    copying.join()
    assert [outcome.status for outcome in heard.outcomes] == ["done"] * 5
    assert heard.outcomes[-1].source == str(copied)
    assert (heard.outcomes[-1].what, heard.outcomes[-1].noted["duration"]) == ("new", 4.0)


def test_a_file_that_never_stops_growing_is_left(
    films: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module.Desk.__init__, "__kwdefaults__", {"growing_s": 3.0})
    given = settings(tmp_path / "cache", **{"jobs.settle": 0.5})
    growing, over = films / "growing.mp4", threading.Event()
    growing.write_bytes(b"x")

    def grow() -> None:
        while not over.wait(0.1):
            with growing.open("ab") as file:
                file.write(b"x" * 100)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        heard = run(films, out, given)
    finally:
        over.set()
        writer.join()
    assert heard.statuses == {"done": 4, "left": 1}
    assert heard.result.counts == {"done": 4, "left": 1}
    assert heard.one(growing).status == "left"
    assert run(films, out, given).one(growing).status == "quarantined"


def test_a_failure_that_may_pass_is_tried_again_and_then_given_up(
    films: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: dict[str, int] = {}

    def ask(work: Work, usual: Callable[[Work], Any]) -> Any:
        name = Path(work.video).name
        tries[name] = tries.get(name, 0) + 1
        if name == "film_0.mp4" or (name == "film_1.mp4" and tries[name] == 1):
            raise DownloadInterruptedError("the connection was lost", path=work.video, remedy="check the network")
        return usual(work)

    asking(monkeypatch, ask)
    heard = run(films, out, settings(tmp_path / "cache", retries=2, retry_delay=0.1))
    assert tries == {"film_0.mp4": 3, "film_1.mp4": 2, "film_2.mp4": 1, "film_3.mp4": 1}
    assert [outcome.status for outcome in heard.of(films / "film_0.mp4")] == ["again", "again", "failed"]
    assert [outcome.attempt for outcome in heard.of(films / "film_1.mp4")] == [1, 2]
    assert heard.of(films / "film_1.mp4")[0].retry_in is not None
    assert heard.result.counts == {"done": 3, "failed": 1}
    with look(out) as store:
        (failure,) = store.failures()
    assert (failure.error_class, failure.code, failure.attempts) == ("transient", "download", 3)
    assert failure.message == "the connection was lost — check the network"


def test_want_of_memory_is_tried_again_alone(
    films: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, inside, beside = threading.Lock(), set[str](), dict[str, int]()
    tries: list[int] = []

    def ask(work: Work, usual: Callable[[Work], Any]) -> Any:
        with lock:
            inside.add(work.video)
        try:
            if work.video.endswith("film_0.mp4"):
                tries.append(work.scanner._staff.tasks(()).workers)
                if len(tries) == 1:
                    raise MemoryLimitError("used more memory than allowed", path=work.video)
                with lock:
                    beside[work.video] = len(inside) - 1
            return usual(work)
        finally:
            with lock:
                inside.discard(work.video)

    asking(monkeypatch, ask)
    for number in range(4, 10):
        film(films / f"film_{number}.mp4", number)
    heard = run(films, out, settings(tmp_path / "cache", retry_delay=0.01))
    assert heard.result.counts == {"done": 10}
    assert tries == [2, 1]
    assert set(beside.values()) == {0}
    assert heard.of(films / "film_0.mp4")[0].error_class == "resource"


def test_a_bug_is_kept_with_its_traceback(
    films: Path, out: Path, given: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(work: Work, usual: Callable[[Work], Any]) -> Any:
        if work.video.endswith("film_2.mp4"):
            raise ZeroDivisionError("a token of https://user:secret@host/film?key=secret")
        return usual(work)

    asking(monkeypatch, ask)
    heard = run(films, out, given)
    assert heard.result.counts == {"done": 3, "failed": 1}
    assert heard.one(films / "film_2.mp4").error_class == "bug"
    with look(out) as store:
        (failure,) = store.failures()
    assert "ZeroDivisionError" in failure.log_tail
    assert "in ask" in failure.log_tail
    assert "secret" not in failure.log_tail + failure.message


def test_what_every_video_would_meet_ends_the_run_and_the_next_one_goes_on(
    films: Path, out: Path, given: Settings
) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def ask(work: Work, usual: Callable[[Work], Any]) -> Any:
            raise ModelError("the models are not here", remedy="fetch them")

        asking(patch, ask)
        with pytest.raises(ModelError, match="the models are not here"):
            run(films, out, given)
    with look(out) as store:
        assert store.counts().pending == 4
        assert store.active_run() is None
        ended = store.last_run()
        assert ended is not None
        assert ended.ended == "failed"
    again = run(films, out, given)
    assert again.statuses == {"done": 4}
    assert {outcome.what for outcome in again.outcomes} == {"resume"}


class MineError(Exception):
    """The caller's own."""


@pytest.mark.parametrize("which", ["on_start", "on_video", "on_progress"])
def test_what_a_callback_raises_reaches_the_caller(which: str, films: Path, out: Path, given: Settings) -> None:
    threads = threading.active_count()

    def raises(_: object) -> None:
        assert threading.current_thread() is threading.main_thread()
        raise MineError

    call: dict[str, Any] = {which: raises}
    with pytest.raises(MineError):
        stills.library(films, out, recipe=RECIPE, settings=given, **call)
    assert threading.active_count() <= threads
    assert run(films, out, given).result.library.done == 4


def test_what_the_inputs_raise_reaches_the_caller(films: Path, out: Path, given: Settings) -> None:
    def names() -> Any:
        yield str(films / "film_0.mp4")
        raise MineError

    with pytest.raises(MineError):
        run(names(), out, given)


def test_a_cancelled_run_ends_soon_and_the_next_one_goes_on(films: Path, out: Path, given: Settings) -> None:
    film(films / "long.mp4", 5, frames=1500)
    token, heard = CancelToken(), Heard()
    cancelled: list[float] = []

    def told(name: str) -> None:
        if name.endswith("long.mp4"):
            token.cancel()
            cancelled.append(time.monotonic())

    result = stills.library(films, out, recipe=RECIPE, settings=given, on_start=told, cancel=token)
    assert time.monotonic() - cancelled[0] < 10
    assert result.interrupted
    assert result.counts.get("left", 0) >= 1
    heard = run(films, out, given)
    assert heard.result.library.done == 5
    assert not heard.result.interrupted
    before = CancelToken()
    before.cancel()
    assert run(films, out, given, cancel=before).result.interrupted


def test_a_second_run_refuses_and_names_the_first_or_waits_for_it(films: Path, out: Path, tmp_path: Path) -> None:
    given = settings(tmp_path / "cache")
    inside = threading.Event()
    leave = threading.Event()

    def hold(_: object) -> None:
        inside.set()
        assert leave.wait(60)

    first = threading.Thread(
        target=stills.library,
        args=(films, out),
        kwargs={"recipe": RECIPE, "settings": given, "on_start": hold, "command": "stills the first"},
    )
    first.start()
    try:
        assert inside.wait(60)
        with pytest.raises(RunActiveError, match=rf"`stills the first` \(process {os.getpid()} on "):
            run(films, out, given)
        notes: list[str] = []

        def note(text: str) -> None:
            notes.append(text)
            leave.set()

        result = stills.library(
            films, out, recipe=RECIPE, settings=settings(tmp_path / "cache", **{"jobs.wait": True}), on_note=note
        )
    finally:
        leave.set()
        first.join()
    assert "stills the first" in notes[0]
    assert result.counts == {"kept": 4}


def test_two_runs_that_share_the_work_do_each_film_once(tmp_path: Path, out: Path) -> None:
    films = tmp_path / "films"
    for number in range(12):
        film(films / f"film_{number:02}.mp4", number, frames=100)
    options = {"segment_seconds": 2, "workers": 1, "jobs.settle": 0, "jobs.share": True, "jobs.at_once": 1}
    both = [start(films, out, {**options, "cache_dir": tmp_path / name}, recipe=RECIPE) for name in ("a", "b")]
    counts = [child.end()["counts"] for child in both]
    with look(out) as store:
        ended = [[attempt.ended for attempt in store.attempts(video.id)] for video in store.videos()]
    assert ended == [["done"]] * 12
    assert all(count.get("done") for count in counts), "both worked"
    assert sum(count.get("done", 0) for count in counts) == 12
    assert len(written(out, RECIPE)) >= 24


def test_an_output_folder_that_is_removed_ends_the_run(films: Path, out: Path, given: Settings) -> None:
    def remove(_: object) -> None:
        if out.exists():
            shutil.rmtree(out, ignore_errors=True)

    with pytest.raises((OutputError, StateError), match="removed or replaced"):
        stills.library(films, out, recipe=RECIPE, settings=given, on_start=remove)
    assert run(films, out, given).result.library.done == 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    import subprocess

    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_ends_the_run_with_nothing_half_written(
    films: Path, small_disk: Path, given: Settings
) -> None:
    out = small_disk / "out"
    ballast = small_disk / "ballast"

    def fill(_: object) -> None:
        with ballast.open("ab", buffering=0) as file, suppress(OSError):  # a buffer would fail again when it is closed
            while True:
                file.write(b"x" * 10_000)

    with pytest.raises((OutputError, StateError), match="disk is full"):
        stills.library(films, out, recipe=RECIPE, settings=given, on_start=fill)
    for path in out.glob("*/keyframes.json"):
        assert all((path.parent / name).stat().st_size for name in json.loads(path.read_text())["files"])
    assert not leftovers(out)
    ballast.unlink()
    assert run(films, out, given).result.library.done == 4


def test_what_is_wrong_with_the_call_is_said_before_anything_is_made(films: Path, out: Path, given: Settings) -> None:
    with pytest.raises(UsageError, match="no recipe"):
        stills.library(films, out, recipe="soup", settings=given)
    with pytest.raises(UsageError, match="targat"):
        stills.library(films, out, recipe=RECIPE, settings=given, targat=3)
    assert not out.exists()
    (out.parent / "file").touch()
    with pytest.raises(OutputError, match="is a file"):
        stills.library(films, out.parent / "file", recipe=RECIPE, settings=given)


def test_nothing_to_do_starts_no_workers(out: Path, tmp_path: Path, given: Settings, monkeypatch: Any) -> None:
    monkeypatch.setattr("stills.jobs.runner.open_runner", None)
    heard = run([], out, given)
    assert heard.result.counts == {}
    empty = tmp_path / "nothing"
    empty.mkdir()
    heard = run([empty], out, given)
    assert heard.result.counts == {"failed": 1}
    assert "there is no video in this folder" in str(heard.one(empty).error)


def test_a_thousand_files_of_which_300_are_broken(tmp_path: Path, out: Path, given: Settings) -> None:
    films = tmp_path / "films"
    samples = [film(tmp_path / f"{number}.mp4", number, frames=12, width=64, height=48) for number in range(20)]
    films.mkdir()
    for number in range(1000):
        path = films / f"film_{number:04}.mp4"
        whole = samples[number % 20].read_bytes()
        broken = (b"", whole[:200], b"no video " * (number + 1))
        # Bytes behind the last box change what the file is, not what it shows.
        path.write_bytes(broken[number // 10 % 3] if number % 10 < 3 else whole + bytes(number))
    heard = run(films, out, given, target=1)
    assert heard.result.counts == {"done": 700, "quarantined": 300}
    assert heard.result.library.left == 0
    assert len(list(out.glob("*/keyframes.json"))) == 700
    with look(out) as store:
        assert {failure.error_class for failure in store.quarantine_list()} == {"corrupt"}


SIGNED = "X-Amz-Signature=hush-hush"


def test_videos_behind_addresses_that_hold_secrets(films: Path, out: Path, given: Settings) -> None:
    with range_serving(**{path.stem: path.read_bytes() for path in films.iterdir()}) as server:
        addresses = [server.url(f"/film_{number}.mp4", query=SIGNED) for number in range(4)]
        gone = server.url("/gone.mp4", query=SIGNED)
        heard = run([*addresses, gone], out, given)
        assert heard.result.counts == {"done": 4, "failed": 1}
        again = run([*(address.replace("hush", "another") for address in addresses), gone], out, given)
        assert again.statuses == {"kept": 4, "failed": 1}, "signed anew, it is the same one"
        server.replace("/film_2.mp4", (films / "film_1.mp4").read_bytes())
        changed = run(addresses, out, given)
        assert changed.result.counts == {"kept": 3, "done": 1}
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"hush" not in everything
    assert not any("hush" in outcome.source + str(outcome.error) for outcome in heard.outcomes)
    assert (out / "film_0" / "keyframes.json").is_file()


def test_a_bucket_as_output(films: Path, given: Settings) -> None:
    import fsspec

    address = "memory://stills-library/out"
    store = fsspec.filesystem("memory")
    heard = run(films, address, given)
    assert heard.result.counts == {"done": 4}
    files = heard.one(films / "film_0.mp4").files
    assert files[-1] == f"{address}/film_0/keyframes.json"
    assert all(store.exists(str(file)) for file in files)
    assert store.exists(str(heard.result.report))
    second = run(films, address, given)
    assert second.statuses == {"kept": 4}
    assert second.one(films / "film_0.mp4").files == (files[-1],)
