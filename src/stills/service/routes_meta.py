"""What is of no job: what can be asked, whether the service lives and can work, its metrics."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from stills._version import __version__
from stills.errors import StillsError
from stills.service import examples
from stills.service.access import Reader, Service, may_measure
from stills.service.context import Context
from stills.service.problems import ProblemError
from stills.service.refusals import problems
from stills.service.schemas import Health, Readiness, Recipes

router = APIRouter(tags=["service"])

_log = logging.getLogger(__name__)

CHECK_S = 5.0
"""How long a check may take."""
LEAST_DISK = 256 * 1024 * 1024
"""Bytes that are free at least where the service says that it can work."""
_HEALTH = {"status": "ok", "version": __version__}


@router.get(
    "/v1/recipes",
    operation_id="listRecipes",
    summary="What can be asked of a video",
    response_model=Recipes,
    responses=problems(401, 403),
)
async def list_recipes(context: Service, caller: Reader) -> Response:
    """With the JSON Schemas of the options, and what these are where they are not given."""
    return Response(context.recipes, media_type="application/json")


@router.get(
    "/healthz",
    operation_id="health",
    summary="Whether the process lives",
    response_model=Health,
    responses=problems(),
)
async def health() -> Response:
    """Answered at once, whatever else is done."""
    return JSONResponse(_HEALTH)


@router.get(
    "/readyz",
    operation_id="readiness",
    summary="Whether the service can work",
    response_model=Readiness,
    responses={**problems(), 503: {"description": "It cannot, for these reasons.", "model": Readiness}},
)
async def readiness(context: Service) -> Response:
    """The database answers, work is done, the models are here, the disk has room."""
    checks: dict[str, Callable[[], str | None]] = {
        "database": lambda: _database(context),
        "work": lambda: _work(context),
        "models": lambda: context.models.problem,
        "disk": lambda: _disk(context),
    }
    found = await asyncio.gather(*(_checked(context, check) for check in checks.values()))
    said = {name: {"ok": reason is None, "reason": reason} for name, reason in zip(checks, found, strict=True)}
    well = not any(found)
    return JSONResponse({"status": "ok" if well else "unavailable", "checks": said}, 200 if well else 503)


async def _checked(context: Context, check: Callable[[], str | None]) -> str | None:
    try:
        async with asyncio.timeout(CHECK_S):
            return await context.pools.checks.run(check)
    except TimeoutError:
        return f"no answer within {CHECK_S:g} s"
    except ProblemError as error:
        return error.detail


def _database(context: Context) -> str | None:
    try:
        context.store.ping()
    except StillsError as error:
        _log.warning("the database does not answer: %s", error)
        return "the database does not answer"
    return None


def _work(context: Context) -> str | None:
    if context.stopping.is_set():
        return "the service is ending"
    problem = context.runner.problem
    if problem is not None:
        _log.warning("no work is done: %s", problem)
        return "no work is done now: the log says why"
    return None


def _disk(context: Context) -> str | None:
    try:
        free = shutil.disk_usage(context.store.data).free
    except OSError as error:
        return f"the data folder cannot be read: {error.strerror}"
    return None if free >= LEAST_DISK else f"only {free // 2**20} MiB are free"


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "In the text format of Prometheus.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": examples.METRICS}},
        },
        **problems(401, 403),
    },
    dependencies=[Depends(may_measure)],
)
async def metrics(context: Service) -> Response:
    """Jobs, requests, uploads. Where tokens are wanted, with one that has the scope metrics."""
    text, kind = await context.pools.store.run(context.metrics.text, context.store)
    return Response(text, media_type=kind)
