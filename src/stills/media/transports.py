"""How parts of a remote file are had: by HTTP's ranges with the standard library, or from a store through fsspec.

Each request says which version of the file it is about, where the protocol lets it: a file that changes under way is an
error, never a mixture of both.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from typing import Any, Protocol

from stills.addresses import clean, public_name, scheme_of, split_address
from stills.errors import ChangedError, DownloadError, DownloadInterruptedError, InputError, StillsError
from stills.media.http_source import CHANGED, CHANGED_REMEDY, HttpSource, NoSuchPartError

HTTP = frozenset({"http", "https"})

HEAD_BYTES = 1 << 16
"""What is read of a file with the first question about it: mostly its header, and the first pictures."""

_BLOCK = 1 << 18
_LONGEST = 200

_NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"})
_NETWORK = frozenset({
    "ClientPayloadError", "ServerDisconnectedError", "ClientConnectionError", "HTTPClientError", "ConnectionError",
    "ConnectTimeoutError", "ReadTimeoutError", "ResponseStreamingError", "IncompleteReadError", "IncompleteRead",
    "ServiceRequestError", "ServiceResponseError", "FSTimeoutError",
})  # fmt: skip
"""Errors of aiohttp, botocore, azure-core and fsspec that may pass; none of them is an ``OSError``."""

_VERSIONS = ("ETag", "etag", "generation", "md5", "LastModified", "last_modified", "mtime", "created")
"""What stores call that which changes with an object's content, the surest first."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a remote file: its size in bytes, what changes when it does, and its first bytes, if at hand."""

    size: int
    version: str
    head: bytes = b""


class Ranges(Protocol):
    """Gives parts of one remote file. Used by one thread at a time."""

    def facts(self, head: int) -> Facts:
        """What the file is now, with its first ``head`` bytes where they come with that.

        Raises ``InputError`` and its children; retryable where it may pass.
        """

    def read(self, start: int, stop: int, version: str) -> bytes:
        """Some bytes from ``start``, at most up to ``stop``, at least one, of the file of that ``version``.

        Fewer come where the connection ended under way. Raises as :meth:`facts`, and ``ChangedError``.
        """


def ranges_of(address: str, *, timeout: float) -> Ranges:
    """What reads ``address``; nothing is asked yet. ``timeout`` is the longest silence, in seconds.

    Raises ``InputError`` where what is installed here cannot.
    """
    why = unsupported(address)
    if why is not None:
        raise InputError(why, path=public_name(address), remedy=remedy_for(address))
    return HttpRanges(address, timeout) if scheme_of(address) in HTTP else StoreRanges(address, timeout)


def unsupported(address: str) -> str | None:
    """Why ``address`` cannot be read by what is installed here; ``None`` where it can."""
    scheme = scheme_of(address)
    if scheme in HTTP:
        parts = split_address(address)
        return None if parts is not None and parts.hostname else "this is no valid address"
    if importlib.util.find_spec("fsspec") is None:
        return f"{scheme}:// needs the extra stills[{_EXTRAS.get(scheme, 'remote')}]"
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        return f"{scheme}:// needs a package that is not installed ({error})"
    except ValueError:
        return f"{scheme}:// is nothing that can be fetched"
    return None


_EXTRAS = {
    "gs": "remote-gcs", "gcs": "remote-gcs", "az": "remote-azure", "abfs": "remote-azure", "abfss": "remote-azure",
}  # fmt: skip


def remedy_for(address: str) -> str:
    """What helps where ``address`` is unsupported."""
    extra = _EXTRAS.get(scheme_of(address), "remote")
    return f"pip install 'stills[{extra}]', or check the address"


class HttpRanges:
    """Parts of a file behind ``https://`` or ``http://``, each by a request of its own."""

    def __init__(self, address: str, timeout: float) -> None:
        """Nothing is asked yet."""
        self._address, self._timeout = address, timeout

    def facts(self, head: int) -> Facts:
        """Ask for the first bytes: a signed address may allow nothing but reading."""
        try:
            source, data = self._ask(0, max(1, head), {})
        except NoSuchPartError:
            return Facts(0, "")  # there is no first byte
        total = _total(source)
        if source.status != 206 or total is None:
            said = "the server does not give parts of files (no range requests)"
            raise DownloadError(said, path=public_name(self._address), remedy="download the file and name that")
        return Facts(total, _version(source), data)

    def read(self, start: int, stop: int, version: str) -> bytes:
        """As :meth:`Ranges.read`."""
        _, kind, value = version.split(":", 2)
        headers = {"If-Match": value} if kind == "tag" else {"If-Unmodified-Since": value} if kind == "date" else {}
        try:
            source, data = self._ask(start, stop, headers)
        except NoSuchPartError:  # it was longer
            raise self._changed() from None
        if source.status != 206 or _version(source) != version:
            raise self._changed()
        return data

    def _ask(self, start: int, stop: int, headers: dict[str, str]) -> tuple[HttpSource, bytes]:
        source = HttpSource(
            self._address, timeout=self._timeout, headers={"Range": f"bytes={start}-{stop - 1}", **headers}
        )
        parts: list[bytes] = []
        missing = stop - start  # a server that sends more than it was asked for is not read to its end
        try:
            source.open()
            if source.status != 206:
                return source, b""
            while missing > 0 and (data := source.read(min(_BLOCK, missing))):
                parts.append(data)
                missing -= len(data)
        except DownloadInterruptedError:
            if not parts:
                raise
        finally:
            source.close()
        if not parts:
            said = "the connection ended before the first byte"
            raise DownloadInterruptedError(said, path=public_name(self._address), remedy="try again")
        return source, b"".join(parts)

    def _changed(self) -> ChangedError:
        return ChangedError(CHANGED, path=public_name(self._address), remedy=CHANGED_REMEDY)


def _total(source: HttpSource) -> int | None:
    """How long the whole file is, by an answer that is a part."""
    found = re.fullmatch(r"bytes \d+-\d+/(\d+)", source.headers.get("Content-Range", ""))
    return int(found[1]) if found is not None else None


def _version(source: HttpSource) -> str:
    """Size, and entity tag or date of a file, as an answer has them."""
    tag, date = source.headers.get("ETag", ""), source.headers.get("Last-Modified", "")
    # A weak tag must not be used to ask for parts (RFC 9110, 13.1.1).
    kind, value = ("tag", tag) if tag and not tag.startswith("W/") else ("date", date) if date else ("", "")
    return f"{_total(source)}:{kind}:{value}"


class StoreRanges:
    """Parts of an object in a store that fsspec knows. Credentials are the platform's own affair."""

    def __init__(self, address: str, timeout: float) -> None:
        """Nothing is asked yet."""
        self._address, self._timeout = address, timeout
        self._fs: Any = None
        self._path = ""

    def facts(self, head: int) -> Facts:
        """Ask the store."""
        try:
            if self._fs is None:
                self._fs, self._path = open_store(self._address)
            info = self._fs.info(self._path)
        except Exception as error:  # noqa: BLE001 - each store has errors of its own
            raise store_error(error, self._address) from None
        if info.get("type") == "directory":
            said = "this is a folder, not a file"
            raise InputError(said, path=public_name(self._address), remedy="end the address with a / to mean all in it")
        version = next((str(info[name]) for name in _VERSIONS if info.get(name)), "")
        size = info.get("size")
        if size is None:
            said = "the store does not say how large the file is"
            raise DownloadError(said, path=public_name(self._address), remedy="download the file and name that")
        return Facts(int(size), f"{size}:{version}")

    def read(self, start: int, stop: int, version: str) -> bytes:
        """As :meth:`Ranges.read`."""
        try:
            data = self._read(start, stop, version)
        except Exception as error:  # noqa: BLE001 - each store has errors of its own
            raise store_error(error, self._address) from None
        if not data:
            raise ChangedError(CHANGED, path=public_name(self._address), remedy=CHANGED_REMEDY)
        return data

    def _read(self, start: int, stop: int, version: str) -> bytes:
        tag = version.partition(":")[2]
        if "s3" not in self._fs.protocol or not tag.startswith('"'):
            if self.facts(0).version != version:  # these stores are not asked for one version of an object
                raise ChangedError(CHANGED, path=public_name(self._address), remedy=CHANGED_REMEDY)
            part: bytes = self._fs.cat_file(self._path, start=start, end=stop)
            return part
        from fsspec.asyn import sync

        bucket, key, number = self._fs.split_path(self._path)
        more = {"VersionId": number} if number else {}
        answer = self._fs.call_s3(
            "get_object", Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}", IfMatch=tag, **more
        )
        try:
            data: bytes = sync(self._fs.loop, answer["Body"].read)
        finally:
            answer["Body"].close()
        return data


def open_store(address: str) -> tuple[Any, str]:
    """Fsspec's file system of ``address``, and the path in it. Raises whatever that store raises."""
    import fsspec

    return fsspec.core.url_to_fs(address, use_listings_cache=False)  # type: ignore[no-any-return]


def store_error(error: Exception, address: str) -> StillsError:  # noqa: PLR0911 - one for each cause
    """What a store's ``error`` means, in words, with no secrets in it."""
    path = public_name(address)
    if isinstance(error, StillsError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    answer = getattr(error.__cause__, "response", None)
    code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
    if code in {"PreconditionFailed", "412", "InvalidRange", "416"}:
        return ChangedError(CHANGED, path=path, remedy=CHANGED_REMEDY)
    if isinstance(error, FileNotFoundError | IsADirectoryError):
        return DownloadError("the file is not there", path=path, remedy="check the address")
    if kinds & _NO_CREDENTIALS:
        said = "there are no credentials for this store"
        return DownloadError(said, path=path, remedy="set them up as the store's own tools want them")
    if isinstance(error, PermissionError):
        remedy = "check the address and this machine's credentials for it"
        return DownloadError("access is refused", path=path, remedy=remedy)
    if isinstance(error, ImportError | ValueError) and not isinstance(error, OSError):
        return DownloadError(_short(error), path=path, remedy="check the address")
    said = f"the store failed: {type(error).__name__}: {_short(error)}".removesuffix(": ")
    kind = DownloadInterruptedError if isinstance(error, OSError | EOFError) or kinds & _NETWORK else DownloadError
    return kind(said, path=path, remedy="check the address, the network and the credentials")


def _short(error: Exception) -> str:
    """The beginning of what another library says, without secrets."""
    text = " ".join(clean(str(error)).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
