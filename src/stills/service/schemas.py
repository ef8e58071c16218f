"""What the API takes and gives, as models: for checking what comes, and for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stills.service import examples
from stills.service.jobs.types import JobState

Recipe = Literal["cast", "people", "keyframes", "thumbnails", "portrait"]


class Model(BaseModel):
    """A part of the API."""

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


def example(value: dict[str, Any]) -> ConfigDict:
    """What gives a model an example."""
    return ConfigDict(json_schema_extra={"examples": [value]})


class Problem(BaseModel):
    """Why a request was refused, as of RFC 9457."""

    model_config = ConfigDict(
        extra="allow", use_attribute_docstrings=True, json_schema_extra={"examples": [examples.problem(404)]}
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
    file: str
    """Its place in the folder of the result, as the result's JSON and archives have it."""
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

    model_config = example(examples.JOB)
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
    posters: list[str]
    """What the client calls the posters that it sent."""
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

    model_config = example(examples.JOBS)
    jobs: list[JobModel]
    next: str | None
    """The cursor of the next page; null on the last one."""


class JobRequest(Model):
    """A job for a video that is to be fetched."""

    model_config = example(examples.JOB_REQUEST)
    source: str = Field(min_length=1, max_length=4096, examples=["https://media.example.org/film.mp4"])
    """Address of the video: https://… or s3://…, as far as the service allows it."""
    recipe: Recipe = Field(default="thumbnails", examples=["people"])
    """What is asked of the video."""
    options: dict[str, Any] = Field(default_factory=dict, examples=[{"scan": {"effort": "fast"}}])
    """Options, as GET /v1/recipes describes them."""
    webhook: str | None = Field(default=None, min_length=1, max_length=4096, examples=[None])
    """Address that is told how the job ended, as far as the service allows it."""


PosterFile = Annotated[bytes, Field(json_schema_extra={"format": "binary"})]


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
    poster: list[PosterFile] = []
    """Pictures, for cast: who is on them?"""


class SelectRequest(Model):
    """Another question about a video that was looked at."""

    model_config = example(examples.SELECT_REQUEST)
    recipe: Recipe | None = Field(default=None, examples=["keyframes"])
    """What is asked; by default the job's recipe."""
    options: dict[str, Any] = Field(default_factory=dict, examples=[{"keyframes": {"target": 10}}])
    """Options, as GET /v1/recipes describes them."""
    save: bool = Field(default=False, strict=True)
    """Also write the pictures, as artifacts of the job."""


class Selection(Model):
    """The answer, found without decoding anything."""

    model_config = example(examples.SELECTION)
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

    model_config = example(examples.RECIPES)
    recipes: list[RecipeModel]


class Health(Model):
    """The process lives."""

    model_config = example(examples.HEALTH)
    status: Literal["ok"]
    version: str


class Check(Model):
    """Whether something that the service needs is there."""

    ok: bool
    reason: str | None
    """Why not."""


class Readiness(Model):
    """Whether the service can work."""

    model_config = example(examples.READINESS)
    status: Literal["ok", "unavailable"]
    checks: dict[str, Check]
    """database, work, models and disk."""


class LegacyTask(Model):
    """What POST /upload-video/ answered and answers."""

    model_config = example(examples.LEGACY)
    task_id: str
    status: Literal["completed", "processing", "failed"]
    """processing: ask GET /upload-video/{task_id} for the rest."""
    thumbnail_paths: list[str]
    """Pictures, best first: each can be asked for."""
