"""Looking for a portrait: from the quickest place to the slowest, until a frame qualifies.

The cover picture in the file; the key frames; the frames behind suspected cuts; then every frame near the best ones so
far. What is scanned is kept as any index is; the rows of a close look are merged for this answer only.

Single frames do not tell that they are in the middle of a dissolve, where encoders like to put key frames. So what
qualifies is looked at closely before it counts: the frames around it show whether it is, and whether a better one is
next to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stills.addresses import public_name
from stills.errors import InputError, LimitError
from stills.index.index import Index
from stills.index.schema import FACES, FRAMES, SHOTS
from stills.media.sandbox_tasks import Task
from stills.media.source import content_id, is_remote
from stills.scan.closely import LAYERS, CloseLooks, Place, joined_spans, with_places
from stills.scan.needs import parameters_for
from stills.scan.parameters import EFFORTS, ScanParameters, models_of
from stills.scan.running import WORKER
from stills.scan.scanner import Scanner
from stills.select.portrait import PortraitOptions, select_portrait
from stills.types import COVER_PTS, Effort, Fallback, ProgressCallback, ScanReport, VideoInfo
from stills.types_portrait import PortraitSelection, PortraitStep, StepReport

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.scan.cover import CoverReading
    from stills.settings_model import Settings

PLACES = 3
"""Frames around which is looked closely: the best ones that do not qualify."""

REACH = 1.0
"""Seconds to either side of them: an eye blink takes a third of one, a turn of the head a whole one."""

CHECKED = 0.5
"""The same around a frame that qualifies."""

INTERVALS = (0.08, 0.04)
"""Seconds from one look for faces to the next where a frame is checked, and where one is still looked for."""

CHECKS = 5
"""Frames that qualify and are looked at closely at most, one after another, where each turns out to be spoiled."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PortraitSearch:
    """Looks for the portrait of the video at ``path``; ``settings.scan.effort`` says how.

    ``fast`` takes one step after another and stops where a frame qualifies; the other efforts look at everything, as
    for people. What an earlier scan measured answers at once. ``steps`` are those that were taken.
    """

    scanner: Scanner
    path: str
    settings: Settings
    options: PortraitOptions
    on_progress: ProgressCallback | None = None
    cancel: CancelToken | None = None
    steps: list[StepReport] = field(default_factory=list)
    _remarks: list[str] = field(default_factory=list)
    _cover: Mapping[str, Any] | None = None
    _places: list[Place] = field(default_factory=list)
    _reports: list[ScanReport] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _looks: CloseLooks = field(init=False)

    def __post_init__(self) -> None:
        """Look closely with the same workers."""
        self._looks = CloseLooks(self.scanner, self.settings, self.cancel)

    def run(self) -> Index:
        """The index to select from: with the cover and all that the steps found. Raises what a scan raises."""
        fast = self.settings.scan.effort == "fast"
        known = self._known()
        if self.options.cover:
            index = self._look_at_cover(known)
            if fast and index is not None and self.steps[-1].qualified:
                return index
        if known is not None and not _is_quick(known):
            effort: Effort = known.report.effort
            index = self._scan("scenes" if effort == "fast" else "everything", effort)
            fast = fast and effort == "fast"
        elif not fast:
            index = self._scan("everything", self.settings.scan.effort)
        else:
            index = self._checked(self._scan("key-frames", "fast", quick=True))
            if not self._found(index) and self._has_time():
                index = self._scan("scenes", "fast")
        if fast:
            index = self._checked(index)
            if not self._found(index) and self._has_time():
                index = self._look_near(index, self._best(index, PLACES), REACH)
        return self._summed(index)

    def _known(self) -> Index | None:
        """What was measured before, with the most effort, if that serves. Raises ``InputError`` for what is no file."""
        content = content_id(self.path)
        if not self.settings.scan.resume:
            return None
        remote, least = is_remote(self.path), self.settings.scan.effort
        for effort in reversed(EFFORTS[EFFORTS.index(least) :]):
            reader = Scanner(_with_effort(self.settings, effort))  # it starts nothing
            index = reader.find(content, LAYERS, quick=least == "fast", remote=remote)
            if index is not None:
                return index
        return None

    def _look_at_cover(self, known: Index | None) -> Index | None:
        """The cover picture alone, as an index without frames; ``None`` where there is none that can be read."""
        begun = time.monotonic()
        if known is not None and not known.video.has_cover_art:
            return None
        parameters = parameters_for(self.settings, self.settings.scan.effort)
        fallbacks: tuple[Fallback, ...]
        if known is not None and known.cover is not None:
            self._cover, fallbacks = known.cover, known.fallbacks
        else:
            fallbacks = self.scanner.ready_for(self.path, LAYERS, parameters)
            self._cover = self._measure_cover(parameters)
        if self._cover is None:
            return None
        video = self.scanner.probe(self.path, cancel=self.cancel) if known is None else known.video
        index = self._cover_index(video, parameters, fallbacks)
        self._note("cover", index, begun, 1, cached=known is not None and known.cover is not None)
        seconds = round(time.monotonic() - self._started, 3)
        return replace(index, report=replace(index.report, seconds=seconds))

    def _measure_cover(self, parameters: ScanParameters) -> Mapping[str, Any] | None:
        args = (self.path, parameters, LAYERS, self.settings.limits.max_pixels)
        task = Task("cover", f"{WORKER}:measure_cover_picture", args, public_name(self.path))
        try:
            (result,) = self.scanner.run([task], cancel=self.cancel)
            reading: CoverReading = result.unwrap()
        except (InputError, LimitError) as error:  # if it is the file's fault, the scan says so
            self._remarks.append(f"the cover picture is left out: {error.message}")
            return None
        self._remarks += reading.warnings
        return reading.values

    def _cover_index(self, video: VideoInfo, parameters: ScanParameters, fallbacks: tuple[Fallback, ...]) -> Index:
        from stills.models import model_hashes

        name = public_name(self.path)
        return Index(
            video=replace(video, path=name),
            content=content_id(self.path),
            frames=FRAMES.empty_table(),
            shots=SHOTS.empty_table(),
            faces=FACES.empty_table(),
            layers=frozenset(),
            parameters=parameters.to_json(),
            models=model_hashes(models_of(LAYERS, parameters)),
            report=ScanReport(parameters.effort, video.frame_count, 0, 0, 0.0, 0.0),
            fallbacks=fallbacks,
            warnings=tuple(self._remarks),
            cover=self._cover,
            source=self.path if self.path != name else None,
        )

    def _scan(self, step: PortraitStep, effort: Effort, *, quick: bool = False) -> Index:
        """Scan, or take from the index, with the cover added."""
        begun = time.monotonic()
        scanner = self.scanner.configured(_with_effort(self.settings, effort))
        try:
            index = scanner.scan(
                self.path, layers=LAYERS, quick=quick, on_progress=self.on_progress, cancel=self.cancel
            )
        finally:
            self.scanner.configured(self.settings)
        if self._cover is not None:
            index = replace(index, cover=self._cover)
        index = with_places(index, self._places)
        index = replace(index, warnings=tuple(dict.fromkeys((*index.warnings, *self._remarks))))
        self._reports.append(index.report)
        self._note(step, index, begun, index.report.frames_analysed, cached=index.report.cached)
        return index

    def _checked(self, index: Index) -> Index:
        """``index``, with a close look at what qualifies in it, until one stands that."""
        for _ in range(CHECKS):
            best = self._best(index, 1)
            if not self._found(index) or not best or not self._has_time():
                break
            if any(place.start <= best[0] < place.end for place in self._places):
                break
            index = self._look_near(index, best, CHECKED)
        return index

    def _best(self, index: Index, most: int) -> list[int]:
        """The pts of the best frames of ``index``; none for the cover picture."""
        options = replace(self.options, if_none="best", runners_up=most - 1)
        selection = select_portrait(index, options)
        picks = () if selection.frame is None else (selection.frame, *selection.runners_up)
        return [pick.pts for pick in picks if pick.pts != COVER_PTS]

    def _found(self, index: Index) -> bool:
        return select_portrait(index, self.options).qualified

    def _look_near(self, index: Index, best: Sequence[int], reach: float) -> Index:
        """Measure the frames up to ``reach`` seconds from the ``best`` ones; ``index`` with their rows, in memory."""
        if not best:
            return index
        begun = time.monotonic()
        ticks = max(1, round(reach / index.video.time_base))
        spans = joined_spans([(pts - ticks, pts + ticks + 1) for pts in best])
        found, warnings = self._looks.look(index, spans, INTERVALS[reach > CHECKED])
        self._places += found
        index = replace(with_places(index, found), warnings=(*index.warnings, *warnings))
        report = replace(
            index.report,
            frames_decoded=sum(int(place.rows.notes["frames_decoded"]) for place in found),
            frames_analysed=sum(int(np.sum(place.rows.frames["analysed"].to_numpy())) for place in found),
            seconds=round(time.monotonic() - begun, 3),
            cached=bool(found) and all(place.cached for place in found),
        )
        self._reports.append(report)
        self._note("near-best", index, begun, report.frames_analysed, cached=report.cached)
        return index

    def _note(self, step: PortraitStep, index: Index, begun: float, frames: int, *, cached: bool) -> None:
        selection: PortraitSelection = select_portrait(index, self.options)
        seconds = round(time.monotonic() - begun, 3)
        self.steps.append(StepReport(step, frames, selection.qualified, seconds, cached))
        _log.info("%s: %s, %d frames, %s", index.video.path, step, frames, "found" if selection.qualified else "none")

    def _has_time(self) -> bool:
        """Whether the time for this video lets a further step begin."""
        limit = self.settings.limits.video_timeout
        return limit is None or time.monotonic() - self._started < limit

    def _summed(self, index: Index) -> Index:
        """``index`` with a report over all steps that were taken now."""
        fresh = [report for report in self._reports if not report.cached]
        if not fresh or len(self._reports) == 1:
            return index
        report = replace(
            index.report,
            frames_decoded=sum(report.frames_decoded for report in self._reports),
            frames_analysed=sum(report.frames_analysed for report in self._reports),
            seconds=round(sum(report.seconds for report in fresh), 3),
            cached=False,
        )
        return replace(index, report=report)


def _with_effort(settings: Settings, effort: Effort) -> Settings:
    return settings.model_copy(update={"scan": settings.scan.model_copy(update={"effort": effort})})


def _is_quick(index: Index) -> bool:
    """Whether only key frames were looked at."""
    return index.report.effort == "fast" and not any(index.parameters.get("sparse_budget", (1.0,)))
