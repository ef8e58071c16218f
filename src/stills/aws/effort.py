"""How closely to look at a film: by its length, by what is asked for at most, and by the time that is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stills.scan.parameters import EFFORTS
from stills.types import Effort, Progress, VideoInfo

if TYPE_CHECKING:
    from stills.settings_model import AwsSettings

COST: Mapping[Effort, float] = {"fast": 0.4, "balanced": 1.0, "exhaustive": 7.0}
"""Processor time of each effort, in those of ``balanced`` (docs/benchmarks.md: dinner, gala and long)."""

FRAME_S = 1.0e-3
PIXEL_S = 0.83e-9
"""Processor seconds that ``balanced`` takes for a frame and for each of its pixels: measured on dinner (720p) and gala
(1080p), on a core with bf16."""

SLOWER = 2.5
"""How much slower a processor of Lambda, with another film, may be than that."""

FULL_CORE_MB = 1769
"""Memory with which a function gets one whole virtual processor."""

_SURE_S = 8.0  # seconds after which the pace of a scan says something
_SURE_SHARE = 0.06  # … or this share of what there is
_LATE = 1.1  # how much longer than there is a scan may seem to take before it is begun anew with less effort
_GAIN = 0.1  # share of the film that has to be won by that


@dataclass(frozen=True, slots=True)
class Plan:
    """The ``effort`` to look with, the one that was ``wanted``, and whether all is expected to be done in time."""

    effort: Effort
    wanted: Effort
    fits: bool


def wanted_effort(duration: float, asked: Effort | None, tiers: AwsSettings) -> Effort:
    """What is ``asked`` for; where nothing is, by the length of the film in seconds."""
    if asked is not None:
        return asked
    if duration <= tiers.exhaustive_up_to:
        return "exhaustive"
    return "balanced" if duration <= tiers.balanced_up_to else "fast"


def plan_effort(video: VideoInfo, wanted: Effort, seconds: float, cores: float) -> Plan:
    """The most effort up to ``wanted`` that ``seconds`` on ``cores`` processors suffice for; the least where none."""
    for effort in lower_or_same(wanted):
        if estimate(video, effort, cores) <= seconds:
            return Plan(effort, wanted, fits=True)
    return Plan(EFFORTS[0], wanted, fits=False)


def estimate(video: VideoInfo, effort: Effort, cores: float) -> float:
    """Seconds that looking at ``video`` will take, about; rather too many than too few."""
    frames = video.frame_count or video.duration * 25
    each = FRAME_S + PIXEL_S * video.coded_width * video.coded_height
    return SLOWER * COST[effort] * frames * each / cores


def cores_of(memory_mb: int | None, workers: int) -> float:
    """Processors' worth of time that ``workers`` get in a function of so much memory."""
    return float(workers) if memory_mb is None else min(float(workers), memory_mb / FULL_CORE_MB)


def lower_or_same(effort: Effort) -> list[Effort]:
    """Efforts from ``effort`` down."""
    return list(reversed(EFFORTS[: EFFORTS.index(effort) + 1]))


class TooSlowError(Exception):
    """At this pace too much of the film would be left; ``effort`` is what to begin anew with."""

    def __init__(self, effort: Effort) -> None:
        """See the class."""
        super().__init__(effort)
        self.effort: Effort = effort


@dataclass(slots=True)
class Pace:
    """Listens to a scan with ``effort`` that may take ``seconds``, and ends it early where less effort sees more."""

    effort: Effort
    seconds: float

    def __call__(self, progress: Progress) -> None:
        """Raises :class:`TooSlowError`."""
        if progress.stage != "scan" or not progress.position or not progress.duration:
            return
        elapsed = progress.elapsed
        if elapsed < max(_SURE_S, _SURE_SHARE * self.seconds):
            return
        needed = elapsed * progress.duration / progress.position
        if needed <= _LATE * self.seconds:
            return
        left = self.seconds - elapsed
        for effort in lower_or_same(self.effort)[1:]:
            anew = needed * COST[effort] / COST[self.effort]
            if anew <= left or (effort == EFFORTS[0] and left / anew >= self.seconds / needed + _GAIN):
                raise TooSlowError(effort)
