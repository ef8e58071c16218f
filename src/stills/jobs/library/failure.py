"""What is done about a failure: which class it has, whether the video is tried again, or whether the run has to end."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass
from pathlib import Path

from stills.addresses import clean
from stills.errors import (
    CorruptVideoError,
    DecoderKilledError,
    DecodeTimeoutError,
    DeviceError,
    InputError,
    LimitError,
    MemoryLimitError,
    ModelError,
    OutputError,
    RepeatedCrashError,
    StateError,
    StillsError,
    StrictError,
    UsageError,
    WorkerError,
    WorkersLostError,
)
from stills.files import output_error
from stills.jobs.library.types import ErrorClass
from stills.jobs.outputs import public_text
from stills.retry import backoff

_ONE_PLACE = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
"""What can be wrong with the place of one result while others can be written."""
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure is, and what follows.

    ``fatal``: every video would fail like this, so the run ends. ``suspect``: it may be the video's doing or that there
    are no workers, which is to be found out. ``retry_in`` is when the video is tried again, ``alone`` that nothing else
    may be under way then.
    """

    error: StillsError
    error_class: ErrorClass
    details: str = ""
    fatal: bool = False
    suspect: bool = False
    quarantine: bool = False
    retry_in: float | None = None
    alone: bool = False

    @property
    def line(self) -> str:
        """What to keep: what happened and what to do, in one line, without secrets."""
        said = self.error.message if self.error.remedy is None else f"{self.error.message} — {self.error.remedy}"
        return public_text(clean(said))


def judge(error: Exception, out: Path, *, failures: int, retries: int, delay: float) -> Verdict:
    """What follows from ``error``, met by a video that failed ``failures`` times before.

    Args:
        error: Anything but that the work was cancelled or lost.
        out: The output folder, on this machine.
        failures: How often the video failed before, by its own doing.
        retries: How often it may be tried again.
        delay: Seconds before the first of those, about.
    """
    if not isinstance(error, StillsError):
        return _foreign(error, out, failures=failures, retries=retries, delay=delay)
    kind, fatal, suspect = classify(error, out)
    again = failures < retries and kind in {"transient", "resource"} and not fatal
    return Verdict(
        error,
        kind,
        error.details or (_trace(error) if kind == "bug" else ""),
        fatal=fatal,
        suspect=suspect,
        quarantine=kind == "corrupt",
        retry_in=backoff(failures, delay) if again else None,
        alone=again and kind == "resource",
    )


def classify(error: StillsError, out: Path) -> tuple[ErrorClass, bool, bool]:  # noqa: PLR0911 - one a kind
    """The class of ``error``, whether it ends the run, and whether it may be for want of workers."""
    match error:
        case OutputError():
            return _unwritten(_number(error), out)
        case StateError() | ModelError() | DeviceError() | UsageError():
            return "resource", True, False
        case RepeatedCrashError():
            return "corrupt", False, False
        case WorkersLostError():
            return "transient", False, True
        case WorkerError():
            return "bug", False, True
        case DecoderKilledError() | DecodeTimeoutError() | MemoryLimitError():
            return "resource", False, False
        case StrictError():
            return "input", False, False
        case LimitError():
            return ("resource" if error.code == "timeout" else "input"), False, False
        case _ if error.retryable:
            return "transient", False, False
        case CorruptVideoError():
            return "corrupt", False, False
        case InputError():
            return ("corrupt" if error.code == "not-a-video" else "input"), False, False
        case _:
            return "bug", False, False


def _unwritten(number: int | None, out: Path) -> tuple[ErrorClass, bool, bool]:
    """The same for an output that could not be written, by the system's number of why."""
    if number == errno.ENOENT and out.is_dir():  # somebody removed the folder of this one
        return "transient", False, False
    one = number in _ONE_PLACE or (number in {errno.EACCES, errno.EPERM} and _writable(out))
    return ("input", False, False) if one and out.is_dir() else ("resource", True, False)


def _foreign(error: Exception, out: Path, *, failures: int, retries: int, delay: float) -> Verdict:
    """An error that is none of ours: nobody foresaw it, but for those of the system."""
    known: StillsError | None = None
    if isinstance(error, MemoryError):
        known = MemoryLimitError("there is not enough memory for this", remedy="use fewer workers")
    elif isinstance(error, OSError) and error.errno in _DISK:
        known = output_error(error, Path(error.filename or out))
    if known is not None:
        known.__cause__ = error
        return judge(known, out, failures=failures, retries=retries, delay=delay)
    said = clean(f"unexpected {type(error).__name__}: {error}".removesuffix(": "))
    bug = BugError(said, remedy="this is a bug in stills; the traceback is kept with the failure")
    return Verdict(bug, "bug", clean(_trace(error)))


class BugError(StillsError):
    """Something that nobody foresaw."""

    code = "bug"


def forget_frames(error: BaseException) -> None:
    """Let go of what a traceback holds: the results, tables and pictures of all frames it went through."""
    error.__traceback__ = error.__cause__ = error.__context__ = None


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _number(error: BaseException | None) -> int | None:
    """The system's number of what is behind ``error``."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error = error.__cause__
    return None


def _writable(out: Path) -> bool:
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=out):
            return True
    except OSError:
        return False
