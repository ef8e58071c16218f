"""The work behind ``stills status``, ``stills retry`` and ``stills quarantine``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stills.cli.run import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NOTHING, EXIT_SOME_FAILED, cancel_on_signals
from stills.cli.say import clock, count, line, note
from stills.cli.session import Session
from stills.errors import printable
from stills.jobs.library.looking import (
    LibraryStatus,
    library_failures,
    library_retry,
    library_status,
    open_library,
    read_status,
    shown_out,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stills.jobs.library.looking import Ended
    from stills.jobs.store.records import Failure, Run

MOST_SHOWN = 8
"""Videos under way, and reasons, that are listed for people; JSON has them all."""

REMEDY = " — "
"""What stands in a failure's line between what happened and what to do."""

_OUTCOMES = {"partial": "read only in part", "nothing": "with nothing that qualifies"}
_STATE_WORDS = {"failed": "failed", "quarantined": "in quarantine"}


def say_status(session: Session, out: Path) -> int:
    """Say how far the library is, once; the exit code."""
    status = library_status(out, session.settings.jobs.database)
    _emit(session, status)
    if not (session.quiet or session.events.enabled):
        for text in status_lines(status, now=time.time()):
            line(text)
    return 0


def watch_status(session: Session, out: Path, interval: float) -> int:
    """Say it every ``interval`` seconds until nobody works on the library; the exit code, as the run's own."""
    with (
        cancel_on_signals() as token,
        open_library(out, session.settings.jobs.database, readonly=True) as store,
        _screen(session) as show,
    ):
        while True:
            status = read_status(store, shown_out(out))
            _emit(session, status)
            show(status_lines(status, now=time.time()), not status.active)
            if not status.active:
                return _how_it_ended(status)
            if token.wait(interval):
                return EXIT_INTERRUPTED


def retry(session: Session, out: Path, reason: str | None, state: Ended) -> int:
    """Queue videos anew, saying how many and what does them; the exit code."""
    database = session.settings.jobs.database
    number = library_retry(out, reason, state=state, database=database)
    status = library_status(out, database)
    run = next(iter(status.runs), None)
    last = run or status.last_run
    session.events.emit(
        "result", input=status.out, found=number > 0, files=[], queued=number, reason=reason, state=state,
        at_work=run is not None, command=None if last is None else last.command,
    )  # fmt: skip
    if not number:
        if not (session.quiet or session.events.enabled):
            note(_nothing_like_it(status, reason, state))
        return EXIT_NOTHING
    if not (session.quiet or session.events.enabled):
        who = f"{run} does them" if run is not None else "the next run of the same command does them"
        again = f": {last.command}" if last is not None and run is None else ""
        line(f"{count(number, 'video')} queued again; {who}{again}")
    return 0


def list_quarantined(session: Session, out: Path, reason: str | None) -> int:
    """Say which videos are in quarantine; the exit code."""
    found = library_failures(out, reason, state="quarantined", database=session.settings.jobs.database)
    for one in found:
        session.events.emit("result", found=True, files=[], **_failure(one), attempts=one.attempts, at=one.at)
        if not (session.quiet or session.events.enabled):
            tried = count(one.attempts, "try", "tries")
            line(f"{one.source}: {one.message} ({_reason(one.error_class, one.code)}; {tried})")
    if not found and not (session.quiet or session.events.enabled):
        note("nothing is in quarantine" + (f" because of {reason!r}" if reason else ""))
    return 0 if found else EXIT_NOTHING


def status_lines(status: LibraryStatus, *, now: float) -> Iterator[str]:
    """What people are told of a library; ``now`` in Unix seconds."""
    counts = status.counts
    outcomes = [f"{number} {_OUTCOMES[word]}" for word, number in counts.outcomes.items() if word in _OUTCOMES]
    parts = [f"{counts.done} done" + (f" ({', '.join(outcomes)})" if outcomes else "")]
    waiting = f" ({counts.waiting} of them for a time to pass)" if counts.waiting else ""
    running = "under way" if status.active else "interrupted"
    parts += [f"{counts.running} {running}"] if counts.running else []
    parts += [f"{counts.pending} waiting{waiting}"] if counts.pending else []
    parts += [f"{counts.failed} failed"] if counts.failed else []
    parts += [f"{counts.quarantined} in quarantine"] if counts.quarantined else []
    yield f"{status.out}: {count(counts.total, 'video')}: {', '.join(parts)}"
    for run in status.runs:
        yield f"at work for {clock(max(0.0, now - run.began_at))}: {run}"
    if not status.runs and status.last_run is not None:
        yield _last_run(status.last_run, counts.left, now)
    if status.rate is not None:
        left = status.time_left_s
        yield _rate(status.rate) + (f", about {clock(left)} left" if left else "")
    yield from _under_way(status, now)
    yield from _problems(status)


def _last_run(run: Run, left: int, now: float) -> str:
    how = {"finished": "finished", "interrupted": "was interrupted", "failed": "stopped with an error"}
    ended = how.get(run.ended or "", "died")
    ago = "" if run.ended_at is None else f" {clock(max(0.0, now - run.ended_at))} ago"
    on = " — run the same command again to go on" if left else ""
    return f"nobody is at work; the last run {ended}{ago}: {run}{on}"


def _rate(rate: float) -> str:
    """``rate`` in videos a second, in the unit in which it is a number that says something."""
    for seconds, unit in ((1, "second"), (60, "minute"), (3600, "hour")):
        if rate * seconds >= 1 or unit == "hour":
            return f"{rate * seconds:.1f} videos a{'n' if unit == 'hour' else ''} {unit}"
    raise AssertionError("unreachable: the last unit always fits")


def _under_way(status: LibraryStatus, now: float) -> Iterator[str]:
    if status.under_way and status.active:
        yield "under way:"
        for one in status.under_way[:MOST_SHOWN]:
            said = [clock(max(0.0, now - one.since))]
            said += [count(one.segments, "segment") + " finished"] if one.segments else []
            said += [f"try {one.attempt}"] if one.attempt > 1 else []
            said += [f"on {one.host}"] if len({other.host for other in status.under_way}) > 1 else []
            yield f"  {one.source}: {', '.join(said)}"
        more = status.counts.running - MOST_SHOWN
        if more > 0:
            yield f"  and {more} more"


def _problems(status: LibraryStatus) -> Iterator[str]:
    if not status.problems:
        return
    yield "without a result:"
    for one in status.problems[:MOST_SHOWN]:
        such = "" if one.number == 1 else "such as "
        where = f"{such}{one.example.source}: {one.example.message.partition(REMEDY)[0]}"
        yield f"  {one.number} {_STATE_WORDS[one.state]}, {_reason(one.error_class, one.code)} ({where})"
    if len(status.problems) > MOST_SHOWN:
        yield f"  and {len(status.problems) - MOST_SHOWN} more reasons (--json has them)"
    states = {one.state for one in status.problems}
    commands = [f"stills retry {status.out}"] if "failed" in states else []
    commands += [f"stills quarantine clear {status.out}"] if "quarantined" in states else []
    yield f"to have them tried again: {', '.join(commands)}"


def _reason(error_class: str, code: str) -> str:
    return code if error_class in {code, ""} else f"{error_class}: {code}"


def _nothing_like_it(status: LibraryStatus, reason: str | None, state: str) -> str:
    there = sorted({f"{_reason(one.error_class, one.code)} ({_STATE_WORDS[one.state]})" for one in status.problems})
    states = {"failed": "failed", "quarantined": "is in quarantine", "all": "failed or is in quarantine"}
    said = f"no video {states[state]}" + (f" because of {reason!r}" if reason else "")
    return said + (f"; there are {', '.join(there)}" if there else "")


def _how_it_ended(status: LibraryStatus) -> int:
    counts = status.counts
    if counts.failed or counts.quarantined or counts.left:
        return EXIT_SOME_FAILED if counts.done else EXIT_FAILED
    return 0


def _emit(session: Session, status: LibraryStatus) -> None:
    if session.events.enabled:
        session.events.emit("status", **status_fields(status))


def status_fields(status: LibraryStatus) -> dict[str, Any]:
    """All that is known, as JSON."""
    counts = status.counts
    states = {
        name: getattr(counts, name) for name in ("pending", "waiting", "running", "done", "failed", "quarantined")
    }
    return {
        "out": status.out,
        "database": status.database,
        "videos": counts.total,
        **states,
        "outcomes": dict(counts.outcomes),
        "active": status.active,
        "rate": status.rate,
        "time_left_s": status.time_left_s,
        "runs": [_run(run) for run in status.runs],
        "last_run": None if status.last_run is None else _run(status.last_run),
        "under_way": [asdict(one) for one in status.under_way],
        "failures": [{**_failure(one.example), "number": one.number} for one in status.problems],
    }


def _run(run: Run) -> dict[str, Any]:
    names = ("id", "command", "host", "pid", "began_at", "ended_at", "ended")
    return {name: getattr(run, name) for name in names}


def _failure(one: Failure) -> dict[str, Any]:
    message, _, remedy = one.message.partition(REMEDY)
    return {
        "input": one.source,
        "recipe": one.recipe,
        "state": one.state,
        "error_class": one.error_class,
        "code": one.code,
        "message": message,
        "remedy": remedy or None,
    }


Show: TypeAlias = "Callable[[Iterator[str], bool], None]"
"""Shows lines; the second argument says whether they are the last."""


@contextmanager
def _screen(session: Session) -> Iterator[Show]:
    """On a terminal lines take the place of those before; elsewhere a look is one line, and the last one all of it."""
    if session.quiet or session.events.enabled:
        yield lambda lines, last: None
    elif not sys.stdout.isatty():
        yield _add_lines
    else:
        from rich.live import Live
        from rich.text import Text

        with Live(auto_refresh=False, vertical_overflow="crop") as live:

            def replace(lines: Iterator[str], last: bool) -> None:
                live.update(Text("\n".join(map(printable, lines)), no_wrap=True, overflow="ellipsis"), refresh=True)

            yield replace


def _add_lines(lines: Iterator[str], last: bool) -> None:
    for text in lines if last else islice(lines, 1):
        line(text)
