"""How often one may ask the service, what browsers are told, and whose pages and names are refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import stills
from stills.service.auth import Tokens, token_line
from stills.service.guard import guard
from stills.service.limits import MOST_CLIENTS, RateLimit, Slots, network_of
from stills.service.problems import ProblemError

TOKEN = "stills_" + "a1B2" * 10


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Asks an ASGI application without a network."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app=app)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def run() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost:8000") as one:
                return await one.request(method, path, **more)

        return asyncio.run(run())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("POST", path, **more)


def client(**service: object) -> Client:
    """A tiny application with our guard around it."""
    found = stills.load_settings(env={}, options={f"service.{name}": value for name, value in service.items()})

    def answer(request: Request) -> Response:
        return PlainTextResponse("well", headers={"Cache-Control": "max-age=5"} if "kept" in request.url.path else None)

    routes = [Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])]
    app = Starlette(routes=routes)
    guard(app, found, Tokens.load(found))  # type: ignore[arg-type] - it only adds middleware
    return Client(app)


def test_a_minutes_worth_at_once_and_then_evenly() -> None:
    clock = Clock()
    limit = RateLimit(6, clock=clock)
    assert [limit.take("a").left for _ in range(6)] == [5, 4, 3, 2, 1, 0]
    refused = limit.take("a")
    assert (refused.allowed, refused.left, refused.wait_s) == (False, 0, 10)
    assert limit.take("b").allowed
    clock.now += 9.0
    assert limit.take("a").wait_s == 1
    clock.now += 1.0
    assert limit.take("a").allowed
    assert not limit.take("a").allowed
    clock.now += 3600.0
    assert [limit.take("a").allowed for _ in range(7)] == [True] * 6 + [False]


def test_those_who_ask_from_everywhere_do_not_fill_the_memory() -> None:
    limit = RateLimit(1, clock=Clock())
    limit.take("first")
    for number in range(MOST_CLIENTS):
        limit.take(str(number))
    assert len(limit._buckets) == MOST_CLIENTS
    assert limit.take("first").allowed


def test_one_client_has_a_whole_network_of_ipv6() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("testclient") == "testclient"


def test_pictures_and_the_page_are_not_counted() -> None:
    asked = client(rate=1)
    job = "/v1/jobs/" + "0a" * 16
    free = [f"{job}/frames/7.jpg", f"{job}/artifacts/a.jpg", "/page/main.js", "/"]
    assert all("ratelimit" not in asked.get(path).headers for path in free * 2)
    assert asked.get(f"{job}/result").headers["ratelimit"] == '"minute";r=0;t=60'
    assert asked.get(f"{job}/result").status_code == 429
    assert asked.post(f"{job}/artifacts/a.jpg").status_code == 429


def test_who_asks_too_often_hears_when_to_come_again(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(token_line("web", TOKEN))
    asked = client(rate=2, tokens=tmp_path / "tokens")
    first = asked.get("/v1/jobs")
    assert first.headers["ratelimit-policy"] == '"minute";q=2;w=60'
    assert first.headers["ratelimit"] == '"minute";r=1;t=0'
    asked.get("/v1/jobs")
    late = asked.post("/v1/jobs", content=b"x" * 100_000)
    assert (late.status_code, late.headers["content-type"]) == (429, "application/problem+json")
    assert 1 <= int(late.headers["retry-after"]) <= 30
    assert late.json()["code"] == "too-many-requests"
    assert late.headers["x-content-type-options"] == "nosniff"
    assert [asked.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    assert asked.get("/v1/jobs", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asked.get("/v1/jobs", headers={"Authorization": "Bearer guessed"}).status_code == 429
    asked = client(rate=0)
    assert "ratelimit" not in asked.get("/v1/jobs").headers


def test_places_are_given_back() -> None:
    slots = Slots(2)

    def one_more() -> None:
        with slots.one():
            raise ValueError("bad")

    with slots.one(), slots.one():
        with pytest.raises(ProblemError) as caught:
            one_more()
        assert (caught.value.status, caught.value.headers["Retry-After"], slots.taken) == (503, "5", 2)
    with pytest.raises(ValueError, match="bad"):
        one_more()
    assert slots.taken == 0


def test_browsers_are_told_to_load_keep_and_frame_nothing() -> None:
    asked = client()
    page, api, kept = (asked.get(path).headers for path in ("/", "/v1/jobs", "/kept"))
    for headers in (page, api, kept):
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
    assert "default-src 'self'" in page["content-security-policy"]
    assert "unsafe-inline" not in page["content-security-policy"]
    assert "sandbox" in api["content-security-policy"]
    assert (api["cache-control"], kept["cache-control"]) == ("no-store", "max-age=5")
    assert "access-control-allow-origin" not in api


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "LOCALHOST:1", "localhost.", "127.1.2.3"]
)
def test_this_machine_answers_to_its_own_names(host: str) -> None:
    asked = client()
    assert asked.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "", "[::2]", "0.0.0.0"]
)
def test_a_name_that_was_made_to_lead_here_is_refused(host: str) -> None:
    asked = client()
    answer = asked.get("/v1/jobs", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong-host")
    assert asked.get("/healthz", headers={"Host": host}).status_code == 200


def test_names_are_those_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(token_line("web", TOKEN))

    def status(called: str, **service: object) -> int:
        asked = client(tokens=tmp_path / "tokens", **service)
        return asked.get("/v1/jobs", headers={"Host": called}).status_code

    named = {"hosts": "stills.example.org, *.inside.example"}
    assert [status(host, **named) for host in ("stills.example.org:443", "a.inside.example", "localhost")] == [200] * 3
    assert [status(host, **named) for host in ("example.org", "inside.example", "xinside.example")] == [421] * 3
    assert status("anything.example", host="0.0.0.0") == 200, "tokens are asked for there"
    assert status("anything.example", host="0.0.0.0", **named) == 421


def test_pages_of_other_sites_change_nothing() -> None:
    asked = client(hosts="stills.example.org")

    def post(**headers: str) -> int:
        return asked.post(
            "/v1/jobs", headers={name.replace("_", "-"): value for name, value in headers.items()}
        ).status_code

    assert post() == 200, "a program is no browser"
    assert post(Origin="http://localhost:8000") == 200
    assert post(Origin="https://stills.example.org") == 200, "behind a proxy"
    assert post(sec_fetch_site="same-origin") == post(sec_fetch_site="none") == 200
    for origin in ("http://evil.example", "null", "http://localhost:9000", "https://stills.example.org.evil.example",
                   "file://", "chrome-extension://x", "http://[", ""):  # fmt: skip
        assert post(Origin=origin) == 403, origin
    assert post(sec_fetch_site="cross-site") == post(sec_fetch_site="same-site") == 403
    assert asked.ask("DELETE", "/v1/jobs/1", headers={"Origin": "http://evil.example"}).status_code == 403
    assert asked.get("/v1/jobs", headers={"Origin": "http://evil.example"}).status_code == 200, "read by nobody there"


def test_other_origins_are_let_in_by_name_only() -> None:
    asked = client(cors="https://app.example.org")
    origin = {"Origin": "https://app.example.org"}
    asks = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
    before = asked.ask("OPTIONS", "/v1/jobs/1", headers={**origin, **asks})
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "access-control-allow-credentials" not in before.headers
    done = asked.ask("DELETE", "/v1/jobs/1", headers=origin)
    assert (done.status_code, done.headers["access-control-allow-origin"]) == (200, "https://app.example.org")
    evil = {"Origin": "https://evil.example"}
    assert "access-control-allow-origin" not in asked.ask("OPTIONS", "/v1/jobs/1", headers={**evil, **asks}).headers
    assert asked.ask("DELETE", "/v1/jobs/1", headers=evil).status_code == 403
