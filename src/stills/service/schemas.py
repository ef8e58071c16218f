"""What the API takes and gives, as models: for checking what comes, and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from stills.service.jobs.types import Artifact, Job, JobState
from stills.settings import SECTIONS

if TYPE_CHECKING:
    from stills.service.context import Context

Recipe = Literal["cast", "people", "keyframes", "thumbnails", "portrait"]

JOB_ID = "3f0c9a4be1d84d0f9b7a5d2c6e8f1a20"
"""The job of the examples."""


class Model(BaseModel):
    """A part of the API."""

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class Problem(BaseModel):
    """Why a request was refused, as of RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        use_attribute_docstrings=True,
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "there is no such job",
                "code": "no-job",
                "remedy": None,
                "instance": f"/v1/jobs/{JOB_ID}",
            }
        },
    )
    type: str
    """Always about:blank: ``code`` says what kind of problem it is."""
    title: str
    """The status in words."""
    status: int
    """The status of the response."""
    detail: str
    """What is wrong, for people."""
    code: str
    """What is wrong, for programs."""
    remedy: str | None
    """What can be done about it."""
    instance: str
    """The path that was asked for."""


class ProgressModel(Model):
    """How far a job is."""

    stage: str
    """queued, fetch, probe, scan, select, render or done."""
    fraction: float = Field(ge=0, le=1)
    """Share of the stage that is done."""
    position: float
    """Seconds of video that were looked at."""
    duration: float
    """Seconds of video that there are."""
    speed: float
    """How many times as fast as it plays."""


class JobErrorModel(Model):
    """Why a job failed."""

    code: str
    """What is wrong, for programs."""
    message: str
    """What is wrong, for people."""
    remedy: str | None
    """What can be done about it."""
    retryable: bool
    """Whether the same may go well another time."""


class ArtifactModel(Model):
    """A file of a result."""

    name: str
    """What it is asked for by; unique in its job."""
    kind: Literal["result", "picture", "video", "other"]
    """result is the recipe's JSON."""
    bytes: int
    """Its size."""
    type: str
    """Its media type."""
    url: str
    """Where it is, as a path of this server."""


class LinksModel(Model):
    """Where to go from a job, as paths of this server."""

    self: str
    events: str
    result: str
    archive: str
    select: str
    timeline: str


class JobModel(Model):
    """A job."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "example": {
                "id": JOB_ID,
                "state": "done",
                "recipe": "thumbnails",
                "options": {"thumbnails": {"count": 3}},
                "name": "film.mp4",
                "source": None,
                "created": "2026-11-30T12:00:00.000Z",
                "started": "2026-11-30T12:00:00.250Z",
                "finished": "2026-11-30T12:00:09.500Z",
                "expires": "2026-12-01T12:00:09.500Z",
                "progress": {"stage": "done", "fraction": 1.0, "position": 90.0, "duration": 90.0, "speed": 12.5},
                "error": None,
                "summary": {"found": 3, "partial": False, "fallbacks": [], "seconds": 9.2, "duration": 90.0},
                "links": {
                    "self": f"/v1/jobs/{JOB_ID}",
                    "events": f"/v1/jobs/{JOB_ID}/events",
                    "result": f"/v1/jobs/{JOB_ID}/result",
                    "archive": f"/v1/jobs/{JOB_ID}/archive.zip",
                    "select": f"/v1/jobs/{JOB_ID}/select",
                    "timeline": f"/v1/jobs/{JOB_ID}/timeline",
                },
                "artifacts": [
                    {
                        "name": "thumbnails.json",
                        "kind": "result",
                        "bytes": 5120,
                        "type": "application/json",
                        "url": f"/v1/jobs/{JOB_ID}/artifacts/thumbnails.json",
                    },
                    {
                        "name": "thumbnail_01.jpg",
                        "kind": "picture",
                        "bytes": 181204,
                        "type": "image/jpeg",
                        "url": f"/v1/jobs/{JOB_ID}/artifacts/thumbnail_01.jpg",
                    },
                ],
            }
        },
    )
    id: str = Field(pattern="^[0-9a-f]{32}$")
    """What it is asked for by."""
    state: JobState
    """queued, running, done, failed or cancelled; the last three are for ever."""
    recipe: str
    """What is asked of the video."""
    options: dict[str, Any]
    """Options that were given; all others are as GET /v1/recipes says."""
    name: str
    """What the client calls the video."""
    source: str | None
    """The address it comes from, without secrets; null for an upload."""
    created: str = Field(json_schema_extra={"format": "date-time"})
    """When it was asked for."""
    started: str | None = Field(json_schema_extra={"format": "date-time"})
    """When work on it began."""
    finished: str | None = Field(json_schema_extra={"format": "date-time"})
    """When it ended."""
    expires: str | None = Field(json_schema_extra={"format": "date-time"})
    """When it is erased by itself, with all that there is of it."""
    progress: ProgressModel
    error: JobErrorModel | None
    summary: dict[str, Any]
    """Of a done job: found, partial, fallbacks, seconds (of work), duration (of the video)."""
    links: LinksModel
    artifacts: list[ArtifactModel]
    """Files of its result; none where nothing qualified."""


class JobsPage(Model):
    """Jobs, the newest first."""

    jobs: list[JobModel]
    next: str | None
    """The cursor of the next page; null on the last one."""


class JobRequest(Model):
    """A job for a video that is to be fetched."""

    source: str = Field(min_length=1, max_length=4096, examples=["https://media.example.org/film.mp4"])
    """Address of the video: https://… or s3://…, as far as the service allows it."""
    recipe: Recipe = Field(default="thumbnails", examples=["people"])
    """What is asked of the video."""
    options: dict[str, Any] = Field(default_factory=dict, examples=[{"scan": {"effort": "fast"}}])
    """Options, as GET /v1/recipes describes them."""
    webhook: str | None = Field(default=None, min_length=1, max_length=4096, examples=[None])
    """Address that is told how the job ended, as far as the service allows it."""


class JobForm(Model):
    """A job for a video that is uploaded."""

    file: bytes = Field(json_schema_extra={"format": "binary"})
    """The video."""
    recipe: Recipe = "thumbnails"
    """What is asked of the video."""
    options: str = Field(default="{}", examples=['{"thumbnails": {"count": 3}}'])
    """Options, as GET /v1/recipes describes them: a JSON object as text."""
    webhook: str | None = None
    """Address that is told how the job ended, as far as the service allows it."""


class SelectRequest(Model):
    """Another question about a video that was looked at."""

    recipe: Recipe | None = Field(default=None, examples=["keyframes"])
    """What is asked; by default the job's recipe."""
    options: dict[str, Any] = Field(default_factory=dict, examples=[{"keyframes": {"target": 10}}])
    """Options, as GET /v1/recipes describes them."""
    save: bool = False
    """Also write the pictures, as artifacts of the job."""


class Selection(Model):
    """The answer, found without decoding anything."""

    recipe: str
    document: dict[str, Any]
    """The recipe's JSON."""
    pts: list[int]
    """The frames it is about, rising: GET …/frames/{pts}.jpg has pictures of them."""
    artifacts: list[ArtifactModel]
    """With save: the files that were written."""


class RecipeModel(Model):
    """What can be asked of a video."""

    name: str
    title: str
    description: str
    options: dict[str, Any]
    """JSON Schema of its options."""
    defaults: dict[str, Any]
    """Options as they are where they are not given."""
    selects_from: list[str]
    """Recipes whose jobs answer it in POST …/select."""


class Recipes(Model):
    """All that can be asked of a video."""

    recipes: list[RecipeModel]


class Health(Model):
    """The process lives."""

    status: Literal["ok"]
    version: str


class Check(Model):
    """Whether something that the service needs is there."""

    ok: bool
    reason: str | None
    """Why not."""


class Readiness(Model):
    """Whether the service can work."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, Check]
    """database, work, models and disk."""


class LegacyTask(Model):
    """What POST /upload-video/ answered and answers."""

    task_id: str
    status: Literal["completed", "processing", "failed"]
    """processing: ask GET /upload-video/{task_id} for the rest."""
    thumbnail_paths: list[str]
    """Pictures, best first: each can be asked for."""


def job_json(job: Job, context: Context) -> dict[str, Any]:
    """A job as clients see it."""
    home = context.url(f"/v1/jobs/{job.id}")
    paths = {
        "events": "events",
        "result": "result",
        "archive": "archive.zip",
        "select": "select",
        "timeline": "timeline",
    }
    progress, error = job.progress, job.error
    return {
        "id": job.id,
        "state": job.state,
        "recipe": job.recipe,
        "options": nested(job.options),
        "name": job.name,
        "source": job.source,
        "created": moment(job.created_at),
        "started": moment(job.started_at),
        "finished": moment(job.finished_at),
        "expires": moment(job.expires_at),
        "progress": {name: getattr(progress, name) for name in ("stage", "fraction", "position", "duration", "speed")},
        "error": None
        if error is None
        else {name: getattr(error, name) for name in ("code", "message", "remedy", "retryable")},
        "summary": dict(job.summary),
        "links": {"self": home, **{name: f"{home}/{path}" for name, path in paths.items()}},
        "artifacts": [artifact_json(one, home) for one in job.artifacts],
    }


def artifact_json(artifact: Artifact, home: str) -> dict[str, Any]:
    """An artifact as clients see it; ``home`` is the address of its job."""
    url = f"{home}/artifacts/{quote(artifact.name, safe='')}"
    return {"name": artifact.name, "kind": artifact.kind, "bytes": artifact.bytes, "type": artifact.type, "url": url}


def moment(at: float | None) -> str | None:
    """A time as of RFC 3339, in UTC."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in sections (``{"scan": {"effort": …}}``) as the store takes them (``{"scan.effort": …}``)."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in SECTIONS and isinstance(value, Mapping):
            found.update({f"{name}.{one}": inner for one, inner in value.items()})
        else:
            found[name] = value
    return found


def nested(options: Mapping[str, Any]) -> dict[str, Any]:
    """The other way."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        section, _, leaf = name.partition(".")
        if leaf and section in SECTIONS:
            found.setdefault(section, {})[leaf] = value
        else:
            found[name] = value
    return found
