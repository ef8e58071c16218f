"""The client itself: a method for each thing that can be asked of a server."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from stills.addresses import is_address, local_path
from stills.client import fetch, stream, types
from stills.client.errors import failure, not_understood
from stills.client.types import (
    RemoteArtifact,
    RemoteEvent,
    RemoteJob,
    RemotePage,
    RemoteProgress,
    RemoteRecipe,
    RemoteSelection,
)
from stills.client.upload import OnUpload, fields_of, form
from stills.client.wire import Wire
from stills.errors import CancelledError, UsageError

if TYPE_CHECKING:
    import httpx

    from stills.cancel import CancelToken

PathLike: TypeAlias = str | os.PathLike[str]
JobLike: TypeAlias = RemoteJob | str
"""A job, or its id."""

_T = TypeVar("_T")
_ID = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Client:
    """A server that ``stills serve`` runs. Use it as a context manager, from any number of threads.

    What fails for a passing reason is tried again: connections for ``gone_for`` seconds, "too much to do" for
    ``busy_for`` seconds, as the server's ``Retry-After`` says. A video that is sent again makes no second job.

    Every method raises :class:`~stills.client.errors.UnauthorizedError` where the server wants a token,
    :class:`~stills.client.errors.UnreachableError` where it does not answer, and
    :class:`~stills.client.errors.NotThereError` for a job that is not there, or another owner's.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 60.0,
        gone_for: float = 30.0,
        busy_for: float = 600.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is asked of the server yet.

        Args:
            url: Its address, such as ``https://stills.example.org`` or ``http://127.0.0.1:8000``, with the path that a
                proxy has it at, if any.
            token: What it knows this client by; without, it has to be one that asks for none.
            timeout: Longest time without a byte, in seconds.
            gone_for: Seconds for which a server may not answer, as while it is started again.
            busy_for: Seconds for which it may have too much to do.
            transport: Another way to reach it than the network: one of httpx, as for tests.

        Raises:
            UsageError: The address or the token is none.
        """
        self._wire = Wire(url, token, timeout=timeout, gone_for=gone_for, busy_for=busy_for, transport=transport)

    def __enter__(self) -> Self:
        """This client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close its connections. Jobs go on."""
        self._wire.close()

    @property
    def url(self) -> str:
        """The server's address."""
        return self._wire.address

    def recipes(self, *, tries_s: float | None = None) -> tuple[RemoteRecipe, ...]:
        """What the server can be asked, with JSON Schemas. ``tries_s`` is a shorter patience than usual, in seconds."""
        answer = self._wire.ask("GET", "/v1/recipes", tries_s=tries_s)
        return self._understood(lambda: tuple(types.recipe_of(one) for one in answer["recipes"]))

    def submit(
        self,
        video: PathLike,
        recipe: str = "thumbnails",
        options: Mapping[str, Any] | None = None,
        *,
        poster: PathLike | Sequence[PathLike] = (),
        name: str | None = None,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        on_upload: OnUpload | None = None,
        cancel: CancelToken | None = None,
        **more: Any,
    ) -> RemoteJob:
        """Have a recipe asked of a video; the job, which is queued.

        Args:
            video: A file, which is streamed from disk; or an address (``https://…``, ``s3://…``) that the server
                fetches, if it allows it.
            recipe: ``people``, ``cast``, ``keyframes``, ``thumbnails`` or ``portrait``.
            options: Settings in their sections (``{"keyframes": {"target": 10}, "scan": {"effort": "fast"}}``), or by
                short names, as ``more`` are: ``target=10``.
            poster: With ``cast``: a poster of the film, or several.
            name: What the video is called; by default the file's name.
            webhook: An address that is told how the job ended, if the server allows it.
            idempotency_key: The same key means the same job, also from another process; by default a new one.
            on_upload: Called with the bytes that were sent and those there are.
            cancel: Stops the upload.
            more: Further options.

        Raises:
            InputError: The file cannot be read.
            SettingsError, UsageError: The server does not know an option, or not this value.
            TooLargeError: The video is larger than the server takes.
            RemoteBusyError: It has too much to do, for longer than ``busy_for``.
            CancelledError: ``cancel`` was used.
        """
        asked = {**(options or {}), **more}
        key = uuid.uuid4().hex if idempotency_key is None else idempotency_key
        if not _KEY.fullmatch(key):
            raise UsageError("an idempotency key has 1 to 255 characters, and no blanks")
        headers = {"Idempotency-Key": key}
        posters = [Path(poster)] if isinstance(poster, str | os.PathLike) else [Path(one) for one in poster]
        place = os.fspath(video)
        local = local_path(place) if is_address(place) and not os.path.lexists(place) else place
        if local is None:
            if posters:
                raise UsageError("posters go with a file, and not with an address", remedy="download the video")
            body = {"source": place, "recipe": recipe, "options": asked, "webhook": webhook}
            return self._job("POST", "/v1/jobs", json=body, headers=headers, cancel=cancel)
        with ExitStack() as files:

            def make() -> httpx.Request:
                files.close()  # of the try before
                parts = form(
                    Path(local), name or Path(local).name, fields_of(recipe, asked, webhook), posters, files,
                    on_upload=on_upload, cancel=cancel,
                )  # fmt: skip
                return self._wire.request("POST", "/v1/jobs", headers=headers, **parts)

            return self._job("POST", "/v1/jobs", make=make, cancel=cancel)

    def job(self, job: JobLike) -> RemoteJob:
        """A job as it is now."""
        return self._job("GET", _path(job))

    def jobs(self, state: str | None = None, *, limit: int | None = None, cursor: str | None = None) -> RemotePage:
        """A page of this client's jobs, the newest first; :attr:`RemotePage.next` is the ``cursor`` of the next one."""
        given = {"state": state, "limit": limit, "cursor": cursor}
        asked = {name: value for name, value in given.items() if value is not None}
        answer = self._wire.ask("GET", "/v1/jobs", params=asked)
        return self._understood(lambda: RemotePage(tuple(map(types.job_of, answer["jobs"])), answer.get("next")))

    def events(
        self, job: JobLike, *, last_event_id: str | None = None, cancel: CancelToken | None = None
    ) -> Iterator[RemoteEvent]:
        """What happens to a job, as it happens, until it has ended.

        A connection that breaks is taken up again after the last event; where a proxy lets no events through, the job
        is asked for every two seconds instead. ``last_event_id`` goes on after an event heard before. Raises
        ``CancelledError`` within a moment of a ``cancel``.
        """
        return stream.follow(self._wire, _id(job), last_event_id, cancel)

    def wait(
        self,
        job: JobLike,
        on_progress: Callable[[RemoteProgress], None] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> RemoteJob:
        """The job when it is done.

        Raises the error that the job failed with, as if the work had been done here (its ``code``, message and remedy);
        ``CancelledError`` where the job, or ``cancel``, was cancelled. The job goes on in the latter case.
        """
        now = job if isinstance(job, RemoteJob) else self.job(job)
        if not now.ended:
            for event in self.events(now, cancel=cancel):
                now = event.job
                if on_progress is not None and not now.ended:
                    on_progress(now.progress)
        if now.state == "cancelled":
            raise CancelledError("the job was cancelled on the server", path=now.name)
        if now.state == "failed":
            why = now.error
            raise failure(why) if why is not None else not_understood(self.url, "a job failed without a reason")
        return now

    def result(self, job: JobLike) -> dict[str, Any]:
        """The recipe's JSON of a done job. Raises an error with the code ``not-ready`` while it is not done."""
        answer = self._wire.ask("GET", f"{_path(job)}/result")
        return self._understood(lambda: dict(answer))

    def select(
        self, job: JobLike, recipe: str | None = None, options: Mapping[str, Any] | None = None, *, save: bool = False,
        **more: Any,
    ) -> RemoteSelection:  # fmt: skip
        """Another answer from the scan of a done job, found without decoding: ``select(job, "keyframes", target=3)``.

        ``recipe`` is by default the job's. With ``save`` its pictures are written, as further artifacts of the job.
        """
        body = {"recipe": recipe, "options": {**(options or {}), **more}, "save": save}
        answer = self._wire.ask("POST", f"{_path(job)}/select", json={k: v for k, v in body.items() if v is not None})
        return self._understood(lambda: types.selection_of(answer))

    def download(self, job: JobLike, folder: PathLike, *, cancel: CancelToken | None = None) -> list[Path]:
        """Write the result of a done job into ``folder``, the JSON beside the folder of its pictures; the paths.

        Everything is fetched and compared with what the server says there is before the first file appears, and the
        JSON, the last of the paths, appears last. Raises ``OutputError`` where it cannot be written,
        ``IncompleteError`` where what came is not what was to come.
        """
        now = self.job(job) if isinstance(job, str) or not job.ended else job
        return fetch.download(self._wire, now, self.result(now) if now.artifacts else None, Path(folder), cancel)

    def fetch(self, artifact: RemoteArtifact, path: PathLike, *, cancel: CancelToken | None = None) -> Path:
        """Write one file of a result to ``path``: all of it, or nothing. Raises as :meth:`download`."""
        return fetch.fetch(self._wire, artifact, Path(path), cancel)

    def fetch_into(
        self, job: RemoteJob, document: Mapping[str, Any], folder: PathLike, *, cancel: CancelToken | None = None
    ) -> Iterator[str]:
        """Write all files that a result lists into ``folder``, which is there; their names, each when it is there."""
        fetch.check_document(self._wire, job, document)
        return fetch.fetch_all(self._wire, fetch.places(self._wire, job, document), Path(folder), cancel)

    def cancel(self, job: JobLike) -> RemoteJob:
        """Cancel a job, which stays to be looked at; one that has ended is left as it is."""
        return self._job("POST", f"{_path(job)}/cancel")

    def delete(self, job: JobLike, *, tries_s: float | None = None) -> None:
        """Cancel a job, and have the server erase all that there is of it. ``tries_s`` as in :meth:`recipes`."""
        self._wire.ask("DELETE", _path(job), tries_s=tries_s)

    def _job(self, method: str, path: str, **how: Any) -> RemoteJob:
        answer = self._wire.ask(method, path, **how)
        return self._understood(lambda: types.job_of(answer))

    def _understood(self, read: Callable[[], _T]) -> _T:
        """What ``read`` makes of an answer. Raises ``RemoteError`` where it is another one than the interface says."""
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise not_understood(self.url, "it was answered in another form") from error


def _id(job: JobLike) -> str:
    """The id of a job. Raises ``UsageError`` for what is none, so that nothing else becomes part of an address."""
    name = job if isinstance(job, str) else job.id
    if not _ID.fullmatch(name):
        raise UsageError(f"{name!r} is no id of a job")
    return name


def _path(job: JobLike) -> str:
    return f"/v1/jobs/{_id(job)}"
