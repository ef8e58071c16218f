"""The parts of a library's run by themselves: folders, gates, patience, what callbacks are told."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stills.cancel import CancelToken
from stills.errors import CancelledError, InputError, StateUnavailableError
from stills.jobs.library import ending as ending_module
from stills.jobs.library.ending import Ending, Patient
from stills.jobs.library.folders import name_folders
from stills.jobs.library.gate import Contents, Gate
from stills.jobs.library.inputs import as_sources, look, unsettled
from stills.jobs.library.relay import Relay
from stills.jobs.library.types import VideoOutcome
from stills.jobs.sources import Source
from stills.jobs.store import Fingerprint, Store, open_store
from stills.types import Progress

SOON = 20.0


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def state(out: Path) -> Iterator[Patient]:
    with open_store(out) as store:
        yield Patient(store, Ending(), print)


def video(path: Path, content: bytes = b"x") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def test_who_comes_first_has_the_plain_name(tmp_path: Path, out: Path, state: Patient) -> None:
    first, second = video(tmp_path / "a" / "film.mp4"), video(tmp_path / "b" / "Film.mp4", b"y")
    assert name_folders(state, out, [first]) == ["film"]
    (name,) = name_folders(state, out, [second])
    assert name.startswith("Film-")
    assert name_folders(state, out, [second, first]) == [name, "film"], "whatever the order"


def test_those_who_come_together_are_told_apart_by_content(tmp_path: Path, out: Path, state: Patient) -> None:
    films = [video(tmp_path / name / "film.mp4", content) for name, content in (("a", b"1"), ("b", b"2"), ("c", b"1"))]
    names = name_folders(state, out, films)
    assert names[2] == f"{names[0]}-2", "the same content"
    assert len({name.partition("-")[2] for name in names}) == 3
    assert "film" not in names
    assert name_folders(state, out, films[::-1]) == names[::-1]
    assert name_folders(state, out, [video(tmp_path / "d" / "film.mp4", b"9")]) == ["film"]


def test_what_lies_in_a_folder_already_keeps_it(tmp_path: Path, out: Path, state: Patient) -> None:
    theirs, mine = (tmp_path / name / "film.mp4" for name in ("theirs", "mine"))

    def result(folder: str, about: Path | str) -> None:
        (out / folder).mkdir()
        document = {"schema": "stills/people/1", "video": {"path": str(about)}}
        (out / folder / "people.json").write_text(json.dumps(document))

    result("film", theirs)
    assert name_folders(state, out, [video(mine)])[0].startswith("film-")
    assert name_folders(state, out, [video(theirs)]) == ["film"]
    result("own", os.path.relpath(tmp_path / "own.mp4"))
    assert name_folders(state, out, [video(tmp_path / "own.mp4")]) == ["own"]
    (out / "notes").mkdir()
    (out / "notes" / "mine.json").write_text('{"schema": "something else"}')
    assert name_folders(state, out, [video(tmp_path / "notes.mp4")]) == ["notes"]
    assert name_folders(state, out, [video(tmp_path / ".stills.mp4"), video(tmp_path / "across.mp4")])[1] != "across"


def test_folders_outlive_the_run_and_the_source(tmp_path: Path, out: Path) -> None:
    film = video(tmp_path / "film.mp4")
    for _ in range(2):
        with open_store(out) as store:
            state = Patient(store, Ending(), print)
            assert name_folders(state, out, [film, str(tmp_path / "gone" / "film.mov")])[0].startswith("film-")
            assert name_folders(state, out, []) == []


def test_inputs_are_names_or_sources(tmp_path: Path, out: Path) -> None:
    film = video(tmp_path / "in" / "film.mp4")
    assert [one.path for one in as_sources(tmp_path / "in", out)] == [film]
    assert [one.path for one in as_sources([Path(film), film], out)] == [film]
    wrong = Source("there", InputError("no"))
    assert list(as_sources(iter([Source("a"), wrong]), out)) == [Source("a"), wrong]
    assert list(as_sources([], out)) == []


def test_what_an_input_looks_like(tmp_path: Path) -> None:
    film = video(tmp_path / "film.mp4", b"12345")
    seen = look(film)
    assert (seen.size, seen.mtime_ns) == (5, os.stat(film).st_mtime_ns)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="the link points to nothing"):
        look(str(tmp_path / "link.mp4"))
    with pytest.raises(InputError, match="no such file"):
        look(str(tmp_path / "nowhere"))


def test_a_file_is_settled_when_it_has_not_changed_for_a_while_whatever_the_clock_says() -> None:
    def of(age: float) -> Fingerprint:
        return Fingerprint(size=1, mtime_ns=round((time.time() - age) * 1e9))

    assert unsettled(of(10.0), 5.0) == 0.0
    assert 2.5 < unsettled(of(2.0), 5.0) <= 3.0
    assert unsettled(of(-3600.0), 5.0) == 5.0, "a time in the future says nothing: it is to stay as it is"
    assert unsettled(of(0.0), 0.0) == 0.0
    assert unsettled(Fingerprint(size=1, etag="x"), 5.0) == 0.0


class Away:
    """A store that does not answer for a while."""

    shown = "somewhere"

    def __init__(self, times: int) -> None:
        self.left = times
        self.asked = 0

    def answer(self) -> str:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise StateUnavailableError("the database cannot be reached", path="somewhere")
        return "here"


def patient(store: Away, ending: Ending, told: list[str]) -> Patient:
    return Patient(store, ending, told.append)  # type: ignore[arg-type]


def answer(store: Store) -> str:
    found: str = store.answer()  # type: ignore[attr-defined]
    return found


def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending_module, "_FIRST_PAUSE_S", 0.01)
    store, told = Away(3), list[str]()
    assert patient(store, Ending(), told).ask(answer) == "here"
    assert store.asked == 4
    assert told == ["somewhere: the database cannot be reached; trying again for a minute"]


def test_but_not_for_ever_nor_when_the_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending_module, "PATIENCE_S", 0.0)
    with pytest.raises(StateUnavailableError):
        patient(Away(9), Ending(), []).ask(answer)
    monkeypatch.setattr(ending_module, "PATIENCE_S", 1000.0)
    ending = Ending()
    ending.cancel()
    with pytest.raises(CancelledError):
        patient(Away(9), ending, []).ask(answer)


def test_the_first_error_ends_a_run_and_wakes_all() -> None:
    ending, woken = Ending(), threading.Event()
    ending.then(woken.set)
    early, dropped = ending.token(), ending.token()
    ending.drop(dropped)
    first = InputError("first")
    ending.fail(first)
    ending.fail(InputError("second"))
    assert ending.error is first
    assert (early.cancelled, dropped.cancelled, ending.token().cancelled) == (True, False, True)
    assert woken.is_set()
    with pytest.raises(InputError, match="first"):
        ending.raise_error()


def test_one_alone_waits_for_the_others_and_keeps_new_ones_out() -> None:
    gate, token, order = Gate(), CancelToken(), list[str]()
    waits = threading.Event()

    class Waiting(CancelToken):
        def check(self) -> None:
            waits.set()
            super().check()

    def alone() -> None:
        with gate.enter(Waiting(), alone=True):
            order.append("alone")

    def another() -> None:
        with gate.enter(token):
            order.append("another")

    with gate.enter(token), gate.enter(token):
        first = threading.Thread(target=alone)
        first.start()
        assert waits.wait(SOON)
        second = threading.Thread(target=another)
        second.start()
        given_up = CancelToken()
        given_up.cancel()
        with pytest.raises(CancelledError), gate.enter(given_up):
            pass
        order.append("those before")
    for thread in (first, second):
        thread.join(SOON)
    assert order == ["those before", "alone", "another"]


def test_one_who_gives_up_waiting_to_be_alone_keeps_nobody_out() -> None:
    gate, token = Gate(), CancelToken()
    token.cancel()
    with gate.enter(CancelToken()):
        with pytest.raises(CancelledError), gate.enter(token, alone=True):
            pass
        with gate.enter(CancelToken()):
            pass


def test_a_content_is_for_one_at_a_time() -> None:
    contents, inside, most = Contents(), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with contents.only("same", CancelToken()):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    with contents.only("other", CancelToken()):
        for thread in threads:
            thread.join(SOON)
    assert most == 1


def test_callbacks_are_called_in_the_caller_s_thread_in_order() -> None:
    heard: list[tuple[str, bool]] = []

    def hear(value: object) -> None:
        here = threading.current_thread() is threading.main_thread()
        heard.append((value.source if isinstance(value, VideoOutcome) else str(value), here))

    relay = Relay(hear, None, hear, None)

    def tell() -> None:
        for number in range(40):
            relay.start(f"start {number}")
            relay.progress(Progress("scan", "x", 0, 1, 0))
            relay.outcome(VideoOutcome(f"end {number}", "again" if number == 7 else "done", "new"))
            relay.note("nobody listens")

    thread = threading.Thread(target=tell)
    thread.start()
    while thread.is_alive() or not relay.empty:
        relay.pump(0.05)
    assert heard == [(f"{what} {number}", True) for number in range(40) for what in ("start", "end")]
    assert relay.counts == {"done": 39}


def test_nobody_waits_for_a_listener_who_has_gone() -> None:
    relay = Relay(print, None, None, None)

    def tell() -> None:
        for number in range(100):
            relay.start(str(number))

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    relay.close()
    thread.join(SOON)
    assert not thread.is_alive()
