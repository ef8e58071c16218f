"""Traces of a run by OpenTelemetry: one for each try of a video, linked to that of the run.

``stills.video`` → ``stills.answer``, ``stills.save``, ``stills.publish`` → ``stills.segment``. A library may have many
thousands of videos; in one trace, no collector would keep them, and sampling could only take all or none.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stills._version import __version__
from stills.addresses import clean, public_name
from stills.errors import CancelledError, FencedError, StillsError, StrictError
from stills.jobs.watch import VideoIds, VideoWatch, Watch
from stills.jobs.watch.labels import CLASSES, CODES, FAILURES, STAGES, STATUSES, bounded
from stills.jobs.watch.tracing_asked import asked
from stills.log import log_ids
from stills.scan.observer import SegmentReport

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

CLOSE_S = 3.0
"""How long the end of a run waits for what the collector has not taken yet."""

LONGEST = 512
"""Characters of a name or message that go into a trace."""

KINDS = 5
"""Kinds of complaints that are said as warnings, in one run."""

PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"

_log = logging.getLogger(__name__)


def open_traces(environ: Mapping[str, str], *, strict: bool = False, out: str | None = None) -> Watch | None:
    """Send traces where ``environ`` says; ``None`` where it says nothing.

    What it asks for and cannot be had is a warning, and the work goes on without traces: such variables are often set
    for a whole cluster. Raises ``StrictError`` instead, if ``strict``.
    """
    names = asked(environ)
    if not names:
        return None
    complaints = _Complaints()
    try:
        exporters = [_exporter(name, environ) for name in names]
        return TraceWatch(_provider(exporters, environ), exporters, complaints, out)
    except ImportError:
        said, remedy = "OpenTelemetry is not installed", "pip install 'stills[otel]', or set OTEL_SDK_DISABLED=true"
    except _UnknownError as error:
        said, remedy = str(error), "correct it, or set OTEL_SDK_DISABLED=true"
    except (OSError, TypeError, ValueError) as error:  # an endpoint, a time, a certificate that is wrong
        said, remedy = f"OpenTelemetry refuses its settings: {clean(str(error))}", "correct the OTEL_… variables"
    complaints.end()
    if strict:
        raise StrictError(f"traces are asked for, but {said}", remedy=remedy)
    _log.warning("traces are asked for, but %s: there will be none — %s", said, remedy)
    return None


class _UnknownError(Exception):
    """The environment asks for what there is not."""


def _exporter(name: str, environ: Mapping[str, str]) -> SpanExporter:
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)  # standard output is for results
    if name != "otlp":
        raise _UnknownError(f"OTEL_TRACES_EXPORTER={name} is not otlp, console or none")
    for variable in PROTOCOLS:
        if (protocol := environ.get(variable, "").strip()) and protocol != _HTTP:
            raise _UnknownError(f"{variable}={protocol} is not {_HTTP}, which alone is spoken here")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _provider(exporters: list[SpanExporter], environ: Mapping[str, str]) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {"service.version": __version__}
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        about["service.name"] = "stills"
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class _Complaints(logging.Handler):
    """Says each kind of complaint of OpenTelemetry once, as a line of ours; those that follow are for debug."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.given_up = False
        """Whether all is said: nothing more will be sent."""
        self._said: set[str] = set()
        logging.getLogger("opentelemetry").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        known = self.given_up or record.msg in self._said or len(self._said) >= KINDS
        level = logging.DEBUG if known else logging.WARNING
        self._said.add(str(record.msg))
        _log.log(level, "traces: %s (the work goes on)", _short(clean(record.getMessage())))

    def end(self) -> None:
        """Listen no more."""
        logging.getLogger("opentelemetry").removeHandler(self)


class TraceWatch:
    """Makes spans with ``provider``."""

    def __init__(
        self, provider: TracerProvider, exporters: list[SpanExporter], complaints: _Complaints, out: str | None = None
    ) -> None:
        """The run begins. All that it is given is closed with it."""
        self._provider, self._exporters, self._complaints = provider, exporters, complaints
        self._tracer = provider.get_tracer("stills", __version__)
        self._run = self._tracer.start_span("stills.run")
        if out is not None:
            self._run.set_attribute("stills.out", _short(public_name(out)))
        self._open = True

    @contextmanager
    def video(self, ids: VideoIds) -> Iterator[VideoWatch]:
        """A try begins: a trace of its own."""
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, format_span_id, format_trace_id

        self._run.set_attribute("stills.run", ids.run)
        about: dict[str, int | str] = {
            "stills.run": ids.run,
            "stills.video": ids.video,
            "stills.attempt": ids.attempt,
            "stills.recipe": _short(ids.recipe),
            "stills.source": _short(public_name(ids.source)),
        }
        links = [Link(self._run.get_span_context())]
        span = self._tracer.start_span("stills.video", Context(), attributes=about, links=links)
        place = span.get_span_context()
        with (
            log_ids(trace_id=format_trace_id(place.trace_id), span_id=format_span_id(place.span_id)),
            _current(span),
        ):
            yield _Video(self._tracer, span)

    def counted(self, recipe: str, status: str, count: int = 1) -> None:
        """Nothing: no time was spent on them."""

    def queue(self, depth: Mapping[str, int]) -> None:
        """Nothing: that is for metrics."""

    def close(self) -> None:
        """The run is over: send what is left, for a few seconds at most."""
        if not self._open:
            return
        self._open = False
        self._run.end()
        sending = threading.Thread(target=self._send, name="stills-traces", daemon=True)
        sending.start()
        sending.join(CLOSE_S)
        if sending.is_alive():
            self._complaints.given_up = True
            _log.warning("traces: the collector did not take all within %g s, the last are lost", CLOSE_S)
            for exporter in self._exporters:
                exporter.shutdown()  # ends its tries

    def _send(self) -> None:
        """Send what is left, however long it takes."""
        self._provider.shutdown()
        self._complaints.end()


class _Video:
    """One try of one video, in its thread."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer, self._span = tracer, span
        self._now = span
        self._segments = self._kept = 0

    def segments_planned(self, total: int, kept: int) -> None:
        self._segments += total
        self._kept += kept
        self._span.set_attributes({"stills.segments": self._segments, "stills.segments.resumed": self._kept})

    def segment_finished(self, segment: SegmentReport) -> None:
        from opentelemetry.trace import set_span_in_context

        # Spans have the system's time, which may jump; what was measured is how long ago it was.
        end = time.time_ns() - int((time.monotonic() - segment.ended) * 1e9)
        about: dict[str, int | bool] = {
            "stills.segment": segment.number,
            "stills.frames.decoded": segment.frames_decoded,
            "stills.frames": segment.frames,
            "stills.faces": segment.faces,
            "stills.bytes_read": segment.bytes_read,
            "stills.kept": segment.kept,
        }
        begin = end - int(segment.seconds * 1e9)
        context = set_span_in_context(self._now)
        self._tracer.start_span("stills.segment", context, attributes=about, start_time=begin).end(end)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        from opentelemetry.trace import set_span_in_context

        before = self._now
        span = self._tracer.start_span(f"stills.{bounded(name, STAGES)}", set_span_in_context(before))
        self._now = span
        try:
            with _current(span):
                yield
        finally:
            self._now = before

    def ended(self, status: str, *, seconds: float, error_class: str | None = None, code: str | None = None) -> None:
        from opentelemetry.trace import StatusCode

        span = self._span
        span.set_attribute("stills.status", bounded(status, STATUSES))
        span.set_attribute("stills.seconds", seconds)
        if error_class is not None:
            span.set_attribute("stills.error.class", bounded(error_class, CLASSES))
        if code is not None:
            span.set_attribute("error.type", bounded(code, CODES))
        if status in FAILURES:
            span.set_status(StatusCode.ERROR, bounded(code, CODES))


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """Have ``span`` be the current one, note in it what is raised, and end it."""
    from opentelemetry.trace import StatusCode, use_span

    try:
        with use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    except (CancelledError, FencedError):  # nothing went wrong with the video
        raise
    except BaseException as error:
        said = _short(clean(error.message if isinstance(error, StillsError) else str(error)))
        span.add_event("exception", {"exception.type": type(error).__qualname__, "exception.message": said})
        span.set_status(StatusCode.ERROR, error.code if isinstance(error, StillsError) else type(error).__qualname__)
        raise
    finally:
        span.end()


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
