"""What the command line says to people: plain lines on standard output, ``error:`` lines on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stills.errors import StillsError, printable

if TYPE_CHECKING:
    from stills.jobs.store.records import Reason

log = logging.getLogger("stills.cli")


class ReaderGoneError(Exception):
    """Whoever read our standard output closed it (``| head``): there is nobody left to work for."""


def write_out(text: str) -> None:
    """Write a line on standard output, as it is, at once. Raises :class:`ReaderGoneError`."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def line(text: str) -> None:
    """One line of a result, on standard output; control characters in names are made visible."""
    write_out(printable(text))


def note(text: str) -> None:
    """One line beside the result, on standard error."""
    print(printable(text), file=sys.stderr, flush=True)


def report_error(error: StillsError | str) -> None:
    """One line ``error: …`` on standard error; the traceback goes to the debug log."""
    note(f"error: {error}")
    if isinstance(error, StillsError):
        log.debug("%s (%s)", type(error).__name__, error.code, exc_info=error)
        for text in error.details.splitlines():
            log.debug("  %s", text)


def report_bug(error: BaseException, path: str | None = None) -> str:
    """One line for an error that nobody foresaw, its traceback in the debug log. Returns the line."""
    where = f"{path}: " if path is not None else ""
    said = (
        f"{where}unexpected {type(error).__name__}: {error}"
        if str(error)
        else f"{where}unexpected {type(error).__name__}"
    )
    note(f"error: {said} — this is a bug in stills; --log-level debug shows where")
    log.debug("unexpected error", exc_info=error)
    return said


def clock(seconds: float) -> str:
    """``75.2`` as ``1:15``, ``3700`` as ``1:01:40``."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 person``, ``3 people``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def what_changed(reasons: Iterable[Reason]) -> str:
    """Of a video that was done before: ``the video and settings changed``."""
    words: dict[Reason, str] = {"input": "the video", "settings": "settings", "models": "models"}
    return f"{' and '.join(words[reason] for reason in reasons)} changed"
