"""What operations answer beside what they are for, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stills.service import examples

WHY: Mapping[int, str] = {
    400: "The request cannot be read.",
    401: "There is no token, or one that is not known.",
    403: "The token may not do this, or the request comes from another site's page.",
    404: "There is no such thing, or not for this token.",
    408: "The body stalled.",
    409: "It is not so far yet, or contradicts what is.",
    413: "It is larger than is allowed.",
    415: "The body is of a type that is not taken.",
    416: "The range is outside of the file.",
    421: "The service is not called by this name.",
    422: "Something in the request is not allowed.",
    429: "Too many requests or jobs: come again after Retry-After seconds.",
    500: "The service failed.",
    503: "The service cannot do this at this moment: come again after Retry-After seconds.",
    507: "The disk of the service is full.",
}
_ALWAYS = (400, 421, 429, 500, 503)
_RETRY = {"Retry-After": {"description": "Seconds after which to come again.", "schema": {"type": "integer"}}}
_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}}},
    416: {"Content-Range": {"description": "bytes */SIZE.", "schema": {"type": "string"}}},
    429: _RETRY,
    503: _RETRY,
}


def problems(*statuses: int, **said: str) -> dict[int | str, dict[str, Any]]:
    """Responses of an operation that are problems: ``statuses``, and those that any operation may answer.

    ``said`` are descriptions other than the usual ones, such as ``s409="…"``.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, *_ALWAYS}):
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": examples.problem(status)}
        found[status] = {
            "description": said.get(f"s{status}", WHY[status]),
            "content": {"application/problem+json": content},
        }
        if status in _HEADERS:
            found[status]["headers"] = _HEADERS[status]
    return found
