"""Opening a watch as the settings and the environment say."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from stills.jobs.watch import Watch
from stills.jobs.watch.parts import LogWatch, Watches

if TYPE_CHECKING:
    from collections.abc import Callable

    from stills.settings_model import Settings


def open_watch(settings: Settings, *, out: str | os.PathLike[str] | None = None) -> Watch:
    """Who is told how work on ``out`` goes: metrics where a port or file is set, traces where ``OTEL_…`` says so.

    Log lines know their video in any case; without more, that is all, and nothing else is loaded.

    Raises:
        UsageError: The port is taken, or may not be had.
        OutputError: The file cannot be written.
        StrictError: Traces are asked for that cannot be made, and ``strict`` is set; otherwise that is a warning.
    """
    parts: list[Watch] = [LogWatch()]
    with ExitStack() as stack:  # what was opened is closed where the next cannot be
        from stills.jobs.watch.tracing_asked import asked

        if settings.jobs.metrics_port is not None or settings.jobs.metrics_file is not None:
            parts.append(_metrics(settings))
            stack.callback(parts[-1].close)
        if asked(os.environ):
            from stills.jobs.watch.tracing import open_traces

            traces = open_traces(os.environ, strict=settings.strict, out=None if out is None else os.fspath(out))
            if traces is not None:
                parts.append(traces)
        stack.pop_all()
    return parts[0] if len(parts) == 1 else Watches(parts)


def _metrics(settings: Settings) -> Watch:
    from stills.jobs.watch.counting import MetricsWatch
    from stills.jobs.watch.metrics import Metrics
    from stills.jobs.watch.showing import MetricsFile, serve

    metrics, jobs = Metrics(settings.jobs.runner), settings.jobs
    closers: list[Callable[[], object]] = []
    with ExitStack() as stack:
        if jobs.metrics_port is not None:
            closers.append(serve(metrics.registry, jobs.metrics_port, jobs.metrics_address))
            stack.callback(closers[-1])
        if jobs.metrics_file is not None:
            closers.append(MetricsFile(metrics.registry, jobs.metrics_file).close)
        stack.pop_all()
    return MetricsWatch(metrics, closers)
