"""The HTTP server: uvicorn, told when the service is ending, and with its own way to end a process."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from stills.errors import OutputError, UsageError
from stills.service.protocol import Protocol

if TYPE_CHECKING:
    from fastapi import FastAPI

    from stills.settings_service import ServiceSettings

GRACE_S = 10
"""How long requests that are being answered may go on when the service ends; jobs then go back to the queue."""
_BACKLOG = 512
_WHY = {
    errno.EADDRINUSE: ("another program listens there", "name another --port"),
    errno.EACCES: ("that needs more rights", "name a --port above 1023"),
    errno.EADDRNOTAVAIL: ("this machine does not have that address", "name another --host"),
}


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ``UsageError`` where that cannot be."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"there is no address {host!r}", remedy="name another --host") from error
    family, _, _, _, address = found[0]
    # asyncio has connections send at once (TCP_NODELAY) only where it sees that they are TCP: else each answer whose
    # head and body are sent one after the other waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address[0] == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        why, remedy = _WHY.get(error.errno or 0, (error.strerror or str(error), "name another --host or --port"))
        raise UsageError(f"the service cannot listen at {host} port {port}: {why}", remedy=remedy) from error
    return listener


def address_of(listener: socket.socket, base_path: str = "") -> str:
    """What to open to reach it."""
    host, port = listener.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{base_path}/"


class Server(uvicorn.Server):
    """Ends what lasts for ever before it waits for requests to end, and leaves exit codes to whoever called it."""

    def __init__(self, app: FastAPI, service: ServiceSettings) -> None:
        """Nothing is started yet."""
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",  # with a library for it installed, upgrades would leave our protocol and its limits
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(service.proxies),
                forwarded_allow_ips=list(service.proxies),
                timeout_graceful_shutdown=GRACE_S,
                timeout_keep_alive=30,
            )
        )
        self._app = app
        self.caught: int | None = None
        """The signal that ended it."""

    def stop(self) -> None:
        """Begin to end; of use from any thread."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: first what would last, then all requests, then the application."""
        context = getattr(self._app.state, "context", None)
        if context is not None:
            context.stopping.set()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the service in order; a second one at once."""
        if self.should_exit:
            self.force_exit = True
        self.caught = self.caught or sig
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Catch signals while we serve; they are not raised again afterwards, as everything has ended by then."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(app: FastAPI, service: ServiceSettings, listener: socket.socket) -> int | None:
    """Serve until a signal comes; which one. Raises ``OutputError`` where the application could not start."""
    _log_like_stills()
    server = Server(app, service)
    server.run(sockets=[listener])
    if not server.started:
        raise OutputError("the service could not start", remedy="the lines above say why")
    return server.caught


def _log_like_stills() -> None:
    """Have uvicorn's own lines where those of stills go."""
    ours = logging.getLogger("stills")
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers = list(ours.handlers)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
