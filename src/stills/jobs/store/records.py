"""What goes into the store and comes out of it: plain, frozen values that know nothing of a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["pending", "running", "done", "failed", "quarantined"]
"""Where a video is: waiting for its turn (or for a time), leased to somebody, finished, given up, put aside."""

STATES: tuple[State, ...] = ("pending", "running", "done", "failed", "quarantined")

What: TypeAlias = Literal["new", "changed", "again", "resume", "done", "running", "failed", "quarantined"]
"""What :meth:`Store.add_videos` does with a row.

``new``: never seen, queued. ``changed``: known, but not as it was (see the reasons), queued again. ``again``: queued
again because it was asked for. ``resume``: was waiting or interrupted, queued. ``done``, ``failed``, ``quarantined``:
ended like this and has not changed, left as it is. ``running``: somebody else works on it now, left to them.
"""

Reason: TypeAlias = Literal["input", "settings", "models"]

SUSPECT_AFTER = 3
"""Claims of a video that ended with nobody saying how, from which it may be what kills those who work on it."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells cheaply whether an input is still the one that was seen. All of it is optional."""

    size: int | None = None
    """Bytes."""
    mtime_ns: int | None = None
    """Time of the last change, in nanoseconds, as the file system says."""
    etag: str | None = None
    """What an object store or a web server calls this version."""
    content: str | None = None
    """Content identity (size, hashes of head and tail): decides, where both sides have it."""

    def same_as(self, other: Fingerprint) -> bool:
        """Whether both are of the same input. A file that was only touched is, if its content is known."""
        if self.content is not None and other.content is not None:
            return self.content == other.content
        if self.size != other.size:
            return False
        if self.etag is not None and other.etag is not None:
            return self.etag == other.etag
        return self.mtime_ns == other.mtime_ns


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One input for one recipe, as the caller sees it now."""

    source: str
    """Path or address. It is normalised, and loses its credentials, before it is compared or kept."""
    recipe: str
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    settings: str = ""
    """Key of all settings that the result depends on."""
    models: str = ""
    """Key of the models (by hash) that the result depends on."""
    priority: int = 0
    """Lower is claimed first; equal ones in the order in which they were added."""
    not_before: float = 0.0
    """Seconds from now before which it is not claimed: a file may still be copied."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is, or would be, done with a :class:`VideoRow`."""

    what: What
    key: str
    """Identity of the source, see :func:`stills.jobs.store.source_key`."""
    source: str
    """The source normalised, without credentials."""
    recipe: str
    video: int | None
    """Number of the video in the store; ``None`` where it is not in it (yet)."""
    reasons: tuple[Reason, ...] = ()
    """What changed."""
    outcome: str = ""
    """How it ended the last time."""

    @property
    def queued(self) -> bool:
        """Whether it is to be worked on."""
        return self.what in {"new", "changed", "again", "resume"}


@dataclass(frozen=True, slots=True)
class Run:
    """One call of stills on one output folder."""

    id: int
    batch: int
    """What was added in one run, or in several that work together."""
    command: str
    host: str
    pid: int
    lease_s: float
    began_at: float
    """Unix seconds."""
    ended_at: float | None = None
    ended: str | None = None
    """How: ``finished``, ``interrupted``, ``failed``; ``dead`` where somebody else found it so."""

    def __str__(self) -> str:
        """Who it is, for people: command, process and host."""
        return f"`{self.command}` (process {self.pid} on {self.host})"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a video until its lease runs out."""

    video: int
    key: str
    source: str
    recipe: str
    token: int
    """Fencing token: higher with each claim of this video. An older one cannot write any more."""
    attempt: int
    """How many claims there were, this one included, since the video was queued anew."""
    failures: int
    """How many of them failed by the video's own doing (:meth:`Store.fail`)."""
    lease_s: float
    run: int
    batch: int
    settings: str = ""
    models: str = ""
    fingerprint: Fingerprint = field(default_factory=Fingerprint)

    @property
    def suspect(self) -> bool:
        """Whether the video may be what kills those who work on it: it was lost several times."""
        return self.attempt - 1 - self.failures >= SUSPECT_AFTER


@dataclass(frozen=True, slots=True)
class Video:
    """A video as the store knows it."""

    id: int
    key: str
    source: str
    recipe: str
    state: State
    outcome: str
    """How it ended: of a done one what came out, of a failed one the error's code."""
    attempts: int
    failures: int
    token: int
    settings: str
    models: str
    fingerprint: Fingerprint
    error_class: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A video that was given up or put aside, and why."""

    video: int
    source: str
    recipe: str
    state: State
    error_class: str
    code: str
    message: str
    log_tail: str
    attempts: int
    at: float
    """When, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One claim of a video and how it ended."""

    video: int
    number: int
    token: int
    run: int
    host: str
    pid: int
    began_at: float
    ended_at: float | None
    ended: str
    """``running``, the outcome of a finished one, ``failed``, ``lost`` (the lease ran out), ``released``."""
    error_class: str | None
    code: str | None
    message: str | None
    log_tail: str | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished piece of a video."""

    number: int
    seconds: float
    """Wall time it took."""
    times: int
    """How often it was done: more than once only where an interrupted run lost its rows."""
    token: int
    """Of the claim that finished it last."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of a video, visible since one transaction."""

    video: int
    source: str
    recipe: str
    outcome: str
    result: Mapping[str, Any]
    seconds: float
    finished_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a library is."""

    total: int = 0
    pending: int = 0
    """Waiting for their turn; ``waiting`` of them for a time to pass (another try, a file that is being copied)."""
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    quarantined: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Of those done, by what came out."""
    reasons: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Of those failed or quarantined, by class and code of the error."""
    rate: float | None = None
    """Videos finished a second, over the last hundred or so; ``None`` before there are two."""

    @property
    def left(self) -> int:
        """Videos that are not ended."""
        return self.pending + self.running

    @property
    def time_left_s(self) -> float | None:
        """Seconds to go at this rate; ``None`` where there is none yet."""
        return self.left / self.rate if self.rate else None
