"""Who asks, and what they may: dependencies of the routes. They are coroutines: FastAPI has threads call all others."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from stills.service.auth import Principal, Scope
from stills.service.context import Context, context_of
from stills.service.jobs import Job, NoJobError
from stills.service.problems import ProblemError

CALLER = "stills.caller"
"""In the scope of a request: the name of whoever asks."""
_JOB_ID = re.compile("[0-9a-f]{32}")


def caller_of(request: Request) -> Principal:
    """Who asks. Raises ``ProblemError`` (401) where that has to be said and is not."""
    principal = context_of(request).tokens.check(request.headers.get("authorization"))
    if principal is None:
        given = "authorization" in request.headers
        raise ProblemError(
            401,
            "this token is not known" if given else "a token is needed",
            remedy="send the header Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"' if given else "Bearer"},
        )
    request.scope[CALLER] = principal.name
    return principal


async def may_read(request: Request) -> Principal:
    """Who may look at jobs. Raises ``ProblemError``."""
    return _with(request, "read")


async def may_change(request: Request) -> Principal:
    """Who may add, cancel and erase jobs. Raises ``ProblemError``."""
    return _with(request, "jobs")


async def may_measure(request: Request) -> Principal:
    """Who may see how much is done, of everybody. Raises ``ProblemError``."""
    return _with(request, "metrics")


def _with(request: Request, scope: Scope) -> Principal:
    caller = caller_of(request)
    check_scope(caller, scope)
    return caller


def check_scope(caller: Principal, scope: Scope) -> None:
    """Raise ``ProblemError`` (403) where ``caller`` does not have the scope."""
    if not caller.may(scope):
        raise ProblemError(403, f"this token may not do that: it needs the scope {scope}")


Reader = Annotated[Principal, Depends(may_read)]
Changer = Annotated[Principal, Depends(may_change)]


async def _context(request: Request) -> Context:
    return context_of(request)


Service = Annotated[Context, Depends(_context)]


async def job_of(context: Context, caller: Principal, job: str) -> Job:
    """The job with this id, if it is there for ``caller``. Raises ``NoJobError``."""
    check_id(job)
    return await context.pools.store.run(context.store.get, job, caller.sees)


def check_id(job: str) -> None:
    """Raise ``NoJobError`` for what is no id at all: no database is asked for that."""
    if not _JOB_ID.fullmatch(job):
        raise NoJobError("there is no such job")
