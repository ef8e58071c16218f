"""What the function says of a film: values for whoever called it, one line of JSON for the log."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from stills.addresses import clean
from stills.aws.events import Film
from stills.errors import StillsError, printable

Status: TypeAlias = Literal["done", "partial", "nobody", "skipped", "failed"]
"""``partial``: a part was not looked at, or not all pictures were written; ``nobody``: nobody in it qualifies."""

_log = logging.getLogger("stills.aws")


class PostponedError(StillsError):
    """There is too little time for this film now; with an invocation of its own there is more."""

    code = "postponed"
    retryable = True


class OutOfClockError(StillsError):
    """The time was up before there was anything to show."""

    code = "timeout"


@dataclass(slots=True)
class Answer:
    """What became of a film. ``reasons`` say why it is partial, was skipped, or was done otherwise than asked.

    ``effort`` is what was looked with, ``wanted`` what would have been without the clock. ``bytes_read`` counts all
    reading of the object, whose size is ``object_bytes``; ``repeated`` says that the result was there already.
    """

    film: Film
    status: Status = "failed"
    output: str | None = None
    result: str | None = None
    pictures: list[str] = field(default_factory=list)
    people: int | None = None
    effort: str | None = None
    wanted: str | None = None
    coverage: float | None = None
    duration: float | None = None
    reasons: list[str] = field(default_factory=list)
    bytes_read: int = 0
    object_bytes: int | None = None
    seconds: float = 0.0
    seconds_left: float = 0.0
    repeated: bool = False
    error: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return {
            "status": self.status,
            "bucket": self.film.bucket,
            "key": self.film.key,
            "output": self.output,
            "result": self.result,
            "pictures": self.pictures,
            "people": self.people,
            "partial": self.status == "partial",
            "reasons": self.reasons,
            "effort": self.effort,
            "effort_wanted": self.wanted,
            "coverage": self.coverage,
            "duration": self.duration,
            "bytes_read": self.bytes_read,
            "object_bytes": self.object_bytes,
            "seconds": round(self.seconds, 3),
            "seconds_left": round(self.seconds_left, 3),
            "repeated": self.repeated,
            "error": self.error,
        }

    def log(self) -> None:
        """Say it in the log, as one line of JSON; a failure as an error."""
        level = logging.ERROR if self.error is not None else logging.INFO
        if not _log.isEnabledFor(level):
            return
        _log.log(level, "%s", json.dumps(self.to_json(), separators=(",", ":")))


def error_json(error: StillsError, *, retryable: bool | None = None) -> dict[str, Any]:
    """``error`` as values: code, message, what it is about, what to do, and whether trying again can help."""
    return {
        "code": error.code,
        "message": printable(clean(error.message)),
        "path": None if error.path is None else printable(clean(error.path)),
        "remedy": None if error.remedy is None else printable(error.remedy),
        "retryable": error.retryable if retryable is None else retryable,
    }


def bug_json(error: Exception) -> dict[str, Any]:
    """What nobody foresaw, as :func:`error_json` has it."""
    return {
        "code": "bug",
        "message": printable(clean(f"unexpected {type(error).__name__}: {error}".removesuffix(": "))),
        "path": None,
        "remedy": "this is a bug in stills: please report it, with the traceback in the log",
        "retryable": False,
    }
