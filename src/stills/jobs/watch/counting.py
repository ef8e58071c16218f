"""A watch that keeps Prometheus metrics, which are served at a port or written to a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from stills.jobs.watch import VideoIds, VideoWatch
from stills.jobs.watch.labels import CLASSES, CODES, FAILURES, RECIPES, STAGES, STATES, STATUSES, SUCCESSES, bounded
from stills.jobs.watch.metrics import Metrics
from stills.scan.observer import SegmentReport


class _Video:
    """One try of one video."""

    def __init__(self, metrics: Metrics, recipe: str) -> None:
        self._metrics, self._recipe = metrics, recipe

    def segments_planned(self, total: int, kept: int) -> None:
        self._metrics.segments_resumed.inc(kept)

    def segment_finished(self, segment: SegmentReport) -> None:
        metrics = self._metrics
        metrics.segment_seconds.observe(segment.seconds)
        metrics.frames_decoded.inc(segment.frames_decoded)
        metrics.frames_measured.inc(segment.frames)
        metrics.faces.inc(segment.faces)
        metrics.bytes_read.inc(segment.bytes_read)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._metrics.stage_seconds.labels(bounded(name, STAGES)).observe(time.monotonic() - began)

    def ended(self, status: str, *, seconds: float, error_class: str | None = None, code: str | None = None) -> None:
        metrics, recipe = self._metrics, self._recipe
        metrics.videos.labels(recipe, bounded(status, STATUSES)).inc()
        if status in SUCCESSES:
            metrics.video_seconds.labels(recipe).observe(seconds)
            metrics.last_success.set_to_current_time()
        elif status in FAILURES:
            metrics.failures.labels(recipe, bounded(error_class, CLASSES), bounded(code, CODES)).inc()


class MetricsWatch:
    """Keeps ``metrics``; ``closers`` end whoever shows them."""

    def __init__(self, metrics: Metrics, closers: Sequence[Callable[[], object]] = ()) -> None:
        """``closers`` are called once, with the run said to be over."""
        self._metrics, self._closers = metrics, list(closers)

    @contextmanager
    def video(self, ids: VideoIds) -> Iterator[VideoWatch]:
        """A try begins."""
        metrics, recipe = self._metrics, bounded(ids.recipe, RECIPES)
        for status in STATUSES:  # series that begin at 0 show their first increase
            metrics.videos.labels(recipe, status)
        if ids.attempt > 1:
            metrics.retries.labels(recipe).inc()
        with metrics.under_way.track_inprogress():
            yield _Video(metrics, recipe)

    def counted(self, recipe: str, status: str, count: int = 1) -> None:
        """Inputs that ended without a try."""
        self._metrics.videos.labels(bounded(recipe, RECIPES), bounded(status, STATUSES)).inc(count)

    def queue(self, depth: Mapping[str, int]) -> None:
        """The states of the library's videos."""
        for state in STATES:
            if state in depth:
                self._metrics.queue_depth.labels(state).set(depth[state])

    def close(self) -> None:
        """The run is over."""
        self._metrics.active.set(0)
        closers, self._closers = self._closers, []
        with ExitStack() as stack:
            for closer in closers:
                stack.callback(closer)
