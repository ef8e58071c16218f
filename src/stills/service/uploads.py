"""Receiving what clients send: never more of it in memory than a piece, never more on the disk than is allowed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stills.service.forms import FIELD_BYTES, FileRule, Form, too_large
from stills.service.problems import MEDIA_TYPE, BusyProblem, ProblemError, body_of, invalid

if TYPE_CHECKING:
    from stills.service.context import Context

M = TypeVar("M", bound=BaseModel)

PIECE_BYTES = 256 * 1024
"""What is collected before it is taken apart and written, in a thread."""
LEAST_BYTES = 1024
"""What has to come in the time after which a body counts as stalled: a byte now and then is no upload."""
JSON_BYTES = 256 * 1024
"""Most bytes of a JSON body."""
READ = "stills.read"
"""In the scope of a request whose body was read to its end."""
_FRAME_BYTES = 1024 * 1024
"""What a form may have beside its files."""
LINGER_S = 5.0
"""How long what is still sent is read and thrown away after it was refused, so that the client hears why."""


class GoneError(Exception):
    """The client went away: there is nobody to answer."""


async def pieces(request: Request, idle_s: float) -> AsyncIterator[bytes]:
    """The body of ``request`` as it comes. Raises ``ProblemError`` (408) where it stalls, ``GoneError``."""
    more, got, until = True, 0, time.monotonic() + idle_s
    while more:
        try:
            message = await asyncio.wait_for(request.receive(), max(0.0, until - time.monotonic()))
        except TimeoutError as error:
            said = f"of the body, hardly anything came for {idle_s:g} seconds"
            raise ProblemError(408, said, remedy="try again with a better connection") from error
        if message["type"] != "http.request":
            raise GoneError
        body: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        got += len(body)
        if got >= LEAST_BYTES:
            got, until = 0, time.monotonic() + idle_s
        if not more:
            request.scope[READ] = True
        yield body


async def receive_form(
    request: Request, context: Context, files: Mapping[str, FileRule], fields: frozenset[str]
) -> Form:
    """The form that is sent, its files on the disk: whoever gets it takes them, or discards them.

    Raises ``ProblemError``, ``GoneError``; then nothing of it is left.
    """
    most = sum(rule.most_bytes * rule.most for rule in files.values()) + _FRAME_BYTES
    _check_size(content_length(request) or 0, most, files)
    form = Form(request.headers.get("content-type", ""), context.store.uploads, files, fields)
    pool, came, held = context.pools.files, 0, bytearray()
    try:
        async for piece in pieces(request, context.settings.service.upload_idle):
            came += len(piece)
            _check_size(came, most, files)
            held += piece
            if len(held) >= PIECE_BYTES:
                taken, held = bytes(held), bytearray()
                await _whole(pool.run(form.feed, taken))
        await _whole(pool.run(form.feed, bytes(held)))
        form.finish()
    except BaseException:
        await discard(form, context)
        raise
    return form


def _check_size(size: int, most: int, files: Mapping[str, FileRule]) -> None:
    if size > most:
        raise too_large(max(rule.most_bytes for rule in files.values()))


async def discard(form: Form, context: Context) -> None:
    """Remove what is left of the files of ``form``."""
    try:
        await _whole(context.pools.files.run(form.discard))
    except BusyProblem:
        form.discard()


async def _whole(call: Any) -> None:
    """Wait for a thread that works on the form, even if we are cancelled: it must not write after the discarding."""
    task = asyncio.ensure_future(call)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await task
        raise


async def receive_json(request: Request, context: Context, model: type[M]) -> M:
    """The JSON body, as a ``model``. Raises ``ProblemError``, ``GoneError``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ProblemError(415, "the body has to be application/json")
    body = bytearray()
    if (content_length(request) or 0) > JSON_BYTES:
        raise ProblemError(413, f"the body is longer than {JSON_BYTES} bytes")
    async for piece in pieces(request, context.settings.service.upload_idle):
        body += piece
        if len(body) > JSON_BYTES:
            raise ProblemError(413, f"the body is longer than {JSON_BYTES} bytes")
    return model_of(parse_json(bytes(body), "the body"), model)


def model_of(value: Any, model: type[M]) -> M:
    """``value`` as a ``model``. Raises ``ProblemError``."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid([dict(one) for one in error.errors(include_url=False, include_input=False)]) from error


def parse_json(text: bytes | str, what: str) -> Any:
    """``text`` as JSON, without what no database keeps. Raises ``ProblemError``."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, f"{what} is not JSON") from error
    _check_texts(value, what)
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_texts(value: Any, what: str, depth: int = 0) -> None:
    """Raise where a text holds what is no character, or where values lie too deep in each other."""
    if depth > 16:
        raise ProblemError(422, f"{what} is nested too deeply")
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ProblemError(422, f"{what} has a text with a character that is none")
    elif isinstance(value, dict):
        for name, one in value.items():
            _check_texts(name, what, depth + 1)
            _check_texts(one, what, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check_texts(one, what, depth + 1)


def content_length(request: Request) -> int | None:
    """The length that the client says its body has."""
    told = request.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else None


def unread(scope: Scope) -> bool:
    """Whether the request has a body of which something may still come."""
    if scope.get(READ, False):
        return False
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


class EarlyAnswer(Response):
    """A problem, said whether or not the body came: what still comes is thrown away for a while, then all ends.

    A server that closes at once has clients see a broken connection instead of the reason.
    """

    def __init__(self, problem: ProblemError, path: str) -> None:
        """``path`` is of the request."""
        super().__init__(body_of(problem, path), problem.status, problem.headers, MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and end."""
        if not unread(scope):
            await super().__call__(scope, receive, send)
            return
        headers = [*self.raw_headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


__all__ = [
    "FIELD_BYTES",
    "EarlyAnswer",
    "GoneError",
    "content_length",
    "model_of",
    "parse_json",
    "receive_form",
    "receive_json",
]
