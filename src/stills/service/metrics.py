"""The metrics of the service. ``docs/service.md`` lists them."""

from __future__ import annotations

import threading
from dataclasses import fields
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stills.jobs.watch.metrics import Registered
from stills.service.jobs.types import STATES

if TYPE_CHECKING:
    from stills.service.jobs import JobStore

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)
"""Seconds: from what is answered from memory to uploads over slow lines."""


class ServiceMetrics(Registered):
    """All metrics of one replica; what is counted in the database is that of all replicas."""

    def __init__(self, runner: str = "local") -> None:
        """``runner`` is named in ``stills_build_info``."""
        super().__init__()
        self._lock = threading.Lock()
        self.jobs = self._gauge("stills_service_jobs", "Jobs that there are, by state.", "state")
        self.oldest = self._gauge("stills_service_queue_age_seconds", "How long the first job of the queue waits.")
        self.requests = self._counter(
            "stills_service_requests_total", "Requests that were answered.", "method", "route", "status"
        )
        self.seconds = self._histogram(
            "stills_service_request_seconds", "Time until a request was answered to its end.", REQUEST_BUCKETS, "route"
        )
        self.under_way = self._gauge("stills_service_requests_under_way", "Requests that are being answered.")
        self.uploads = self._gauge("stills_service_uploads_under_way", "Uploads that are being received.")
        self.received = self._counter("stills_service_received_bytes_total", "Bytes of bodies that were received.")
        self.sent = self._counter("stills_service_sent_bytes_total", "Bytes of bodies that were sent.")
        self._build(runner)

    def text(self, store: JobStore) -> tuple[bytes, str]:
        """What Prometheus reads, and its media type. Raises what the store raises."""
        counts = store.counts()
        with self._lock:
            for field in fields(counts):
                if field.name in STATES:
                    self.jobs.labels(field.name).set(getattr(counts, field.name))
            self.oldest.set(counts.oldest_s)
            return generate_latest(self.registry), CONTENT_TYPE_LATEST
