"""Many inputs, one after another: each gets done, fails or is empty by itself; the sum is the exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.progress import ProgressView
from stills.cli.say import ReaderGoneError, count, line, log, note, report_bug, report_error, write_out
from stills.cli.session import Session
from stills.errors import CancelledError, NothingFoundError, StillsError
from stills.jobs.outputs import public_text, remote_output
from stills.retry import backoff
from stills.types import Fallback, ProgressCallback

EXIT_FAILED, EXIT_SOME_FAILED, EXIT_NOTHING, EXIT_INTERRUPTED = 1, 3, 4, 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one input gave. ``found`` is false where all went well but nothing in it qualifies.

    ``partial`` says that only a part of it could be read; ``warnings`` say why, or what else is odd about it. ``rows``
    follow the line as they are: names in them must be printable already. An empty line is left out.
    """

    line: str
    found: bool = True
    files: Sequence[Path | str] = ()
    fallbacks: Sequence[Fallback] = ()
    partial: bool = False
    warnings: Sequence[str] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[str] = ()


Work = Callable[[str, ProgressCallback, CancelToken], Outcome]


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that gave nothing, and why."""

    path: str
    message: str
    remedy: str | None = None


After = Callable[[Sequence[Failure]], Path | None]
"""Called once in the end, with what failed, if any input gave something; returns what to look at, if anything."""


@dataclass(slots=True)
class _Tally:
    done: int = 0
    empty: int = 0
    failures: list[Failure] = field(default_factory=list)
    after_failed: bool = False
    interrupted: bool = False

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return EXIT_INTERRUPTED
        if self.failures or self.after_failed:
            return EXIT_SOME_FAILED if self.done or self.empty else EXIT_FAILED
        return EXIT_NOTHING if self.empty and not self.done else 0


def run_each(session: Session, inputs: Sequence[Input], work: Work, *, after: After | None = None) -> int:
    """Do ``work`` for every input and return the exit code.

    A failing input is reported and the next one starts; a retryable failure is tried again as the settings say. The
    first Ctrl-C (or SIGTERM) cancels: what is finished stays, and the code is 130.

    Args:
        session: Settings and ways to talk.
        inputs: From :func:`stills.cli.inputs.expand`.
        work: One input's work; it may raise any :class:`~stills.errors.StillsError`.
        after: See :data:`After`.
    """
    tally = _Tally()
    with cancel_on_signals() as token, ProgressView(len(inputs), session.events, quiet=session.quiet) as view:
        for item in inputs:
            view.begin(item.name)
            try:
                outcome = _one(session, item, work, view, token)
            except (CancelledError, KeyboardInterrupt):
                tally.interrupted = True
                break
            except ReaderGoneError:
                raise
            except StillsError as error:
                tally.failures.append(Failure(item.name, error.message, error.remedy))
                with view.paused():
                    report_error(about(error, item.name))
                session.events.error(error, path=item.name)
            except Exception as error:  # noqa: BLE001 - one input's bug must not cost the others
                with view.paused():
                    said = report_bug(error, item.name)
                tally.failures.append(Failure(item.name, said))
                session.events.error(said, path=item.name)
            else:
                tally.done += outcome.found
                tally.empty += not outcome.found
                with view.paused():
                    tell_outcome(session, item.name, outcome)
        look_at = _afterwards(session, tally, after) if after and (tally.done or tally.empty) else None
    return _sum_up(session, tally, len(inputs), look_at)


def _afterwards(session: Session, tally: _Tally, after: After) -> Path | str | None:
    try:
        page = after(tally.failures)
        remote = remote_output(page) if page is not None else None
        return page if page is None or remote is None else remote.publish_one(page)
    except StillsError as error:
        tally.after_failed = True
        report_error(error)
        session.events.error(error, path=None)
        return None


def about(error: StillsError, path: str) -> StillsError:
    """``error``, naming the input it is about where it names no file."""
    if error.path is None:
        error.path = path
    return error


def _one(session: Session, item: Input, work: Work, view: ProgressView, token: CancelToken) -> Outcome:
    session.events.emit("started", input=item.name)
    if item.error is not None:
        raise item.error
    limits = session.settings.limits
    for attempt in range(limits.retries + 1):
        token.check()
        try:
            return _published(work(item.path, view, token), item)
        except NothingFoundError as error:
            return Outcome(str(about(error, item.name)), found=False)
        except StillsError as error:
            if not error.retryable or attempt == limits.retries:
                raise
            pause = backoff(attempt, limits.retry_delay)
            log.info("%s; trying again in %.1f s", error, pause)
            token.wait(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _published(outcome: Outcome, item: Input) -> Outcome:
    """``outcome``, its files where they were to go, and neither them nor the input called by what is secret."""
    paths = [path for path in outcome.files if isinstance(path, Path)]
    remote = remote_output(paths[-1]) if paths else None
    if remote is not None:
        outcome = replace(outcome, files=remote.publish(paths))

    def say(text: str) -> str:
        return public_text(text.replace(item.path, item.name))

    fields = {name: say(value) if isinstance(value, str) else value for name, value in outcome.fields.items()}
    rows, warnings = tuple(map(say, outcome.rows)), tuple(map(say, outcome.warnings))
    return replace(outcome, line=say(outcome.line), rows=rows, warnings=warnings, fields=fields)


def tell_outcome(session: Session, name: str, outcome: Outcome) -> None:
    """Say what an input gave: its fallbacks, its warnings, its event, its line."""
    for fallback in outcome.fallbacks:
        session.events.emit("fallback", input=name, code=fallback.code, message=fallback.message)
        if not session.quiet:
            note(f"note: {name}: {fallback.message}")
    if not session.quiet:
        said = [*(["only a part of this video could be read"] if outcome.partial else []), *outcome.warnings]
        if said:
            note(f"warning: {name}: {'; '.join(said)}")
    session.events.emit(
        "result", input=name, found=outcome.found, files=[str(f) for f in outcome.files],
        partial=outcome.partial, warnings=list(outcome.warnings), **outcome.fields,
    )  # fmt: skip
    if session.events.enabled or session.quiet:
        return
    if outcome.line:
        line(outcome.line)
    for row in outcome.rows:
        write_out(row)


def _sum_up(session: Session, tally: _Tally, total: int, look_at: Path | str | None) -> int:
    code = tally.exit_code
    session.events.emit(
        "summary", inputs=total, done=tally.done, nothing=tally.empty, failed=tally.failed,
        interrupted=tally.interrupted, exit_code=code, report=str(look_at) if look_at else None,
    )  # fmt: skip
    if tally.interrupted:
        left = total - tally.done - tally.empty - tally.failed
        report_error(f"interrupted; {count(left, 'input')} not done — run the same command again to go on")
    elif total > 1 and not (session.quiet or session.events.enabled):
        parts = [f"{tally.done} done"]
        parts += [f"{tally.empty} with nothing that qualifies"] if tally.empty else []
        parts += [f"{tally.failed} failed"] if tally.failed else []
        note(f"{count(total, 'input')}: {', '.join(parts)}")
    if look_at is not None and not (session.quiet or session.events.enabled):
        line(f"look at {look_at}")
    return code


@contextmanager
def cancel_on_signals() -> Iterator[CancelToken]:
    """A token that Ctrl-C or SIGTERM cancels; a second Ctrl-C raises ``KeyboardInterrupt`` as usual."""
    token = CancelToken()

    def cancel(number: int, frame: FrameType | None) -> None:
        if token.cancelled:
            raise KeyboardInterrupt
        token.cancel()

    if threading.current_thread() is not threading.main_thread():
        yield token  # signals belong to the main thread; whoever calls from another one has it
        return
    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield token
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
