"""Progress for people: a bar on the terminal with videos, percent, speed and time left. Nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from stills.cli.events import Events
from stills.cli.say import clock
from stills.errors import printable
from stills.types import Progress, ProgressStage

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

EVENT_EVERY_S = 0.25
"""Shortest time between two progress events: a reader of --json is told four times a second."""
_LONGEST_NAME = 32
_LONGEST_BAR = 40
_OTHER_COLUMNS = 44
"""What videos, percent, speed, time left and stage take at most, in characters; name and bar share the rest."""
STAGES: Mapping[ProgressStage, str] = {
    "upload": "sending",
    "queued": "waiting",
    "fetch": "fetching",
    "probe": "opening",
    "scan": "looking",
    "select": "choosing",
    "render": "writing",
    "done": "done",
}


class ProgressView:
    """Shows the progress of several videos one after another; use it as a context manager.

    Called with a :class:`~stills.types.Progress` from any thread, it moves the bar and emits ``progress`` events.
    """

    def __init__(self, total: int, events: Events, *, quiet: bool) -> None:
        """``total`` videos; a bar appears only if standard error is a terminal and the user wants one."""
        self._total = total
        self._events = events
        self._number = 0
        self._name = ""
        self._last_event = 0.0
        self._last_stage = ""
        self._longest = _LONGEST_NAME
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        # Events that go to the same terminal would be torn up by a bar.
        if not quiet and sys.stderr.isatty() and not (events.enabled and sys.stdout.isatty()):
            self._bar, self._longest = _bar()

    def __enter__(self) -> ProgressView:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away, leaving the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away for as long as lines are written: through rich they would be broken at the edge."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def begin(self, path: str) -> None:
        """The next video starts."""
        self._number += 1
        name = printable(path.rpartition("/")[2] or path)
        self._name = name if len(name) <= self._longest else f"{name[: self._longest - 5]}…{name[-4:]}"
        self._last_event, self._last_stage = 0.0, ""
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task("", total=None, videos=self._videos(), name=self._name, speed="", stage="")

    def __call__(self, progress: Progress) -> None:
        """One step of the video that began last."""
        self._emit(progress)
        if self._bar is None or self._task is None:
            return
        speed = f"{progress.speed:.1f}×" if progress.stage == "scan" and progress.speed > 0 else ""
        left = ""
        if progress.stage == "scan" and progress.speed > 0:
            left = f"{clock(max(0.0, progress.duration - progress.position) / progress.speed)} left"
        self._bar.update(
            self._task,
            total=progress.duration or None,
            completed=min(progress.position, progress.duration),
            stage=STAGES[progress.stage],
            speed=f"{speed}  {left}".strip(),
        )

    def _videos(self) -> str:
        return f"{self._number}/{self._total}" if self._total > 1 else ""

    def _emit(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage == self._last_stage and now - self._last_event < EVENT_EVERY_S:
            return
        self._last_event, self._last_stage = now, progress.stage
        self._events.emit(
            "progress",
            input=progress.path,
            number=self._number,
            of=self._total,
            stage=progress.stage,
            position=round(progress.position, 3),
            duration=round(progress.duration, 3),
            fraction=round(progress.fraction, 4),
            speed=round(progress.speed, 2),
        )


def _bar() -> tuple[Bar, int]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    rest = max(16, console.width - _OTHER_COLUMNS)
    longest_name = min(_LONGEST_NAME, rest // 2)
    bar = Bar(
        TextColumn("{task.fields[videos]}", style="dim"),
        TextColumn("{task.fields[name]}", markup=False),
        BarColumn(min(_LONGEST_BAR, rest - longest_name)),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}", markup=False),
        TextColumn("{task.fields[stage]}", style="dim"),
        console=console,
        transient=True,
        redirect_stdout=False,  # see paused()
    )
    return bar, longest_name
