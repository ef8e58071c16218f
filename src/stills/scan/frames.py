"""What is noted of every decoded frame of a segment: the rows of ``frames``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stills.index.goodness import frame_parts, goodness, weighted
from stills.index.schema import FRAMES
from stills.media.decode import DecodedFrame
from stills.vision.transitions import CONTRAST_FLOOR, THUMB_SIZE, ShotChange, step_changes

if TYPE_CHECKING:
    from stills.vision.signals import SignalMeter

SUDDEN_CHANGE = 0.25
"""Change between two decoded frames from which faces are looked for at once: it may be a cut."""


class FrameNotes:
    """Notes of the frames of one segment, in order of time. With ``signals``, those of that layer too."""

    def __init__(self, *, signals: bool) -> None:
        """Nothing was seen yet."""
        self.times: list[float] = []
        self.analysed: list[bool] = []
        self._meter: SignalMeter | None = None
        if signals:  # scans for faces alone are spared the imports
            from stills.vision.signals import SignalMeter

            self._meter = SignalMeter()
        self._pts: list[int] = []
        self._keys: list[bool] = []
        self._thumbs: list[NDArray[np.uint8]] = []
        self._before: tuple[NDArray[np.uint8], float] | None = None

    def add(self, frame: DecodedFrame) -> bool:
        """Note ``frame``; whether the picture changed suddenly since the one before."""
        self._pts.append(frame.pts)
        self.times.append(frame.time)
        self._keys.append(frame.is_key)
        self.analysed.append(False)
        if self._meter is not None:
            self._meter.add(frame)
            return self._sudden(self._meter.thumb)
        thumb = frame.small_luma(*THUMB_SIZE)
        self._thumbs.append(thumb)
        return self._sudden(thumb)

    def _sudden(self, thumb: NDArray[np.uint8]) -> bool:
        """A rough version of vision.transitions.distance, for nothing: it decides when to look, not where shots end."""
        contrast = float(cv2.meanStdDev(thumb)[1][0, 0])
        before, self._before = self._before, (thumb, contrast)
        if before is None:
            return False
        away = cv2.norm(thumb, before[0], cv2.NORM_L1) / thumb.size
        return away >= SUDDEN_CHANGE * (0.5 * (contrast + before[1]) + CONTRAST_FLOOR)

    @property
    def score(self) -> float | None:
        """How good the last frame is as a still, as far as that is known so early; of most frames it is not."""
        latest = None if self._meter is None else self._meter.latest
        if latest is None:
            return None
        return float(weighted(frame_parts({name: np.array([value]) for name, value in latest.items()}))[0])

    def stacked(self) -> NDArray[np.uint8]:
        """All tiny pictures, (n, height, width)."""
        if self._meter is not None:
            return self._meter.thumbs
        return np.stack(self._thumbs) if self._thumbs else np.zeros((0, THUMB_SIZE[1], THUMB_SIZE[0]), np.uint8)

    def table(self, thumbs: NDArray[np.uint8], changes: Sequence[ShotChange], per_second: float) -> pa.Table:
        """Rows of ``frames``; of those measured in full, ``per_second`` become candidates for picks."""
        flat = thumbs.reshape(len(thumbs), -1)
        columns: dict[str, Any] = {
            "pts": self._pts,
            "time": self.times,
            "is_key": self._keys,
            "analysed": self.analysed,
            "change": step_changes(thumbs),
        }
        if self._meter is not None:
            columns |= self._signals(self._meter, thumbs, changes, per_second)
        else:
            columns |= {"luma": flat.mean(axis=1, dtype=np.float32), "contrast": flat.std(axis=1, dtype=np.float32)}
        absent = {f.name: pa.nulls(len(flat), f.type) for f in FRAMES if f.name not in columns}
        return pa.table(columns | absent, schema=FRAMES)

    def _signals(
        self, meter: SignalMeter, thumbs: NDArray[np.uint8], changes: Sequence[ShotChange], per_second: float
    ) -> dict[str, Any]:
        from stills.vision.candidates import choose_candidates

        columns: dict[str, Any] = meter.finish(changes)
        begins = np.array([c.time for c in changes])
        chosen = choose_candidates(columns, meter.times, begins, per_second, goodness(columns), measured=meter.measured)
        texts = [thumb.tobytes() if chosen[i] else None for i, thumb in enumerate(thumbs)]
        bars = columns["bars"]
        return {
            **columns,
            "bars": pa.FixedSizeListArray.from_arrays(pa.array(bars.reshape(-1)), bars.shape[1]),
            "colors": pa.array([row.tobytes() for row in columns["colors"]], FRAMES.field("colors").type),
            "thumb": pa.array(texts, FRAMES.field("thumb").type),
        }


def with_values(frames: pa.Table, name: str, values: Mapping[int, Sequence[float]]) -> pa.Table:
    """``frames`` with the column ``name``, from values by pts."""
    place = FRAMES.get_field_index(name)
    column = pa.array([values.get(pts) for pts in frames["pts"].to_pylist()], FRAMES.field(place).type)
    return frames.set_column(place, FRAMES.field(place), column)
