"""What the command line makes of what becomes of many videos: lines, events, exit codes, what is shown meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import stills
from stills.cli import main
from stills.cli.events import Events
from stills.cli.inputs import are_many
from stills.cli.library_view import LibraryView
from stills.errors import CorruptVideoError, InputError, OutputError, RunActiveError
from stills.jobs.library.types import LibraryResult, VideoOutcome
from stills.jobs.sources import Source
from stills.jobs.store.records import Counts
from stills.types import Progress

Said = tuple[int, str, str]
Tells = Callable[..., Said]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tells:
    """Calls ``stills people a.mp4 b.mp4 …`` where the library says that this became of them."""

    def call(*outcomes: VideoOutcome | BaseException, interrupted: bool = False, flags: Iterable[str] = ()) -> Said:
        def library(inputs: Iterable[Source], out: Path, **how: Any) -> LibraryResult:
            call.command = how["command"]  # type: ignore[attr-defined]
            list(inputs)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
                how["on_start"](outcome.source)
                how["on_progress"](Progress("scan", outcome.source, 1.0, 4.0, 1.0))
                how["on_video"](outcome)
            return LibraryResult(out, "people", {}, Counts(total=9), out / "report.html", interrupted)

        monkeypatch.setattr(stills, "library", library, raising=False)
        monkeypatch.chdir(tmp_path)
        code = main(["people", "a.mp4", "b.mp4", "c.mp4", "-o", "out", *flags])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return call


def kept(source: str, found: int = 2) -> VideoOutcome:
    return VideoOutcome(source, "kept", "done", folder=Path("out") / source[0], noted={"found": found}, attempt=0)


def test_what_was_done_before_is_said(told: Tells) -> None:
    code, stdout, stderr = told(kept("a.mp4"), kept("b.mp4"), kept("c.mp4"))
    assert code == 0
    assert stdout.splitlines() == [
        "a.mp4: done before → out/a", "b.mp4: done before → out/b", "c.mp4: done before → out/c",
        "look at out/report.html",
    ]  # fmt: skip
    assert stderr == "3 inputs: 3 done before\n"


def test_what_was_done_before_is_an_event(told: Tells) -> None:
    _, stdout, _ = told(kept("a.mp4"), flags=["--json"])
    result, summary = [json.loads(line) for line in stdout.splitlines()][-2:]
    assert (result["event"], result["kept"], result["found"], result["what"]) == ("result", True, True, "done")
    assert (summary["inputs"], summary["kept"], summary["done"], summary["failed"]) == (3, 1, 0, 0)
    assert summary["library"]["total"] == 9


def test_nothing_that_qualifies_before_and_now_is_code_4(told: Tells) -> None:
    nothing = VideoOutcome("b.mp4", "nothing", "new", noted={"found": 0})
    code, stdout, stderr = told(kept("a.mp4", found=0), nothing)
    assert code == 4
    assert "b.mp4: nothing that qualifies" in stdout
    assert "1 with nothing that qualifies, 1 done before" in stderr
    assert told(kept("a.mp4", found=1), nothing)[0] == 0


def test_why_something_is_done_again(told: Tells) -> None:
    again = VideoOutcome("a.mp4", "nothing", "changed", ("input", "settings"))
    _, stdout, _ = told(again)
    assert stdout.splitlines()[0].endswith("(the video and settings changed: done again)")


def test_failures_of_now_and_of_before(told: Tells) -> None:
    def broken() -> CorruptVideoError:
        return CorruptVideoError("no frame can be decoded", remedy="copy it again")

    code, _, stderr = told(
        VideoOutcome("a.mp4", "failed", "new", error=InputError("no such file"), error_class="input"),
        VideoOutcome("b.mp4", "quarantined", "new", error=broken(), error_class="corrupt"),
        VideoOutcome("c.mp4", "quarantined", "quarantined", error=broken(), error_class="corrupt", attempt=0),
    )
    assert code == 1
    assert stderr.splitlines() == [
        "error: a.mp4: no such file",
        "error: b.mp4: no frame can be decoded (put into quarantine) — copy it again",
        "error: c.mp4: in quarantine: no frame can be decoded — stills quarantine clear out has it tried again",
        "3 inputs: 1 failed, 2 in quarantine",
    ]


def test_a_failure_among_results_is_code_3_and_an_event(told: Tells) -> None:
    failed = VideoOutcome("b.mp4", "failed", "failed", error=InputError("no such file"), error_class="input", attempt=0)
    code, stdout, _ = told(kept("a.mp4"), failed, flags=["--json"])
    assert code == 3
    events = [json.loads(line) for line in stdout.splitlines()]
    (error,) = [event for event in events if event["event"] == "error"]
    assert (error["input"], error["status"], error["error_class"], error["kept"]) == ("b.mp4", "failed", "input", True)


def test_another_try_is_no_failure(told: Tells) -> None:
    error = InputError("no answer")
    again = VideoOutcome("a.mp4", "again", "new", error=error, error_class="transient", retry_in=3.0)
    code, stdout, stderr = told(again, kept("a.mp4"), flags=["--json"])
    assert (code, stderr) == (0, "")
    events = [json.loads(line) for line in stdout.splitlines()]
    (event,) = [event for event in events if event["event"] == "again"]
    assert (event["message"], event["retry_in"], event["attempt"]) == ("no answer", 3.0, 1)


def test_what_is_left_for_later_is_said_and_not_code_0(told: Tells) -> None:
    code, _, stderr = told(kept("a.mp4"), VideoOutcome("b.mp4", "left", "running"))
    assert code == 3
    assert "note: b.mp4: left for later: somebody else works on it" in stderr
    assert "1 done before, 1 left for later" in stderr


def test_an_interrupted_run_says_how_to_go_on(told: Tells) -> None:
    code, _, stderr = told(kept("a.mp4"), interrupted=True)
    assert code == 130
    assert stderr == "error: interrupted; 2 inputs not done — run the same command again to go on\n"


@pytest.mark.parametrize("error", [RunActiveError("another run is at work"), OutputError("the disk is full")])
def test_what_ends_the_run_is_one_line(told: Tells, error: Exception) -> None:
    code, stdout, stderr = told(error, flags=["-q"])
    assert (code, stdout) == (1, "")
    assert stderr == f"error: {error}\n"
    code, stdout, _ = told(error, flags=["--json"])
    events = [json.loads(line) for line in stdout.splitlines()]
    assert [event["event"] for event in events] == ["error", "summary"]
    assert events[1]["exit_code"] == 1


def test_the_run_is_called_by_its_command_line_without_secrets(told: Tells) -> None:
    told(kept("a.mp4"), flags=["--database", "postgresql://me:hush@host/db?password=hush"])
    command: str = told.command  # type: ignore[attr-defined]
    assert command == "stills people a.mp4 b.mp4 c.mp4 -o out --database 'postgresql://host/db?…'"


@pytest.mark.parametrize(
    ("named", "many"),
    [
        (["film.mp4"], False),
        (["nothing.mp4"], False),
        (["folder"], True),
        (["[film].mp4"], False),
        (["*.mp4"], True),
        (["a.mp4", "b.mp4"], True),
        (["films.csv"], True),
        (["@films.txt"], True),
        (["-"], True),
        (["https://host/film.mp4"], False),
        (["s3://bucket/film.mp4"], False),
        (["s3://bucket/films/"], True),
        (["s3://bucket/*.mp4"], True),
        (["s3://bucket/films"], True),
    ],
)
def test_what_is_a_library(named: list[str], many: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "[film].mp4").touch()
    assert are_many(named) is many


def test_the_view_shows_the_whole_and_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("stills.cli.library_view.time.monotonic", lambda: now[0])
    view = LibraryView(Events(enabled=False), quiet=True)
    view.found(10, all_of_them=False)
    assert view.lines(80) == ["0/10… videos"]
    for number in range(3):
        view.begin(f"/films/film{number}.mp4")
    view.end("/films/kept.mp4")
    now[0] += 20
    view.end("/films/film0.mp4")
    view(Progress("scan", "/films/film1.mp4", 30.0, 60.0, 10.0))
    view(Progress("scan", "/films/ended.mp4", 30.0, 60.0, 10.0))
    view.found(10, all_of_them=True)
    whole, first, second = view.lines(100)
    assert whole == "2/10 videos  3.0 a minute  2:40 left"
    assert first.split() == ["film1.mp4", "━━━━━━━━────────", "50%", "looking", "3.0×"]
    assert second.strip() == "film2.mp4"
    view.pause("/films/film2.mp4")
    assert len(view.lines(100)) == 2


@pytest.mark.parametrize("width", [30, 60, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    view = LibraryView(Events(enabled=False), quiet=True)
    for number in range(12):
        view.begin(f"/films/{'long ' * 30}{number}.mp4")
        view(Progress("scan", f"/films/{'long ' * 30}{number}.mp4", 30.0, 60.0, 10.0))
    lines = view.lines(width)
    assert len(lines) == 10
    assert lines[-1] == "  and 4 more"
    assert max(map(len, lines)) <= width
