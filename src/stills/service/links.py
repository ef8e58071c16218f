"""Where an answer leads, for the OpenAPI document: which operations take the id that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OF_JOB = (
    "getJob", "followJob", "cancelJob", "eraseJob", "getResult", "getArchive", "getTimeline", "select",
)  # fmt: skip
_FIRST = "$response.body#/jobs/0/id"
_ITS = "$response.body#/id"
_NAME = "$response.body#/artifacts/0/name"

LINKS: Mapping[str, tuple[str, Mapping[str, Mapping[str, str]]]] = {
    "createJob": ("202", {name: {"id": _ITS} for name in _OF_JOB}),
    "listJobs": ("200", {name: {"id": _FIRST} for name in ("getJob", "followJob", "getResult")}),
    "getJob": ("200", {"getArtifact": {"id": _ITS, "name": _NAME}, "eraseJob": {"id": _ITS}}),
    "cancelJob": ("200", {"getJob": {"id": _ITS}, "eraseJob": {"id": _ITS}}),
}
"""For an operation: of which of its answers, and where that leads, with which parameters."""


def put_links(made: Mapping[str, Any]) -> None:
    """Put the links into an OpenAPI document."""
    for operations in made["paths"].values():
        for operation in operations.values():
            status, links = LINKS.get(operation.get("operationId", ""), ("", {}))
            if links:
                operation["responses"][status]["links"] = {
                    name: {"operationId": name, "parameters": dict(parameters)} for name, parameters in links.items()
                }
