"""Shot transitions from a run of tiny luma pictures: cuts, dissolves and fades.

A *cut* is a change that comes at once, stays, and is large against the motion around it; a flash comes back, a pan
comes evenly. A *dissolve* is a stretch in which every picture is a mix of the first and the last; a *fade* is one with
a flat picture at one end. All distances are mean absolute differences in units of the pictures' own contrast, so that
dark and pale films need no thresholds of their own.

The mix test follows the model of Lienhart, "Reliable transition detection in videos" (2001): in a dissolve
``f(t) = (1 - a(t)) * A + a(t) * B``; here ``a(t)`` is fitted for each picture by least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stills.types import Shot, Transition

THUMB_SIZE = (64, 36)
"""Width and height of the pictures compared. Enough to tell shots apart, small enough to blur grain away."""

CONTRAST_FLOOR = 8.0
"""Luma levels added to the contrast, so that noise in black pictures does not count as change."""

LIGHT_WEIGHT = 0.2
"""Weight of a change of mean brightness against one of structure: a cloud or a dimmer is no new shot."""

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

SPARSE_CHANGE = 0.5
"""Change between sampled frames, seconds apart, from which they are two shots."""

MIX_WINDOWS = (0.4, 0.8, 1.2, 2.0)
"""Lengths of a dissolve that are tried, in seconds."""

MIX_STEP = 0.08
"""Seconds between the middles that are tried."""

MIX_CHANGE = 0.48
"""Least change over a whole dissolve."""

MIX_RESIDUAL = 0.16
"""Largest part of a dissolve's change that the mix of its ends may leave unexplained."""

MIX_MIDDLE = 0.15
"""Share of the new picture from which, and up to 1 minus which, a picture tests the mix; ends explain themselves."""

MIX_GAIN = 1.03
"""Most of the mix of its ends that a picture of a dissolve may hold. Soft texture that moves is such a mix too, but
more of it than 1: halfway between two phases of a wave 60 degrees apart it is 1.15 times their mean. Dissolves of the
development films: 0.97 to 1.01."""

MIX_EDGE = 0.06
"""Share of the new picture at which a gradual transition begins, and 1 minus which it ends."""

BACKWARDS = 0.05
"""How far the share may turn back between two frames, by noise and motion."""

AT_ONCE = 0.6
"""Most of the change between two frames: more is a cut, which the cut test has judged."""

MIX_STRUCTURE = 0.35
"""Least structural difference (1 - correlation) of a dissolve's ends: a change of light alone is no new shot."""

FLAT_CONTRAST = 6.0
"""A picture with a standard deviation below this many luma levels is flat: black, white or a plain card."""


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


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean absolute difference of pictures in units of their mean contrast.

    ``a`` and ``b`` are (n, height, width); the answer is (n,). About 0.1 for motion, about 1 for unrelated pictures.
    """
    x, y = _flat(a), _flat(b)
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    x -= mean_x[:, None]
    y -= mean_y[:, None]
    size = x.shape[1]
    contrast = 0.5 * (_norm(x) + _norm(y)) / np.sqrt(size) + CONTRAST_FLOOR
    structure = np.abs(np.subtract(x, y, out=x), out=x).mean(axis=1)
    return np.asarray((structure + LIGHT_WEIGHT * np.abs(mean_x - mean_y)) / contrast, dtype=np.float32)


def _flat(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pictures.reshape(len(pictures), -1).astype(np.float32)


def _norm(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows)), dtype=np.float32)


def find_changes(thumbs: NDArray[np.uint8], times: NDArray[np.float64]) -> list[ShotChange]:
    """Find all transitions in ``thumbs`` (n, height, width), shown at ``times`` (n,) seconds, in order of time."""
    if len(thumbs) < 2:
        return []
    cuts = _cuts(thumbs, times)
    gradual = _gradual(thumbs, times, [c.time for c in cuts])
    return sorted([*cuts, *gradual], key=lambda c: c.time)


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


def shots_from_changes(changes: list[ShotChange], duration: float) -> list[Shot]:
    """Cut ``duration`` seconds into shots at the transitions' times."""
    inner = [c for c in changes if 0.0 < c.time < duration]
    starts = [0.0, *(round(c.time, 6) for c in inner)]
    ends = [*starts[1:], duration]
    kinds: list[Transition] = ["none", *(c.kind for c in inner)]
    return [Shot(a, b, k) for a, b, k in zip(starts, ends, kinds, strict=True) if b > a]


def _between(thumbs: NDArray[np.uint8], first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float32]:
    """Distances from frames ``first`` to frames ``last``; indices outside of the run are clipped to it."""
    top = len(thumbs) - 1
    out = np.empty(len(first), np.float32)
    for lo in range(0, len(first), 1024):  # bounded memory, and small enough to stay in the cache
        part = slice(lo, lo + 1024)
        out[part] = distance(thumbs[np.clip(first[part], 0, top)], thumbs[np.clip(last[part], 0, top)])
    return out


def step_changes(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The distance of each of ``thumbs`` (n, height, width) from the one before; 0 for the first."""
    every = np.arange(len(thumbs))
    step = _between(thumbs, every - 1, every)
    step[:1] = 0.0
    return step


def _cuts(thumbs: NDArray[np.uint8], times: NDArray[np.float64]) -> list[ShotChange]:
    n = len(thumbs)
    step = step_changes(thumbs)
    frames = np.flatnonzero(step >= BLEND_SHARE * CUT_CHANGE)
    found: list[ShotChange] = []
    lasting = np.zeros(n, np.float32)
    lasting[frames] = _lasting(thumbs, step, frames) if n > 3 else step[frames]
    for i in np.flatnonzero(lasting >= CUT_CHANGE_STILL):
        if lasting[i] < lasting[max(0, i - 2) : i + 3].max() or (found and times[i] <= found[-1].time):
            continue
        around = np.r_[max(2, i - 12) : max(2, i - 3), min(n - 1, i + 4) : min(n - 1, i + 13)]
        motion = float(np.median(_between(thumbs, around - 2, around + 1))) if len(around) else 0.0
        ratio = CUT_AGAINST_MOTION if lasting[i] >= CUT_CHANGE else CUT_AGAINST_STILLNESS
        if lasting[i] >= ratio * max(motion, STILLNESS):
            found.append(ShotChange("cut", float(times[i]), float(times[i]), float(lasting[i])))
    return found


def _lasting(thumbs: NDArray[np.uint8], step: NDArray[np.float32], i: NDArray[np.intp]) -> NDArray[np.float32]:
    """How much changed at once and for good at frames ``i``, each the first of a new shot; 0 where it did not."""
    # A flash comes back within three frames: what changed between any frame before and any after has to stay so.
    # Where the frame before the cut is a blend of both shots, it stands on neither side.
    two, over = _between(thumbs, i - 2, i), _between(thumbs, i - 2, i + 1)
    three, wide = _between(thumbs, i - 3, i), _between(thumbs, i - 3, i + 1)
    near = np.minimum(_between(thumbs, i - 1, i + 1), _between(thumbs, i - 1, i + 2))
    sharp = np.minimum(np.minimum(step[i], near), np.minimum(np.minimum(two, over), three))
    sharp[step[i] < CUT_ABRUPT * over] = 0.0
    blended = np.minimum(np.minimum(two, over), np.minimum(three, wide))
    before = step[np.maximum(i - 1, 0)]
    way = step[i] + before
    is_blend = (np.minimum(step[i], before) >= BLEND_SHARE * two) & (_detour(thumbs, i) <= BLEND_EXCESS)
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


def _gradual(thumbs: NDArray[np.uint8], times: NDArray[np.float64], cuts: list[float]) -> list[ShotChange]:
    found: list[ShotChange] = []
    bounds = np.array([-np.inf, *cuts, np.inf])
    for window in MIX_WINDOWS:
        half = window / 2
        first = np.searchsorted(times, times - half)
        last = np.minimum(np.searchsorted(times, times + half, side="right") - 1, len(times) - 1)
        shot_of = np.searchsorted(bounds, times, side="right")
        whole = (shot_of[first] == shot_of[last]) & (last - first >= 4)
        change = np.zeros(len(times), np.float32)
        stride = max(1, round(MIX_STEP * len(times) / max(times[-1] - times[0], MIX_STEP)))
        where = np.flatnonzero(whole)[::stride]
        change[where] = _between(thumbs, first[where], last[where])
        for i in np.flatnonzero(change >= MIX_CHANGE):
            if change[i] < change[first[i] : last[i] + 1].max():
                continue
            a, b = int(first[i]), int(last[i])
            mix = _mixed(thumbs[a : b + 1])
            if mix is not None:
                start, end = float(times[a + mix.first]), float(times[a + mix.last])
                found.append(ShotChange(mix.kind, start, end, float(change[i])))
    # Several windows find the same transition: the one with the largest change has all of it inside.
    found.sort(key=lambda c: -c.strength)
    chosen: list[ShotChange] = []
    for c in found:
        if all(c.end <= o.start or c.start >= o.end for o in chosen):
            chosen.append(c)
    return chosen


@dataclass(frozen=True, slots=True)
class _Mix:
    """A gradual transition inside of a run: its kind, its first and last mixed picture."""

    kind: Literal["dissolve", "fade"]
    first: int
    last: int


def _mixed(run: NDArray[np.uint8]) -> _Mix | None:
    """Whether all pictures of ``run`` (n, h, w) are mixes of its first and last, with a share that grows."""
    x = run.reshape(len(run), -1).astype(np.float32)
    start, end = x[0], x[-1]
    change = end - start
    power = float(change @ change)
    if power <= 0:
        return None
    share = (x - start) @ change / power
    steps = np.diff(share)
    if steps.min() < -BACKWARDS or steps.max() > AT_ONCE:
        return None
    left = np.abs(x - (start + share[:, None] * change)).mean(axis=1)
    middle = (share > MIX_MIDDLE) & (share < 1 - MIX_MIDDLE)
    if middle.sum() < 2 or left[middle].mean() > MIX_RESIDUAL * np.abs(change).mean():
        return None
    flat_start, flat_end = start.std() < FLAT_CONTRAST, end.std() < FLAT_CONTRAST
    if flat_start and flat_end:
        return None
    fade = bool(flat_start or flat_end)
    if not fade and (1.0 - float(np.corrcoef(start, end)[0, 1]) < MIX_STRUCTURE or _gain(x, share, middle) > MIX_GAIN):
        return None
    inside = np.flatnonzero((share > MIX_EDGE) & (share < 1 - MIX_EDGE))
    first, last = max(0, int(inside[0]) - 1), min(len(run) - 1, int(inside[-1]) + 1)
    return _Mix("fade" if fade else "dissolve", first, last)


def _gain(x: NDArray[np.float32], share: NDArray[np.float32], middle: NDArray[np.bool_]) -> float:
    """How much of the mix of the first and last of ``x`` (n, pixels) those in the ``middle`` hold, by least squares."""
    mix = x[0] + share[middle, None] * (x[-1] - x[0])
    mix = mix - mix.mean(axis=1, keepdims=True)
    return float(np.einsum("ij,ij->", x[middle], mix) / max(float(np.einsum("ij,ij->", mix, mix)), 1.0))
