"""Errors for people: what happened, to which file, what to do about it.

Every error that leaves stills is a :class:`StillsError`. Each has a stable ``code`` for machines, a ``remedy`` for
people, the ``path`` it is about, and says whether trying again can help (``retryable``).
"""

from __future__ import annotations

from typing import ClassVar, Self


class StillsError(Exception):
    """Base of all errors of stills. ``str(error)`` is one line: what, which file, what to do."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, path: str | None = None, remedy: str | None = None) -> None:
        """``message`` says what happened; ``path`` which file; ``remedy`` what to do."""
        super().__init__(message)
        self.message = message
        self.path = path
        self.remedy = remedy
        self.details = ""
        """For debug logs: the traceback of another process, or what its decoder printed."""

    def with_details(self, details: str) -> Self:
        """This error, with ``details`` for debug logs."""
        self.details = details
        return self

    def __str__(self) -> str:
        """Everything in one line, control characters in names made visible."""
        where = f"{printable(self.path)}: " if self.path is not None else ""
        what = f"{where}{printable(self.message)}"
        return f"{what} — {printable(self.remedy)}" if self.remedy else what

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with keyword arguments intact, so that errors cross process borders."""
        return (_rebuild, (type(self), self.message, self.path, self.remedy), self.__dict__)


def _rebuild(kind: type[StillsError], message: str, path: str | None, remedy: str | None) -> StillsError:
    return kind(message, path=path, remedy=remedy)


def printable(text: str) -> str:
    """``text`` with control characters and undecodable bytes escaped, safe to print on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


class UsageError(StillsError, ValueError):
    """The call itself is wrong: an option out of range, contradicting options."""

    code = "usage"
    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown or has a value that is not allowed."""

    code = "settings"


class InputError(StillsError, OSError):
    """An input cannot be read: missing, unreadable, a folder without videos."""

    code = "input"

    def __str__(self) -> str:
        """As for every :class:`StillsError` (``OSError`` would print its own)."""
        return StillsError.__str__(self)


class NotAVideoError(InputError):
    """The file opens, but there is no video in it: text, a picture, sound only, a playlist."""

    code = "not-a-video"


class CorruptVideoError(InputError):
    """The file should be a video, but no frame of it can be decoded."""

    code = "corrupt"


class DecoderCrashError(CorruptVideoError):
    """The decoder's process died (killed by a signal) on this input."""

    code = "decoder-crash"


class DecoderKilledError(DecoderCrashError):
    """The decoder's process was ended from outside: by a user, or a system short of memory. The input may be fine."""

    retryable = True


class DownloadError(InputError):
    """A file cannot be had from its address: it is not there, access is refused, the address is wrong."""

    code = "download"


class DownloadInterruptedError(DownloadError):
    """A download failed for a reason that may pass: no network, no answer, a server that is overloaded."""

    retryable = True


class ChangedError(InputError):
    """What is read now is not what was read before under the same name. The next try begins with what is there."""

    code = "changed"
    retryable = True


class LimitError(StillsError):
    """A limit was reached: memory, time, pixels, no progress."""

    code = "limit"


class DecodeTimeoutError(LimitError, TimeoutError):
    """Decoding made no progress, or took longer than allowed."""

    code = "timeout"

    def __str__(self) -> str:
        """As for every :class:`StillsError`."""
        return StillsError.__str__(self)


class MemoryLimitError(LimitError, MemoryError):
    """A process needed more memory than allowed."""

    code = "memory"


class WorkerError(StillsError):
    """A worker process failed in a way that no input explains: a bug, or the system (see ``details``)."""

    code = "worker"


class RepeatedCrashError(WorkerError):
    """One input cost so many workers that nothing more of it is tried."""

    code = "crashes"


class WorkersLostError(WorkerError):
    """All workers ended at once: the process that starts them died, or their machine went away."""

    code = "workers-lost"
    retryable = True


class ModelError(StillsError):
    """A model cannot be had or does not work."""

    code = "model"


class ModelFetchError(ModelError):
    """A weight file could not be fetched (no network, mirror gone)."""

    code = "model-fetch"
    retryable = True


class ModelHashError(ModelError):
    """A weight file is not what the catalog says: damaged or truncated."""

    code = "model-hash"


class DeviceError(StillsError):
    """The asked device or runtime is not there; stills never falls back to another one in silence."""

    code = "device"


class OutputError(StillsError, OSError):
    """Something could not be written: no permission, disk full."""

    code = "output"

    def __str__(self) -> str:
        """As for every :class:`StillsError`."""
        return StillsError.__str__(self)


class IndexFormatError(StillsError):
    """An index on disk is damaged or of another version."""

    code = "index"


class StateError(StillsError):
    """The database that holds the state of a library cannot be used: damaged, of another version, gone."""

    code = "state"


class StateUnavailableError(StateError):
    """The state's database does not answer now: locked by another process, no connection."""

    retryable = True


class NoStateError(StateError):
    """There is no state yet: nothing was ever run on this output folder."""

    code = "no-state"


class RunActiveError(StillsError):
    """Another run is at work on the same output folder."""

    code = "busy"
    retryable = True


class FencedError(StillsError):
    """This work was given to somebody else meanwhile: its lease ran out, or its video changed. Its result is void."""

    code = "fenced"


class StrictError(StillsError):
    """A fallback was needed and ``--strict`` forbids them."""

    code = "strict"


class CancelledError(StillsError):
    """The caller cancelled the work."""

    code = "cancelled"
    exit_code = 130


class NothingFoundError(StillsError):
    """Everything worked, but nothing in the video qualifies."""

    code = "nothing-found"
    exit_code = 4
