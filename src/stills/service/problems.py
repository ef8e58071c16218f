"""Everything that can be wrong with a request, as ``application/problem+json`` (RFC 9457).

A problem has a stable ``code`` for machines and a ``remedy`` for people: those of the
:class:`~stills.errors.StillsError` where there was one, and else a word for what HTTP itself has to say. Nothing of it
names a file of this machine: that is in the log.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from stills.errors import (
    InputError,
    LimitError,
    NothingFoundError,
    OutputError,
    StateError,
    StillsError,
    UsageError,
    WorkerError,
    printable,
)
from stills.service.jobs.errors import BusyError, IdempotencyError, NoJobError, NoPictureError, NotReadyError

if TYPE_CHECKING:
    from fastapi import FastAPI

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)

CODES: Mapping[int, str] = {
    400: "invalid-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "timeout",
    409: "conflict",
    411: "length-required",
    413: "too-large",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
    421: "wrong-host",
    422: "invalid-request",
    429: "too-many-requests",
    500: "internal",
    503: "unavailable",
    507: "disk-full",
}
"""The code of a problem for which there is no error of stills, by its status."""

_STATUSES: Sequence[tuple[type[StillsError], int]] = (
    (NoJobError, 404),
    (NoPictureError, 404),
    (NotReadyError, 409),
    (IdempotencyError, 409),
    (BusyError, 429),
    (NothingFoundError, 422),
    (UsageError, 422),
    (OutputError, 500),
    (InputError, 422),
    (LimitError, 503),
    (StateError, 503),
    (WorkerError, 503),
)
"""What an error of stills is for HTTP; the first that fits."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ProblemError(Exception):
    """A request that is refused, with all that is to be said about it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """``members`` are extensions, such as ``errors``; ``code`` is by default that of the status."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code if code is not None else CODES.get(status, "error")
        self.remedy = remedy
        self.headers = dict(headers or {})
        self.members = members


class BusyProblem(ProblemError):  # noqa: N818 - one of the problems
    """The service has too much to do at this moment: come again in a moment."""

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(503, detail, remedy="try again in a moment", headers={"Retry-After": str(retry_after)})


def problem_of(error: StillsError) -> ProblemError:
    """An error of stills as a problem; what is the service's own fault is logged, and told without its files."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, BusyError) else {}
    if isinstance(error, OutputError):
        _log.error("%s", error)
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
            return disk_full()
        return ProblemError(500, "the service cannot write its files", code=error.code, remedy="ask who runs it")
    if status >= 500:
        _log.error("%s", error, exc_info=error)
        if status == 503:
            headers["Retry-After"] = "5"
            said = "the service cannot do this at this moment"
            return ProblemError(503, said, code=error.code, remedy="try again in a moment", headers=headers)
        return ProblemError(500, "the service failed at this", code=error.code, remedy="ask who runs it")
    return ProblemError(status, error.message, code=error.code, remedy=error.remedy, headers=headers)


def disk_full() -> ProblemError:
    """Nothing can be written any more."""
    return ProblemError(507, "the disk of the service is full", remedy="erase jobs that are not needed, or try later")


def respond(problem: ProblemError, request: Request) -> Response:
    """The response that says ``problem``."""
    from stills.service.uploads import EarlyAnswer

    return EarlyAnswer(problem, request.url.path)


def body_of(problem: ProblemError, path: str) -> bytes:
    """``problem`` as JSON."""
    document = {
        "type": "about:blank",
        "title": _phrase(problem.status),
        "status": problem.status,
        "detail": printable(problem.detail),
        "code": problem.code,
        "remedy": None if problem.remedy is None else printable(problem.remedy),
        "instance": path,
        **problem.members,
    }
    return json.dumps(document, ensure_ascii=True).encode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def invalid(errors: Sequence[Mapping[str, Any]], status: int = 422) -> ProblemError:
    """What Pydantic found wrong; values are left out: they may be secrets, or megabytes."""
    listed = [{"where": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in errors]
    first = listed[0]
    return ProblemError(status, f"{first['where']}: {first['what']}", errors=listed)


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Have every error of ``app``, which has ``routes``, answered as a problem, by coroutines: no thread is needed."""

    async def stills_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, StillsError)  # noqa: S101 - registered for it
        return respond(problem_of(error), request)

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - registered for it
        return respond(error, request)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        said = {
            404: "there is nothing at this address",
            405: f"{request.method} is not possible here",
        }.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(sorted(_methods(routes, request)))
        return respond(ProblemError(error.status_code, said, headers=headers), request)

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        return respond(invalid(error.errors()), request)

    app.add_exception_handler(StillsError, stills_error)
    app.add_exception_handler(ProblemError, problem)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)


def _methods(routes: Sequence[BaseRoute], request: Request) -> set[str]:
    """All methods that are possible at the path of ``request``: each route knows only its own."""
    found: set[str] = set()
    for route in routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found.update(getattr(route, "methods", None) or ())
    return found
