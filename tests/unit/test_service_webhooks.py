"""Webhooks: verified as their receivers do, tried again by the schedule, and sent nowhere they should not go."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

import stills
from service_samples import Service, do, service
from stills.errors import StillsError
from stills.service import webhooks
from stills.service.auth import new_webhook_secret
from stills.service.jobs import Job, JobStore
from stills.service.places import RefusedAddressError
from stills.service.webhooks import SCHEDULE_S, Deliverer, check_webhook, pause, signature
from stills.settings import Settings
from webhook_receiver import Receiver

SECRET = new_webhook_secret()
PATH = "/hooks/t0ps3cret?key=hidden"


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_ASK_S", 0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Service]:
    with service("sqlite", tmp_path) as one:
        yield one


class Told:
    """A store that says when it was told what became of a delivery."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self.done = threading.Semaphore(0)
        self.retries: list[tuple[str, float | None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delivered(self, delivery: Any) -> None:
        self._store.delivered(delivery)
        self.done.release()

    def not_delivered(self, delivery: Any, error: str, retry_in: float | None) -> None:
        self._store.not_delivered(delivery, error, retry_in)
        self.retries.append((error, retry_in))
        self.done.release()

    def wait(self) -> None:
        assert self.done.acquire(timeout=60)


def settings(*hosts: str, **service: object) -> Settings:
    usual = {"webhooks": hosts, "webhook_secret": SECRET, "private_sources": True}
    return stills.load_settings(
        env={}, options={f"service.{name}": value for name, value in {**usual, **service}.items()}
    )


def end_a_job(jobs: Service, receiver: Receiver, host: str = "127.0.0.1") -> tuple[Told, Job]:
    store = jobs.open()
    job = store.add(jobs.job(webhook=f"http://{host}:{receiver.port}{PATH}", name="täst.mp4")).job
    held = store.claim(store.begin_run("test"))
    assert held is not None
    do(store, held)
    return Told(store), store.get(job.id)


def sent(store: Any, found: Settings, **more: Any) -> Deliverer:
    one = Deliverer(store, found, **more)
    one.start()
    return one


def test_a_receiver_can_verify_it(jobs: Service, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "stills")
    store, job = end_a_job(jobs, receiver)
    deliverer = sent(store, settings(f"127.0.0.1:{receiver.port}"))
    store.wait()
    deliverer.stop()
    [(headers, body)] = receiver.got
    message = standardwebhooks.Webhook(SECRET).verify(body, headers)
    assert message["type"] == "job.done"
    assert (message["data"]["id"], message["data"]["name"], message["data"]["state"]) == (job.id, "täst.mp4", "done")
    assert message["data"]["finished"].endswith("Z")
    assert (headers["content-type"], headers["host"]) == ("application/json", f"127.0.0.1:{receiver.port}")
    assert "authorization" not in headers
    for change in (body.replace(b"done", b"gone"), body + b" "):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(SECRET).verify(change, headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(new_webhook_secret()).verify(body, headers)
    jobs.pass_time(1e6)
    assert not store.claim_deliveries()
    for secret in ("t0ps3cret", "hidden", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in caplog.text
    assert f"http://127.0.0.1:{receiver.port} was told" in caplog.text


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the specification's own libraries."""
    secret, identity = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    found = signature(secret, identity, 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_fails_is_tried_again_under_the_same_id(jobs: Service, receiver: Receiver) -> None:
    receiver.answers = [(503, {}), (302, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}), (200, {})]
    store, _ = end_a_job(jobs, receiver)
    deliverer = sent(store, settings(f"127.0.0.1:{receiver.port}"))
    for after in (10, 400):
        store.wait()
        jobs.pass_time(after)
    store.wait()
    deliverer.stop()
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert [error for error, _ in store.retries] == [
        "the answer was 503 Service Unavailable",
        "the answer was 302 Found",
    ]
    assert [
        round(retry or 0) in range(*about)
        for (_, retry), about in zip(store.retries, [(4, 6), (270, 331)], strict=True)
    ]
    jobs.pass_time(1e6)
    assert not store.claim_deliveries()
    assert all(standardwebhooks.Webhook(SECRET).verify(body, headers) for headers, body in receiver.got)


@pytest.mark.parametrize(("status", "headers", "least"), [(410, {}, None), (429, {"Retry-After": "777"}, 777.0)])
def test_receivers_say_when_to_stop_or_to_come_again(
    jobs: Service, receiver: Receiver, status: int, headers: dict[str, str], least: float | None
) -> None:
    receiver.answers = [(status, headers)]
    store, _ = end_a_job(jobs, receiver)
    deliverer = sent(store, settings(f"127.0.0.1:{receiver.port}"))
    store.wait()
    deliverer.stop()
    assert [retry for _, retry in store.retries] == [least]


def test_the_schedule_ends() -> None:
    pauses = [pause(attempt) for attempt in range(1, len(SCHEDULE_S) + 1)]
    assert all(0.9 * at <= (drawn or 0) <= 1.1 * at for drawn, at in zip(pauses, SCHEDULE_S, strict=True))
    assert pause(len(SCHEDULE_S) + 1) is None
    assert len({pause(3) for _ in range(20)}) > 1
    assert pause(1, retry_after_s=1e9) == 86400.0


def test_one_that_does_not_answer_is_given_up_and_holds_up_nobody(
    jobs: Service, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.3)
    receiver.silent.clear()
    store, _ = end_a_job(jobs, receiver)
    deliverer = sent(store, settings(f"127.0.0.1:{receiver.port}"))
    store.wait()
    deliverer.stop()
    assert len(receiver.got) == len(store.retries) == 1
    assert any(word in store.retries[0][0] for word in ("longer than 0.3 s", "does not answer"))


def test_an_end_of_the_service_gives_up_what_is_under_way(jobs: Service, receiver: Receiver) -> None:
    receiver.silent.clear()
    store, job = end_a_job(jobs, receiver)
    deliverer = sent(store, settings(f"127.0.0.1:{receiver.port}"))
    receiver.wait_for(1)
    deliverer.stop(timeout_s=60)
    assert not store.retries
    receiver.silent.set()
    jobs.pass_time(1000)
    after = sent(store, settings(f"127.0.0.1:{receiver.port}"))
    store.wait()
    after.stop()
    assert [json.loads(body)["data"]["id"] for _, body in receiver.got] == [job.id] * 2


def test_a_name_that_leads_inside_is_told_nothing(jobs: Service, receiver: Receiver) -> None:
    store, _ = end_a_job(jobs, receiver, "hooks.example.org")

    def resolve(host: str, port: int) -> Sequence[str]:
        return ["169.254.169.254"]

    deliverer = sent(store, settings(f"hooks.example.org:{receiver.port}"), resolve=resolve)
    store.wait()
    deliverer.stop()
    assert [error for error, _ in store.retries] == [
        "what the host hooks.example.org resolves to is no address of a server"
    ]


def test_a_host_that_was_taken_off_the_list_is_told_nothing(jobs: Service, receiver: Receiver) -> None:
    store, _ = end_a_job(jobs, receiver)
    deliverer = sent(store, settings("hooks.example.org"))
    store.wait()
    deliverer.stop()
    assert store.retries[0][1] is None
    assert not receiver.got


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/x", "http://hooks.example.org/x", "https://hooks.example.org:8443/x",
        "ftp://hooks.example.org/", "https://u:p@hooks.example.org/", "s3://hooks.example.org/x",
        "https://hooks.example.org.evil.example/", "hooks.example.org",
    ],
)  # fmt: skip
def test_webhooks_go_to_hosts_of_the_list_by_https(address: str) -> None:
    found = settings("hooks.example.org", private_sources=False)
    check_webhook("https://hooks.example.org/x?y=z", found)
    with pytest.raises(RefusedAddressError):
        check_webhook(address, found)
    with pytest.raises(RefusedAddressError, match="no webhooks"):
        check_webhook("https://hooks.example.org/x", stills.load_settings(env={}))


def test_a_list_without_a_key_is_refused() -> None:
    with pytest.raises(StillsError, match="stills token --webhook"):
        settings("hooks.example.org", webhook_secret=None)
