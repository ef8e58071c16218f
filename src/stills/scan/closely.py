"""A close look at a few places of a video: frames are measured there that a scan left out.

The rows are no part of the video's index, which holds what its parameters say and nothing else. They are kept beside
it, as a segment of parameters of their own, so that the same question is answered at once the next time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stills.errors import CorruptVideoError, LimitError, MemoryLimitError, OutputError
from stills.index.index import Index
from stills.index.schema import FACES
from stills.index.store import SegmentRows
from stills.media.sandbox_tasks import Task
from stills.scan.faces import MOMENTS
from stills.scan.needs import parameters_for
from stills.scan.parameters import ScanParameters
from stills.scan.plan import Segment, SegmentTask
from stills.scan.running import WORKER
from stills.scan.scanner import Scanner
from stills.scan.segment import CloseLook
from stills.types import Layer, VideoInfo

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.media.packets import PacketIndex
    from stills.settings_model import Settings

LAYERS: frozenset[Layer] = frozenset({"faces"})
"""What is measured."""

AROUND = 0.7
"""Seconds that are decoded on either side of a place, to tell dissolves: most last for half a second to one."""

SLACK = 10.0
"""See ``ScanParameters.mesh_slack``: large enough that each kept face is measured, as a preference may want any."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Frames with ``start <= pts < end``, and what was measured of them; ``cached``: at an earlier time."""

    start: int
    end: int
    rows: SegmentRows
    cached: bool


@dataclass(slots=True)
class CloseLooks:
    """Looks closely at places of the video of an index, in the workers of ``scanner``."""

    scanner: Scanner
    settings: Settings
    cancel: CancelToken | None = None
    _listed: tuple[VideoInfo, PacketIndex] | None = None

    def look(
        self, index: Index, spans: Sequence[tuple[int, int]], interval: float
    ) -> tuple[list[Place], tuple[str, ...]]:
        """The ``spans`` (pts) with a look for faces every ``interval`` seconds, and what could not be read, in words.

        Raises what a task raises that is not about its place of the video.
        """
        parameters = replace(
            parameters_for(self.settings, "fast"),
            decode="all",
            sample_interval=interval,
            slow_interval=interval,
            mesh_faces=MOMENTS,
            mesh_slack=SLACK,
            embedding_faces=1,
        )
        store, resume = self.scanner.store, self.settings.scan.resume
        keys = [_key(parameters, span) for span in spans]
        places, warnings, missing = [], [], []
        for number, (span, key) in enumerate(zip(spans, keys, strict=True)):
            rows = store.load_segment(index.content, key, number=0) if resume else None
            if rows is not None:
                places.append(Place(span[0], span[1], rows, cached=True))
            else:
                missing.append(number)
        for result in self.scanner.run(self._tasks(index, spans, missing, parameters), cancel=self.cancel):
            span = spans[result.key]
            limited = isinstance(result.error, MemoryLimitError)
            if isinstance(result.error, CorruptVideoError | LimitError) and not limited:
                first, last = (index.video.seconds(pts) for pts in span)
                said = result.error.message
                warnings.append(f"{first:.1f}–{last:.1f} s could not be looked at closely: {said}")
                continue
            for rows in (_without_embeddings(one) for one in result.unwrap()[:1]):  # it is too short for more
                try:
                    store.save_segment(index.content, keys[result.key], rows)
                except OutputError as error:  # it only saves time
                    _log.warning("%s: a close look is not kept: %s", index.video.path, error.message)
                places.append(Place(span[0], span[1], rows, cached=False))
        return sorted(places, key=lambda place: place.start), tuple(warnings)

    def _tasks(
        self, index: Index, spans: Sequence[tuple[int, int]], which: Sequence[int], parameters: ScanParameters
    ) -> list[Task]:
        if not which:
            return []
        self.scanner.ready_for(index.place, LAYERS, parameters)
        if self._listed is None:
            self._listed = self.scanner.packets(index.place, cancel=self.cancel)
        video, packets = self._listed
        hold = self.scanner.fit(LAYERS, video, cancel=self.cancel).hold_bytes
        around, threads = round(AROUND / video.time_base), self.settings.scan.threads
        tasks = []
        for number in which:
            start, end = spans[number]
            first, last = max(video.start_pts, start - around), end + around
            segment = Segment(0, first, last, video.seconds(first), video.seconds(last))
            close = CloseLook(start, end, float((end - start) * video.time_base) / MOMENTS)
            task = SegmentTask(index.place, video, packets, segment, parameters, LAYERS, threads, None, hold)
            tasks.append(Task(number, f"{WORKER}:scan_part", (task, close), video.path))
        return tasks


def _key(parameters: ScanParameters, span: tuple[int, int]) -> dict[str, Any]:
    """What a close look is kept under: parameters that no index has."""
    return {**parameters.to_json(), "close": list(span)}


def _without_embeddings(rows: SegmentRows) -> SegmentRows:
    """Who it is does not matter here, so nothing of that is kept."""
    place = FACES.get_field_index("embedding")
    nobody = pa.nulls(len(rows.faces), FACES.field(place).type)
    return replace(rows, faces=rows.faces.set_column(place, FACES.field(place), nobody))


def joined_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """``spans`` in order, those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def with_places(index: Index, places: Sequence[Place]) -> Index:
    """``index``, in memory, with the faces of ``places`` instead of those that it has there."""
    faces, track = index.faces, int(index.faces["track"].to_numpy().max(initial=-1)) + 1
    for place in places:
        pts, own = place.rows.faces["pts"].to_numpy(), place.rows.faces["track"].to_numpy().astype(np.int32)
        numbered = pa.array(own + np.int32(track))
        new = place.rows.faces.set_column(FACES.get_field_index("track"), FACES.field("track"), numbered)
        known = faces["pts"].to_numpy()
        kept = faces.filter(pa.array((known < place.start) | (known >= place.end)))
        faces = pa.concat_tables([kept, new.filter(pa.array((pts >= place.start) & (pts < place.end)))])
        track += int(own.max(initial=-1)) + 1
    return replace(index, faces=faces.sort_by("pts").combine_chunks()) if places else index
