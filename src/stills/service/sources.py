"""Videos that clients name by address: whether one may be fetched, and the fetching.

Nothing is fetched that the setting ``service.sources`` does not admit, and nothing from a private address, redirects
included (see :mod:`stills.service.reach`). What comes is written to a file, and only ever read from there, in the
sandbox and as one file: what a playlist or a script in it names is never opened (:mod:`stills.media.source`).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin

from stills.addresses import public_name
from stills.cancel import CancelToken
from stills.errors import ChangedError, DownloadError, DownloadInterruptedError, StillsError
from stills.files import output_error
from stills.media.http_source import lost, refused
from stills.service.places import Allowed, Place, RefusedAddressError, take_apart
from stills.service.reach import Network, Resolve, Watch, system_resolve

if TYPE_CHECKING:
    from stills.service.jobs.one import Fetch
    from stills.settings_model import Settings
    from stills.settings_service import ServiceSettings

SCHEMES = frozenset({"http", "https", "s3"})
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PIECE = 256 * 1024
_PART = 8 * 1024 * 1024
"""Bytes of an object in a store that are asked for at once."""

OnBytes = Callable[[int, int | None], None]


class SourceTooLargeError(DownloadError):
    """A video is larger than the service takes."""

    code = "too-large"


def check_source(address: str, settings: Settings) -> None:
    """Raise ``RefusedAddressError`` for an address that is not fetched from. Nothing is asked of the network."""
    _admitted(address, settings.service, Allowed(settings.service.sources))


def make_fetch(
    settings: Settings, *, resolve: Resolve = system_resolve, context: ssl.SSLContext | None = None
) -> Fetch:
    """What brings videos here, for a ``JobRunner``; ``resolve`` and ``context`` are other ones in tests."""
    network = Network(
        private=settings.service.private_sources,
        idle_s=settings.limits.download_timeout,
        resolve=resolve,
        context=context,
    )
    return _Fetcher(settings, network)


def _admitted(address: str, service: ServiceSettings, allowed: Allowed) -> Place:
    if not service.sources:
        raise RefusedAddressError("no addresses are fetched from here", remedy="upload the video")
    place = take_apart(address, SCHEMES)
    if not allowed.admits(place):
        said = f"nothing is fetched from {place.shown}"
        raise RefusedAddressError(said, remedy="upload the video, or have the address added to service.sources")
    return place


class _Fetcher:
    """See :func:`make_fetch`. Safe to use from several threads."""

    def __init__(self, settings: Settings, network: Network) -> None:
        self._service = settings.service
        self._idle_s = settings.limits.download_timeout
        self._most = min(settings.service.upload_limit, settings.limits.max_download * (1 << 20))
        self._allowed = Allowed(settings.service.sources)
        self._network = network

    def __call__(self, address: str, target: Path, cancel: CancelToken, on_bytes: OnBytes) -> None:
        """Bring ``address`` to ``target``, all of it or nothing.

        Raises ``RefusedAddressError``, ``DownloadError`` (``DownloadInterruptedError`` where it may pass),
        ``SourceTooLargeError``, ``OutputError``, ``CancelledError``.
        """
        with Watch(cancel, self._service.fetch_timeout) as watch:
            place = _admitted(address, self._service, self._allowed)
            try:
                if place.bucket:
                    self._from_store(place, target, watch, on_bytes)
                else:
                    self._from_server(place, target, watch, on_bytes)
            except StillsError as error:
                watch.cancel.check()
                if error.path is None:
                    error.path = public_name(address)
                raise
            except (OSError, http.client.HTTPException, ValueError) as error:
                watch.cancel.check()
                raise lost(address, error) from None

    def _from_server(self, place: Place, target: Path, watch: Watch, on_bytes: OnBytes) -> None:
        for _ in range(MOST_REDIRECTS + 1):
            with self._network.ask(place, watch) as answer:
                if answer.status not in _REDIRECTS:
                    self._save(answer, place, target, watch, on_bytes)
                    return
                place = self._next(place, answer.headers.get("Location") or "")
        raise DownloadError(f"the server redirects more than {MOST_REDIRECTS} times", remedy="check the address")

    def _next(self, place: Place, location: str) -> Place:
        """Where a redirect leads, if that is admitted, too."""
        there = location.partition("#")[0]
        try:
            found = _admitted(urljoin(place.address, there), self._service, self._allowed)
        except ValueError as error:
            said = error.message if isinstance(error, StillsError) else "the address is not valid"
            raise DownloadError(f"the server redirects, but {said}", remedy="give the address itself") from None
        if found.bucket or (place.scheme == "https" and found.scheme == "http"):
            raise DownloadError("the server redirects to something that is not HTTPS", remedy="give the address itself")
        return found

    def _save(
        self, answer: http.client.HTTPResponse, place: Place, target: Path, watch: Watch, on_bytes: OnBytes
    ) -> None:
        if answer.status != 200:
            raise refused(place.address, answer.status)
        if answer.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
            raise DownloadError(
                "the server sends the file compressed, unasked", remedy="have it send the file as it is"
            )
        told = answer.headers.get("Content-Length", "")
        of = int(told) if told.isascii() and told.isdigit() and answer.length is not None else None
        self._check_size(of or 0)
        here = 0
        with _new(target) as file:
            while data := answer.read1(_PIECE):
                here += len(data)
                self._check_size(here)
                _write(file, data, target)
                on_bytes(here, of)
                watch.check()
            watch.check()
            if of is not None and here < of:
                said = f"the connection ended after {here} of {of} bytes"
                raise DownloadInterruptedError(said, remedy="try again")
            if not here:
                raise DownloadError("the file is empty", remedy="check the address")

    def _from_store(self, place: Place, target: Path, watch: Watch, on_bytes: OnBytes) -> None:
        from stills.media.transports import ranges_of

        store = ranges_of(place.address, timeout=self._idle_s)
        facts = watch.wait_for(lambda: store.facts(1))
        self._check_size(facts.size)
        if not facts.size:
            raise DownloadError("the file is empty", remedy="check the address")
        here = 0
        with _new(target) as file:
            while here < facts.size:
                start, stop = here, min(here + _PART, facts.size)
                data = watch.wait_for(lambda start=start, stop=stop: store.read(start, stop, facts.version))  # type: ignore[misc]
                if len(data) > stop - start:
                    raise ChangedError("the store sent more than it was asked for", remedy="try again")
                _write(file, data, target)
                here += len(data)
                on_bytes(here, facts.size)

    def _check_size(self, size: int) -> None:
        if size > self._most:
            said = f"the video is larger than {self._most / 1e6:,.0f} MB, which is the most that is taken"
            raise SourceTooLargeError(said, remedy="give a smaller one")


@contextlib.contextmanager
def _new(target: Path) -> Iterator[BinaryIO]:
    """A new file, open for writing, that is gone again where something goes wrong."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(target, flags, 0o600)
    except OSError as error:
        raise output_error(error, target) from error
    try:
        with open(descriptor, "wb", buffering=0) as file:
            yield file
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _write(file: BinaryIO, data: bytes, target: Path) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise output_error(error, target) from error
