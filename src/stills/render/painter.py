"""What is drawn over a video: faces hidden, the others marked, and the time line; frame by frame, in order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.media import planes
from stills.media.upright import YuvPicture
from stills.render.hide import hide
from stills.render.marks import Placed, Sizes, draw_box, make_plate, overlap, places
from stills.render.palette import Colour
from stills.render.strip import Row, Strip
from stills.types import Box

AROUND_S = 0.12
"""Seconds before and after a frame whose boxes are hidden with its own: a face may have moved otherwise than the
samples tell, by no more than it moves in that time."""

CUT_WINDOW_S = 0.2
"""A scan that skips frames can see a cut some frames late: so long before one it is looked for in every frame."""

_CUT_LEVELS, _CUT_TIMES = 16.0, 4.0
"""Least mean difference, in grey levels, of the frames at a cut; and in times of the differences just before it."""

_LUMA_AREA = 2000  # pixels of the pictures that are compared


class Path(Protocol):
    """Where a face is; :class:`stills.select.paths.FacePath` is one."""

    @property
    def start(self) -> float:
        """Seconds at which it is there first."""
        ...

    @property
    def end(self) -> float:
        """Seconds from which it is not there any more."""
        ...

    def box(self, time: float) -> Box | None:
        """Where it is."""
        ...

    def swept(self, time: float, around: float) -> Box | None:
        """Where it is about then."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A face to be marked: ``text`` is empty for a box without a plate."""

    path: Path
    text: str
    colour: Colour


class Painter:
    """Draws on the frames of one video, given in order."""

    def __init__(
        self,
        *,
        marks: Sequence[Mark] = (),
        hidden: Sequence[Path] = (),
        rows: Sequence[Row] = (),
        cuts: Sequence[float] = (),
        duration: float = 0.0,
    ) -> None:
        """``rows`` make the time line, ``cuts`` are the seconds at which shots begin with a cut."""
        self._marks = sorted(marks, key=lambda mark: mark.path.start)
        self._hidden = sorted(hidden, key=lambda path: path.start)
        self._starts = [m.path.start for m in self._marks], [p.start for p in self._hidden]
        self._longest = (
            max((m.path.end - m.path.start for m in self._marks), default=0.0),
            max((p.end - p.start for p in self._hidden), default=0.0),
        )
        self._rows, self._duration = rows, duration
        self._cuts = _Cuts(sorted(cuts))
        self._strip: Strip | None = None
        self._sizes: Sizes | None = None
        self._chosen: dict[int, int] = {}

    def __call__(self, picture: YuvPicture, time: float) -> None:
        """Draw what belongs to ``time``."""
        moment = self._cuts.moment(picture, time)
        for path in self._at(1, moment):
            box = self._hidden[path].swept(moment, AROUND_S)
            if box is not None:
                hide(picture, box)
        if self._rows and self._strip is None:
            self._strip = Strip(self._rows, self._duration, picture)
        self._draw_marks(picture, moment)
        if self._strip is not None:
            self._strip.draw(picture, time)

    def _at(self, which: int, time: float) -> range:
        """Places of those (0: marks, 1: hidden) that may be there at ``time``."""
        starts = self._starts[which]
        return range(bisect_right(starts, time - self._longest[which] - 1e-6), bisect_right(starts, time))

    def _draw_marks(self, picture: YuvPicture, time: float) -> None:
        sizes = self._sizes = self._sizes or Sizes.of(picture.width, picture.height)
        floor = picture.height - (self._strip.height if self._strip is not None else 0)
        seen: list[tuple[int, Box]] = []
        for place in self._at(0, time):
            box = self._marks[place].path.box(time)
            if box is not None:
                seen.append((place, box))
                draw_box(picture, box, self._marks[place].colour, sizes.line)
        taken: list[Placed] = []
        for place, box in seen:
            mark = self._marks[place]
            if not mark.text:
                continue
            plate = make_plate(picture, mark.text, mark.colour, sizes)
            options = places(box, plate, picture, sizes.line, floor)
            faces = [_whole(other) for at, other in seen if at != place]
            cost = [overlap(option, taken) * 4 + overlap(option, faces) for option in options]
            best = min(range(len(options)), key=lambda k: (cost[k], k))
            before = self._chosen.get(place, best)
            if before < len(options) and cost[before] <= cost[best]:
                best = before  # where it was, so that it does not jump
            self._chosen[place] = best
            taken.append(options[best])
            plate.put(picture, options[best][0], options[best][1])


class _Cuts:
    """Finds the very frame of a cut that the scan saw a little late."""

    def __init__(self, cuts: Sequence[float]) -> None:
        self._cuts = cuts
        self._before: NDArray[np.uint8] | None = None
        self._usual: list[float] = []
        self._seen = -1.0

    def moment(self, picture: YuvPicture, time: float) -> float:
        """``time``, or the next cut's where the frame belongs to its shot already."""
        place = bisect_right(self._cuts, time)
        cut = self._cuts[place] if place < len(self._cuts) else float("inf")
        if cut - time > CUT_WINDOW_S:
            self._before, self._usual = None, []
            return time
        if self._seen == cut:
            return cut
        small = planes.reduce(picture.y, planes.reduction(*picture.y.shape[::-1], area=_LUMA_AREA))
        before, self._before = self._before, small.copy()
        if before is None:
            return time
        change = float(cv2.norm(before, small, cv2.NORM_L1)) / small.size
        usual = max(self._usual, default=change)
        self._usual.append(change)
        if change >= _CUT_LEVELS and change >= _CUT_TIMES * usual:
            self._seen = cut
            return cut
        return time


def _whole(box: Box) -> Placed:
    x, y, width, height = box
    return int(x), int(y), int(x + width), int(y + height)
