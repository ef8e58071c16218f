"""What can be wrong between a client and a server; and the server's own errors, as those of :mod:`stills.errors`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, ClassVar

from stills import errors
from stills.client.types import RemoteFailure
from stills.errors import StillsError, printable


class RemoteError(StillsError):
    """A server refused, or said something that cannot be understood. ``code`` is the server's own where it has one."""

    code: ClassVar[str] = "remote"
    status: int | None = None
    """The HTTP status, where there was an answer."""


class UnauthorizedError(RemoteError):
    """The server wants a token, or does not know this one."""

    code = "unauthorized"


class ForbiddenError(RemoteError):
    """The token is not for this."""

    code = "forbidden"


class NotThereError(RemoteError):
    """There is no such job, no such file, or no such service at this address."""

    code = "not-found"


class TooLargeError(RemoteError):
    """The video is larger than the server takes."""

    code = "too-large"


class UnreachableError(RemoteError):
    """The server does not answer."""

    code = "unreachable"
    retryable: ClassVar[bool] = True


class IncompleteError(RemoteError):
    """A file came that has not as many bytes as the server said before."""

    code = "incomplete"
    retryable: ClassVar[bool] = True


class RemoteBusyError(RemoteError):
    """The server has too much to do; ``retry_after`` are the seconds after which it wants to be asked again."""

    code = "busy-server"
    retryable: ClassVar[bool] = True
    retry_after: float | None = None


_BY_STATUS: Mapping[int, tuple[type[RemoteError], str, str | None]] = {
    401: (UnauthorizedError, "the server wants a token", None),
    403: (ForbiddenError, "the server does not allow this", "ask whoever runs it for a token with the right scope"),
    404: (NotThereError, "there is nothing at this address", "check the server's address"),
    405: (NotThereError, "there is something else than stills at this address", "check the server's address"),
    408: (UnreachableError, "the server waited too long for the upload", "try again"),
    413: (TooLargeError, "the video is larger than the server takes", "ask whoever runs it for a higher upload_limit"),
    429: (RemoteBusyError, "the server has too much to do", "try again later"),
    502: (UnreachableError, "the server behind the proxy does not answer", "see whether stills serve runs there"),
    503: (RemoteBusyError, "the server has too much to do, or is about to end", "try again later"),
    504: (UnreachableError, "the server behind the proxy does not answer in time", "try again later"),
}
"""What a status means where the answer does not say it itself: a proxy's may not."""

TOKEN_REMEDY = "give a token that it knows: Client(url, token), or STILLS_REMOTE_TOKEN in the environment"  # noqa: S105
WRONG_ADDRESS = "check the address; it is that of a server which stills serve runs"
_LONGEST = 500
"""Characters of a message that is not ours."""


def refused(status: int, headers: Mapping[str, str], body: bytes, place: str) -> StillsError:
    """The error that an answer with a ``status`` from 300 on means; ``place`` is the server's address, for people."""
    if status < 400:
        target = headers.get("location", "elsewhere")
        return _made(
            RemoteError, f"the server sends on to {target[:_LONGEST]}", "use that server's address", status, place
        )
    kind, said, remedy = _BY_STATUS.get(status, (RemoteError, f"the server answered with status {status}", None))
    problem = _problem(headers, body)
    code = problem.get("code")
    detail = problem.get("detail") or problem.get("title")
    if isinstance(detail, str) and detail:
        said = detail[:_LONGEST]
    if isinstance(problem.get("remedy"), str) and problem["remedy"]:
        remedy = problem["remedy"][:_LONGEST]
    if kind is UnauthorizedError:
        remedy = TOKEN_REMEDY
    if isinstance(code, str) and kind is RemoteError:
        kind_of_code = _kinds().get(code)
        if kind_of_code is not None:
            made = kind_of_code(said, remedy=remedy)  # about the call or the video, and no matter of the server
            vars(made)["code"] = code
            return made
    made = _made(kind, said, remedy, status, place)
    if isinstance(code, str):
        vars(made)["code"] = code[:_LONGEST]
    if isinstance(made, RemoteBusyError) and (status == 429 or code in {None, "unavailable"}):
        made.retry_after = _retry_after(headers)  # others, such as a database that is gone, may not pass by themselves
    return made


def failure(why: RemoteFailure) -> StillsError:
    """The error that a job ended with, as if the work had been done here."""
    kind = _kinds().get(why.code, RemoteError)
    error = kind(why.message, remedy=why.remedy)
    vars(error).update(code=why.code, retryable=why.retryable)
    return error


def not_understood(place: str, what: str) -> RemoteError:
    """An answer that is not as the interface says."""
    return RemoteError(f"{what}, which is not how a stills server answers", path=place, remedy=WRONG_ADDRESS)


def _made(kind: type[RemoteError], said: str, remedy: str | None, status: int, place: str) -> RemoteError:
    error = kind(printable(said), path=place, remedy=remedy)
    error.status = status
    return error


def _problem(headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    """The fields of problem+json (RFC 9457); none where the answer is something else."""
    if "json" not in headers.get("content-type", ""):
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds (RFC 9110, 10.2.3): a number, or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time()) if text else None
    except ValueError:
        return None


def _kinds() -> dict[str, type[StillsError]]:
    """Errors of :mod:`stills.errors` by code; the first where several share one."""
    found: dict[str, type[StillsError]] = {}
    for kind in _all(StillsError):
        if kind.__module__ == errors.__name__:
            found.setdefault(kind.code, kind)
    return found


def _all(kind: type[StillsError]) -> Iterator[type[StillsError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _all(below)
