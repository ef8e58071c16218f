"""What browsers have to be told, and what only a hostile page would have them send.

* Headers by the OWASP secure headers project: nothing is loaded from elsewhere, framed, sniffed, or kept in caches.
* ``Host``: a service that is bound to this machine answers to names of this machine only. Else a page could have its
  own name resolve to 127.0.0.1 and read everything (DNS rebinding).
* ``Origin``: what changes something is not taken from other sites' pages (CSRF), whether or not tokens are wanted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stills.addresses import split_address
from stills.service.auth import is_loopback
from stills.service.problems import ProblemError
from stills.service.uploads import EarlyAnswer

if TYPE_CHECKING:
    from stills.settings_service import ServiceSettings

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: its own files, and pictures that it made."""
API_POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""Of everything else: a result that is opened in a tab is looked at, and can do nothing."""

COMMON: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by whoever watches containers, by whatever name or number these have."""
_API = "/v1/", "/upload-video"


class SecurityHeaders:
    """ASGI middleware: checks ``Host`` and ``Origin``, and adds headers to all answers."""

    def __init__(self, app: ASGIApp, service: ServiceSettings) -> None:
        """``service`` says where it is bound, by which names it is called, and whose pages may use it."""
        self._app = app
        self._base = service.base_path
        self._names = frozenset(_name_of(host) for host in service.hosts)
        self._only = bool(service.hosts) or is_loopback(service.host)
        self._bound = _name_of(service.host)
        self._origins = frozenset(service.cors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass with more headers, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        path = path.removeprefix(self._base) if self._base and path.startswith(f"{self._base}/") else path
        api = path.startswith(_API)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in COMMON.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", API_POLICY if api else PAGE_POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        problem = self._wrong(scope, path)
        if problem is not None:
            await EarlyAnswer(problem, scope["path"])(scope, receive, tell)
            return
        await self._app(scope, receive, tell)

    def _wrong(self, scope: Scope, path: str) -> ProblemError | None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) > 1:
            return ProblemError(400, "the request has more than one Host")
        host = headers.get("host", "")
        if self._only and path not in _PROBES and not self._is_ours(_name_of(host)):
            said = "the service is not called by this name"
            return ProblemError(421, said, code="wrong-host", remedy="add it to the setting service.hosts")
        if scope["method"] not in _SAFE and not self._is_same(headers, host):
            said = "this request comes from a page of another site"
            return ProblemError(403, said, code="wrong-origin", remedy="add its origin to the setting service.cors")
        return None

    def _is_ours(self, name: str) -> bool:
        return name in {"localhost", self._bound} or self._is_named(name) or _is_loopback_number(name)

    def _is_named(self, name: str) -> bool:
        return name in self._names or any(_within(name, known) for known in self._names)

    def _is_same(self, headers: Headers, host: str) -> bool:
        """Whether no browser says that another site's page is behind this."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
        if origin.lower() in self._origins:
            return True
        parts = split_address(origin) if origin.isprintable() else None
        if parts is None or parts.scheme not in {"http", "https"} or not parts.netloc:  # "null" too
            return False
        return parts.netloc.lower() == host.lower() or self._is_named(_name_of(parts.netloc))


def _name_of(host: str) -> str:
    """A host without its port, as it is compared."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0].removeprefix("[")
    if name.count(":") > 1:  # an IPv6 address as settings have it
        return name
    return name.partition(":")[0].rstrip(".")


def _within(name: str, known: str) -> bool:
    return known.startswith("*.") and name.endswith(known[1:])


def _is_loopback_number(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
