"""The progress bar: there on a terminal, nowhere else, and gone when lines are written."""

import io
import re
import sys

import pytest

from stills.cli.events import Events
from stills.cli.progress import ProgressView
from stills.types import Progress

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def film(position: float) -> Progress:
    return Progress("scan", "films/The Film.mp4", position, 120.0, 6.0)


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 100) -> Terminal:
    """Standard error becomes a terminal; called by each test, as pytest puts its own in place after the fixtures."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


def test_a_terminal_gets_videos_percent_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with ProgressView(3, Events(enabled=False), quiet=False) as view:
        view.begin("other.mp4")
        view.begin("films/The Film.mp4")
        view(film(30.0))
    shown = CODES.sub("", screen.getvalue())
    last = shown.rstrip().splitlines()[-1]
    for words in ("2/3", "The Film.mp4", "25%", "5.0×", "0:18 left", "looking"):
        assert words in last


def test_what_is_written_while_paused_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    line = "a line much longer than the terminal is wide, " * 5
    with ProgressView(1, Events(enabled=False), quiet=False) as view:
        view.begin("a.mp4")
        view(film(30.0))
        with view.paused():
            print(line, file=sys.stderr)
    assert f"{line}\n" in screen.getvalue()


@pytest.mark.parametrize("columns", [20, 60, 200])
def test_a_frame_of_the_bar_is_one_line(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    screen = terminal(monkeypatch, columns)
    with ProgressView(10, Events(enabled=False), quiet=False) as view:
        view.begin("a very long name of a film that goes on for longer than anyone would read.mp4")
        view(film(30.0))
    frames = re.split(r"[\r\n]", CODES.sub("", screen.getvalue()))
    assert any(frames)
    assert max(len(frame) for frame in frames) <= columns


def test_no_bar_for_the_quiet_or_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with ProgressView(1, Events(enabled=False), quiet=True) as view:
        view.begin("a.mp4")
        view(film(30.0))
    assert screen.getvalue() == ""
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with ProgressView(1, Events(enabled=False), quiet=False) as view, view.paused():
        view.begin("a.mp4")
        view(film(30.0))
    assert pipe.getvalue() == ""


def test_events_are_not_more_than_a_reader_wants(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressView(1, Events(enabled=True), quiet=True) as view:
        view.begin("a.mp4")
        for step in range(1000):
            view(film(step / 10))
        view(Progress("render", "a.mp4", 0.0, 0.0, 7.0))
    lines = capsys.readouterr().out.splitlines()
    assert 2 <= len(lines) <= 20
    assert '"stage": "render"' in lines[-1]
