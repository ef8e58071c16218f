"""A file behind ``https://`` or ``http://``, as a stream that can be stopped from another thread.

The standard library's client, so that it needs no extra and honours the proxies of the environment. Redirects go to
HTTP addresses only, and take no password along.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from stills._version import __version__
from stills.addresses import clean, public_name
from stills.errors import ChangedError, DownloadError, DownloadInterruptedError, InputError

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which trying again can help (RFC 9110, RFC 6585)."""

CHANGED = "the file changed while it was read"
CHANGED_REMEDY = "wait until it is complete, then run the same again"

_CHANGED = frozenset({412})
_NO_SUCH_PART = 416
_GONE = {404: "is not there", 410: "is gone"}
_FORBIDDEN = {401: "wants a user and password", 403: "refuses access", 407: "is behind a proxy that wants a password"}


class NoSuchPartError(DownloadError):
    """A part was asked for that the file does not have: it is shorter, or empty."""


class HttpSource:
    """One answer to one request: open it, read it to its end, close it. :meth:`abort` may come from any thread."""

    def __init__(self, address: str, *, timeout: float, headers: Mapping[str, str] | None = None) -> None:
        """Nothing is opened yet. ``timeout`` is the longest wait for anything, in seconds; ``headers`` are sent too."""
        self._address = address
        self._timeout = timeout
        self._more = dict(headers or {})
        self._sockets: list[socket.socket] = []
        self._answer: Any = None
        self._read = 0
        self.size: int | None = None
        """Bytes in all, where the server says."""
        self.retry_after = 0.0
        """Seconds that the server asked to wait."""

    def open(self) -> None:
        """Send the request and read the head of the answer. Raises ``DownloadError``."""
        try:
            request = _request(self._address)
            for name, value in self._more.items():
                request.add_header(name, value)
            self._answer = self._opener().open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise lost(self._address, error) from None
        length = self._answer.headers.get("Content-Length", "")
        self.size = int(length) if length.isdecimal() else None

    def read(self, size: int) -> bytes:
        """The next bytes, at most ``size``; empty at the end. Raises ``DownloadError``."""
        try:
            data: bytes = self._answer.read1(size)
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise lost(self._address, error) from None
        self._read += len(data)
        if not data and self.size is not None and self._read < self.size:
            said = f"the connection ended after {self._read} of {self.size} bytes"
            raise DownloadInterruptedError(said, path=public_name(self._address), remedy="try again")
        return data

    def close(self) -> None:
        """End the connection."""
        if self._answer is not None:
            self._answer.close()

    def abort(self) -> None:
        """End the connection under whoever is reading from it: that reader gets an error, or the end, at once."""
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # of TLS too: there is nobody to say good-bye to

    @property
    def status(self) -> int:
        """The answer's number, such as 200, or 206 for a part."""
        return int(self._answer.status)

    @property
    def headers(self) -> Message:
        """The head of the answer."""
        head: Message = self._answer.headers
        return head

    def _opener(self) -> urllib.request.OpenerDirector:
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _Http(self._sockets),
            _Https(self._sockets),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Redirects(),
        ):
            opener.add_handler(handler)
        return opener

    def _refused(self, error: urllib.error.HTTPError) -> InputError:
        after = error.headers.get("Retry-After", "") if error.headers else ""
        if error.code in PASSING:
            self.retry_after = float(after) if after.isdecimal() else 0.0
        return refused(self._address, error.code)


def refused(address: str, code: int) -> InputError:  # noqa: PLR0911 - one for each cause
    """What an answer with status ``code``, which is no file, means."""
    path = public_name(address)
    status = f"{code} {http.client.responses.get(code, '')}".strip()  # the server's own words may be anything
    if code in PASSING:
        said = f"the server cannot answer now ({status})"
        return DownloadInterruptedError(said, path=path, remedy="try again later")
    if code in _CHANGED:
        return ChangedError(CHANGED, path=path, remedy=CHANGED_REMEDY)
    if code == _NO_SUCH_PART:
        return NoSuchPartError(f"the file has no such part ({status})", path=path, remedy=CHANGED_REMEDY)
    if code in _GONE:
        return DownloadError(f"the file {_GONE[code]} ({status})", path=path, remedy="check the address")
    if code in _FORBIDDEN:
        remedy = "check the address, and that it has not expired"
        return DownloadError(f"the server {_FORBIDDEN[code]} ({status})", path=path, remedy=remedy)
    if code in range(300, 400):
        said = f"the server redirects too often, or to something that is not HTTP ({status})"
        return DownloadError(said, path=path, remedy="check the address")
    return DownloadError(f"the server refused ({status})", path=path, remedy="check the address")


def lost(address: str, error: Exception) -> DownloadError:  # noqa: PLR0911 - one for each cause
    """What went wrong on the way to a server or back, in words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    path = public_name(address)
    if isinstance(cause, ssl.SSLCertVerificationError):
        said = f"the server's certificate is not valid ({cause.verify_message})"
        return DownloadError(said, path=path, remedy="check the address, and this machine's clock")
    if isinstance(cause, socket.gaierror):
        if cause.errno == socket.EAI_NONAME:
            return DownloadError("there is no such host", path=path, remedy="check the address and the network")
        return DownloadInterruptedError("the host's address cannot be found now", path=path, remedy="check the network")
    if isinstance(cause, TimeoutError):
        return DownloadInterruptedError("the server does not answer", path=path, remedy="try again later")
    if isinstance(cause, ConnectionRefusedError):
        return DownloadInterruptedError("the server refuses connections", path=path, remedy="check the address")
    if isinstance(cause, http.client.InvalidURL | ValueError) and not isinstance(cause, OSError):
        return DownloadError(f"this is no valid address ({clean(str(cause))})", path=path, remedy="check it")
    what = (cause.strerror if isinstance(cause, OSError) else None) or clean(str(cause)) or type(cause).__name__
    return DownloadInterruptedError(f"the connection failed: {what}", path=path, remedy="try again")


def _request(address: str) -> urllib.request.Request:
    """A request without user and password in its address; those go into a header that redirects do not get."""
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    if not host:
        raise ValueError("it names no host")
    # The fragment is never sent; blanks and other characters that may not be sent are escaped as browsers do.
    path, query = (quote(text, safe="/:%!$&'()*+,;=@~[]?-._") for text in (parts.path, parts.query))
    host = host if host.isascii() else host.encode("idna").decode("ascii")
    request = urllib.request.Request(urlunsplit((parts.scheme.lower(), host, path, query, "")))  # noqa: S310
    request.add_header("User-Agent", f"stills/{__version__}")
    request.add_header("Accept-Encoding", "identity")
    if user:
        name, _, password = user.partition(":")
        token = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to ``http`` and ``https`` only: never to files, FTP or anything else on this side."""

    def redirect_request(  # noqa: PLR0917 - the library's own signature
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme.lower() not in {"http", "https"}:
            raise DownloadError("the server redirects to something that is not HTTP", path=public_name(req.full_url))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Http(urllib.request.HTTPHandler):
    """Keeps the sockets that it opens where :meth:`HttpSource.abort` finds them."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(functools.partial(_Connection, self._sockets), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__(context=ssl.create_default_context())
        self._sockets = sockets

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(functools.partial(_SecureConnection, self._sockets), req, context=self._context)  # type: ignore[attr-defined]


class _Connection(http.client.HTTPConnection):
    def __init__(self, sockets: list[socket.socket], host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._opened = sockets

    def connect(self) -> None:
        super().connect()
        self._opened.append(self.sock)


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, sockets: list[socket.socket], host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._opened = sockets

    def connect(self) -> None:
        super().connect()
        self._opened.append(self.sock)
