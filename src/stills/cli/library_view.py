"""Progress of many videos, several of them under way at once: how many are done, at what rate, what is worked on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from stills.addresses import public_name
from stills.cli.events import Events
from stills.cli.progress import EVENT_EVERY_S, STAGES
from stills.cli.say import clock
from stills.errors import printable
from stills.types import Progress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

_REDRAWN_A_SECOND = 4
_MOST_SHOWN = 8
"""Videos under way that have a line."""
_LONGEST_NAME = 48
_BAR = 16


@dataclass(slots=True)
class _UnderWay:
    number: int
    progress: Progress | None = None
    stage: str = ""
    told_at: float = 0.0


class LibraryView:
    """Shows how far a library is; use it as a context manager. Every method may be called from any thread."""

    def __init__(self, events: Events, *, quiet: bool) -> None:
        """Lines appear only if standard error is a terminal and the user wants them."""
        self._events = events
        self._lock = threading.RLock()
        self._under_way: dict[str, _UnderWay] = {}
        self._began = 0
        self._ended = 0
        self._worked = 0
        self._found = 0
        self._all_found = False
        self._since: float | None = None
        self._live: Live | None = None
        if not quiet and sys.stderr.isatty() and not (events.enabled and sys.stdout.isatty()):
            self._live = self._make_live()

    def __enter__(self) -> LibraryView:
        """Show it."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take it away while lines are written, by one thread at a time."""
        with self._lock:
            if self._live is None:
                yield
                return
            self._live.stop()
            try:
                yield
            finally:
                self._live.start()

    def found(self, number: int, *, all_of_them: bool) -> None:
        """So many inputs were found so far; are these all?"""
        with self._lock:
            self._found, self._all_found = number, all_of_them

    def begin(self, source: str) -> None:
        """Work on a video begins (again)."""
        with self._lock:
            self._since = time.monotonic() if self._since is None else self._since
            self._began += 1
            self._under_way[source] = _UnderWay(self._began)

    def pause(self, source: str) -> None:
        """A video is not worked on now, and is tried again."""
        with self._lock:
            self._under_way.pop(source, None)

    def end(self, source: str) -> None:
        """A video has ended, whether there was any work or not."""
        with self._lock:
            self._ended += 1
            self._worked += self._under_way.pop(source, None) is not None

    def __call__(self, progress: Progress) -> None:
        """One step of a video that is under way."""
        source = public_name(progress.path)
        with self._lock:
            one = self._under_way.get(source)
            if one is None:
                return  # ended meanwhile
            one.progress = progress
            now = time.monotonic()
            if progress.stage == one.stage and now - one.told_at < EVENT_EVERY_S:
                return
            one.stage, one.told_at = progress.stage, now
            number, of = one.number, self._found
        self._events.emit(
            "progress",
            input=source,
            number=number,
            of=of,
            stage=progress.stage,
            position=round(progress.position, 3),
            duration=round(progress.duration, 3),
            fraction=round(progress.fraction, 4),
            speed=round(progress.speed, 2),
        )

    def lines(self, width: int) -> list[str]:
        """What is shown, in at most ``width`` characters a line: the whole first, then what is under way."""
        with self._lock:
            under_way = list(self._under_way.items())
            shown = [self._whole(), *(_one(source, one, width) for source, one in under_way[:_MOST_SHOWN])]
        if len(under_way) > _MOST_SHOWN:
            shown.append(f"  and {len(under_way) - _MOST_SHOWN} more")
        return [line if len(line) <= width else f"{line[: width - 1]}…" for line in shown]

    def _whole(self) -> str:
        total = f"{self._found}" if self._all_found else f"{self._found}…"
        parts = [f"{self._ended}/{total} videos"]
        elapsed = 0.0 if self._since is None else time.monotonic() - self._since
        if self._worked and elapsed > 0:
            rate = self._worked / elapsed
            parts.append(f"{rate * 60:.1f} a minute" if rate < 1 else f"{rate:.1f} a second")
            if self._all_found:
                parts.append(f"{clock((self._found - self._ended) / rate)} left")
        return "  ".join(parts)

    def _make_live(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True)
        return Live(
            _Shown(self),
            console=console,
            refresh_per_second=_REDRAWN_A_SECOND,
            transient=True,
            redirect_stdout=False,  # see paused()
            redirect_stderr=False,
        )


class _Shown:
    """What rich draws, anew each time."""

    def __init__(self, view: LibraryView) -> None:
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield Text("\n".join(self._view.lines(options.max_width)), no_wrap=True, overflow="crop")


def _one(source: str, one: _UnderWay, width: int) -> str:
    longest = max(12, min(_LONGEST_NAME, width - 44))
    name = printable(source.rpartition("/")[2] or source)
    name = name if len(name) <= longest else f"{name[: longest - 5]}…{name[-4:]}"
    if one.progress is None:
        return f"  {name:<{longest}}"
    full = round(_BAR * one.progress.fraction)
    speed = f"{one.progress.speed:.1f}×" if one.progress.stage == "scan" and one.progress.speed > 0 else ""
    bar = f"{'━' * full}{'─' * (_BAR - full)}"
    return f"  {name:<{longest}} {bar} {one.progress.fraction:4.0%}  {STAGES[one.progress.stage]:<8} {speed}".rstrip()
