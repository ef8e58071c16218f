"""Results from a server on this machine's disk: all of a result or nothing, and nothing outside of its folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stills.client.errors import IncompleteError, UnreachableError, not_understood
from stills.errors import UsageError
from stills.files import TEMP_PREFIX, atomic_write, ensure_folder, move, move_all, remove_file, staging

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.client.types import RemoteArtifact, RemoteJob
    from stills.client.wire import Wire

AT_ONCE = 4
"""Files that are fetched at the same time."""
TRIES = 4
"""Times that a file is begun to be fetched."""


def fetch(wire: Wire, artifact: RemoteArtifact, path: Path, cancel: CancelToken | None) -> Path:
    """Write ``artifact`` to ``path``, whose folder is there.

    Raises ``OutputError``, ``IncompleteError`` where it has not as many bytes as the job says, ``UnreachableError``.
    """
    for attempt in range(TRIES):
        try:
            return atomic_write(path, lambda file: _into(wire, artifact, file, cancel))
        except UnreachableError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _into(wire: Wire, artifact: RemoteArtifact, file: IO[bytes], cancel: CancelToken | None) -> None:
    import httpx

    got = 0
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    with wire.open(lambda: wire.request("GET", artifact.url, headers=headers), cancel=cancel) as answer:
        try:
            for chunk in answer.iter_bytes():
                if cancel is not None:
                    cancel.check()
                got += len(chunk)
                if got > artifact.bytes:
                    break
                file.write(chunk)
        except httpx.TransportError as error:
            raise wire.unreachable(error) from error
    if got != artifact.bytes:
        what = f"{artifact.name} was to have {artifact.bytes} bytes, and another number came"
        raise IncompleteError(what, path=wire.address, remedy="try again")


def places(wire: Wire, job: RemoteJob, document: Mapping[str, Any]) -> dict[str, RemoteArtifact]:
    """The files that a result lists, by their names in the folder of its recipe.

    Raises ``RemoteError`` where a name would lead elsewhere, or a file is listed that the job has not.
    """
    named = {one.file or one.name: one for one in job.artifacts}
    found = {}
    for file in document.get("files") or ():
        folder, _, name = str(file).partition("/")
        if folder != job.recipe or not _is_name(name):
            raise not_understood(wire.address, f"the result lists a file {str(file)!r}")
        artifact = named.get(file) or named.get(name)
        if artifact is None:
            raise not_understood(wire.address, f"the result lists {name}, and the job has no such file")
        found[name] = artifact
    return found


def fetch_all(
    wire: Wire,
    files: Mapping[str, RemoteArtifact],
    folder: Path,
    cancel: CancelToken | None,
) -> Iterator[str]:
    """Write all ``files`` into ``folder``, several at once; their names, in order, when they are there."""
    with ThreadPoolExecutor(min(AT_ONCE, max(1, len(files)))) as threads:
        running = [(name, threads.submit(fetch, wire, one, folder / name, cancel)) for name, one in files.items()]
        try:
            for name, future in running:
                future.result()
                yield name
        finally:  # after an error nothing more is begun
            for _, future in running:
                future.cancel()


def download(
    wire: Wire, job: RemoteJob, document: Mapping[str, Any] | None, folder: Path, cancel: CancelToken | None
) -> list[Path]:
    """See :meth:`stills.client.Client.download`; ``document`` is the result, ``None`` where there is none."""
    if job.state != "done":
        raise UsageError(f"the job is {job.state}, and has no result", remedy="wait for it")
    if document is None:
        return []
    check_document(wire, job, document)
    files = places(wire, job, document)
    ensure_folder(folder)
    with staging(folder) as stage:
        names = list(fetch_all(wire, files, stage, cancel))
        prepared = atomic_write(stage / f"{job.recipe}.json", json.dumps(document, indent=1).encode())
        shown, target = folder / job.recipe, folder / f"{job.recipe}.json"
        if names:
            ensure_folder(shown)
        remove_file(target)  # where it is, its pictures are complete
        moved = move_all(stage, shown, names) if names else []
        return [*moved, move(prepared, target)]


def check_document(wire: Wire, job: RemoteJob, document: Mapping[str, Any]) -> None:
    """Raise ``RemoteError`` where ``document`` is no result of the job's recipe."""
    if not str(document.get("schema", "")).startswith(f"stills/{job.recipe}/"):
        raise not_understood(wire.address, f"the result is none of {job.recipe}")


def _is_name(name: str) -> bool:
    """Whether it names a file in the folder it is put in: a server may be anybody's."""
    plain = name.isprintable() and not set(name) & set("/\\:\0")
    return plain and name not in {"", ".", ".."} and not name.startswith(TEMP_PREFIX)
