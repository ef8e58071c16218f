"""A client for a server that ``stills serve`` runs: send a video, wait, have the results.

    >>> from stills.client import Client
    >>> with Client("http://127.0.0.1:8000") as server:
    ...     job = server.submit("film.mp4", "keyframes", target=8)
    ...     server.wait(job, on_progress=print)
    ...     server.download(job, "out")
    ...     server.delete(job)

It needs the extra ``stills[client]`` (httpx), and nothing of what makes stills work on videos: no model, no decoder.
Errors are :class:`~stills.errors.StillsError` with a ``code``, a message and a remedy; those of the service itself are
in :mod:`stills.client.errors`.
"""

from __future__ import annotations

from stills.client.client import Client
from stills.client.errors import (
    ForbiddenError,
    IncompleteError,
    NotThereError,
    RemoteBusyError,
    RemoteError,
    TooLargeError,
    UnauthorizedError,
    UnreachableError,
)
from stills.client.types import (
    RemoteArtifact,
    RemoteEvent,
    RemoteFailure,
    RemoteJob,
    RemotePage,
    RemoteProgress,
    RemoteRecipe,
    RemoteSelection,
)

__all__ = [
    "Client",
    "ForbiddenError",
    "IncompleteError",
    "NotThereError",
    "RemoteArtifact",
    "RemoteBusyError",
    "RemoteError",
    "RemoteEvent",
    "RemoteFailure",
    "RemoteJob",
    "RemotePage",
    "RemoteProgress",
    "RemoteRecipe",
    "RemoteSelection",
    "TooLargeError",
    "UnauthorizedError",
    "UnreachableError",
]
