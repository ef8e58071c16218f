"""The metrics of a run, in a registry of their own. ``docs/operations/metrics.md`` lists them."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stills._version import __version__

SEGMENT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Seconds. A segment is 15 s of video, which takes from a tenth of a second (key frames only) to minutes (8K)."""

VIDEO_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)
"""Seconds: from a clip to a day's recording."""

PROCESS = "stills"
"""Before the names of the process's own metrics: a node exporter that reads our file has such metrics itself."""


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as its users see it."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "info"]
    meaning: str
    labels: tuple[str, ...] = ()


class Registered:
    """Metrics in a registry of their own, with those of the process; ``described`` lists what there is."""

    def __init__(self) -> None:
        """There are none yet but those of the process."""
        self.described: list[Described] = []
        self._own = CollectorRegistry()
        self.registry = CollectorRegistry()
        """What is to be served."""
        self.registry.register(_WithoutCreated(self._own))
        ProcessCollector(namespace=PROCESS, registry=self.registry)

    def _build(self, runner: str) -> None:
        about = "Version of stills and of Python, and the runner."
        self.described.append(Described("stills_build_info", "info", about, ("version", "python", "runner")))
        info = Info("stills_build", about, registry=self._own)
        info.info({"version": __version__, "python": platform.python_version(), "runner": runner})

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        self.described.append(Described(name, "counter", meaning, labels))
        return Counter(name, meaning, labels, registry=self._own)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        self.described.append(Described(name, "gauge", meaning, labels))
        return Gauge(name, meaning, labels, registry=self._own)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
        self.described.append(Described(name, "histogram", meaning, labels))
        return Histogram(name, meaning, labels, buckets=buckets, registry=self._own)


class Metrics(Registered):
    """All metrics of one run. Counters begin at 0."""

    def __init__(self, runner: str = "local") -> None:
        """``runner`` is named in ``stills_build_info``."""
        super().__init__()
        self.videos = self._counter(
            "stills_videos_total",
            "Tries that ended, and inputs that needed none, by how.",
            "recipe",
            "status",
        )
        self.failures = self._counter(
            "stills_failures_total", "Tries that failed, by the class and code of the error.", "recipe", "class", "code"
        )
        self.retries = self._counter(
            "stills_retries_total", "Tries beyond the first of a video, whatever ended the one before.", "recipe"
        )
        self.video_seconds = self._histogram(
            "stills_video_seconds", "Wall time of tries that gave a result.", VIDEO_BUCKETS, "recipe"
        )
        self.stage_seconds = self._histogram(
            "stills_stage_seconds", "Wall time of the parts of a try.", VIDEO_BUCKETS, "stage"
        )
        self.segment_seconds = self._histogram(
            "stills_segment_seconds", "Wall time of segments in their workers.", SEGMENT_BUCKETS
        )
        self.segments_resumed = self._counter(
            "stills_segments_resumed_total", "Segments that were taken over from an interrupted try."
        )
        self.frames_decoded = self._counter("stills_frames_decoded_total", "Frames that came out of decoders.")
        self.frames_measured = self._counter("stills_frames_measured_total", "Frames that were measured.")
        self.faces = self._counter("stills_faces_total", "Faces found in frames that were measured.")
        self.bytes_read = self._counter(
            "stills_bytes_read_total", "Bytes of videos read by segments: over the network, or packets of local files."
        )
        self.queue_depth = self._gauge("stills_queue_depth", "Videos that the run was given, by state.", "state")
        self.under_way = self._gauge("stills_videos_under_way", "Videos that this process works on now.")
        self.active = self._gauge("stills_run_active", "1 while the run goes on, 0 once it has ended.")
        self.started = self._gauge("stills_run_start_timestamp_seconds", "When the run began, in Unix time.")
        self.last_success = self._gauge(
            "stills_last_success_timestamp_seconds", "When a video last ended with a result, in Unix time; 0: none yet."
        )
        self._build(runner)
        self.active.set(1)
        self.started.set(time.time())


class _WithoutCreated(Collector):
    """What is in a registry, but when each series was made: that doubles the series and nobody asks for it.

    The library's own switch is one for the whole process, which may be somebody else's.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
