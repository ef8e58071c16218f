"""Telling others how jobs ended: webhooks by the Standard Webhooks specification (standardwebhooks.com, 1.0).

A delivery is a row that came with the job's end, in its transaction, so none is forgotten and several replicas share
them. Each attempt is signed: HMAC-SHA256 over id, time and body with the key in ``service.webhook_secret``. The id
stays the same over all attempts; receivers know by it what they had already. What does not answer 2xx is tried again,
for three days or as long as the job is kept, whichever is shorter; 410 ends it at once.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stills.cancel import CancelToken
from stills.errors import CancelledError, FencedError, StillsError
from stills.media.http_source import lost
from stills.service.places import Allowed, Place, RefusedAddressError, take_apart
from stills.service.reach import Network, Resolve, Watch, system_resolve

if TYPE_CHECKING:
    from stills.service.jobs import JobStore
    from stills.service.jobs.types import Delivery, Job
    from stills.settings_model import Settings
    from stills.settings_service import ServiceSettings

SCHEDULE_S = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Pauses between attempts: the specification's own example, 5 s to 24 h, ten attempts in all."""
_JITTER = 0.1
"""Share by which a pause is longer or shorter, so that what failed together does not come back together."""
TIMEOUT_S = 15.0
"""Longest time for one attempt, all in all."""
LEASE_S = 60.0
"""Longer than an attempt takes: afterwards another replica may make it."""
SENDERS = 4
"""Attempts at the same time, so that one receiver that does not answer does not hold up the others."""
_ASK_S = 1.0
_MOST_ANSWER = 4096
_GONE = 410
_MOST_AFTER_S = 86400.0

_log = logging.getLogger(__name__)


def check_webhook(address: str, settings: Settings) -> None:
    """Raise ``RefusedAddressError`` for an address that is not told anything. Nothing is asked of the network."""
    _admitted(address, settings.service, Allowed(settings.service.webhooks))


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature`` for a message, by a secret ``whsec_…``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def pause(attempt: int, retry_after_s: float = 0.0) -> float | None:
    """Seconds to wait after failed attempt number ``attempt`` (from 1); ``None`` where it was the last."""
    if attempt > len(SCHEDULE_S):
        return None
    drawn = SCHEDULE_S[attempt - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter needs no secret
    return max(drawn, min(retry_after_s, _MOST_AFTER_S))


class _RefusedError(Exception):
    """The receiver answered, but not that all is well."""

    def __init__(self, status: int, retry_after_s: float) -> None:
        super().__init__(f"the answer was {status} {http.client.responses.get(status, '')}".strip())
        self.status = status
        self.retry_after_s = retry_after_s


class Deliverer:
    """Sends what is to be sent, from :meth:`start` to :meth:`stop`. Any number of replicas may."""

    def __init__(
        self,
        store: JobStore,
        settings: Settings,
        *,
        data: Callable[[Job], Mapping[str, Any]] | None = None,
        resolve: Resolve = system_resolve,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            store: Where deliveries are.
            settings: Which hosts there are, and the secret.
            data: What is told of a job; by default :func:`job_data`.
            resolve: How hosts become addresses; another one in tests.
            context: For TLS; another one in tests.
        """
        self._store = store
        self._service = settings.service
        self._allowed = Allowed(settings.service.webhooks)
        self._data = data or job_data
        self._network = Network(
            private=settings.service.private_sources, idle_s=TIMEOUT_S, resolve=resolve, context=context
        )
        self._token = CancelToken()
        self._free = threading.Semaphore(SENDERS)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin. Where no hosts are allowed there is nothing to do."""
        if self._service.webhooks:
            self._begin(self._run, "stills webhooks")

    def stop(self, timeout_s: float = 5.0) -> None:
        """End: attempts under way are given up, and made again later. Harmless to call twice."""
        self._token.cancel()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._threads.clear()

    def _begin(self, target: Callable[[], None], name: str) -> None:
        self._threads = [one for one in self._threads if one.is_alive()]
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        while not self._token.cancelled:
            if not self._free.acquire(timeout=_ASK_S):
                continue
            found: Sequence[Delivery] = ()
            try:
                found = self._store.claim_deliveries(1, LEASE_S)
            except StillsError as error:
                _log.warning("webhooks are not sent now: %s", error)
            if not found:
                self._free.release()
                self._token.wait(_ASK_S)
                continue
            self._begin(lambda one=found[0]: self._work(one), "stills webhook")  # type: ignore[misc]

    def _work(self, delivery: Delivery) -> None:
        try:
            self._deliver(delivery)
        except CancelledError:
            _log.debug("a webhook of job %s is sent later: the service ends", delivery.job.id)
        except StillsError as error:  # the lease runs out, and it is tried again
            _log.warning("a webhook of job %s: %s", delivery.job.id, error)
        finally:
            self._free.release()

    def _deliver(self, delivery: Delivery) -> None:
        """One attempt, and what became of it. Raises what the store raises, and ``CancelledError``."""
        after, gone = 0.0, False
        try:
            place = _admitted(delivery.address, self._service, self._allowed)
            self.send(delivery, place)
        except CancelledError:
            raise
        except _RefusedError as error:
            said, after, gone = str(error), error.retry_after_s, error.status == _GONE
        except RefusedAddressError as error:  # the settings are other ones than when the job was made
            said, gone = error.message, True
        except StillsError as error:
            said = error.message
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._token.check()
            said = lost(delivery.address, error).message
        else:
            self._store.delivered(delivery)
            _log.info("job %s: %s was told (attempt %d)", delivery.job.id, place.shown, delivery.attempt)
            return
        retry_in = None if gone else pause(delivery.attempt, after)
        with contextlib.suppress(FencedError):
            self._store.not_delivered(delivery, said, retry_in)
        more = "given up" if retry_in is None else f"tried again in {retry_in:.0f} s"
        _log.warning("job %s: its webhook failed, attempt %d: %s; %s", delivery.job.id, delivery.attempt, said, more)

    def send(self, delivery: Delivery, place: Place) -> None:
        """One attempt. Raises ``_RefusedError`` for every answer but 2xx; ``OSError``, ``StillsError``."""
        secret = self._service.webhook_secret
        assert secret is not None  # noqa: S101 - the settings want one where hosts are allowed
        now = time.time()
        identity = f"msg_{delivery.job.id}_{delivery.id}"
        body = self._body(delivery)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": signature(secret.get_secret_value(), identity, int(now), body),
        }
        with (
            Watch(self._token, TIMEOUT_S) as watch,
            self._network.ask(place, watch, method="POST", body=body, headers=headers) as answer,
        ):
            if not 200 <= answer.status < 300:
                after = answer.headers.get("Retry-After", "").strip()
                raise _RefusedError(answer.status, float(after) if after.isdecimal() and len(after) < 7 else 0.0)
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer.read(_MOST_ANSWER)  # a receiver that is still writing is not cut off

    def _body(self, delivery: Delivery) -> bytes:
        message = {
            "type": f"job.{delivery.event}",
            "timestamp": _time(delivery.created_at),
            "data": dict(self._data(delivery.job)),
        }
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def job_data(job: Job) -> dict[str, Any]:
    """What a webhook tells of a job: that it ended, and how; what it found is fetched, with a token."""
    error = job.error
    return {
        "id": job.id,
        "state": job.state,
        "recipe": job.recipe,
        "name": job.name,
        "source": job.source,
        "created": _time(job.created_at),
        "started": _time(job.started_at),
        "finished": _time(job.finished_at),
        "expires": _time(job.expires_at),
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "remedy": error.remedy, "retryable": error.retryable},
        "summary": dict(job.summary),
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _admitted(address: str, service: ServiceSettings, allowed: Allowed) -> Place:
    if not service.webhooks:
        raise RefusedAddressError("no webhooks are sent from here", remedy="leave it out, and ask for the job's events")
    schemes = frozenset({"https", "http"} if service.private_sources else {"https"})
    place = take_apart(address, schemes)
    if not allowed.admits(place):
        said = f"no webhooks are sent to {place.shown}"
        raise RefusedAddressError(said, remedy="have the host added to the setting service.webhooks")
    return place
