"""How much one client may ask: requests a minute, and how many uploads are received at the same time.

A client is a token's name, or an address of the network where nobody said who they are. Requests go by a token bucket:
a minute's worth at once, refilled evenly. The answers say how much is left in the fields of the IETF's draft
"RateLimit header fields for HTTP" (``RateLimit-Policy``, ``RateLimit``); a refusal has ``Retry-After`` (RFC 9110).
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stills.service.problems import BusyProblem, ProblemError
from stills.service.uploads import EarlyAnswer

if TYPE_CHECKING:
    from stills.service.auth import Tokens

WINDOW_S = 60.0
"""The minute of "requests a minute"."""
MOST_CLIENTS = 10_000
"""Clients that are remembered: those that asked last. A forgotten one begins anew."""
FREE = frozenset({"/", "/healthz", "/readyz", "/metrics"})
"""The page, and what whoever watches the service asks, as often as they like."""
PICTURES = re.compile(r"/page/|/v1/jobs/[0-9a-f]{32}/(frames|artifacts)/")
"""What a page asks for by the hundred while a slider moves: files of the page, and pictures."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request."""

    allowed: bool
    left: int
    """Requests that may follow at once."""
    wait_s: int
    """Whole seconds until there may be one more."""


class RateLimit:
    """Token buckets, one a client. Safe to use from any thread."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``per_minute`` at least 1."""
        self.per_minute = per_minute
        self._rate = per_minute / WINDOW_S
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> Taken:
        """One request of ``client``; a refused one costs nothing."""
        with self._lock:
            now = self._clock()
            level, before = self._buckets.pop(client, (float(self.per_minute), now))
            level = min(float(self.per_minute), level + (now - before) * self._rate)
            allowed = level >= 1.0
            if allowed:
                level -= 1.0
            self._buckets[client] = (level, now)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        wait = 0.0 if level >= 1.0 else (1.0 - level) / self._rate
        return Taken(allowed, int(level), math.ceil(wait))


class RateLimiter:
    """ASGI middleware: a client that asks too often hears 429, and when to come again."""

    def __init__(self, app: ASGIApp, limit: RateLimit, tokens: Tokens, base_path: str = "") -> None:
        """``tokens`` tell who asks."""
        self._app = app
        self._limit = limit
        self._tokens = tokens
        self._base_path = base_path
        self._policy = f'"minute";q={limit.per_minute};w={int(WINDOW_S)}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, or answer."""
        if scope["type"] != "http" or self._is_free(scope):
            await self._app(scope, receive, send)
            return
        taken = self._limit.take(self._client(scope))
        told = {"RateLimit-Policy": self._policy, "RateLimit": f'"minute";r={taken.left};t={taken.wait_s}'}
        if not taken.allowed:
            headers = {**told, "Retry-After": str(max(1, taken.wait_s))}
            said = f"more than {self._limit.per_minute} requests a minute"
            problem = ProblemError(429, said, remedy=f"wait {headers['Retry-After']} s", headers=headers)
            await EarlyAnswer(problem, scope["path"])(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self._app(scope, receive, tell)

    def _is_free(self, scope: Scope) -> bool:
        """Whether a request is not counted."""
        path = scope["path"].removeprefix(self._base_path)
        return path in FREE or (scope["method"] in {"GET", "HEAD"} and PICTURES.match(path) is not None)

    def _client(self, scope: Scope) -> str:
        principal = self._tokens.check(Headers(scope=scope).get("authorization")) if self._tokens.wanted else None
        if principal is not None:
            return f"token {principal.name}"
        return f"address {network_of(scope['client'][0])}" if scope.get("client") else "address unknown"


def network_of(address: str) -> str:
    """Who ``address`` is taken for: an IPv4 address itself, of IPv6 the /64, as one client has all of that."""
    import ipaddress

    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))


class Slots:
    """Places for what may happen only so often at the same time. Safe to use from any thread."""

    def __init__(self, most: int, what: str = "uploads") -> None:
        """``most`` at once; ``what`` they are, for people."""
        self._most = most
        self._what = what
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many are taken now."""
        with self._lock:
            return self._taken

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Have a place. Raises ``BusyProblem`` (503 with ``Retry-After``) at once where there is none."""
        with self._lock:
            if self._taken >= self._most:
                raise BusyProblem(f"{self._most} {self._what} are received already", retry_after=5)
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1
