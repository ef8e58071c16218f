"""Where each face is at any moment: smooth paths through the boxes that were measured in some of the frames.

Centre and logarithm of the size are interpolated with monotone cubics (Fritsch and Butland 1984: PCHIP), which never
leave the range of the two samples around a moment: no box swings past where the face was seen. Jitter of the detector
is taken out before with a filter that looks both ways, so it lags behind no motion.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index
from stills.select.evidence import convincing
from stills.select.spans import Clock, Span, track_span
from stills.select.tracks import FaceColumns, build_tracks
from stills.types import Box, CastSelection, PeopleSelection

JITTER = (0.06, 0.06, 0.12, 0.12)
"""Deviation from the straight line between the neighbours at which a sample is believed more than they are: of the
centre in widths and heights of the box, of the size in its logarithm. A sample is never moved by more than a quarter of
it: 1.5 % of a face."""

LINGER_S = 0.15
"""Seconds for which a mark stands where a face was seen first or last, if the shot goes on without it: a face that
comes or goes moves, and a box that waits for the next look would float over nothing."""

NEIGHBOUR_S = 1.0
"""Samples farther apart than this say nothing about each other's jitter."""


@dataclass(frozen=True, slots=True, eq=False)
class FacePath:
    """One face while it is on screen, inside one shot.

    ``person`` is the id of the person that it was given to, ``None`` for any other face; ``certain`` tells faces from
    what the detector only took for one. It is there for ``start`` ≤ time < ``end``, in seconds from the first frame
    shown. ``times`` (n,) are the samples, ``values`` (n, 4) their centre x, y in pixels of the upright picture and the
    logarithm of width and height, ``slopes`` (n, 4) the derivatives of those.
    """

    person: int | None
    track: int
    start: float
    end: float
    certain: bool
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    slopes: NDArray[np.float64]
    expansion: float = 0.0

    def box(self, time: float) -> Box | None:
        """The face at ``time``, enlarged by ``expansion``: x, y, width, height in pixels; ``None`` where it is not.

        Before the first and after the last sample it stands still. It may reach over the edge of the picture.
        """
        if not self.start <= time < self.end:
            return None
        x, y, log_width, log_height = self._at(time)
        width, height = (math.exp(log) * (1 + 2 * self.expansion) for log in (log_width, log_height))
        return x - width / 2, y - height / 2, width, height

    def swept(self, time: float, around: float) -> Box | None:
        """The smallest rectangle with all of the face from ``around`` seconds before ``time`` to as long after it."""
        if self.box(time) is None:
            return None
        latest = math.nextafter(self.end, self.start)
        boxes = [self.box(min(max(at, self.start), latest)) for at in (time - around, time, time + around)]
        found = [box for box in boxes if box is not None]
        left, top = min(b[0] for b in found), min(b[1] for b in found)
        right, bottom = max(b[0] + b[2] for b in found), max(b[1] + b[3] for b in found)
        return left, top, right - left, bottom - top

    def _at(self, time: float) -> tuple[float, float, float, float]:
        times = self.times
        if time <= times[0] or len(times) == 1:
            row = self.values[0]
        elif time >= times[-1]:
            row = self.values[-1]
        else:
            k = bisect_right(times, time) - 1
            step = float(times[k + 1] - times[k])
            t = (time - float(times[k])) / step
            u = 1 - t
            row = (
                (1 + 2 * t) * u * u * self.values[k]
                + t * t * (3 - 2 * t) * self.values[k + 1]
                + step * t * u * (u * self.slopes[k] - t * self.slopes[k + 1])
            )
        return float(row[0]), float(row[1]), float(row[2]), float(row[3])


def face_paths(
    index: Index, selection: CastSelection | PeopleSelection, *, expansion: float = 0.0, reach: float = 0.0
) -> tuple[FacePath, ...]:
    """The path of every face in ``index``, in order of their start.

    Faces of nobody in ``selection`` have no person: those of people who were left out, of dropped tracks, and what was
    never convincing as a face (not ``certain``). They are all here, since whoever hides faces wants none forgotten.
    ``expansion`` is added on each side of a box, as a share of it. ``reach`` seconds are added before and after each
    path, inside its shot: a face is there before a detector sees it. Two tracks of one person that are never in one
    frame take turns: the one whose nearest sample is nearer is there.
    """
    faces = FaceColumns.of(index)
    tracks = build_tracks(faces)
    clock = Clock.of(index)
    certain = convincing(tracks, index)
    owner = {track: person.id for person in selection.people for track in person.tracks}
    paths: list[FacePath] = []
    for number, rows in enumerate(tracks.rows):
        if not len(rows):
            continue
        times, values = _samples(faces, rows)
        start, end = _reaching(clock, track_span(clock, times), times, reach)
        paths.append(
            FacePath(
                person=owner.get(number),
                track=number,
                start=start,
                end=end,
                certain=bool(certain[number]),
                times=times,
                values=values,
                slopes=_slopes(times, values),
                expansion=expansion,
            )
        )
    return tuple(sorted(_taking_turns(clock, paths), key=lambda p: (p.start, p.track)))


def _samples(faces: FaceColumns, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (rising, distinct) and steadied values of a track."""
    times, places = np.unique(faces.time[rows], return_index=True)
    box = faces.box[rows][places].astype(np.float64)
    size = np.maximum(box[:, 2:], 1.0)
    values = np.concatenate([box[:, :2] + box[:, 2:] / 2, np.log(size)], axis=1)
    return times, _steadied(times, values, size)


def _steadied(
    times: NDArray[np.float64], values: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``values`` with each drawn towards the line between its neighbours: half-way at most, and less the farther it is.

    A face that moves steadily lies on the line already; one that turns round is far from it, and keeps its place.
    """
    if len(times) < 3:
        return values
    before, after = times[1:-1] - times[:-2], times[2:] - times[1:-1]
    share = (before / (before + after))[:, None]
    line = values[:-2] * (1 - share) + values[2:] * share
    away = values[1:-1] - line
    scale = np.concatenate([size, np.ones_like(size)], axis=1)[1:-1] * np.array(JITTER)
    weight = 0.5 / (1 + (away / scale) ** 2)
    weight[np.maximum(before, after) > NEIGHBOUR_S] = 0.0
    result = values.copy()
    result[1:-1] -= weight * away
    return result


def _slopes(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(times) < 2:
        return np.zeros_like(values)
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(times, values, axis=0).derivative()(times), np.float64)


def _shot_of(clock: Clock, time: float) -> int:
    return max(0, int(np.searchsorted(clock.starts, time, side="right")) - 1)


def _reaching(clock: Clock, span: Span, times: NDArray[np.float64], reach: float) -> Span:
    """``span`` widened by ``reach`` inside the shot; its end lies behind the last sample in any case.

    Without a reach it is no longer than ``LINGER_S`` beyond the samples, except up to where the shot begins and ends.
    """
    first, last = float(times[0]), float(times[-1])
    shot = _shot_of(clock, first)
    begins, ends = min(float(clock.starts[shot]), span[0]), max(float(clock.ends[shot]), span[1])
    start, end = max(begins, span[0] - reach), min(ends, span[1] + reach)
    if not reach:
        start = start if start <= begins else max(start, first - LINGER_S)
        end = end if end >= ends else min(end, last + LINGER_S)
    return start, end if end > last else math.nextafter(last, math.inf)


def _taking_turns(clock: Clock, paths: Iterable[FacePath]) -> list[FacePath]:
    """``paths``, cut where another track of the same person in the same shot is nearer in time."""
    result: list[FacePath] = []
    groups: dict[tuple[int, int], list[FacePath]] = defaultdict(list)
    for path in paths:
        if path.person is None:
            result.append(path)
        else:
            groups[path.person, _shot_of(clock, float(path.times[0]))].append(path)
    for group in groups.values():
        for path in group:
            spans: list[Span] = [(path.start, path.end)]
            for rival in group:
                if rival is not path and rival.start < path.end and path.start < rival.end:
                    spans = _without(spans, _turns(rival, path))
            result += [replace(path, start=a, end=b) for a, b in spans]
    return result


def _turns(path: FacePath, rival: FacePath) -> list[Span]:
    """When ``path`` alone is to be seen of the two: never where both are in one frame (a mirror), else by turns."""
    if len(np.intersect1d(path.times, rival.times)):
        return []
    samples = sorted([(float(t), True) for t in path.times] + [(float(t), False) for t in rival.times])
    edges = [-math.inf, *(0.5 * (a[0] + b[0]) for a, b in pairwise(samples) if a[1] != b[1]), math.inf]
    own = list(pairwise(edges))[0 if samples[0][1] else 1 :: 2]
    return [(max(a, path.start), min(b, path.end)) for a, b in own if max(a, path.start) < min(b, path.end)]


def _without(spans: list[Span], taken: list[Span]) -> list[Span]:
    """What of ``spans`` is in none of ``taken``."""
    for c, d in taken:
        spans = [part for a, b in spans for part in ((a, min(b, c)), (max(a, d), b)) if part[0] < part[1]]
    return spans
