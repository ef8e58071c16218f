"""What a server says of jobs, as frozen values. Unknown keys are passed over: a newer server may say more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = frozenset({"done", "failed", "cancelled"})
"""States that a job never leaves."""


@dataclass(frozen=True, slots=True)
class RemoteProgress:
    """How far a job is. ``position`` and ``duration`` are seconds of video, ``speed`` is × real time.

    ``stage`` is ``queued``, ``fetch``, ``probe``, ``scan``, ``select``, ``render`` or ``done``; ``fraction`` is the
    share of it that is done, 0…1. While a video is sent, the stage is ``upload``, and position and duration are bytes.
    """

    stage: str = "queued"
    fraction: float = 0.0
    position: float = 0.0
    duration: float = 0.0
    speed: float = 0.0


@dataclass(frozen=True, slots=True)
class RemoteFailure:
    """Why a job failed, or why a job that went well found nothing."""

    code: str
    message: str
    remedy: str | None = None
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class RemoteArtifact:
    """A file of a result. ``file`` is its place in the output folder, such as ``people/person_01.jpg``."""

    name: str
    kind: str
    bytes: int
    type: str
    url: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job, as the server last told of it."""

    id: str
    state: JobState
    recipe: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    """The address that the video comes from, without secrets; ``None`` for an upload."""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    expires: datetime | None = None
    """When the server erases it by itself."""
    progress: RemoteProgress = RemoteProgress()
    error: RemoteFailure | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    artifacts: Sequence[RemoteArtifact] = ()

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in ENDED

    @property
    def document(self) -> RemoteArtifact | None:
        """The artifact that is the recipe's JSON; none where nothing qualified."""
        return next((one for one in self.artifacts if one.kind == "result"), None)


@dataclass(frozen=True, slots=True)
class RemotePage:
    """Jobs, the newest first; ``next`` is the ``cursor`` of those that follow, ``None`` at the end."""

    jobs: Sequence[RemoteJob]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """Something happened to a job: ``progress``, or how it ended. After that there are no more."""

    id: str
    name: str
    job: RemoteJob


@dataclass(frozen=True, slots=True)
class RemoteRecipe:
    """What a server can be asked: ``options`` is a JSON Schema."""

    name: str
    title: str = ""
    description: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    selects_from: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RemoteSelection:
    """Another answer from the scan of a job: the recipe's JSON, and the frames it is about."""

    recipe: str
    document: Mapping[str, Any]
    pts: Sequence[int]
    artifacts: Sequence[RemoteArtifact] = ()


def job_of(values: Mapping[str, Any]) -> RemoteJob:
    """A job from its JSON. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is none."""
    error = values.get("error")
    return RemoteJob(
        id=str(values["id"]),
        state=_state(values["state"]),
        recipe=str(values["recipe"]),
        name=str(values.get("name", "")),
        options=dict(values.get("options") or {}),
        source=values.get("source"),
        created=_time(values.get("created")),
        started=_time(values.get("started")),
        finished=_time(values.get("finished")),
        expires=_time(values.get("expires")),
        progress=_progress(values.get("progress") or {}),
        error=None if error is None else failure_of(error),
        summary=dict(values.get("summary") or {}),
        links=dict(values.get("links") or {}),
        artifacts=artifacts_of(values.get("artifacts") or ()),
    )


def failure_of(values: Mapping[str, Any]) -> RemoteFailure:
    """Why a job failed, from its JSON."""
    remedy = values.get("remedy")
    said = (str(values.get("code", "error")), str(values.get("message", "")), None if remedy is None else str(remedy))
    return RemoteFailure(*said, retryable=bool(values.get("retryable", False)))


def artifacts_of(values: Sequence[Mapping[str, Any]]) -> tuple[RemoteArtifact, ...]:
    """Artifacts, from their JSON."""
    return tuple(
        RemoteArtifact(
            name=str(one["name"]),
            kind=str(one.get("kind", "other")),
            bytes=int(one["bytes"]),
            type=str(one.get("type", "application/octet-stream")),
            url=str(one["url"]),
            file=None if one.get("file") is None else str(one["file"]),
        )
        for one in values
    )


def recipe_of(values: Mapping[str, Any]) -> RemoteRecipe:
    """A recipe, from its JSON."""
    return RemoteRecipe(
        name=str(values["name"]),
        title=str(values.get("title", "")),
        description=str(values.get("description", "")),
        options=dict(values.get("options") or {}),
        defaults=dict(values.get("defaults") or {}),
        selects_from=tuple(values.get("selects_from") or ()),
    )


def selection_of(values: Mapping[str, Any]) -> RemoteSelection:
    """An answer to ``select``, from its JSON."""
    artifacts = artifacts_of(values.get("artifacts") or ())
    return RemoteSelection(str(values["recipe"]), dict(values["document"]), tuple(values["pts"]), artifacts)


def _progress(values: Mapping[str, Any]) -> RemoteProgress:
    numbers = (float(values.get(name, 0.0)) for name in ("fraction", "position", "duration", "speed"))
    return RemoteProgress(str(values.get("stage", "queued")), *numbers)


def _state(value: Any) -> JobState:
    states: tuple[JobState, ...] = get_args(JobState)
    for state in states:
        if state == value:
            return state
    raise ValueError(f"{value!r} is no state of a job")


def _time(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
