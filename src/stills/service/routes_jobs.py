"""Jobs: to add, list, look at, follow, cancel and erase."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stills.service import events, examples
from stills.service.access import Changer, Reader, Service, check_id, job_of
from stills.service.context import Context
from stills.service.forms import FileRule
from stills.service.jobs import JobState, NewJob
from stills.service.problems import ProblemError
from stills.service.refusals import problems
from stills.service.schemas import JobModel, JobRequest, JobsPage
from stills.service.sending import json_response
from stills.service.sources import check_source
from stills.service.uploads import discard, model_of, parse_json, receive_form, receive_json
from stills.service.views import flat, job_json
from stills.service.webhooks import check_webhook

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(description="The id of a job.", examples=[examples.JOB_ID])]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="The same key with the same request means the same job, however often it is sent.",
        examples=["8f14e45f-ceea-467f-a0e6-1f1b2c3d4e5f"],
    ),
]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"$ref": "#/components/schemas/JobForm"},
                "example": examples.JOB_FORM,
                "encoding": {"options": {"contentType": "text/plain"}},
            },
            "application/json": {
                "schema": {"$ref": "#/components/schemas/JobRequest"},
                "example": examples.JOB_REQUEST,
            },
        },
    }
}
_LOCATION = {"Location": {"description": "The path of the job.", "schema": {"type": "string"}}}
POSTER_BYTES = 20_000_000
"""Most bytes of a poster."""
FIELDS = frozenset({"recipe", "options", "webhook"})


@router.post(
    "/v1/jobs",
    operation_id="createJob",
    summary="Ask for the best frames of a video",
    status_code=202,
    response_model=JobModel,
    responses={
        202: {"description": "The job, queued; or the one that was queued with the same key.", "headers": _LOCATION},
        **problems(400, 401, 403, 408, 409, 413, 415, 422, 507),
    },
    openapi_extra=_BODY,
)
async def create_job(request: Request, context: Service, caller: Changer, key: Key = None) -> Response:
    """Upload a video as a form, or say where it is to be fetched from as JSON; the answer comes before the work."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        with context.uploads.one():
            return await _from_form(request, context, caller.name, key)
    if kind == "application/json":
        asked = await receive_json(request, context, JobRequest)
        new = NewJob(
            asked.recipe, flat(asked.options), name_of(asked.source), address=asked.source, owner=caller.name,
            idempotency_key=key, webhook=asked.webhook,
        )  # fmt: skip
        check_addresses(context, new)
        return await add(context, new)
    raise ProblemError(
        415,
        "a job is a form with a file (multipart/form-data), or JSON with a source (application/json)",
        remedy="send the video as the field file of a form",
    )


async def _from_form(request: Request, context: Context, owner: str, key: str | None) -> Response:
    most = context.store.limits.posters
    files = {"file": FileRule(context.settings.service.upload_limit), "poster": FileRule(POSTER_BYTES, most)}
    form = await receive_form(request, context, files, FIELDS)
    try:
        if "file" not in form.files:
            raise ProblemError(422, "the form has no file", remedy="send the video as the field file")
        options = parse_json(form.fields.get("options") or "{}", "the field 'options'")
        fields: dict[str, Any] = {"recipe": form.fields.get("recipe") or "thumbnails", "options": options}
        asked = model_of({**fields, "source": "upload", "webhook": form.fields.get("webhook") or None}, JobRequest)
        file = form.files["file"][0]
        posters = form.files.get("poster", [])
        new = NewJob(
            asked.recipe, flat(asked.options), file.name, upload=file.path, owner=owner, idempotency_key=key,
            webhook=asked.webhook, posters=[one.path for one in posters],
            poster_names=[one.name for one in posters],
        )  # fmt: skip
        check_addresses(context, new)
        return await add(context, new)
    finally:
        await discard(form, context)


async def add(context: Context, new: NewJob) -> Response:
    """Add a job, and answer with it."""
    added = await context.pools.store.run(context.store.add, new)
    headers = {"Location": context.url(f"/v1/jobs/{added.job.id}")}
    if not added.created:
        headers["Idempotent-Replayed"] = "true"
    return json_response(job_json(added.job, context), 202, headers)


def check_addresses(context: Context, new: NewJob) -> None:
    """Raise ``RefusedAddressError`` where the service does not fetch from there, or does not tell anybody there."""
    if new.address is not None:
        check_source(new.address, context.settings)
    if new.webhook is not None:
        check_webhook(new.webhook, context.settings)


def name_of(address: str) -> str:
    """What a video at ``address`` is called."""
    from urllib.parse import unquote, urlsplit

    from stills.service.forms import shown_name

    try:
        return shown_name(unquote(urlsplit(address).path))
    except ValueError as error:
        raise ProblemError(422, "source is no address") from error


@router.get(
    "/v1/jobs",
    operation_id="listJobs",
    summary="List jobs, the newest first",
    response_model=JobsPage,
    responses=problems(401, 403, 422),
)
async def list_jobs(
    context: Service,
    caller: Reader,
    state: Annotated[JobState | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Jobs on a page.")] = 50,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="The next of the page before.")] = None,
) -> Response:
    """Jobs of this token; with the scope admin, of all."""

    def answer() -> Response:
        page = context.store.list(caller.sees, state, cursor, limit)
        return json_response({"jobs": [job_json(job, context) for job in page.jobs], "next": page.cursor})

    return await context.pools.store.run(answer)


@router.get(
    "/v1/jobs/{id}",
    operation_id="getJob",
    summary="Look at a job",
    response_model=JobModel,
    responses=problems(401, 403, 404, 422),
)
async def get_job(id: JobId, context: Service, caller: Reader) -> Response:
    """How far it is, and what came of it."""
    check_id(id)
    return await context.pools.store.run(lambda: json_response(job_json(context.store.get(id, caller.sees), context)))


@router.get(
    "/v1/jobs/{id}/events",
    operation_id="followJob",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: progress, then one of done, failed and cancelled; data is the job. "
            "A comment comes every 15 seconds where nothing happens.",
            "content": {
                "text/event-stream": {
                    "schema": {},
                    "example": examples.EVENT,
                }
            },
        },
        **problems(401, 403, 404, 422),
    },
)
async def follow_job(
    id: JobId,
    context: Service,
    caller: Reader,
    last: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The id of the last event that came.", examples=["7"])
    ] = None,
) -> Response:
    """How it is now, unless that is what Last-Event-ID says, and each change from now on."""
    job = await job_of(context, caller, id)
    after = int(last) if last is not None and last.isascii() and last.isdigit() and len(last) < 19 else 0
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events.stream(context, job, after), headers=headers, media_type="text/event-stream")


@router.delete(
    "/v1/jobs/{id}",
    operation_id="eraseJob",
    summary="Cancel a job and erase all there is of it",
    status_code=204,
    responses={204: {"description": "It is gone."}, **problems(401, 403, 404, 422)},
)
async def erase_job(id: JobId, context: Service, caller: Changer) -> Response:
    """Its video, its index and its results go, too."""
    check_id(id)
    await context.pools.store.run(context.store.erase, id, caller.sees)
    return Response(status_code=204)


@router.post(
    "/v1/jobs/{id}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    response_model=JobModel,
    responses=problems(401, 403, 404, 422),
)
async def cancel_job(id: JobId, context: Service, caller: Changer) -> Response:
    """Work on it ends within two seconds; one that has ended stays as it is."""
    check_id(id)
    return await context.pools.store.run(
        lambda: json_response(job_json(context.store.cancel(id, caller.sees), context))
    )
