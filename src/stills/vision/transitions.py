"""Shot transitions from a run of tiny luma pictures: cuts, and the dissolves and fades of :mod:`stills.vision.gradual`.

A *cut* is a change that comes at once, stays, and is large against the motion around it. A flash comes back or is but
light, a pan comes evenly, a whip pan or somebody who walks through the picture takes several frames. All distances are
those of :mod:`stills.vision.picture_distance`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stills.types import Shot, Transition
from stills.vision.gradual import FLAT_CONTRAST, find_gradual
from stills.vision.picture_distance import (
    BLACK,
    CONTRAST_FLOOR,
    Pictures,
    correlation,
    distance,
    spread,
    step_changes,
)

__all__ = [
    "CONTRAST_FLOOR",
    "FLAT_CONTRAST",
    "THUMB_SIZE",
    "ShotChange",
    "distance",
    "find_changes",
    "shots_from_changes",
    "sparse_changes",
    "step_changes",
]

THUMB_SIZE = (64, 36)
"""Width and height of the pictures compared. Enough to tell shots apart, small enough to blur grain away."""

CUT_CHANGE = 0.42
"""Least lasting change of a cut. Cuts of the development films: 0.5 and more; motion within shots: 0.3 and less."""

CUT_CHANGE_STILL = 0.25
"""The same where nothing else moves (see ``CUT_AGAINST_STILLNESS``): a cut between look-alike pictures."""

STILLNESS = 0.02
"""Change over a few frames that grain and compression make in a still picture."""

CUT_AGAINST_STILLNESS = 8.0
"""How many times larger than the change around it a change below ``CUT_CHANGE`` must be."""

CUT_ABRUPT = 0.7
"""Least share of the change over three steps that happens in the cut's own step; in a dissolve it is a third."""

CUT_ABRUPT_BLEND = 0.85
"""The same for the two steps into and out of a blended frame, of the change over four; in a dissolve it is a half."""

BLEND_EXCESS = 1.15
"""A frame between two shots is their blend when the way over it is at most this much longer than the direct one."""

BLEND_SHARE = 0.2
"""Least share of the way on either side of a blended frame."""

CUT_AGAINST_MOTION = 2.2
"""How many times larger than the change over the same lag around it a cut must be."""

CUT_ALONE = 2.5
"""How many times larger than any step of the three frames on either side a cut's own step must be, where it is less
than ``CUT_AGAINST_MOTION`` times the motion: a cut between shots that move fast, or beside other cuts."""

CUT_CHANGE_ALONE = 0.32
"""Least lasting change of a cut ``2 * CUT_ALONE`` times larger than the steps around: dark shots have less contrast."""

CUT_COMPANY = 0.7
"""Most that another step of the two frames on either side may have of a cut's own: a whip pan has several alike."""

STRAY = 0.2
"""The same of the second largest of those steps where one is larger: a stray frame between two shots makes two cuts."""

GAP = 1.6
"""How many times longer than those around a gap between frames may be for the steps around it to tell of a cut."""

SAME_STRUCTURE = 0.93
"""Correlation from which two pictures of unlike contrast are one in other light."""

SAME_PICTURE = 0.985
"""The same whatever their contrast."""

OTHER_CONTRAST = 1.25
"""Ratio of standard deviations from which two pictures are of unlike contrast."""

CUT_SPREAD = 0.4
"""Least share of a picture, bars not counted, that changes where a cut's change is below ``WHOLE_CHANGE``: an inset or
a caption that appears is no cut."""

WHOLE_CHANGE = 0.6
"""Change that no part of a picture can make alone."""

LEAST_SIDE = 10
"""Rows and columns that are left of a picture without its bars, at least: else it is dark, and not framed."""

LIGHT_RETURNS = 1.0
"""Seconds within which the light of a flash, a strobe or an explosion is gone again."""

LIGHT_SIDE = 0.9
"""Least share of a picture that a flash makes brighter, and nothing in it darker."""

LIGHT_TOLERANCE = 10
"""Luma levels by which motion and noise may darken a pixel that is lit."""

RETURNED = 0.6
"""Most change between the pictures before and after a flash, as a share of the flash's own; and no cut between them."""

FLASH_SHOT = 0.3
"""Seconds of a flat picture between two shots that are a flash between them, not a shot of its own."""

_LOOKS = 12  # frames that are compared for a light that is gone

FLAT_FLASH = 12.0
"""Standard deviation of such a picture."""

SPARSE_CHANGE = 0.5
"""Change between sampled frames, seconds apart, from which they are two shots."""


@dataclass(frozen=True, slots=True)
class ShotChange:
    """A transition: ``start`` and ``end`` in seconds (equal for a cut: the time of the first new frame)."""

    kind: Literal["cut", "dissolve", "fade"]
    start: float
    end: float
    strength: float

    @property
    def time(self) -> float:
        """Where the new shot begins: the cut itself, or the middle of a gradual transition."""
        return 0.5 * (self.start + self.end)


def find_changes(thumbs: NDArray[np.uint8], times: NDArray[np.float64]) -> list[ShotChange]:
    """Find all transitions in ``thumbs`` (n, height, width), shown at ``times`` (n,) seconds, in order of time."""
    if len(thumbs) < 2:
        return []
    run = Pictures(_without_bars(thumbs))
    cuts = _cuts(run, times)
    found = [ShotChange("cut", float(times[i]), float(times[i]), strength) for i, strength in cuts]
    for g in find_gradual(run, times, np.array([i for i, _ in cuts], np.intp)):
        if _comes_back(run, times, g.first, g.last, g.change):
            continue
        found.append(ShotChange(g.kind, float(times[g.first]), float(times[g.last]), g.change))
    return sorted(found, key=lambda c: c.time)


def _without_bars(thumbs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of the pictures that is not black in all of them: bars would count as contrast that never changes."""
    brightest = thumbs.max(axis=0)
    rows, columns = (np.flatnonzero(brightest.max(axis=axis) > BLACK) for axis in (1, 0))
    if not len(rows) or rows[-1] - rows[0] < LEAST_SIDE or columns[-1] - columns[0] < LEAST_SIDE:
        return thumbs
    return np.ascontiguousarray(thumbs[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def sparse_changes(thumbs: NDArray[np.uint8], times: NDArray[np.float64], suspects: list[float]) -> list[ShotChange]:
    """Transitions between frames that lie seconds apart.

    Neighbours that differ are taken for two shots. The border is the suspected cut between them, where the packets
    told of one (of several, the first and the last), else the later frame itself: a sync sample, which encoders like
    to place on cuts.
    """
    if len(thumbs) < 2:
        return []
    change = distance(thumbs[1:], thumbs[:-1])
    found = []
    for i in np.flatnonzero(change >= SPARSE_CHANGE):
        between = [s for s in suspects if times[i] < s <= times[i + 1]]
        # With several suspects there may be shots between that nobody saw: they belong to neither side.
        borders = {between[0], between[-1]} if between else {float(times[i + 1])}
        found += [ShotChange("cut", at, at, float(change[i])) for at in sorted(borders)]
    return found


def shots_from_changes(changes: Iterable[ShotChange], duration: float) -> list[Shot]:
    """Cut ``duration`` seconds into shots at the transitions' times."""
    inner = [c for c in changes if 0.0 < c.time < duration]
    starts = [0.0, *(round(c.time, 6) for c in inner)]
    ends = [*starts[1:], duration]
    kinds: list[Transition] = ["none", *(c.kind for c in inner)]
    return [Shot(a, b, k) for a, b, k in zip(starts, ends, kinds, strict=True) if b > a]


def _cuts(run: Pictures, times: NDArray[np.float64]) -> list[tuple[int, float]]:
    """The first frames of shots that begin with a cut, and how much changes there."""
    n = len(run)
    step = run.steps()
    frames = np.flatnonzero(step >= BLEND_SHARE * CUT_CHANGE)
    found: list[tuple[int, float]] = []
    lasting = np.zeros(n, np.float32)
    lasting[frames] = _lasting(run, step, frames) if n > 3 else step[frames]
    for i in np.flatnonzero(lasting >= CUT_CHANGE_STILL).tolist():
        change = float(lasting[i])
        if change < lasting[max(0, i - 2) : i + 3].max() or (found and times[i] <= times[found[-1][0]]):
            continue
        if not _stands_out(run, times, step, i, change) or _is_light(
            run, times, i - 1 - _is_blend(run.thumbs, step, i), i, change
        ):
            continue
        if found and _is_flash_between(run, times, found[-1][0], i):
            found.pop()
        found.append((i, change))
    return found


def _is_flash_between(run: Pictures, times: NDArray[np.float64], first: int, last: int) -> bool:
    """Whether the frames from ``first`` up to ``last`` are a flash between two shots: short, and of one colour."""
    sides = min(run.contrast[max(0, first - 1)], run.contrast[last])
    return bool(times[last] - times[first] <= FLASH_SHOT and run.contrast[last - 1] < FLAT_FLASH <= sides)


def _stands_out(run: Pictures, times: NDArray[np.float64], step: NDArray[np.float32], i: int, change: float) -> bool:
    """Whether the lasting ``change`` at frame ``i`` is large against the motion around it."""
    n = len(run)
    blend = _is_blend(run.thumbs, step, i)
    own = float(step[i]) + (float(step[i - 1]) if blend else 0.0)
    beside = np.sort(np.concatenate([step[max(1, i - 2) : i], step[i + 1 : i + 3]]))[::-1]
    if not blend and beside.max(initial=0.0) > CUT_COMPANY * own and beside[1:].max(initial=0.0) > STRAY * own:
        return False
    if change < WHOLE_CHANGE and spread(run.thumbs[max(0, i - 1 - blend)], run.thumbs[i]) < CUT_SPREAD:
        return False
    near = np.concatenate([_moving_steps(step[max(1, i - 12) : i - blend][::-1]), _moving_steps(step[i + 1 : i + 13])])
    gaps = np.diff(times[max(0, i - 4) : i + 4])
    alone = (
        own / max(float(near.max(initial=0.0)), STILLNESS) if times[i] - times[i - 1] <= GAP * np.median(gaps) else 0
    )
    if (alone >= CUT_ALONE and change >= CUT_CHANGE) or (alone >= 2 * CUT_ALONE and change >= CUT_CHANGE_ALONE):
        return True
    around = np.r_[max(2, i - 12) : max(2, i - 3), min(n - 1, i + 4) : min(n - 1, i + 13)]
    motion = float(np.median(run.between(around - 2, around + 1))) if len(around) else 0.0
    ratio = CUT_AGAINST_MOTION if change >= CUT_CHANGE else CUT_AGAINST_STILLNESS
    return change >= ratio * max(motion, STILLNESS)


def _moving_steps(steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """``steps`` up to the third in which anything moves: animation and pulled-down film show each picture for long."""
    moving = np.flatnonzero(steps >= STILLNESS)
    return steps[: max(3, int(moving[2]) + 1 if len(moving) > 2 else len(steps))]


def _is_blend(thumbs: NDArray[np.uint8], step: NDArray[np.float32], i: int) -> bool:
    """Whether frame ``i - 1`` is a blend of the frames on its sides: then the cut takes two steps."""
    before = float(step[i - 1]) if i > 1 else 0.0
    return before >= BLEND_SHARE * float(step[i]) and float(_detour(thumbs, np.array([i]))[0]) <= BLEND_EXCESS


def _is_light(run: Pictures, times: NDArray[np.float64], first: int, last: int, change: float) -> bool:
    """Whether between two frames only the light changes: for good, or as a flash, a strobe or an explosion does."""
    a, b = run.thumbs[first], run.thumbs[last]
    same = correlation(a, b)
    contrast = sorted((float(run.contrast[first]), float(run.contrast[last])))
    if same >= SAME_PICTURE or (same >= SAME_STRUCTURE and contrast[1] >= OTHER_CONTRAST * contrast[0]):
        return True
    return _comes_back(run, times, first, last, change)


def _comes_back(run: Pictures, times: NDArray[np.float64], first: int, last: int, change: float) -> bool:
    """Whether what changes between two frames is a light that comes or goes: soon after or before, all is as it was.

    A light makes (nearly) everything brighter. ``change`` is the distance of the frames.
    """
    a, b = run.thumbs[first], run.thumbs[last]
    shown = np.maximum(a, b) > BLACK
    more = (b.astype(np.int16) - a)[shown]
    if not more.size or max(np.mean(more >= -LIGHT_TOLERANCE), np.mean(more <= LIGHT_TOLERANCE)) < LIGHT_SIDE:
        return False
    after = np.flatnonzero((times > times[last]) & (times <= times[last] + LIGHT_RETURNS))
    before = np.flatnonzero((times < times[first]) & (times >= times[first] - LIGHT_RETURNS))
    least = min(CUT_CHANGE, change * RETURNED)
    for others, kept in ((after, first), (before, last)):
        some = others[:: max(1, len(others) // _LOOKS)]
        if len(some) and float(run.between(some, np.full(len(some), kept)).min()) <= least:
            return True
    return False


def _lasting(run: Pictures, step: NDArray[np.float32], i: NDArray[np.intp]) -> NDArray[np.float32]:
    """How much changed at once and for good at frames ``i``, each the first of a new shot; 0 where it did not."""
    # A flash comes back within three frames: what changed between any frame before and any after has to stay so.
    # Where the frame before the cut is a blend of both shots, it stands on neither side.
    two, over = run.between(i - 2, i), run.between(i - 2, i + 1)
    three, wide = run.between(i - 3, i), run.between(i - 3, i + 1)
    near = np.minimum(run.between(i - 1, i + 1), run.between(i - 1, i + 2))
    sharp = np.minimum(np.minimum(step[i], near), np.minimum(np.minimum(two, over), three))
    sharp[step[i] < CUT_ABRUPT * over] = 0.0
    blended = np.minimum(np.minimum(two, over), np.minimum(three, wide))
    before = step[np.maximum(i - 1, 0)]
    way = step[i] + before
    is_blend = (np.minimum(step[i], before) >= BLEND_SHARE * two) & (_detour(run.thumbs, i) <= BLEND_EXCESS)
    blended[~is_blend | (way < CUT_ABRUPT_BLEND * wide) | (blended < CUT_CHANGE)] = 0.0
    return np.asarray(np.maximum(sharp, blended), dtype=np.float32)


def _detour(thumbs: NDArray[np.uint8], i: NDArray[np.intp]) -> NDArray[np.float32]:
    """How much longer the way from frame ``i - 2`` to ``i`` is over the one between them; 1 where that is their blend.

    In luma levels, not in units of contrast: a blend has less of it than either shot.
    """
    top = len(thumbs) - 1
    a, x, b = (thumbs[np.clip(i - k, 0, top)].astype(np.int16) for k in (2, 1, 0))
    over, direct = np.abs(x - a) + np.abs(b - x), np.abs(b - a)
    return np.asarray(over.mean(axis=(1, 2)) / np.maximum(direct.mean(axis=(1, 2)), 1.0), dtype=np.float32)
