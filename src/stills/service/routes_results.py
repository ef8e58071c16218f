"""Results: the recipe's JSON, files, all of them as an archive; and what can be asked without looking again."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stills.service import examples
from stills.service.access import Reader, Service, check_scope, job_of
from stills.service.context import Context
from stills.service.jobs import Answer, Artifact, Job, NoPictureError, NotReadyError
from stills.service.problems import ProblemError
from stills.service.refusals import problems
from stills.service.routes_jobs import JobId
from stills.service.schemas import Selection, SelectRequest
from stills.service.sending import archive, disposition, in_thread, json_response, send_file
from stills.service.uploads import receive_json
from stills.service.views import artifact_json, flat

router = APIRouter(tags=["results"])

_LARGEST_PTS = 2**62
_ETAG = {"ETag": {"description": "What If-None-Match may say.", "schema": {"type": "string"}}}
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as If-None-Match says."}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE = {"*/*": _BINARY, "application/json": {"schema": {}, "example": examples.RESULT}}


@router.get(
    "/v1/jobs/{id}/result",
    operation_id="getResult",
    summary="The recipe's JSON",
    responses={
        200: {
            "description": "The document: its fields are those of the recipe's file.",
            "headers": _ETAG,
            "content": {
                "application/json": {
                    "schema": {"type": "object", "additionalProperties": True},
                    "example": examples.RESULT,
                }
            },
        },
        206: {"description": "The part of it that Range asks for."},
        **_NOT_MODIFIED,
        **problems(401, 403, 404, 409, 416, 422, s422="Nothing in the video qualifies: there is no document."),
    },
)
async def get_result(request: Request, id: JobId, context: Service, caller: Reader) -> Response:
    """What was found, with times, scores and reasons."""
    job = await job_of(context, caller, id)
    path = await context.pools.store.run(context.store.result_path, job)
    return await send_file(request, context.pools.files, path, "application/json")


@router.get(
    "/v1/jobs/{id}/artifacts/{name}",
    operation_id="getArtifact",
    summary="A file of the result",
    response_class=Response,
    responses={
        200: {"description": "The file.", "headers": _ETAG, "content": _FILE},
        206: {"description": "The part of it that Range asks for.", "content": _FILE},
        **_NOT_MODIFIED,
        **problems(401, 403, 404, 409, 416, 422),
    },
)
async def get_artifact(  # noqa: PLR0917 - FastAPI gives them by name
    request: Request,
    id: JobId,
    name: Annotated[str, Path(description="As in the job's artifacts.", examples=["thumbnails.json"])],
    context: Service,
    caller: Reader,
    download: Annotated[bool, Query(description="Have browsers save it instead of showing it.")] = False,
) -> Response:
    """With ETag and Range."""
    job = await job_of(context, caller, id)
    artifact = job.artifact(name)
    if artifact is None:
        raise ProblemError(404, "the job has no such artifact", remedy="the job lists its artifacts")
    path = await context.pools.store.run(context.store.artifact_path, job, artifact)
    headers = {
        "Content-Disposition": disposition(artifact.name, download=download),
        "X-Content-Type-Options": "nosniff",
    }
    return await send_file(request, context.pools.files, path, artifact.type, headers)


@router.get(
    "/v1/jobs/{id}/archive.zip",
    operation_id="getArchive",
    summary="All files of the result",
    response_class=StreamingResponse,
    responses={
        200: {"description": "A ZIP, made while it is sent.", "content": {"application/zip": _BINARY}},
        **problems(401, 403, 404, 409, 422),
    },
)
async def get_archive(id: JobId, context: Service, caller: Reader) -> Response:
    """With the folders that the result's JSON names; stored, as pictures are small already."""
    job = await job_of(context, caller, id)
    if job.state != "done":
        raise NotReadyError(f"the job is {job.state}: it has no result")
    if not job.artifacts:
        raise ProblemError(422, "nothing in the video qualifies: there are no files", code="nothing-found")
    files = [(one.file, partial(context.store.artifact_path, job, one)) for one in job.artifacts]
    stem = job.name.rpartition(".")[0] or job.name
    headers = {"Content-Disposition": disposition(f"{stem}-{job.recipe}.zip", download=True)}
    body = in_thread(context.pools.files, archive(files))
    return StreamingResponse(body, headers=headers, media_type="application/zip")


@router.get(
    "/v1/jobs/{id}/timeline",
    operation_id="getTimeline",
    summary="The signals of the video",
    responses={
        200: {
            "description": "A few hundred samples of each signal, and the shots, for plotting.",
            "content": {
                "application/json": {
                    "schema": {"type": "object", "additionalProperties": True},
                    "example": examples.TIMELINE,
                }
            },
        },
        **problems(401, 403, 404, 409, 422),
    },
)
async def get_timeline(id: JobId, context: Service, caller: Reader) -> Response:
    """Sharpness, exposure, motion, faces over time."""
    job = await job_of(context, caller, id)
    return await context.pools.answers.run(lambda: json_response(context.answers.timeline(job)))


@router.get(
    "/v1/jobs/{id}/frames/{pts}.jpg",
    operation_id="getFrame",
    summary="A picture of a frame",
    response_class=Response,
    responses={
        200: {
            "description": "A JPEG.",
            "headers": {
                "Stills-Rough": {
                    "description": "1: only a tiny grey picture was left, and was made larger.",
                    "schema": {"type": "string", "enum": ["1"]},
                }
            },
            "content": {"image/jpeg": _BINARY},
        },
        **problems(401, 403, 404, 409, 422),
    },
)
async def get_frame(
    id: JobId,
    pts: Annotated[int, Path(description="Of a selection's pts.", examples=[1024])],
    context: Service,
    caller: Reader,
    width: Annotated[
        int | None, Query(ge=16, le=1920, description="About how many pixels wide; by default 960.")
    ] = None,
) -> Response:
    """Of any frame of a selection, also after the video was erased."""
    job = await job_of(context, caller, id)
    if abs(pts) > _LARGEST_PTS:
        raise NoPictureError(f"there is no frame at pts {pts}")
    picture = await context.pools.answers.run(context.answers.frame, job, pts, width)
    headers = {"Cache-Control": "private, max-age=3600"}
    if picture.rough:
        headers = {"Cache-Control": "no-store", "Stills-Rough": "1"}
    return Response(picture.data, headers=headers, media_type="image/jpeg")


@router.post(
    "/v1/jobs/{id}/select",
    operation_id="select",
    summary="Ask the same video something else",
    response_model=Selection,
    responses=problems(
        400, 401, 403, 404, 408, 409, 413, 415, 422, 507,
        s422="An option is not allowed, asks for what was not measured, or leaves nothing that qualifies.",
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/SelectRequest"},
                    "example": examples.SELECT_REQUEST,
                }
            },
        }
    },
)  # fmt: skip
async def select(request: Request, id: JobId, context: Service, caller: Reader) -> Response:
    """Another threshold, another number, another recipe: answered from what was measured, nothing is decoded."""
    job = await job_of(context, caller, id)
    asked = await receive_json(request, context, SelectRequest)
    recipe, options = asked.recipe or job.recipe, flat(asked.options)
    if asked.save:
        check_scope(caller, "jobs")
        return await context.pools.saving.run(_saved, context, job, recipe, options)
    return await context.pools.answers.run(_answer, context, job, recipe, options)


def _answer(context: Context, job: Job, recipe: str, options: dict[str, Any]) -> Response:
    answer = context.answers.select(job, recipe, options)
    return _selection(context, job, answer, ())


def _saved(context: Context, job: Job, recipe: str, options: dict[str, Any]) -> Response:
    artifacts = context.answers.save(job, recipe, options)
    answer = context.answers.select(job, recipe, options)
    written = json.loads(context.store.artifact_path(job, artifacts[0]).read_text(encoding="utf-8"))  # names its files
    return _selection(context, job, replace(answer, document=written), artifacts)


def _selection(context: Context, job: Job, answer: Answer, artifacts: tuple[Artifact, ...]) -> Response:
    home = context.url(f"/v1/jobs/{job.id}")
    saved = [artifact_json(one, home) for one in artifacts]
    document = {"recipe": answer.recipe, "document": answer.document, "pts": list(answer.pts), "artifacts": saved}
    return json_response(document)
