"""What a scan tells of its segments: bytes that were really read, when a segment was done, log lines that name it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import stills
from media_factory import Movie, make
from range_server import range_serving
from stills.errors import DecoderCrashError
from stills.log import IdsFilter
from stills.media.probe import probe_with_packets
from stills.media.sandbox_tasks import Task, TaskResult
from stills.scan.observer import SegmentReport
from stills.scan.scanner import Scanner
from stills.settings import Settings, change_settings

pytestmark = pytest.mark.slow


@dataclass
class Observer:
    """Keeps what it was told."""

    planned: list[tuple[int, int]] = field(default_factory=list)
    reports: list[SegmentReport] = field(default_factory=list)

    def segments_planned(self, total: int, kept: int) -> None:
        self.planned.append((total, kept))

    def segment_finished(self, segment: SegmentReport) -> None:
        self.reports.append(segment)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What stills logs, with its ids."""
    kept: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    handler, logger = Keep(), logging.getLogger("stills")
    handler.addFilter(IdsFilter())
    logger.addHandler(handler)
    before, _ = logger.level, logger.setLevel(logging.DEBUG)
    yield kept
    logger.setLevel(before)
    logger.removeHandler(handler)


def given(cache: Path, **options: Any) -> Settings:
    return change_settings(stills.load_settings(), cache_dir=cache, segment_seconds=2, workers=1, **options)


def test_bytes_of_a_local_video_are_those_of_the_packets_that_were_read(tmp_path: Path) -> None:
    path = str(make(tmp_path / "film.mp4", Movie(frames=150, gop=25)))
    _, packets = probe_with_packets(path)
    observer = Observer()
    began = time.monotonic()
    with Scanner(given(tmp_path / "cache"), observer=observer) as scanner:
        scanner.scan(path, layers=("shots",))
    ended = time.monotonic()
    assert [total for total, _ in observer.planned] == [len(observer.reports)]
    assert len(observer.reports) > 1
    total = int(packets.size.sum())
    read = [report.bytes_read for report in observer.reports]
    assert sum(read) >= total, "each packet at least once: what lies before a segment may be read to get there"
    assert 0 < min(read) < max(read) <= total
    assert all(began < report.ended - report.seconds < report.ended < ended for report in observer.reports)


def test_bytes_of_a_remote_video_are_those_that_came_over_the_network(tmp_path: Path) -> None:
    data = make(tmp_path / "film.mp4", Movie(width=320, height=240, frames=500, gop=25)).read_bytes()
    observer = Observer()
    settings = given(tmp_path / "cache", effort="fast")
    with range_serving(film=data) as server, Scanner(settings, observer=observer) as scanner:
        scanner.packets(server.url("/film.mp4"))  # the worker knows the tables now
        before = server.given
        scanner.scan(server.url("/film.mp4"), layers=("shots",), quick=True)
        given_meanwhile = server.given - before
    read = sum(report.bytes_read for report in observer.reports)
    assert 0 < read <= given_meanwhile < len(data)


def test_log_lines_name_the_segment_that_failed(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    path = str(make(tmp_path / "film.mp4", Movie(frames=150, gop=25)))
    died = DecoderCrashError("the decoder crashed", path=path).with_details(
        "FFmpeg said https://me:secret@host/a?key=1"
    )

    class Crashing:
        """Runs tasks for real, but the first two tries of segment 1."""

        workers = 1
        left = 2

        def __init__(self, tasks: Any) -> None:
            self._tasks = tasks

        def run(self, tasks: list[Task], **how: Any) -> Iterator[TaskResult]:
            for task in tasks:
                if task.key[0] == 1 and self.left:
                    self.left -= 1
                    yield TaskResult(task.key, None, died)
                else:
                    yield from self._tasks.run([task], **how)

    with Scanner(given(tmp_path / "cache"), observer=(observer := Observer())) as scanner:
        staff = scanner._staff
        crashing = Crashing(staff.tasks(()))
        scanner._staff = SimpleNamespace(  # type: ignore[assignment]
            tasks=lambda layers: crashing,
            release=staff.release,
            models=staff.models,
            fit=staff.fit,
            close=staff.close,
        )
        scanner.scan(path, layers=("shots",))
    failed = [record for record in records if "failed" in record.getMessage()]
    assert [record.__dict__["segment"] for record in failed] == [1, 1]
    assert "the decoder crashed" in failed[0].getMessage()
    done = {record.__dict__["segment"] for record in records if "finished in" in record.getMessage()}
    assert done == {report.number for report in observer.reports}
    said = "\n".join(record.getMessage() for record in records)
    assert "FFmpeg said" in said
    assert "secret" not in said
    assert "key=1" not in said


def test_a_result_says_when_it_came_not_when_it_was_looked_at() -> None:
    before = time.monotonic()
    result = TaskResult((0, 0), None, None)
    after = time.monotonic()
    assert before <= result.ended <= after
    assert result == TaskResult((0, 0), None, None), "results of different times are equal"
