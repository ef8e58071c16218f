"""A video into an index: identity, cache, probe, segments in worker processes, joining."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    CorruptVideoError,
    IndexFormatError,
    InputError,
    LimitError,
    ModelError,
    StillsError,
    StrictError,
)
from stills.index.index import Index
from stills.index.spill import has_spill, read_spill, trim_spill
from stills.index.store import IndexStore, SegmentRows
from stills.media.sandbox import Pool, Task, TaskResult
from stills.media.source import content_id
from stills.scan.parameters import EFFORTS, MODELS, ScanParameters, scan_parameters
from stills.scan.plan import Segment, SegmentTask, plan_segments
from stills.scan.pool import start_workers
from stills.types import Effort, Fallback, Layer, Progress, ProgressCallback, ScanReport, VideoInfo

if TYPE_CHECKING:
    from stills.media.packets import PacketIndex
    from stills.settings_model import Settings

log = logging.getLogger(__name__)

_WORKER = "stills.scan.worker"

LOOK_AHEAD = 4
"""Frames behind the last one that came out of a decoder, of which any may be the one that killed it."""

DECODED_BYTES = 96 << 20
"""Decoded pictures that are held at a time."""


@dataclass(slots=True)
class _Work:
    """A scan under way."""

    path: str
    content: str
    video: VideoInfo
    packets: PacketIndex
    parameters: ScanParameters
    started: float
    done: dict[tuple[int, int], SegmentRows] = field(default_factory=dict)
    failed: list[tuple[Segment, StillsError]] = field(default_factory=list)
    reached: dict[tuple[int, int], float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    stopped: bool = False
    furthest: float = 0.0

    def position(self) -> float:
        """Seconds of video that were looked at; never less than before, though a crash takes some away."""
        self.furthest = max(self.furthest, min(float(sum(self.reached.values())), self.video.duration))
        return self.furthest

    def tell(self, on_progress: ProgressCallback | None) -> None:
        """Call ``on_progress``, where there is one."""
        if on_progress is not None:
            elapsed = time.monotonic() - self.started
            on_progress(Progress("scan", self.path, self.position(), self.video.duration, elapsed))


class Scanner:
    """Scans videos with a pool of worker processes that is kept between them. A context manager.

    Workers start with the first video that is not in the index; a scanner that only reads indexes starts none.
    """

    def __init__(self, settings: Settings, pool: Pool | None = None) -> None:
        """Nothing is started yet; ``pool`` are workers that were (see :func:`stills.scan.pool.start_workers`)."""
        self._settings = settings
        self._store = IndexStore(settings.cache_folder)
        self._pool = pool
        self._no_models: tuple[str, ModelError] | None = None

    def __enter__(self) -> Self:
        """Return the scanner itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """End the workers."""
        self.close()

    def close(self) -> None:
        """End the workers; the scanner can be used again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    @property
    def store(self) -> IndexStore:
        """Where the indexes are."""
        return self._store

    def configured(self, settings: Settings) -> Self:
        """This scanner with other settings; workers are kept where they serve those too."""
        if settings.limits != self._settings.limits or settings.scan.workers != self._settings.scan.workers:
            self.close()
        self._settings = settings
        self._store = IndexStore(settings.cache_folder)
        return self

    def probe(self, path: str, *, cancel: CancelToken | None = None) -> VideoInfo:
        """What the video at ``path`` is. Raises ``InputError`` and its children."""
        content_id(path)  # what is no file at all is refused here, with no process started
        return self._probe(path, cancel)[0]

    def warm_up(self) -> None:
        """Start the worker processes now, while the caller does something else."""
        self._workers().prestart()

    def scan(
        self,
        path: str,
        *,
        layers: Iterable[Layer] = ("faces",),
        on_progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Index:
        """The index of the video at ``path``, from the cache or by scanning.

        An index made with more effort than asked serves too. What an interrupted scan finished is used. Raises
        ``InputError`` and its children where there is no video in the file, ``ModelError`` where a model cannot be had,
        ``CancelledError``.
        """
        started = time.monotonic()
        content = content_id(path)
        if self._settings.scan.resume and (known := self.find(content, layers)) is not None:
            log.info("%s is in the index", path)
            return replace(known, video=replace(known.video, path=path))
        fallbacks = self._fallbacks()
        self._ensure_models(path)
        parameters = self._parameters(self._settings.scan.effort)
        video, packets = self._probe(path, cancel)
        self._store.prepare(content, parameters.to_json())
        work = _Work(path, content, video, packets, parameters, started)
        if not self._settings.scan.resume:
            self._store.drop_segments(content, parameters.to_json())
        self._run(work, plan_segments(video, packets, parameters), on_progress, cancel)
        return self._finish(work, frozenset(layers), fallbacks)

    def find(self, content: str, layers: Iterable[Layer]) -> Index | None:
        """The best index there is of ``content`` that answers for the settings' effort, or ``None``."""
        for effort in EFFORTS[EFFORTS.index(self._settings.scan.effort) :]:
            try:
                index = self._store.load(content, self._parameters(effort).to_json())
            except IndexFormatError as error:
                log.warning("%s: %s; it is scanned again", error.path, error.message)
                continue
            if index is not None and index.layers >= set(layers):
                return index
        return None

    def pictures(self, index: Index, pts: Iterable[int], *, cancel: CancelToken | None = None) -> Pictures:
        """The upright SDR pictures (RGB, height × width × 3, uint8) of the frames at ``pts``, made when asked for.

        Ask in rising order. Asking raises ``CorruptVideoError`` where a frame that the scan saw cannot be decoded any
        more.
        """
        return Pictures(self, index, sorted(set(pts)), cancel)

    def decode(
        self, index: Index, pts: list[int], *, cancel: CancelToken | None = None
    ) -> dict[int, NDArray[np.uint8]]:
        """Decode the pictures at ``pts`` in a worker; those that fail are missing. Raises ``InputError``."""
        path, device = index.video.path, str(index.parameters["device"])
        if content_id(path) != index.content:  # its frames have the same times, but show something else
            raise InputError("the file is not the one that was scanned", path=path, remedy="scan it again")
        args = (path, index.video, pts, self._settings.scan.threads, device)
        pictures: dict[int, NDArray[np.uint8]] = self._call("decode_pictures", args, path, cancel)
        return pictures

    def _parameters(self, effort: Effort) -> ScanParameters:
        from stills.models import place

        scan = self._settings.scan
        device = place("yunet", scan.device).device
        return scan_parameters(effort, segment_seconds=scan.segment_seconds, precision=scan.precision, device=device)

    def _ensure_models(self, path: str) -> None:
        """Have the models here before any worker needs them: fetching is for the parent, which may use the network.

        What failed for one video is not tried again for the next: a network that is away can take minutes to say so.
        """
        from stills.models import model_path

        if self._no_models is not None and self._no_models[0] != path:
            cause = self._no_models[1]
            raise ModelError("the models are not here, as said above", path=path, remedy=cause.remedy) from cause
        try:
            for name in MODELS:
                model_path(name)
        except ModelError as error:
            self._no_models = path, error
            raise
        self._no_models = None

    def _fallbacks(self) -> tuple[Fallback, ...]:
        """What runs elsewhere than asked. Raises ``StrictError`` where that is not accepted."""
        from stills.models import place

        placed = (place(name, self._settings.scan.device).fallback for name in MODELS)
        fallbacks = tuple(f for f in placed if f is not None)
        if fallbacks and self._settings.strict:
            raise StrictError(fallbacks[0].message, remedy="leave out --strict to accept this")
        return fallbacks

    def _workers(self) -> Pool:
        if self._pool is None:
            self._pool = start_workers(self._settings)
        return self._pool

    def _probe(self, path: str, cancel: CancelToken | None) -> tuple[VideoInfo, PacketIndex]:
        """What the video is, and its packets, found out in a worker."""
        found: tuple[VideoInfo, PacketIndex]
        found = self._call("probe_video", (path, self._settings.limits.max_pixels), path, cancel)
        return found

    def _call(self, function: str, args: tuple[Any, ...], path: str, cancel: CancelToken | None) -> Any:
        """Run one function in a worker."""
        task = Task(function, f"{_WORKER}:{function}", args, path)
        for result in self._workers().run([task], cancel=cancel):
            return result.unwrap()
        raise CancelledError("cancelled", path=path)

    def _run(
        self, work: _Work, segments: list[Segment], on_progress: ProgressCallback | None, cancel: CancelToken | None
    ) -> None:
        """Run all segments that were not finished before; a piece that breaks a worker is cut around the place."""
        json = work.parameters.to_json()
        queue: list[tuple[tuple[int, int], Segment]] = []
        for segment in segments:
            rows = self._store.load_segment(work.content, json, segment.number)
            if rows is not None:
                work.done[segment.number, 0] = rows
                work.reached[segment.number, 0] = segment.end_time - segment.start_time
            else:
                queue.append(((segment.number, 0), segment))
        deadline = self._settings.limits.video_timeout
        attempts = self._settings.limits.retries + 1
        while queue and attempts > 0:
            attempts -= 1
            pieces = dict(queue)
            queue = []
            for result in self._results(work, pieces, on_progress, cancel):
                segment = pieces[result.key]
                if result.ok:
                    work.done[result.key] = result.value
                    work.reached[result.key] = segment.end_time - segment.start_time
                    if result.key[1] == 0:
                        self._store.save_segment(work.content, json, result.value)
                    work.tell(on_progress)
                elif not isinstance(result.error, CorruptVideoError | LimitError):
                    result.unwrap()  # not about this place of the video: raises
                elif attempts and result.error.retryable:
                    queue.append((result.key, segment))  # nothing speaks against this place of the video
                elif attempts:
                    queue += _around(work, result, segment)
                else:
                    work.failed.append((segment, result.error))
                if deadline is not None and time.monotonic() - work.started > deadline:
                    work.warnings.append(f"stopped after {deadline:g} s (--video-timeout); the rest was not looked at")
                    work.stopped = True
                    return

    def _results(
        self,
        work: _Work,
        pieces: Mapping[tuple[int, int], Segment],
        on_progress: ProgressCallback | None,
        cancel: CancelToken | None,
    ) -> Iterator[TaskResult]:
        index_folder = self._store.folder(work.content, work.parameters.to_json())
        spill = str(index_folder / "spill")
        threads = self._settings.scan.threads
        tasks = [
            Task(
                key,
                f"{_WORKER}:scan_part",
                (SegmentTask(work.path, work.video, work.packets, piece, work.parameters, threads, spill),),
                work.path,
            )
            for key, piece in pieces.items()
        ]

        def progressed(key: Any, value: Any) -> None:
            work.reached[key] = max(0.0, value[1] - pieces[key].start_time)
            work.tell(on_progress)

        return self._workers().run(tasks, on_progress=progressed, cancel=cancel)

    def _finish(self, work: _Work, layers: frozenset[Layer], fallbacks: tuple[Fallback, ...]) -> Index:
        from stills.models import model_hashes
        from stills.scan.join import join_segments

        parts = sorted(work.done.values(), key=_place)
        decoded = sum(int(p.notes["frames_decoded"]) for p in parts)
        if not decoded:
            raise _nothing_decoded(work, parts)
        frames, shots, faces = join_segments(work.video, parts, work.parameters)
        for segment, error in work.failed:
            work.warnings.append(
                f"{segment.start_time:.1f}–{segment.end_time:.1f} s were not looked at: {error.message}"
            )
        if damaged := sum(int(p.notes.get("damaged", 0)) for p in parts):
            work.warnings.append(f"{damaged} damaged frame{'s' * (damaged > 1)} could be restored in part only")
        if errors := sum(int(p.notes["errors"]) for p in parts):
            first = next(p.notes["first_error"] for p in parts if p.notes["first_error"])
            work.warnings.append(f"{errors} packet{'s' * (errors > 1)} could not be decoded ({first})")
        json = work.parameters.to_json()
        times = frames["time"].filter(frames["analysed"]).to_numpy()
        report = ScanReport(
            effort=work.parameters.effort,
            frames_total=work.video.frame_count,
            frames_decoded=decoded,
            frames_analysed=len(times),
            coverage=_coverage(times, work.video.duration),
            seconds=round(time.monotonic() - work.started, 3),
        )
        index = Index(
            video=work.video,
            content=work.content,
            frames=frames,
            shots=shots,
            faces=faces,
            layers=layers,
            parameters=json,
            models=model_hashes(MODELS),
            report=report,
            fallbacks=fallbacks,
            warnings=tuple(work.warnings),
            partial=bool(work.failed or work.warnings or work.video.missing_end),
        )
        if work.stopped:
            return index  # not kept: the finished segments are, and the next call goes on from there
        index = self._store.save(index)
        best_first = faces.select(["pts", "quality"]).sort_by([("quality", "descending")])
        trim_spill(self._store.folder(work.content, json) / "spill", best_first["pts"].to_pylist())
        return index


class Pictures(Mapping[int, NDArray[np.uint8]]):
    """Pictures by pts: restored from the spill, or decoded in a worker, a few at a time."""

    def __init__(self, scanner: Scanner, index: Index, pts: list[int], cancel: CancelToken | None) -> None:
        """``pts`` in rising order."""
        self._scanner, self._index, self._pts, self._cancel = scanner, index, pts, cancel
        self._spill = None if index.folder is None else Path(index.folder) / "spill"
        self._ready: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._pts)

    def __iter__(self) -> Iterator[int]:
        """The pts, in rising order."""
        return iter(self._pts)

    def __getitem__(self, pts: int) -> NDArray[np.uint8]:
        """One picture. Raises ``KeyError`` for a pts that was not announced, ``CorruptVideoError``."""
        if pts not in self._pts:
            raise KeyError(pts)
        kept = None if self._spill is None else read_spill(self._spill, pts)
        if kept is not None:
            return kept.picture()
        if pts not in self._ready:
            self._ready = self._decode(pts)
        return self._ready[pts]

    def _decode(self, pts: int) -> dict[int, NDArray[np.uint8]]:
        """The picture at ``pts`` and the next few that are not in the spill: one pass over the video for all."""
        # The one asked for may be in the spill and damaged.
        later = [p for p in self._pts if p > pts and not (self._spill and has_spill(self._spill, p))]
        wanted = [pts, *later]
        video = self._index.video
        few = max(1, DECODED_BYTES // max(1, video.width * video.height * 3))
        found: dict[int, NDArray[np.uint8]] = self._scanner.decode(self._index, wanted[:few], cancel=self._cancel)
        if pts not in found:
            raise CorruptVideoError(
                f"the picked frame at pts {pts} cannot be decoded any more",
                path=video.path,
                remedy="was the file changed? run `stills forget` on it and scan it again",
            )
        return found


def _around(work: _Work, result: TaskResult, segment: Segment) -> list[tuple[tuple[int, int], Segment]]:
    """What is left of a segment when the place where its worker died is left out."""
    last = result.last_progress[0] if result.last_progress else None
    number, piece = result.key
    work.reached[result.key] = 0.0
    pieces = []
    if last is not None and (segment.start is None or last > segment.start):
        pieces.append(replace(segment, end=int(last), end_time=work.video.seconds(int(last))))
    after = work.packets.keyframe_pts
    if last is not None:  # the frame that killed it is the next one, or one of the few that decoders look ahead
        after = after[after > last + LOOK_AHEAD * work.packets.frame_ticks]
    else:
        after = after[after > (work.video.start_pts if segment.start is None else segment.start)]
    if len(after) and (segment.end is None or after[0] < segment.end):
        start = int(after[0])
        pieces.append(replace(segment, start=start, start_time=work.video.seconds(start)))
    lost_from = pieces[0].end_time if pieces and pieces[0].end != segment.end else segment.start_time
    work.warnings.append(f"the decoder failed near {lost_from:.1f} s ({result.error.message if result.error else ''})")
    return [((number, piece * 2 + 1 + i), p) for i, p in enumerate(pieces)]


def _place(rows: SegmentRows) -> tuple[int, int]:
    """Where rows belong: by segment, and by time among the pieces of one whose worker died, in whatever order."""
    return rows.number, int(rows.frames["pts"][0].as_py()) if len(rows.frames) else 0


def _coverage(times: NDArray[np.float64], duration: float) -> float:
    """Share of the video within half a second of a frame that was looked at for faces."""
    if not len(times) or duration <= 0:
        return 0.0
    reach = 0.5
    start, end = np.maximum(times - reach, 0.0), np.minimum(times + reach, duration)
    covered = (end - np.maximum(start, np.r_[0.0, end[:-1]])).clip(0.0).sum()
    return round(float(min(1.0, covered / duration)), 4)


def _nothing_decoded(work: _Work, parts: list[SegmentRows]) -> StillsError:
    if work.failed:
        return work.failed[0][1]
    reason = next((p.notes["first_error"] for p in parts if p.notes["first_error"]), None)
    return CorruptVideoError(
        f"no frame can be decoded ({reason})" if reason else "no frame can be decoded", path=work.path
    )
