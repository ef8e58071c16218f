"""``stills status``, ``retry`` and ``quarantine``: what they say, and with which code they end."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stills.cli import main
from stills.cli.status_work import status_lines
from stills.jobs.library.looking import library_status
from stills.jobs.store import Store, VideoRow, open_store
from stills.jobs.store.records import Run


class Library:
    """An output folder with state that a run of this process holds."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.store: Store = open_store(out)
        self.run: Run = self.store.begin_run("stills people films -o out")
        self.store.add_videos(self.run, [VideoRow(f"/films/{name}.mp4", "people") for name in "abcdef"])

    def end(self, number: int, **failing: Any) -> None:
        for claim in self.store.claim(self.run, limit=number):
            if failing:
                self.store.fail(claim, **{"error_class": "corrupt", "code": "corrupt", "message": "broken", **failing})
            else:
                self.store.finish(claim, "done", {"found": 2})


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library(tmp_path / "out")
    yield made
    made.store.close()


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(one) for one in argv])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def test_status_of_a_run_at_work(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    library.end(3)
    library.end(1, quarantine=True)
    library.store.claim(library.run)
    code, stdout, stderr = run(capsys, "status", library.out)
    assert (code, stderr) == (0, "")
    assert "6 videos: 3 done, 1 under way, 1 waiting, 1 in quarantine" in stdout
    assert "at work for 0:0" in stdout
    assert "`stills people films -o out` (process" in stdout
    assert "  /films/e.mp4: 0:0" in stdout
    assert "1 in quarantine, corrupt (/films/d.mp4: broken)" in stdout
    assert "left" in stdout


def test_status_as_one_object(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    library.end(2)
    library.end(1, retry_in=600.0, error_class="transient", code="download")
    library.end(1)
    code, stdout, _ = run(capsys, "status", library.out, "--json")
    said = json.loads(stdout)
    assert code == 0
    assert (said["event"], said["videos"], said["done"], said["pending"], said["waiting"]) == ("status", 6, 3, 3, 1)
    assert said["active"] is True
    assert said["time_left_s"] == pytest.approx(3 / said["rate"])
    assert said["runs"][0]["pid"] == os.getpid()
    assert said["failures"] == said["under_way"] == []


def test_status_of_an_interrupted_run_says_how_to_go_on(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    library.end(2)
    library.store.end_run(library.run, "interrupted")
    _, stdout, _ = run(capsys, "status", library.out)
    assert "the last run was interrupted 0:0" in stdout
    assert "run the same command again to go on" in stdout
    assert "at work for" not in stdout


def test_a_time_is_said_in_the_unit_that_fits(library: Library) -> None:
    library.end(4)
    status = library_status(library.out)
    told = list(status_lines(status, now=time.time()))
    assert any(" a second, about 0:0" in one or " a minute, about" in one for one in told)


def test_no_state_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["status", "--watch"], ["retry"], ["quarantine", "list"], ["quarantine", "clear"]):
        code, stdout, stderr = run(capsys, *command, tmp_path / "none")
        assert (code, stdout) == (1, "")
        assert stderr.count("\n") == 1
        assert "no state is kept here" in stderr
    assert not (tmp_path / "none").exists()


def test_a_wrong_database_is_a_usage_error_that_keeps_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, stderr = run(capsys, "status", tmp_path, "--database", "mysql://me:hush@host/db")
    assert code == 2
    assert "postgresql://" in stderr
    assert "hush" not in stderr


def test_the_database_may_come_from_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with open_store(tmp_path / "out", url) as store:
        store.begin_run("stills people films -o out")
    monkeypatch.setenv("STILLS_JOBS__DATABASE", url)
    assert run(capsys, "status", tmp_path / "out")[0] == 0


def test_watching_ends_with_the_run_and_with_its_code(
    library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def wait(token: Any, seconds: float) -> bool:
        looks.append(seconds)
        if len(looks) == 3:
            library.end(1, quarantine=True)
            library.end(9)
            library.store.end_run(library.run)
        return False

    monkeypatch.setattr("stills.cancel.CancelToken.wait", wait)
    code, stdout, _ = run(capsys, "status", library.out, "--watch", "--interval", "0.5")
    assert looks == [0.5] * 3
    assert code == 3
    assert [line.partition(": ")[2] for line in stdout.splitlines()[:3]] == ["6 videos: 0 done, 6 waiting"] * 3
    assert "6 videos: 5 done, 1 in quarantine" in stdout
    assert "the last run finished" in stdout


def test_watching_can_be_interrupted(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
    assert run(capsys, "status", library.out, "--watch", "--interval", "60")[0] == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_retry_says_how_many_and_by_what(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    library.end(2, error_class="transient", code="timeout")
    library.end(1, quarantine=True)
    code, stdout, _ = run(capsys, "retry", library.out)
    assert code == 0
    assert "2 videos queued again" in stdout
    assert "`stills people films -o out` (process" in stdout
    library.store.end_run(library.run)
    code, stdout, _ = run(capsys, "retry", library.out, "--state", "all", "--json")
    said = json.loads(stdout)
    assert (code, said["queued"], said["at_work"], said["command"]) == (0, 1, False, "stills people films -o out")
    assert library.store.counts().pending == 6


def test_retry_of_a_reason_that_there_is_not_names_those_that_are(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    library.end(1, error_class="transient", code="timeout")
    code, stdout, stderr = run(capsys, "retry", library.out, "--reason", "timeot")
    assert (code, stdout) == (4, "")
    assert "no video failed because of 'timeot'; there are transient: timeout (failed)" in stderr


def test_quarantine_is_listed_and_cleared(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "quarantine", "list", library.out)[0] == 4
    library.end(2, quarantine=True)
    library.end(1, quarantine=True, code="not-a-video", message="there is no video in it")
    code, stdout, _ = run(capsys, "quarantine", "list", library.out)
    assert code == 0
    assert stdout.splitlines()[0] == "/films/a.mp4: broken (corrupt; 1 try)"
    assert stdout.splitlines()[2] == "/films/c.mp4: there is no video in it (corrupt: not-a-video; 1 try)"
    _, stdout, _ = run(capsys, "quarantine", "list", library.out, "--json", "--reason", "not-a-video")
    [said] = [json.loads(line) for line in stdout.splitlines()]
    assert (said["input"], said["code"], said["attempts"]) == ("/films/c.mp4", "not-a-video", 1)
    code, stdout, _ = run(capsys, "quarantine", "clear", library.out, "--reason", "not-a-video")
    assert (code, stdout.partition(";")[0]) == (0, "1 video queued again")
    assert run(capsys, "quarantine", "clear", library.out)[1].startswith("2 videos queued again")
    assert run(capsys, "quarantine", "clear", library.out)[0] == 4
