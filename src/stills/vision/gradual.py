"""Dissolves and fades in a run of tiny luma pictures: stretches in which every picture is a mix of the first and last.

Two tests find them. Where the shots hardly move, each picture *is* the mix of the ends, with a share of the new shot
that grows (Lienhart, "Reliable transition detection in videos", 2001): ``f(t) = (1 - a(t)) * A + a(t) * B``, and
``a(t)`` is fitted by least squares. Where they move, it is not, but unrelated pictures that are mixed lose contrast:
the variance falls to ``(1 - a)² var(A) + a² var(B) + 2 a (1 - a) cov(A, B)``, a parabola (Alattar, "Detecting and
compressing dissolve regions in video sequences", 1993). Nothing that moves or is lit otherwise does that while its
share and its brightness grow evenly. It is measured on pictures four times smaller still, where motion is little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.vision.picture_distance import UNIT, Pictures, correlation, spread

MIX_WINDOWS = (0.24, 0.4, 0.8, 1.2, 2.0)
"""Lengths of a dissolve that are tried, in seconds. Of a longer one, the middle is found."""

MOVING_WINDOWS = (0.8, 1.2, 2.0, 3.0, 4.0)
"""The same between shots that move."""

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

MIX_SPREAD = 0.58
"""Least share of the picture that a dissolve changes: less is something that appears in it. Dissolves of the
development films: 0.68 to 0.99; a band that is uncovered: 0.51."""

FLAT_CONTRAST = 6.0
"""A picture with a standard deviation below this many luma levels is flat: black, white or a plain card."""

MOVING_STRUCTURE = 0.5
"""The same for the ends of a dissolve between moving shots, on pictures four times smaller."""

MOVING_CHANGE = 0.65
"""Least change over a dissolve between moving shots."""

MOVING_SPREAD = 0.8
"""Least share of the picture that such a dissolve changes. Painted ones: 0.84 and more; pans that look like one,
as something bright leaves the picture: up to 0.76."""

DIP = (0.6, 1.3)
"""How much contrast is lost, of what the mix of unrelated pictures loses. Camera and people moving: 0 ± 0.5; fades
through black lose more."""

MOVING_RESIDUAL = 0.38
"""Largest part of the change that the mix of the ends may leave unexplained where the shots move; 0.8 for two shots'
worth of motion."""

MOVING_AT_ONCE = 0.35
"""Most of the change between two frames where the shots move."""

EVEN = 0.3
"""How far the share may be from growing evenly over a window that fits."""

LIGHT = 0.3
"""How far the brightness may be from growing with the share, in units of contrast: what is lit is not mixed."""

_SHRINK = 4
_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Gradual:
    """A gradual transition between the frames ``first`` and ``last``; ``change`` is the distance of its ends."""

    kind: Literal["dissolve", "fade"]
    first: int
    last: int
    change: float


def find_gradual(run: Pictures, times: NDArray[np.float64], cuts: NDArray[np.intp]) -> list[Gradual]:
    """The dissolves and fades of ``run`` at ``times`` (n,), none over the frames ``cuts``.

    ``cuts`` are the first frames of shots. None of the found overlap.
    """
    shots = _Shots(run, times, np.searchsorted(cuts, np.arange(len(times)), side="right"))
    # Several windows find the same transition: the one with the largest change has all of it inside. The exact test
    # comes first, as it knows better where one begins and ends.
    still = sorted(_still(shots), key=lambda g: -g.change)
    moving = sorted(_moving(shots), key=lambda g: -g.change)
    chosen: list[Gradual] = []
    for g in (*still, *moving):
        if all(g.last <= o.first or g.first >= o.last for o in chosen):
            chosen.append(g)
    return sorted(chosen, key=lambda g: g.first)


class _Shots:
    """The pictures, and four times smaller ones less their mean."""

    def __init__(self, run: Pictures, times: NDArray[np.float64], shot: NDArray[np.intp]) -> None:
        self.run, self.times, self.shot, self.mean = run, times, shot, run.mean
        height, width = run.thumbs.shape[1:]
        size = max(1, width // _SHRINK), max(1, height // _SHRINK)
        small = [cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in run.centered]
        self.small = np.asarray(np.stack(small).reshape(len(small), -1) / UNIT, np.float32)
        self.power = np.einsum("ij,ij->i", self.small, self.small) / self.small.shape[1]

    def windows(self, seconds: float, step: float) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Middle, first and last frame of windows of that length within one shot, ``step`` seconds apart."""
        times = self.times
        middle = _on_grid(times, step)
        half = seconds / 2 + _EPSILON
        first = np.searchsorted(times, times[middle] - half)
        last = np.searchsorted(times, times[middle] + half, side="right") - 1
        whole = (self.shot[first] == self.shot[last]) & (last - first >= 4)
        return middle[whole], first[whole], last[whole]

    def covariance(self, first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float32]:
        """Covariances of the small pictures ``first`` with those at ``last``."""
        product = np.einsum("ij,ij->i", self.small[first], self.small[last])
        return np.asarray(product / self.small.shape[1], np.float32)


def _on_grid(times: NDArray[np.float64], step: float) -> NDArray[np.intp]:
    """The first of ``times`` (rising) at or after each point of a grid from the first to the last, ``step`` apart.

    Points between two frames are not counted one by one: damaged or hostile files have gaps of years.
    """
    start = times[0]
    step = (start + step) - start
    point = np.floor((times - start) / step)  # of the last point that is not after it, but for rounding
    point += start + (point + 1) * step <= times
    point -= start + point * step > times
    new = np.diff(point, prepend=-1.0) > 0
    new[-1] |= start + (point[-1] + 1) * step < times[-1] + _EPSILON
    return np.flatnonzero(new)


def _still(shots: _Shots) -> Iterator[Gradual]:
    for window in MIX_WINDOWS:
        middle, first, last = shots.windows(window, MIX_STEP)
        # What differs little where it is small differs little: most of a film is spared the rest.
        apart = shots.power[first] + shots.power[last] - 2 * shots.covariance(first, last)
        light = np.abs(shots.mean[first] - shots.mean[last])
        maybe = np.flatnonzero(np.sqrt(apart.clip(0)) + light >= 0.25 * np.sqrt(shots.power[first]))
        change = np.zeros(len(shots.times), np.float32)
        change[middle[maybe]] = shots.run.between(first[maybe], last[maybe])
        for k in maybe:
            a, b, peak = int(first[k]), int(last[k]), float(change[middle[k]])
            if peak < MIX_CHANGE or peak < change[a : b + 1].max():
                continue
            mix = _mixed(shots.run.thumbs[a : b + 1])
            if mix is not None:
                kind, begin, end = mix
                yield Gradual(kind, a + begin, a + end, peak)


def _moving(shots: _Shots) -> Iterator[Gradual]:
    for window in MOVING_WINDOWS:
        _, first, last = shots.windows(window, max(MIX_STEP, window / 10))
        power_a, power_b, cov = shots.power[first], shots.power[last], shots.covariance(first, last)
        apart = power_a + power_b - 2 * cov
        lost, scale = np.zeros(len(first)), 0.0
        for share in (0.25, 0.5, 0.75):
            lost += (1 - share) * power_a + share * power_b - shots.power[first + ((last - first) * share).astype(int)]
            scale += share * (1 - share)
        dip = lost / np.maximum(scale * apart, 1.0)
        unlike = cov < (1 - MOVING_STRUCTURE) * np.sqrt(power_a * power_b)
        shown = np.minimum(power_a, power_b) >= FLAT_CONTRAST**2
        for k in np.flatnonzero(unlike & shown & (dip >= DIP[0]) & (dip <= DIP[1])):
            found = _mixed_in_motion(shots, int(first[k]), int(last[k]))
            if found is not None:
                yield found


def _mixed_in_motion(shots: _Shots, first: int, last: int) -> Gradual | None:
    """Whether the small pictures from ``first`` to ``last`` lose contrast as a mix of unrelated moving shots does."""
    run, times, power = shots.small[first : last + 1], shots.times[first : last + 1], shots.power[first : last + 1]
    change = run[-1] - run[0]
    size = float(change @ change)
    share: NDArray[np.float32] = (run - run[0]) @ change / size
    steps = np.diff(share)
    even = (times - times[0]) / (times[-1] - times[0])
    if steps.min() < -BACKWARDS or steps.max() > MOVING_AT_ONCE or np.abs(share - even).max() > EVEN:
        return None
    middle = (share > MIX_MIDDLE) & (share < 1 - MIX_MIDDLE)
    if middle.sum() < 2:
        return None
    part, mixed = share[middle], run[middle]
    left = mixed - (run[0] + part[:, None] * change)
    if float(np.einsum("ij,ij->", left, left)) / len(part) > MOVING_RESIDUAL**2 * size:
        return None
    if _gain(run, share, middle) > MIX_GAIN:
        return None
    lost = (1 - part) * power[0] + part * power[-1] - power[middle]
    dip = float(lost.sum() / ((part * (1 - part)).sum() * size / run.shape[1]))
    mean = shots.mean[first : last + 1]
    lit = np.abs(mean - (mean[0] + even * (mean[-1] - mean[0]))).max()
    is_mix = DIP[0] <= dip <= DIP[1] and lit <= LIGHT * np.sqrt(0.5 * (power[0] + power[-1]))
    apart = float(shots.run.between(np.array([first]), np.array([last]))[0])
    if not is_mix or apart < MOVING_CHANGE or spread(shots.run.thumbs[first], shots.run.thumbs[last]) < MOVING_SPREAD:
        return None
    inside = np.flatnonzero((share > MIX_EDGE) & (share < 1 - MIX_EDGE))
    return Gradual("dissolve", first + max(0, int(inside[0]) - 1), first + int(inside[-1]) + 1, apart)


def _mixed(run: NDArray[np.uint8]) -> tuple[Literal["dissolve", "fade"], int, int] | None:
    """Whether all pictures of ``run`` (n, h, w) are mixes of its first and last, with a share that grows.

    The kind of the transition, its first and its last mixed picture.
    """
    x = run.reshape(len(run), -1).astype(np.float32)
    start, end = x[0], x[-1]
    change = end - start
    power = float(change @ change)
    if power <= 0:
        return None
    share: NDArray[np.float32] = (x - start) @ change / power
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
    unlike = fade or (spread(run[0], run[-1]) >= MIX_SPREAD and correlation(run[0], run[-1]) <= 1.0 - MIX_STRUCTURE)
    if not unlike or (not fade and _gain(x, share, middle) > MIX_GAIN):
        return None
    inside = np.flatnonzero((share > MIX_EDGE) & (share < 1 - MIX_EDGE))
    first, last = max(0, int(inside[0]) - 1), min(len(run) - 1, int(inside[-1]) + 1)
    return ("fade" if fade else "dissolve"), first, last


def _gain(x: NDArray[np.float32], share: NDArray[np.float32], middle: NDArray[np.bool_]) -> float:
    """How much of the mix of the first and last of ``x`` (n, pixels) those in the ``middle`` hold, by least squares."""
    mix = x[0] + share[middle, None] * (x[-1] - x[0])
    mix = mix - mix.mean(axis=1, keepdims=True)
    return float(np.einsum("ij,ij->", x[middle], mix) / max(float(np.einsum("ij,ij->", mix, mix)), 1.0))
