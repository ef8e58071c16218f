"""The thumbnail system's own endpoints, for what was written for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stills.service import examples
from stills.service.access import Changer, Reader, Service, job_of
from stills.service.context import Context
from stills.service.forms import FileRule
from stills.service.jobs import Job, JobEvent, NewJob, NoJobError
from stills.service.problems import ProblemError
from stills.service.refusals import problems
from stills.service.schemas import LegacyTask
from stills.service.uploads import discard, receive_form
from stills.service.views import artifact_json

router = APIRouter(tags=["legacy"])

_STATUS = {"done": "completed", "failed": "failed", "cancelled": "failed"}


@router.post(
    "/upload-video/",
    operation_id="uploadVideo",
    summary="Thumbnails of a video, as the thumbnail system made them",
    response_model=LegacyTask,
    responses=problems(400, 401, 403, 408, 413, 415, 422, 507, s400="The video cannot be decoded, or the form read."),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary", "description": "The video."}},
                        "additionalProperties": False,
                    }
                }
            },
        }
    },
)
async def upload_video(request: Request, context: Service, caller: Changer) -> Response:
    """Answers when the thumbnails are there, or after a while with status processing: then ask for the task."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise ProblemError(415, "the video has to be the field file of a form", remedy="send multipart/form-data")
    with context.uploads.one():
        rules = {"file": FileRule(context.settings.service.legacy_upload_limit)}
        form = await receive_form(request, context, rules, frozenset())
        try:
            if "file" not in form.files:
                raise ProblemError(422, "the form has no file", remedy="send the video as the field file")
            file = form.files["file"][0]
            new = NewJob("thumbnails", name=file.name, upload=file.path, owner=caller.name)
            job = (await context.pools.store.run(context.store.add, new)).job
        finally:
            await discard(form, context)
    job = await _ended(context, job)
    if job.state == "failed" and job.error is not None:
        raise ProblemError(400, job.error.message, code=job.error.code, remedy=job.error.remedy)
    return JSONResponse(_task(job, context))


@router.get(
    "/upload-video/{task_id}",
    operation_id="getVideoTask",
    summary="How far a task of POST /upload-video/ is",
    response_model=LegacyTask,
    responses=problems(401, 403, 404, 422),
)
async def video_task(
    task_id: Annotated[str, Path(description="As it was answered.", examples=[examples.JOB_ID])],
    context: Service,
    caller: Reader,
) -> Response:
    """With the paths of the thumbnails once they are there."""
    return JSONResponse(_task(await job_of(context, caller, task_id), context))


async def _ended(context: Context, job: Job) -> Job:
    """The job once it has ended, or as it is when the time for that is over, or the service ends."""
    stopping = asyncio.ensure_future(context.stopping.wait())
    watching = asyncio.ensure_future(_last(context.store.events(job.id, None)))
    try:
        await asyncio.wait(
            (stopping, watching), timeout=context.settings.service.legacy_wait, return_when=asyncio.FIRST_COMPLETED
        )
        return watching.result() if watching.done() else job
    except NoJobError as error:
        raise ProblemError(404, "the video was erased meanwhile") from error
    finally:
        for task in (stopping, watching):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, NoJobError):
                await task


async def _last(events: AsyncIterator[JobEvent]) -> Job:
    job = None
    async for event in events:
        job = event.job
    assert job is not None  # noqa: S101 - there is always one event
    return job


def _task(job: Job, context: Context) -> dict[str, object]:
    home = context.url(f"/v1/jobs/{job.id}")
    paths = [artifact_json(one, home)["url"] for one in job.artifacts if one.kind == "picture"]
    status = _STATUS.get(job.state, "processing")
    return {"task_id": job.id, "status": status, "thumbnail_paths": paths}
