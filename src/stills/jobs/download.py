"""A remote video or picture into a temporary file: bounded in size, time and tries; stopped at once when asked.

``https://`` and ``http://`` need nothing more; every other address goes through fsspec (extra ``stills[remote]``, and
the package of that store, such as s3fs). Reading happens in a thread of its own, so that neither a silent server nor a
cancel has to wait for a read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from stills.addresses import public_name, scheme_of
from stills.cancel import CancelToken
from stills.errors import DownloadInterruptedError, LimitError
from stills.files import ensure_folder, output_error, remove_file
from stills.media.http_source import HttpSource
from stills.media.transports import HTTP, store_error, unsupported
from stills.render.names import base_name, safe_name
from stills.retry import LONGEST, backoff

__all__ = ["fetch", "unsupported"]

_BLOCK = 1 << 20
_LOOK_S = 0.1
"""How soon a cancel is seen."""

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where bytes come from. All but :meth:`abort` is called from one thread."""

    size: int | None
    retry_after: float

    def open(self) -> None:
        """Begin. Raises ``DownloadError``."""

    def read(self, size: int) -> bytes:
        """The next bytes, at most ``size``; empty at the end. Raises ``DownloadError``."""

    def close(self) -> None:
        """End."""

    def abort(self) -> None:
        """Have a read in another thread end soon."""


def fetch(
    address: str,
    folder: Path,
    *,
    max_bytes: int,
    timeout: float,
    retries: int = 0,
    retry_delay: float = 1.0,
    cancel: CancelToken | None = None,
    on_bytes: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Download ``address`` into ``folder``, under the name it has there made harmless; the path.

    Args:
        address: Any address that :func:`unsupported` has nothing against.
        folder: It is made if need be. What is in it belongs to the caller, who removes it; a download that failed
            leaves nothing in it.
        max_bytes: Largest file.
        timeout: Longest time without a byte, in seconds.
        retries: How often a passing failure is tried again.
        retry_delay: Seconds before that, about; see :func:`stills.retry.backoff`. A server may ask for more.
        cancel: Ends the download within a fraction of a second.
        on_bytes: Called with the bytes that are here, and those there are in all where that is known.

    Raises:
        DownloadError: The file is not there, may not be read, or could not be fetched in all tries.
        LimitError: It is larger than ``max_bytes``.
        OutputError: It could not be written.
        CancelledError: ``cancel`` was used.
    """
    token = cancel or CancelToken()
    target = ensure_folder(folder) / safe_name(base_name(address))
    for attempt in range(retries + 1):
        token.check()
        source = _source(address, timeout)
        try:
            _Copy(source, target, address, max_bytes).run(timeout, token, on_bytes)
        except DownloadInterruptedError as error:
            if attempt == retries:
                raise
            pause = max(backoff(attempt, retry_delay), min(source.retry_after, LONGEST))
            _log.info("%s; trying again in %.1f s", error, pause)
            token.wait(pause)
        else:
            return target
    raise AssertionError("unreachable: the last attempt returns or raises")


def _source(address: str, timeout: float) -> Source:
    return HttpSource(address, timeout=timeout) if scheme_of(address) in HTTP else _StoreSource(address)


class _Copy:
    """One try: a thread reads and writes, the caller watches the clock and the token."""

    def __init__(self, source: Source, target: Path, address: str, max_bytes: int) -> None:
        self._source = source
        self._target = target
        self._address = address
        self._max = max_bytes
        self._done = threading.Event()
        self._stopped = False
        self._bytes = 0
        self._error: Exception | None = None

    def run(self, timeout: float, token: CancelToken, on_bytes: Callable[[int, int | None], None] | None) -> None:
        thread = threading.Thread(target=self._work, name="stills-download", daemon=True)
        thread.start()
        whole = False
        try:
            self._watch(timeout, token, on_bytes)
            if self._error is not None:
                raise self._error
            whole = True
        finally:
            if not whole:
                self._stopped = True
                self._source.abort()
                thread.join(timeout=1.0)  # a thread that waits for a connection ends by its own time limit
                remove_file(self._target)
        if on_bytes is not None:
            on_bytes(self._bytes, self._bytes)

    def _watch(self, timeout: float, token: CancelToken, on_bytes: Callable[[int, int | None], None] | None) -> None:
        seen, since = 0, time.monotonic()
        while not self._done.wait(_LOOK_S):
            token.check()
            if self._bytes != seen:
                seen, since = self._bytes, time.monotonic()
                if on_bytes is not None:
                    on_bytes(seen, self._source.size)
            elif time.monotonic() - since > timeout:
                said = f"no byte came for {timeout:g} s"
                raise DownloadInterruptedError(said, path=public_name(self._address), remedy="try again later")

    def _work(self) -> None:
        try:
            self._copy()
        except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
            self._error = error
        finally:
            self._done.set()

    def _copy(self) -> None:
        try:
            file = self._target.open("wb")
        except OSError as error:
            raise output_error(error, self._target) from error
        with file:
            try:
                self._source.open()
                self._refuse_large(self._source.size or 0)
                while not self._stopped and (data := self._source.read(_BLOCK)):
                    self._refuse_large(self._bytes + len(data))
                    try:
                        file.write(data)
                    except OSError as error:
                        raise output_error(error, self._target) from error
                    self._bytes += len(data)
            finally:
                self._source.close()
            try:
                file.flush()
            except OSError as error:
                raise output_error(error, self._target) from error

    def _refuse_large(self, size: int) -> None:
        if size > self._max:
            said = f"the file is larger than the {self._max / 1e6:g} MB that may be downloaded"
            raise LimitError(said, path=public_name(self._address), remedy="raise --max-download")


class _StoreSource:
    """A file in a store that fsspec knows: ``s3://``, ``gs://``, ``memory://`` and many more."""

    retry_after = 0.0

    def __init__(self, address: str) -> None:
        self._address = address
        self._file: Any = None
        self.size: int | None = None

    def open(self) -> None:
        import fsspec

        try:
            self._file = fsspec.open(self._address, "rb").open()
            size = getattr(self._file, "size", None)
            self.size = int(size) if isinstance(size, int) else None
        except Exception as error:  # noqa: BLE001 - each store has errors of its own
            raise store_error(error, self._address) from None

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self._file.read(size)
        except Exception as error:  # noqa: BLE001 - each store has errors of its own
            raise store_error(error, self._address) from None
        return data

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def abort(self) -> None:
        """Nothing: fsspec's reads cannot be ended. The thread is left to end by itself; its file is gone."""
