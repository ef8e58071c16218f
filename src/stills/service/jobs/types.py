"""What goes into the jobs of the service and comes out of them: plain, frozen values that know nothing of a database.

Times named ``…_at`` are Unix seconds. An ``owner`` is whatever tells the service's clients apart (a token's name): jobs
of one owner are not there for another. The empty string is the owner where nobody has to say who they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[JobState, ...] = ("queued", "running", "done", "failed", "cancelled")
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")
"""States that a job never leaves."""

EventName: TypeAlias = Literal["progress", "done", "failed", "cancelled"]
ArtifactKind: TypeAlias = Literal["result", "picture", "video", "other"]


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What the service allows, and how long it keeps what it has."""

    at_once: int = 2
    """Jobs under way at the same time in one replica."""
    active_per_owner: int = 20
    """Jobs of one owner that are queued or running."""
    queue: int = 200
    """Jobs of all owners that are queued."""
    ttl_s: float = 24 * 3600.0
    """Seconds after its end at which a job goes, with all that there is of it."""
    keep_sources: bool = False
    """Keep uploads and fetched files as long as the job, instead of until its result is written."""
    lease_s: float = 30.0
    """Seconds after which the work of a replica that no longer answers is given to another."""
    retries: int = 1
    """How often a job that failed for a reason that may pass is tried again."""
    posters: int = 20
    """Most posters of one job."""
    pictures: int = 1000
    """Most pictures that one result may have."""
    previews: int = 96
    """MB of small pictures that are kept of one video, so that any selection has some when the video is gone."""
    indexes: int = 8
    """Indexes of finished jobs that are kept in memory, for selections."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as a client asks for it. Either ``upload`` or ``address`` is given."""

    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = "video"
    """What the client calls the video; shown, and never part of a path."""
    upload: Path | None = None
    """A file under :attr:`JobStore.uploads`. :meth:`JobStore.add` takes it: afterwards it is the job's, or gone."""
    address: str | None = field(default=None, repr=False)
    """Where to get the video; checked before. It may hold secrets: the job's ``source`` is it without them."""
    posters: Sequence[Path] = ()
    """Pictures under :attr:`JobStore.uploads`, for recipes that look at some; taken as ``upload`` is."""
    poster_names: Sequence[str] = ()
    """What the client calls them; shown, and never part of a path."""
    owner: str = ""
    idempotency_key: str | None = None
    """The same key of the same owner means the same job; with something else asked it is a conflict."""
    webhook: str | None = field(default=None, repr=False)
    """An address that is told how the job ended; checked before."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is. ``position`` and ``duration`` are seconds of video, ``speed`` is × real time."""

    stage: str = "queued"
    """``queued``, ``fetch``, ``probe``, ``scan``, ``select``, ``render`` or ``done``."""
    fraction: float = 0.0
    """Share of the stage that is done, 0…1."""
    position: float = 0.0
    duration: float = 0.0
    speed: float = 0.0


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed."""

    code: str
    """As of :class:`stills.errors.StillsError`."""
    message: str
    remedy: str | None = None
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a result."""

    name: str
    """Unique in the job, without folders: what clients ask for."""
    file: str
    """Its place in the result's folder (``people/person_01.jpg``), as the result's JSON says it; for archives."""
    kind: ArtifactKind
    bytes: int
    type: str
    """Media type, such as ``image/jpeg``."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job, as it is at one moment."""

    id: str
    """32 hexadecimal digits; also the name of its folder."""
    owner: str
    state: JobState
    recipe: str
    options: Mapping[str, Any]
    name: str
    source: str | None
    """The address it comes from, without secrets; ``None`` for an upload."""
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    expires_at: float | None = None
    """When it is erased by itself; known once it has ended."""
    progress: JobProgress = JobProgress()
    error: JobError | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Of a done job: ``found``, ``partial``, ``fallbacks`` (codes), ``seconds`` (of work), ``duration`` (of the film).
    """
    artifacts: tuple[Artifact, ...] = ()
    attempts: int = 0
    """How often work on it was begun."""
    revision: int = 0
    """Higher with each change that the database knows of: the id of its events."""
    content: str | None = None
    """Identity of the video's content, once it was looked at."""
    parameters: Mapping[str, Any] | None = None
    """Of a done job: those of its index."""
    folder: str | None = None
    """Of a done job: where its result lies in the job's folder."""
    posters: tuple[str, ...] = ()
    """What the client calls the posters that were sent with it."""
    has_source: bool = True
    """Whether the video is still to be had."""

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in ENDED

    def artifact(self, name: str) -> Artifact | None:
        """The artifact called ``name``, if there is one."""
        return next((one for one in self.artifacts if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Added:
    """What :meth:`JobStore.add` did; ``created`` is false where the idempotency key was known."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, the newest first; ``cursor`` is for the next page, ``None`` at the end."""

    jobs: Sequence[Job]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something happened to a job. After one that is not ``progress`` there are no more."""

    id: int
    """:attr:`Job.revision`: what a client says as ``Last-Event-ID``."""
    name: EventName
    job: Job


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many jobs are in each state, of everybody or of one owner; ``oldest_s`` is how long the first one waits."""

    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What an owner used on one day (UTC, ``2026-11-30``)."""

    owner: str
    day: str
    jobs: int
    """Jobs that were added."""
    finished: int
    """Jobs that came to an end by themselves, well or not."""
    video_s: float
    """Seconds of video that were worked on to the end."""
    work_s: float
    """Seconds that this took."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook to be sent, leased to whoever claimed it. The body is the job as it is now."""

    id: int
    job: Job
    address: str = field(repr=False)
    event: EventName
    attempt: int
    """1 at the first try."""
    token: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A selection from a finished job's index."""

    recipe: str
    document: Mapping[str, Any]
    """The recipe's JSON; its pictures have no ``file``."""
    pts: tuple[int, ...]
    """The frames it is about, rising: what :meth:`Answers.frame` has pictures of."""


@dataclass(frozen=True, slots=True)
class FramePicture:
    """A picture of a frame, as a JPEG. A ``rough`` one is all that is left of it: tiny and grey, made larger."""

    data: bytes = field(repr=False)
    rough: bool = False
