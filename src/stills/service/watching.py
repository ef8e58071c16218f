"""Middleware that counts and logs requests: never what secrets could be in, as are headers and what follows a ``?``."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stills.service.access import CALLER
from stills.service.metrics import ServiceMetrics

OTHER = "other"
"""The route of what leads nowhere: no client can make a metric grow."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GONE = 499
"""What is logged where the client went away before it was answered, as other servers do."""
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds: logged only where they fail."""

_log = logging.getLogger("stills.service.access")


class Watch:
    """Counts and logs each request at its end."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        """``metrics`` are what is counted into."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, sent, came = time.monotonic(), _GONE, 0, 0
        metrics = self._metrics

        async def hear() -> Message:
            nonlocal came
            message = await receive()
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
            return message

        async def tell(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        metrics.under_way.inc()
        try:
            await self._app(scope, hear, tell)
        finally:
            metrics.under_way.dec()
            took = time.monotonic() - started
            route = route_of(scope)
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            metrics.requests.labels(method, route, str(status)).inc()
            metrics.seconds.labels(route).observe(took)
            metrics.received.inc(came)
            metrics.sent.inc(sent)
            level = logging.DEBUG if scope["path"] in _QUIET and status < 400 else logging.INFO
            if _log.isEnabledFor(level):
                who = scope["client"][0] if scope.get("client") else "unknown"
                caller = scope.get(CALLER) or "-"
                _log.log(
                    level,
                    "%s %s %s %s %d %.3f s, %d bytes in, %d out",
                    who, caller, scope["method"], scope["path"], status, took, came, sent,
                )  # fmt: skip


def route_of(scope: Scope) -> str:
    """The route that answered, as it is declared: ``/v1/jobs/{id}``."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else OTHER
