"""Reaching out to addresses that clients name, without becoming their way into the network (SSRF).

What a name resolves to is looked at, all of it; then a connection is made to one of the very addresses that were looked
at, never to what a second question might answer (DNS rebinding). TLS still checks the certificate against the name.
Proxies of the environment are not used: they would resolve names themselves.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from stills._version import __version__
from stills.cancel import CancelToken
from stills.errors import DownloadError, DownloadInterruptedError
from stills.service.places import Place, why_not

T = TypeVar("T")
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text. Raises ``OSError``."""

_CONNECT_S = 10.0
"""Longest wait for one connection; the next address is tried then."""
_BEAT_S = 0.1


def system_resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver answers."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(sockaddr[0]) for _, _, _, _, sockaddr in found))


class Watch:
    """Ends what waits for a network when it is cancelled, or takes too long in all. A context manager."""

    def __init__(self, cancel: CancelToken, longest_s: float) -> None:
        """``longest_s`` from now."""
        self.cancel = cancel
        self._longest_s = longest_s
        self._until = time.monotonic() + longest_s
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="stills network watch", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        self._over.set()
        self._thread.join()
        for one in self._sockets:
            one.close()

    def keep(self, one: socket.socket) -> None:
        """Have ``one`` shut down in time, and closed at the end."""
        with self._lock:
            self._sockets.append(one)

    def check(self) -> None:
        """Raise ``CancelledError``, or ``DownloadInterruptedError`` where the time is over."""
        self.cancel.check()
        if time.monotonic() >= self._until:
            said = f"it took longer than {self._longest_s:g} s"
            raise DownloadInterruptedError(said, remedy="try again, or from a faster server")

    def wait_for(self, call: Callable[[], T]) -> T:
        """What ``call`` returns or raises; it is left to itself where we do not wait any longer."""
        done = threading.Event()
        result: list[T] = []
        failure: list[Exception] = []

        def run() -> None:
            try:
                result.append(call())
            except Exception as error:  # noqa: BLE001 - raised by whoever waits
                failure.append(error)
            finally:
                done.set()

        threading.Thread(target=run, name="stills network call", daemon=True).start()
        while not done.wait(_BEAT_S):
            self.check()
        if failure:
            raise failure[0]
        return result[0]

    def _look(self) -> None:
        while not self._over.wait(_BEAT_S):
            if self.cancel.cancelled or time.monotonic() >= self._until:
                with self._lock:
                    for one in self._sockets:
                        with contextlib.suppress(OSError):
                            socket.socket.shutdown(one, socket.SHUT_RDWR)  # under TLS, too


class Network:
    """Makes requests to places that were checked."""

    def __init__(
        self, *, private: bool, idle_s: float, resolve: Resolve = system_resolve, context: ssl.SSLContext | None = None
    ) -> None:
        """``idle_s`` is the longest silence; ``resolve`` and ``context`` are others in tests."""
        self._private = private
        self._idle_s = idle_s
        self._resolve = resolve
        self._context = context or ssl.create_default_context()

    def addresses(self, place: Place, watch: Watch) -> Sequence[str]:
        """The IP addresses of ``place``, all of which may be reached.

        Raises ``DownloadError`` where one may not: a name that has a private address among public ones is an attempt.
        """
        try:
            found = list(watch.wait_for(lambda: self._resolve(place.host, place.port)))
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "no such host") from error
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such host")
        for one in found:
            if (why := why_not(one, private=self._private)) is not None:
                what = f"the host {place.host}" if one == place.host else f"what the host {place.host} resolves to"
                raise DownloadError(f"{what} {why}", remedy="give an address that everybody can reach")
        return found

    @contextlib.contextmanager
    def ask(
        self,
        place: Place,
        watch: Watch,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to one request, its body not read yet; redirects are answers like others.

        Raises ``OSError``, ``http.client.HTTPException``, ``DownloadError``, ``CancelledError``.
        """
        watch.check()
        connection = _Pinned(place, self.addresses(place, watch), self._context, self._idle_s, watch)
        sent = {
            "Host": place.netloc,
            "User-Agent": f"stills/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **(headers or {}),
        }
        target = f"{place.path}?{place.query}" if place.query else place.path
        try:
            connection.request(method, target, body=body, headers=sent)
            with connection.getresponse() as answer:
                yield answer
        except (OSError, http.client.HTTPException):
            watch.check()  # the true reason, where it was us who ended the connection
            raise
        finally:
            connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one of some addresses, whatever the name in the request is."""

    def __init__(
        self, place: Place, addresses: Sequence[str], context: ssl.SSLContext, idle_s: float, watch: Watch
    ) -> None:
        super().__init__(place.host, place.port, timeout=idle_s)
        self._place = place
        self._addresses = addresses
        self._context = context
        self._idle_s = idle_s
        self._watch = watch

    def connect(self) -> None:
        """Connect to the first address that answers. Raises ``OSError`` of the last."""
        failure: OSError | None = None
        for address in self._addresses:
            self._watch.check()
            try:
                self.sock = self._to(address)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
            else:
                return
        raise failure or OSError("there is no address")

    def _to(self, address: str) -> Any:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._watch.keep(one)
        one.settimeout(min(_CONNECT_S, self._idle_s))
        try:
            one.connect((address, self._place.port))
            one.settimeout(self._idle_s)
            if self._place.scheme == "https":
                one = self._context.wrap_socket(one, server_hostname=self._place.host, do_handshake_on_connect=False)
                self._watch.keep(one)
                one.do_handshake()
        except OSError:
            one.close()
            raise
        return one
