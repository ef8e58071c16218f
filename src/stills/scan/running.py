"""Running the segments of a scan in workers, and what to do when one of them breaks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.addresses import clean
from stills.errors import CorruptVideoError, LimitError, MemoryLimitError
from stills.index.previews import PreviewPlan
from stills.index.store import IndexStore
from stills.log import log_ids
from stills.media.sandbox_tasks import Task, TaskResult
from stills.scan.observer import ScanObserver, SegmentReport
from stills.scan.plan import Segment, SegmentTask
from stills.scan.watch import OutOfTimeError, Watch
from stills.scan.work import Key, Work, around
from stills.scan.workers import Tasks
from stills.types import ProgressCallback

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.index.store import SegmentRows
    from stills.settings_model import Settings

WORKER = "stills.scan.worker"
"""Module of the functions that run in workers."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SegmentRunner:
    """Runs segments in ``pool``, keeps in ``store`` what is finished."""

    store: IndexStore
    pool: Tasks
    settings: Settings
    observer: ScanObserver | None = None

    def run(
        self, work: Work, segments: list[Segment], on_progress: ProgressCallback | None, cancel: CancelToken | None
    ) -> None:
        """Run all segments that were not finished before; a piece that breaks a worker is cut around the place."""
        json = work.parameters.to_json()
        queue: list[tuple[Key, Segment]] = []
        for segment in segments:
            rows = self.store.load_segment(work.content, json, segment.number)
            if rows is not None and rows.notes.get("layers") == sorted(work.layers):
                work.done[segment.number, 0] = [rows]
                work.reached[segment.number, 0] = segment.end_time - segment.start_time
            else:
                queue.append(((segment.number, 0), segment))
        if self.observer is not None:
            self.observer.segments_planned(len(segments), len(segments) - len(queue))
        limits = self.settings.limits
        watch = Watch(cancel, work.started, limits.video_timeout)
        try:
            for attempt in range(limits.retries + 1):
                if not queue:
                    return
                pieces = dict(queue)
                queue = []
                for result in self._results(work, pieces, on_progress, watch):
                    with log_ids(segment=result.key[0]):
                        queue += self._take(work, result, pieces[result.key], last_try=attempt == limits.retries)
                    work.tell(on_progress)
                if any(pieces.get(key) == piece for key, piece in queue):  # whole again: what was in its way may pass
                    watch.pause(attempt, limits.retry_delay)
        except OutOfTimeError as error:
            work.warnings.append(error.message)
            work.stopped = error

    def _take(self, work: Work, result: TaskResult, segment: Segment, *, last_try: bool) -> list[tuple[Key, Segment]]:
        """Note what came of a piece; what is to be tried again."""
        if result.ok:
            work.done[result.key] = result.value
            work.reached[result.key] = segment.end_time - segment.start_time
            kept = result.key[1] == 0 and len(result.value) == 1  # of many parts, none would be the whole segment
            if kept:
                self.store.save_segment(work.content, work.parameters.to_json(), result.value[0])
            report = _report(result, kept=kept)
            what = "%.1f–%.1f s finished in %.2f s: %d frames decoded, %d faces"
            _log.debug(what, segment.start_time, segment.end_time, report.seconds, report.frames_decoded, report.faces)
            if self.observer is not None:
                self.observer.segment_finished(report)
            return []
        _log.info("%.1f–%.1f s failed: %s", segment.start_time, segment.end_time, result.error)
        if result.error is not None and result.error.details:
            _log.debug("its worker said:\n%s", clean(result.error.details))
        limited = self.settings.limits.max_memory is not None and isinstance(result.error, MemoryLimitError)
        if limited or not isinstance(result.error, CorruptVideoError | LimitError):
            result.unwrap()  # not about this place of the video: raises
        elif last_try:
            work.failed.append((segment, result.error))
        elif result.error.retryable:
            return [(result.key, segment)]  # nothing speaks against this place of the video
        else:
            return around(work, result, segment)
        return []

    def _results(
        self,
        work: Work,
        pieces: Mapping[Key, Segment],
        on_progress: ProgressCallback | None,
        watch: Watch,
    ) -> Iterator[TaskResult]:
        index_folder = self.store.folder(work.content, work.parameters.to_json())
        spill = str(index_folder / "spill")
        threads, room = self.settings.scan.threads, self.settings.scan.previews << 20
        previews = PreviewPlan.of(index_folder, work.video, room) if room else None
        tasks = [
            Task(
                key,
                f"{WORKER}:scan_part",
                (
                    SegmentTask(
                        work.path,
                        work.video,
                        work.packets,
                        piece,
                        work.parameters,
                        work.layers,
                        threads,
                        spill,
                        work.hold_bytes,
                        previews,
                    ),
                ),
                work.video.path,
            )
            for key, piece in _in_order(pieces, self.pool.workers).items()
        ]

        def progressed(key: Any, value: Any) -> None:
            work.reached[key] = max(0.0, value[1] - pieces[key].start_time)
            work.tell(on_progress)

        return self.pool.run(tasks, on_progress=progressed, cancel=watch)


def _report(result: TaskResult, *, kept: bool) -> SegmentReport:
    parts: list[SegmentRows] = result.value
    return SegmentReport(
        number=result.key[0],
        pieces=len(parts),
        seconds=result.seconds,
        frames_decoded=sum(int(part.notes["frames_decoded"]) for part in parts),
        frames=sum(part.frames.num_rows for part in parts),
        faces=sum(part.faces.num_rows for part in parts),
        bytes_read=sum(int(part.notes.get("bytes_read", 0)) for part in parts),
        kept=kept,
        ended=result.ended,
    )


def _in_order(pieces: Mapping[Key, Segment], workers: int) -> dict[Key, Segment]:
    """``pieces`` in order of time, but of the last few the longest first: so that workers end at about one time."""
    keys = list(pieces)
    tail = max(0, len(keys) - 2 * workers)
    last = sorted(keys[tail:], key=lambda key: pieces[key].start_time - pieces[key].end_time)
    return {key: pieces[key] for key in (*keys[:tail], *last)}
