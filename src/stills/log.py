"""Logging: text or JSON lines on standard error, and in a file that rotates.

Standard output belongs to results and ``--json`` events, so no log ever goes there. Everything of this package logs
below the logger ``stills``; a program that imports the library configures logging as it likes and never calls this.

Where many videos are under way in many threads, :func:`log_ids` has each line say which of them it is about.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

from stills.errors import OutputError, printable

LogFormat: TypeAlias = Literal["text", "json"]
LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
ROOT = "stills"
FILE_BYTES = 10 * 1024 * 1024
FILES_KEPT = 5
"""A log file of 10 MiB becomes ``.1``, up to ``.5``: at most 60 MiB in all."""

SHOWN_IDS: Mapping[str, str] = {"video": "video", "attempt": "try", "segment": "segment"}
"""What a line of text shows of the ids, in this order, and what it calls them. JSON has all that there are."""

_ids: ContextVar[Mapping[str, int | str]] = ContextVar("stills_log_ids", default={})  # noqa: B039 - never changed


@contextlib.contextmanager
def log_ids(**ids: int | str) -> Iterator[None]:
    """Have what is logged inside, by this thread, carry ``ids`` (``run``, ``video``, ``attempt``, ``segment``, …).

    They add to those that hold already. A thread that is started inside does not inherit them, as with every
    ``contextvars.ContextVar``.
    """
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


class IdsFilter(logging.Filter):
    """Gives each record the ids that hold where it is made, as attributes. For handlers of one's own, too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        ids = _ids.get()
        for name, value in ids.items():
            if name not in record.__dict__:
                record.__dict__[name] = value
        return True


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is now: a progress bar on the terminal puts itself in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("this handler follows sys.stderr")


class _OneLine(logging.Formatter):
    """``12:00:01 warning stills.scan [video 12 try 2]: message``, without the ids where there are none.

    A traceback follows on debug only; names cannot break the line.
    """

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(ids)s: %(message)s", "%Y-%m-%d %H:%M:%S")
        self._tracebacks = tracebacks

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        record.levelname = record.levelname.lower()
        known = [f"{word} {record.__dict__[name]}" for name, word in SHOWN_IDS.items() if name in record.__dict__]
        record.ids = f" [{printable(' '.join(known))}]" if known else ""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: logging._SysExcInfoType) -> str:  # noqa: N802 - logging's own name
        return super().formatException(ei) if self._tracebacks else ""

    def format(self, record: logging.LogRecord) -> str:
        # A handler before this one may have formatted a traceback into the record: never show that one.
        record = logging.makeLogRecord(record.__dict__)
        record.exc_text = None
        return super().format(record).rstrip("\n")


def _formatter(form: LogFormat, level: int) -> logging.Formatter:
    if form == "text":
        return _OneLine(tracebacks=level <= logging.DEBUG)
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s %(process)d",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "process": "pid"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )


def setup_logging(level: str = "warning", *, form: LogFormat = "text", file: Path | None = None) -> None:
    """Send what stills logs to standard error, and to ``file`` as well if one is given.

    Called again, it replaces what it set up before.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``. ``debug`` shows tracebacks.
        form: One line of text, or one JSON object a line.
        file: Gets everything from ``info`` up (``debug`` if that is the level) and rotates at 10 MiB, five are kept.

    Raises:
        OutputError: ``file`` cannot be written.
    """
    number = LEVELS[level]
    logger = logging.getLogger(ROOT)
    shutdown_logging()
    handlers: list[logging.Handler] = [_StderrHandler()]
    handlers[0].setLevel(number)
    if file is not None:
        try:
            rotating = RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
        except OSError as error:
            said = f"the log file cannot be written: {error.strerror}"
            raise OutputError(said, path=str(file), remedy="name another --log-file") from error
        rotating.setLevel(min(number, logging.INFO))
        handlers.append(rotating)
    for handler in handlers:
        handler.setFormatter(_formatter(form, number))
        handler.addFilter(IdsFilter())
        logger.addHandler(handler)
    logger.setLevel(min(handler.level for handler in handlers))
    logger.propagate = False


def shutdown_logging() -> None:
    """Take away, and close, what :func:`setup_logging` set up."""
    logger = logging.getLogger(ROOT)
    for handler in list(logger.handlers):
        if isinstance(handler, _StderrHandler | RotatingFileHandler):
            logger.removeHandler(handler)
            handler.close()
    logger.propagate = True
