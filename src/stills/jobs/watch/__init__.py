"""Watching a library being worked on: metrics, traces and logs that know which video and segment they are about.

What works calls a :class:`Watch`; what it is made of (Prometheus, OpenTelemetry, nothing) the settings say, and
:func:`stills.jobs.watch.opening.open_watch` opens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from stills.scan.observer import ScanObserver


@dataclass(frozen=True, slots=True)
class VideoIds:
    """Which try of which video: what logs, traces and the store call it."""

    run: int
    video: int
    attempt: int
    recipe: str
    source: str
    """Path or address without credentials."""


class VideoWatch(ScanObserver, Protocol):
    """Told of one try of one video, in its thread."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """A part of the work: ``answer`` (scan and selection), ``save``, ``publish``."""
        ...

    def ended(self, status: str, *, seconds: float, error_class: str | None = None, code: str | None = None) -> None:
        """How the try ended: as :data:`stills.jobs.library.types.Status`, or ``released`` (interrupted)."""
        ...


class Watch(Protocol):
    """Told of a whole run, from many threads."""

    def video(self, ids: VideoIds) -> AbstractContextManager[VideoWatch]:
        """A try begins in this thread: logs and traces inside carry its ids."""
        ...

    def counted(self, recipe: str, status: str, count: int = 1) -> None:
        """So many inputs ended without a try: ``kept`` from an earlier run, ``left`` for later."""
        ...

    def queue(self, depth: Mapping[str, int]) -> None:
        """How many videos are in each state of the store; called every few seconds."""
        ...

    def close(self) -> None:
        """The run is over: write and send what is left. Harmless to call twice."""
        ...
