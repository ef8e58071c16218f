"""Requests to a server: the address, the token, what is tried again and for how long, and what answers mean."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from stills.addresses import clean, public_name
from stills.client.errors import (
    TOKEN_REMEDY,
    WRONG_ADDRESS,
    RemoteBusyError,
    UnreachableError,
    not_understood,
    refused,
)
from stills.errors import ChangedError, StillsError, UsageError
from stills.retry import backoff

if TYPE_CHECKING:
    import httpx

    from stills.cancel import CancelToken

Make: TypeAlias = "Callable[[], httpx.Request]"
"""Makes a request anew for each try: what it sends is read again from its beginning."""

CONNECT_S = 10.0
"""Longest time for a connection."""
FIRST_PAUSE_S = 0.3
LONGEST_PAUSE_S = 10.0
_LONGEST_PROBLEM = 1 << 16
"""Bytes of an answer that are read to learn what is wrong."""
_LONGEST_ANSWER = 1 << 29
"""Bytes of an answer that is read as a whole."""
_TOKEN = re.compile(r"[\x21-\x7e]+")

_log = logging.getLogger(__name__)


def server_address(url: str) -> str:
    """``url`` without a slash at its end. Raises ``UsageError`` where it is no address of a server."""
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{public_name(url)!r} is no address", remedy=_ADDRESS) from error
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{public_name(url)!r} is no address of a server", remedy=_ADDRESS)
    if parts.username is not None or parts.password is not None:
        raise UsageError("a server's address holds no user and no password", remedy=TOKEN_REMEDY)
    if parts.query or parts.fragment:
        raise UsageError(f"{public_name(url)!r} is no address of a server", remedy=_ADDRESS)
    return url.strip().rstrip("/")


_ADDRESS = "write it like https://stills.example.org or http://127.0.0.1:8000"


class Wire:
    """A server, as requests reach it. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        timeout: float,
        gone_for: float,
        busy_for: float,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """See :class:`stills.client.Client`; ``transport`` and ``pause`` are for tests."""
        try:
            import httpx
        except ModuleNotFoundError as error:
            said = "asking a server needs the package httpx, and it is not installed"
            raise UsageError(said, remedy="pip install 'stills[client]'") from error
        from stills._version import __version__

        self.address = server_address(url)
        if token is not None and not _TOKEN.fullmatch(token):
            raise UsageError("the token has characters that no token has, such as blanks", remedy="check the token")
        headers = {"User-Agent": f"stills/{__version__}", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=min(CONNECT_S, timeout)),
            transport=transport,
            follow_redirects=False,  # a token goes to nobody else
        )
        self._gone_for = gone_for
        self._busy_for = busy_for
        self._pause = pause

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def path(self, path: str) -> str:
        """A path of the interface as an address on this server.

        Paths that the server names (``links``, ``url``) may hold its base path already, or even its own address.
        """
        own = urlsplit(self.address)
        if "://" in path:
            parts = urlsplit(path)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
        if own.path and path.startswith(f"{own.path}/"):
            path = path[len(own.path) :]
        return f"{self.address}{path}"

    def request(self, method: str, path: str, *, timeout: float | None = None, **how: Any) -> httpx.Request:
        """A request; ``how`` as for httpx. ``timeout`` is the longest time without a byte."""
        import httpx

        if timeout is not None:
            how["timeout"] = httpx.Timeout(timeout, connect=min(CONNECT_S, timeout))
        return self._http.build_request(method, self.path(path), **how)

    def ask(
        self,
        method: str,
        path: str,
        *,
        cancel: CancelToken | None = None,
        tries_s: float | None = None,
        make: Make | None = None,
        **how: Any,
    ) -> Any:
        """The JSON that the server answers, ``None`` for none. Tried again as :meth:`open` says."""
        timeout = None if tries_s is None else max(CONNECT_S, tries_s)
        make = make or (lambda: self.request(method, path, timeout=timeout, **how))
        with self.open(make, cancel=cancel, tries_s=tries_s) as answer:
            body = self._read(answer, _LONGEST_ANSWER)
            if answer.status_code == 204 or not body:
                return None
            if "json" not in answer.headers.get("content-type", ""):
                raise not_understood(self.address, f"{path} was answered with no JSON")
            try:
                return json.loads(body)
            except ValueError as error:
                raise not_understood(self.address, f"{path} was answered with broken JSON") from error

    @contextmanager
    def open(
        self, make: Make, *, cancel: CancelToken | None = None, tries_s: float | None = None
    ) -> Iterator[httpx.Response]:
        """The answer to a request, its body not read yet.

        No connection, a broken one and a proxy without its server are tried again for ``gone_for`` seconds, or
        ``tries_s``; "too much to do" with a ``Retry-After`` (429, 503) for ``busy_for`` seconds, as that says. The
        request has to be one that does no harm twice.

        Raises ``UnreachableError``, ``RemoteBusyError`` when that time is over, ``CancelledError``, and what the answer
        says is wrong.
        """
        began, attempt = time.monotonic(), 0
        while True:
            try:
                if cancel is not None:
                    cancel.check()
                answer = self._send(make())
            except (UnreachableError, RemoteBusyError) as error:
                busy = isinstance(error, RemoteBusyError) and error.retry_after is not None
                allowed = self._busy_for if busy else self._gone_for
                wait = self._wait(attempt, error)
                if time.monotonic() - began + wait > (allowed if tries_s is None else min(allowed, tries_s)):
                    raise
                attempt += 1
                _log.info("%s; asking again in %.1f s", error, wait)
                self._rest(wait, cancel)
            else:
                break
        try:
            yield answer
        finally:
            answer.close()

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Send once. Raises ``UnreachableError``, or what the answer says is wrong."""
        import httpx

        try:
            answer = self._http.send(request, stream=True)
        except httpx.LocalProtocolError as error:  # more or less was to be sent than the length that was told
            said = "the file changed while it was sent"
            raise ChangedError(said, remedy="send it when nobody writes it any more") from error
        except httpx.TransportError as error:
            raise self.unreachable(error) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise not_understood(self.address, f"it answered so that {type(error).__name__} was raised") from error
        if answer.is_success:
            return answer
        try:
            body = self._read(answer, _LONGEST_PROBLEM)
        except UnreachableError:
            body = b""  # the status says enough
        finally:
            answer.close()
        raise refused(answer.status_code, answer.headers, body, self.address)

    def _read(self, answer: httpx.Response, most: int) -> bytes:
        """The body, at most ``most`` bytes of it. Raises ``UnreachableError`` where it breaks off."""
        import httpx

        body = bytearray()
        try:
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > most:
                    break
        except httpx.TransportError as error:
            raise self.unreachable(error) from error
        return bytes(body[:most])

    def unreachable(self, error: Exception) -> UnreachableError:
        """What went wrong with a connection, in words."""
        import httpx

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            why = _reason(error)
            said, remedy = f"no server answers there{why}", "check the address, and whether stills serve runs there"
        elif isinstance(error, httpx.TimeoutException):
            said, remedy = "the server does not answer any more", "try again, or with a longer timeout"
        elif isinstance(error, httpx.UnsupportedProtocol | httpx.ProxyError):
            said, remedy = clean(str(error)) or type(error).__name__, WRONG_ADDRESS
        elif isinstance(error, httpx.WriteError):
            said = "the server broke the connection off while it was sent to"
            remedy = "the video may be larger than it takes (its upload_limit); else try again"
        else:
            said, remedy = "the connection to the server broke off", "try again; see the server's log"
        return UnreachableError(said, path=self.address, remedy=remedy)

    def _wait(self, attempt: int, error: StillsError) -> float:
        """Seconds until the next try."""
        if isinstance(error, RemoteBusyError) and error.retry_after is not None:
            return error.retry_after + backoff(0, FIRST_PAUSE_S)  # many that were told the same do not come together
        return min(LONGEST_PAUSE_S, backoff(attempt, FIRST_PAUSE_S))

    def _rest(self, seconds: float, cancel: CancelToken | None) -> None:
        if cancel is None:
            self._pause(seconds)
        else:
            cancel.wait(seconds)


def _reason(error: Exception) -> str:
    """What the system says of a connection that was refused, such as `` (Connection refused)``."""
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(error))
    return f" ({text})" if text else ""
