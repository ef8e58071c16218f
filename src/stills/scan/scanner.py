"""A video into an index: identity, cache, probe, segments in worker processes, joining."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stills.addresses import public_name
from stills.cancel import CancelToken
from stills.errors import (
    ChangedError,
    IndexFormatError,
    InputError,
    LimitError,
)
from stills.index.index import Index
from stills.index.spill import trim_spill
from stills.media.http_source import CHANGED, CHANGED_REMEDY
from stills.media.sandbox_tasks import Task, TaskResult
from stills.media.source import content_id, is_remote
from stills.scan.layers import OF_FACES
from stills.scan.parameters import EFFORTS, ScanParameters, for_remote, models_of, with_needs
from stills.scan.pictures import Pictures, Rgb, decode_picks
from stills.scan.plan import plan_segments
from stills.scan.running import SegmentRunner
from stills.scan.staffed import Staffed
from stills.scan.work import Work
from stills.types import Attribute, Fallback, Layer, ProgressCallback, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stills.index.pictures import PictureReading
    from stills.media.packets import PacketIndex
    from stills.scan.annotate import AnnotationPlan
    from stills.scan.cover import CoverReading

log = logging.getLogger(__name__)


class Scanner(Staffed):
    """Scans videos with a pool of worker processes that is kept between them. A context manager.

    Workers start with the first video that is not in the index; a scanner that only reads indexes starts none.
    For several threads at once, give each a scanner of its own, and all the same ``SharedWorkers``.
    """

    def probe(self, path: str, *, cancel: CancelToken | None = None) -> VideoInfo:
        """What the video at ``path`` is. Raises ``InputError`` and its children."""
        return self.packets(path, cancel=cancel)[0]

    def packets(self, path: str, *, cancel: CancelToken | None = None) -> tuple[VideoInfo, PacketIndex]:
        """What the video at ``path`` is, and its packets, with no frame decoded. Raises as :meth:`probe`."""
        content_id(path)  # what is no file at all is refused here, with no process started
        return self._probe(path, cancel)

    def scan(
        self,
        path: str,
        *,
        layers: Iterable[Layer] = ("faces",),
        quick: bool = False,
        on_progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Index:
        """The index of the video at ``path``, from the cache or by scanning.

        An index made with more effort than asked serves too, and of one that lacks layers only those are measured. What
        an interrupted scan finished is used. With ``quick``, the effort ``fast`` decodes key frames only. Raises
        ``InputError`` and its children where there is no video in the file, ``ModelError`` where a model cannot be had,
        ``CancelledError``.
        """
        self._staff.release()
        started = time.monotonic()
        content = content_id(path)
        wanted = with_needs(layers)
        resume = self._settings.scan.resume
        remote = is_remote(path)
        if resume and (found := self.find(content, wanted, quick=quick, remote=remote)) is not None:
            log.info("%s is in the index", public_name(path))
            return _at(path, found)
        parameters = self._parameters(self._settings.scan.effort, quick=quick)
        if remote:
            parameters = for_remote(parameters)
        known = self._load(content, parameters)
        missing = with_needs(wanted - known.layers) if known is not None and resume else wanted
        if known is not None and resume and "faces" in missing:  # its faces give way to new ones, with all they have
            missing |= with_needs(OF_FACES.intersection(known.layers))
        fallbacks = self._fallbacks(missing, parameters)
        self._staff.models.ensure(public_name(path), models_of(missing, parameters))
        self._layers = missing  # for the workers, should none have been started
        video, packets = self._probe(path, cancel)
        asked = time.monotonic()
        hold = self.fit(missing, video, cancel=cancel).hold_bytes
        started += time.monotonic() - asked  # to wait for other videos is not this one's time
        self._store.prepare(content, parameters.to_json())
        work = Work(path, content, video, packets, parameters, missing, started, hold)
        if not resume:
            self._store.drop_segments(content, parameters.to_json())
        runner = SegmentRunner(self._store, self._workers(), self._settings, self._observer)
        runner.run(work, plan_segments(video, packets, parameters), on_progress, cancel)
        if video.has_cover_art and missing >= {"signals", "faces"}:
            self._measure_cover(work, cancel)
        if remote and content_id(path) != content:
            raise ChangedError(CHANGED, path=public_name(path), remedy=CHANGED_REMEDY)
        return _at(path, self._finish(work, fallbacks, known))

    def _measure_cover(self, work: Work, cancel: CancelToken | None) -> None:
        """Measure the picture that the container carries; one that cannot be read costs a warning, not the scan."""
        args = (work.path, work.parameters, work.layers, self._settings.limits.max_pixels)
        try:
            reading: CoverReading = self._call("measure_cover_picture", args, work.path, cancel)
        except (InputError, LimitError) as error:
            work.remarks.append(f"the cover picture is left out: {error.message}")
            return
        work.cover = reading.values
        work.remarks += reading.warnings

    def find(self, content: str, layers: Iterable[Layer], *, quick: bool = False, remote: bool = False) -> Index | None:
        """The best index there is of ``content`` that answers for the settings' effort, or ``None``.

        For a ``remote`` video, one that was made with what is scanned of those counts, too.
        """
        least = self._settings.scan.effort
        looks = [self._parameters(least, quick=True)] if quick and least == "fast" else []
        looks += map(self._parameters, EFFORTS[EFFORTS.index(least) :])
        for parameters in dict.fromkeys((*looks, *map(for_remote, looks if remote else ()))):
            index = self._load(content, parameters)
            if index is not None and index.layers >= set(layers):
                return index
        return None

    def _load(self, content: str, parameters: ScanParameters) -> Index | None:
        """What is known of ``content``; a damaged index counts as none."""
        try:
            return self._store.load(content, parameters.to_json())
        except IndexFormatError as error:
            log.warning("%s: %s; it is scanned again", error.path, error.message)
            return None

    def pictures(
        self, index: Index, pts: Iterable[int], *, bit_depth: int = 8, cancel: CancelToken | None = None
    ) -> Pictures:
        """The upright SDR pictures (RGB, height × width × 3) of the frames at ``pts``, made when asked for.

        They are uint8, or uint16 with a ``bit_depth`` of 16; ``COVER_PTS`` stands for the cover picture, always uint8.
        Ask in rising order. Asking raises ``CorruptVideoError`` where a frame that the scan saw cannot be decoded any
        more.
        """

        def decode(some: list[int]) -> dict[int, Rgb]:
            return self.decode(index, some, bit_depth=bit_depth, cancel=cancel)

        most = self._staff.picture_bytes(index.video, cancel)
        return Pictures(index, sorted(set(pts)), decode, bit_depth=bit_depth, held_bytes=most)

    def decode(
        self, index: Index, pts: list[int], *, bit_depth: int = 8, cancel: CancelToken | None = None
    ) -> dict[int, Rgb]:
        """Decode the pictures at ``pts`` in the workers; those that fail are missing. Raises ``InputError``."""
        if content_id(index.place) != index.content:  # its frames have the same times, but show something else
            said = "the file is not the one that was scanned"
            raise InputError(said, path=index.video.path, remedy="scan it again")
        pool, threads = self._workers(), self._settings.scan.threads
        # Where memory is limited, it was planned for one decoder beside the pictures that wait.
        workers = pool.workers if self._settings.limits.max_memory is None else 1

        def run(tasks: Sequence[Task]) -> Iterator[TaskResult]:
            return pool.run(tasks, cancel=cancel)

        return decode_picks(run, index, pts, workers=workers, threads=threads, bit_depth=bit_depth)

    def read_pictures(
        self,
        paths: Sequence[str],
        *,
        attributes: Iterable[Attribute] = (),
        cancel: CancelToken | None = None,
    ) -> list[PictureReading]:
        """The faces of the picture files ``paths``, in their order, with the ``attributes`` asked for.

        A picture that cannot be read has an ``error``. Raises ``UsageError`` for an attribute that there is not,
        ``ModelError``, ``CancelledError``.
        """
        return list(self.iter_pictures(paths, attributes=attributes, cancel=cancel))

    def iter_pictures(
        self,
        paths: Sequence[str],
        *,
        attributes: Iterable[Attribute] = (),
        cancel: CancelToken | None = None,
    ) -> Iterator[PictureReading]:
        """As :meth:`read_pictures`, each as soon as it and those before it are read."""
        from stills.scan.readings import in_order, reading_tasks

        wanted = tuple(dict.fromkeys(attributes))
        layers: frozenset[Layer] = frozenset(("faces", *wanted))
        parameters = self._parameters(self._settings.scan.effort)
        needed = models_of(layers, parameters)
        self.picture_fallbacks(wanted)
        if not paths:
            return
        self._staff.models.ensure(paths[0], needed)
        self._layers = layers  # for the workers, should none have been started
        tasks = reading_tasks(paths, parameters, wanted, self._settings.limits.max_pixels)
        yield from in_order(self._workers().run(tasks, cancel=cancel), paths)

    def picture_fallbacks(self, attributes: Iterable[Attribute] = ()) -> tuple[Fallback, ...]:
        """What of reading pictures runs elsewhere than asked. Raises ``StrictError`` where that is not accepted."""
        parameters = self._parameters(self._settings.scan.effort)
        return self._fallbacks(frozenset(("faces", *attributes)), parameters)

    def picture_rgb(self, path: str, *, longest: int, cancel: CancelToken | None = None) -> NDArray[np.uint8]:
        """The picture file at ``path``, upright (RGB, height × width × 3), no side longer than ``longest`` pixels.

        Raises ``InputError`` and ``LimitError`` where it cannot be read.
        """
        rgb: NDArray[np.uint8] = self._call(
            "picture_rgb", (path, self._settings.limits.max_pixels, longest), path, cancel
        )
        return rgb

    def annotate(
        self,
        index: Index,
        plan: AnnotationPlan,
        target: Path,
        *,
        on_progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        started: float | None = None,
    ) -> tuple[str, ...]:
        """Write the video of ``plan``; see :func:`stills.scan.annotate.write_annotated`. What is to be said about it.

        Where memory is limited, other workers are ended before, or other videos waited for: decoder and encoder get
        their share.
        """
        from stills.scan.annotate import choose_threads, write_annotated

        with self._staff.alone(index.video, self._layers, cancel) as (tasks, budget):
            return write_annotated(
                tasks.run,
                index,
                plan,
                target,
                threads=choose_threads(index.video, budget),
                limits=self._settings.limits,
                on_progress=on_progress,
                cancel=cancel,
                started=started,
            )

    def _probe(self, path: str, cancel: CancelToken | None) -> tuple[VideoInfo, PacketIndex]:
        """What the video is, and its packets, found out in a worker."""
        found: tuple[VideoInfo, PacketIndex]
        found = self._call("probe_video", (path, self._settings.limits.max_pixels), path, cancel)
        return found

    def _finish(self, work: Work, fallbacks: tuple[Fallback, ...], known: Index | None) -> Index:
        from stills.scan.assemble import assemble
        from stills.scan.layers import likely_picks, merge_layers

        index = assemble(work, fallbacks)
        if known is not None:
            index = merge_layers(known, index)
        if work.stopped is not None:
            return index  # not kept: the finished segments are, and the next call goes on from there
        index = self._store.save(index)
        trim_spill(self._store.folder(index.content, index.parameters) / "spill", likely_picks(index))
        return index


def _at(path: str, index: Index) -> Index:
    """``index`` of the video at ``path``, which may have another name than when it was scanned."""
    name = public_name(path)
    return replace(index, video=replace(index.video, path=name), source=path if path != name else None)
