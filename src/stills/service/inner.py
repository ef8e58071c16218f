"""Middleware right around the routes."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stills.service.problems import ProblemError
from stills.service.uploads import EarlyAnswer, GoneError

_log = logging.getLogger(__name__)


class BasePath:
    """Takes the path that a proxy has the service below off requests, where the proxy did not."""

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        """``base_path`` is empty, or like ``/stills``."""
        self._app = app
        self._base = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass."""
        if self._base and scope["type"] == "http" and scope["path"].startswith(f"{self._base}/"):
            raw = scope.get("raw_path") or b""
            scope["path"] = scope["path"].removeprefix(self._base)
            scope["raw_path"] = raw.removeprefix(self._base.encode())
        await self._app(scope, receive, send)


class Bugs:
    """Turns what nobody foresaw into a problem, with the traceback in the log."""

    def __init__(self, app: ASGIApp) -> None:
        """See the class."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass."""
        begun = False

        async def tell(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except GoneError:
            pass  # nobody is there any more to be answered
        except Exception as error:
            if scope["type"] != "http":
                raise
            _log.error("unexpected %s at %s %s", type(error).__name__, scope["method"], scope["path"], exc_info=error)
            if begun:
                raise  # the connection is cut, so that nobody takes a part for the whole
            said = "the service failed at this: that is a bug in it"
            problem = ProblemError(500, said, remedy="tell who runs it when this was")
            await EarlyAnswer(problem, scope["path"])(scope, receive, send)
