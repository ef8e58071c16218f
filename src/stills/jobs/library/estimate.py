"""How long videos will take and how large their results will be: from earlier results, or else from what was measured.

Without any earlier result the figures are those of docs/benchmarks.md (two cores), scaled to the cores of this machine
and to the size of the picture. They are an order of magnitude, and said to be one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stills.jobs.library.folders import folder_key
from stills.jobs.library.keys import settings_key

if TYPE_CHECKING:
    from stills.jobs.store import Result, Store
    from stills.settings import Settings
    from stills.types import VideoInfo

SAMPLE = 500
"""Earlier results that the speed is taken from; of :data:`SIZED` of them the files are looked at."""
SIZED = 50

_SPEEDS: Mapping[str, float] = {"fast": 67.0, "balanced": 27.0, "exhaustive": 4.4}
"""Seconds of 1080p video a second of work of two cores, by effort (docs/benchmarks.md, the film ``gala``)."""
_SPEED_CORES = 2
_SPEED_PIXELS = 1920 * 1080
_SPEED_BY_PIXELS = 0.4
"""Exponent: 720p has 0.44 times the pixels, and took 0.7 of the time."""
_MEASURED_BEFORE = 10.0
"""How much faster a video is that was measured before: only pictures are decoded."""

_BYTES_A_PIXEL: Mapping[str, float] = {"jpeg": 0.2, "png": 1.6, "webp": 0.12, "avif": 0.08}
"""Of pictures in the default quality, about."""
_LOSSLESS = 1.2
_JSON_BYTES = 20_000
_PEOPLE, _SECONDS_A_KEYFRAME = 8, 6.0
"""People in a video, and time between key frames, where nothing is known of either."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a video will need."""

    seconds: float
    """Wall time, with all that is under way beside it."""
    size: int
    """Bytes of the result and its pictures."""


@dataclass(frozen=True, slots=True)
class Estimator:
    """Guesses for one recipe. ``speed`` and ``size`` are of earlier results; ``None`` where there are none."""

    recipe: str
    settings: Settings
    speed: float | None = None
    size: float | None = None
    results: int = 0
    """How many earlier results it goes by."""

    def guess(self, video: VideoInfo, *, measured: bool) -> Guess:
        """For ``video``; ``measured`` says that its index is there."""
        speed = self.speed or self._usual_speed(video)
        seconds = video.duration / speed / (_MEASURED_BEFORE if measured else 1.0)
        return Guess(seconds, round(self.size or self._usual_size(video)))

    def _usual_speed(self, video: VideoInfo) -> float:
        effort = self.settings.portrait.effort if self.recipe == "portrait" else self.settings.scan.effort
        cores = self.settings.scan.workers or os.cpu_count() or 1
        pixels = max(1, video.width * video.height)
        return _SPEEDS[effort] * cores / _SPEED_CORES * float((_SPEED_PIXELS / pixels) ** _SPEED_BY_PIXELS)

    def _usual_size(self, video: VideoInfo) -> float:
        output = self.settings.output
        fit = output.fit_size
        if fit == "source":
            pixels = video.width * video.height
        else:
            width, height = (1920, 1080) if fit == "1080p" else fit
            pixels = width * height
        each = pixels * (_LOSSLESS if output.lossless and output.format == "webp" else _BYTES_A_PIXEL[output.format])
        return self._pictures(video) * each * output.bit_depth / 8 + _JSON_BYTES

    def _pictures(self, video: VideoInfo) -> float:
        if self.recipe == "portrait":
            return 1
        if self.recipe == "thumbnails":
            return self.settings.thumbnails.count
        if self.recipe != "keyframes":
            return _PEOPLE * self.settings.people.per_person
        wanted = self.settings.keyframes
        frames = video.duration * float(video.frame_rate or 25)
        if wanted.all:
            return frames
        if wanted.every is not None:
            number, unit = float(wanted.every[:-1]), wanted.every[-1]
            return video.duration / number if unit == "s" else frames / number
        return min(wanted.target or frames, 1 + video.duration / _SECONDS_A_KEYFRAME)


def estimator(store: Store | None, out: Path, recipe: str, settings: Settings) -> Estimator:
    """What earlier results in ``store`` and ``out`` say of those to come: those of ``recipe`` with the same settings.

    Raises what the store raises.
    """
    earlier = [] if store is None else _earlier(store, recipe, settings_key(recipe, settings))
    if store is None or not earlier:
        return Estimator(recipe, settings)
    sample = earlier[:: max(1, len(earlier) // SIZED)]
    folders = store.folders([folder_key(result.source) for result in sample])
    sizes = [size for name in folders.values() if (size := _size(out / name, recipe))]
    mean = sum(sizes) / len(sizes) if sizes else None
    return Estimator(recipe, settings, _speed(earlier), mean, len(earlier))


def _earlier(store: Store, recipe: str, key: str) -> list[Result]:
    """Up to :data:`SAMPLE` results that were made with the settings of ``key``."""
    ours = (result for result in store.results() if result.recipe == recipe and result.seconds > 0)
    found: list[Result] = []
    while len(found) < SAMPLE and (piece := list(islice(ours, SAMPLE))):
        videos = store.videos_of([result.video for result in piece])
        found += [one for one in piece if one.video in videos and videos[one.video].settings == key]
    return found[:SAMPLE]


def _speed(results: Iterable[Result]) -> float | None:
    """Seconds of video a second: all that was done, over the time in which anything was under way."""
    spans = []
    video = 0.0
    for result in results:
        duration = result.result.get("duration")
        if isinstance(duration, int | float) and duration > 0:
            video += duration
            spans.append((result.finished_at - result.seconds, result.finished_at))
    busy, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return video / busy if video and busy else None


def _size(folder: Path, recipe: str) -> int:
    """Bytes of what ``recipe`` wrote into a video's folder; 0 where it is gone."""
    total = 0
    for path in (folder / f"{recipe}.json", *_files(folder / recipe)):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _files(folder: Path) -> list[Path]:
    return [Path(root, name) for root, _, names in os.walk(folder) for name in names]
