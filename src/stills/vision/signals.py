"""The layer ``signals``: what is measured of every frame of a run, in one pass and bounded memory.

Brightness, contrast, similarity, changes and hash are of every frame. Sharpness, noise, exposure, colours, optical
flow, novelty, text, detail and bars are measured every 0.4 seconds, and wherever the picture changes at once or has
settled after a change; the frames between take the value of the nearest such frame of their shot (see
:meth:`SignalMeter.measured`). At 30 frames a second that is a tenth of the price.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.vision import bars as letterbox
from stills.vision.change import histogram_changes, local_change, mean_change, row_histograms
from stills.vision.colors import COLOR_CELLS, color_counts, colorfulness, packed_counts
from stills.vision.events import find_flashes, frames_in_transition, shot_numbers
from stills.vision.focus import TILE_SIDE, frame_sharpness, tile_factor, tile_scale
from stills.vision.light import measure_light
from stills.vision.motion import LEAST_SIDE, FlowMeter, normal_flow
from stills.vision.noise import noise_sigma
from stills.vision.novelty import NoveltyMeter
from stills.vision.phash import perceptual_hashes
from stills.vision.pictures import FramePictures
from stills.vision.ssim import SsimPicture, ssim
from stills.vision.text import text_cells, text_share
from stills.vision.texture import choose_tiles, detail_share, texture_cells
from stills.vision.transitions import FLAT_CONTRAST, THUMB_SIZE, ShotChange

MEASURE_INTERVAL = 0.39
"""Seconds between two frames that are measured in full: every tenth of 24 or 25 a second, every twelfth of 30."""

SUDDEN_CHANGE = 12.0
"""Grey levels of mean change from which a frame is measured in full at once: it may be the first of a shot."""

LOCAL_CHANGE = 0.08
"""Local change that may be a new line of text; what it settles to is measured."""

SETTLED_CHANGE = 0.05
"""Local change below which a picture has settled."""

LONGEST_GAP = 0.5
"""Seconds between two frames over which no motion can be told."""

_LEAST_SIDE = 24  # pixels: smaller pictures are enlarged, so that windows and cells fit in
_FLOW_CHANGE = 0.3  # grey levels of mean change from which flow is worth its price; less is noise
_NOISE_SIDE = 32  # pixels at full size of the tiles that noise is measured in
_BATCH = 64  # frames whose tiny pictures are looked at together
_LUMA_BINS = 32
_BLACK_MEAN, _BLACK_LIT, _BLACK_SHARE = 20.0, 40, 0.005  # mean luma; luma of a lit pixel, and how few may be lit
_FLAT_DETAIL = 0.05  # share of the picture with detail below which it is of one colour

_MEASURED = ("colorfulness", "sharpness", "noise", "exposure", "shadows", "highlights", "novelty", "text", "detail")

Columns = dict[str, NDArray[Any]]


@dataclass(slots=True)
class _Before:
    """What is kept of the frame before."""

    luma: NDArray[np.uint8]
    quarter: SsimPicture
    time: float


@dataclass(slots=True)
class _Every:
    """One number a frame."""

    time: array[float] = field(default_factory=lambda: array("d"))
    luma: array[float] = field(default_factory=lambda: array("f"))
    contrast: array[float] = field(default_factory=lambda: array("f"))
    similarity: array[float] = field(default_factory=lambda: array("f"))
    local_change: array[float] = field(default_factory=lambda: array("f"))
    mean_change: array[float] = field(default_factory=lambda: array("f"))


class SignalMeter:
    """Measures the frames of one run, given in order of time. One a segment; not thread-safe."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._every = _Every()
        self._thumbs: list[NDArray[np.uint8]] = []
        self._colors: list[NDArray[np.int64]] = []  # of frames measured in full
        self._waiting = 0  # frames that are not yet in the batches below
        self._batches: list[Columns] = []
        self._last_histogram: NDArray[np.int64] | None = None
        self._rows: dict[str, array[float]] = {name: array("f") for name in (*_MEASURED, "flow_rate")}
        self._bars: list[tuple[int, int, int, int]] = []
        self._at: array[int] = array("q")  # indices of the frames that were measured in full
        self._before: _Before | None = None
        self._flow = FlowMeter()
        self._novelty = NoveltyMeter()
        self._unsettled = False
        self._shape = (0, 0)

    def __len__(self) -> int:
        """Frames seen."""
        return len(self._thumbs)

    def add(self, frame: FramePictures) -> bool:
        """Measure ``frame``; whether it changed so suddenly from the one before that it may begin a shot.

        Raises ``UsageError`` where ``frame`` is not later than the one before.
        """
        time = frame.time
        before = self._before
        if before is not None and time <= before.time:
            raise UsageError(f"frames have to come in order of time: {time} after {before.time}")
        luma = self._analysis(frame)
        thumb = frame.small_luma(*THUMB_SIZE)
        quarter = SsimPicture.of(_halved(_halved(luma)))
        changed, local, similarity = 0.0, 0.0, 1.0
        if before is not None:
            difference = np.asarray(cv2.absdiff(luma, before.luma), np.uint8)
            changed, local = mean_change(difference), local_change(difference)
            if changed > 0.0:
                similarity = ssim(before.quarter, quarter)
        every = self._every
        every.time.append(time)
        mean, deviation = cv2.meanStdDev(thumb)
        every.luma.append(mean[0, 0])
        every.contrast.append(deviation[0, 0])
        every.similarity.append(similarity)
        every.local_change.append(local)
        every.mean_change.append(changed)
        self._thumbs.append(thumb)
        self._waiting += 1
        sudden = changed >= SUDDEN_CHANGE
        if self._due(time, local, sudden):
            self._measure(frame, luma, quarter, changed)
        self._before = _Before(luma, quarter, time)
        if self._waiting >= _BATCH:
            self._flush()
        return sudden

    @property
    def thumbs(self) -> NDArray[np.uint8]:
        """The tiny pictures of all frames, (n, 36, 64), as :mod:`stills.vision.transitions` takes them."""
        if not self._thumbs:
            return np.zeros((0, THUMB_SIZE[1], THUMB_SIZE[0]), np.uint8)
        return np.stack(self._thumbs)

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of all frames, (n,)."""
        return np.array(self._every.time, np.float64)

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which frames were measured in full, (n,): those to choose stills from."""
        mask = np.zeros(len(self), bool)
        mask[np.array(self._at, np.int64)] = True
        return mask

    @property
    def thumb(self) -> NDArray[np.uint8]:
        """The tiny picture of the last frame."""
        return self._thumbs[-1]

    @property
    def latest(self) -> dict[str, float] | None:
        """What is known already of the last frame, where it was measured in full: a first idea of how good it is."""
        if not self._at or self._at[-1] != len(self) - 1:
            return None
        every = self._every
        gap = every.time[-1] - every.time[-2] if len(self) > 1 else 0.0
        moved = self._rows["flow_rate"][-1] * every.mean_change[-1]
        return {
            **{name: self._rows[name][-1] for name in ("sharpness", "exposure", "noise")},
            "contrast": every.contrast[-1],
            "motion": moved / gap if 0.0 < gap <= LONGEST_GAP else 0.0,
        }

    def finish(self, changes: Sequence[ShotChange]) -> Columns:
        """All columns of the layer but ``thumb``, and ``luma`` and ``contrast``, each an array of n frames.

        ``changes`` are the run's transitions. ``hash`` is uint64 (n,), ``colors`` uint8 (n, 64), ``bars`` float32
        (n, 4). A frame with none before it has similarity 1, no change and, like the first frame of each shot, the
        motion of the next. Motion over gaps of more than half a second cannot be told and is 0. The first frame of a
        run is new (novelty 1).
        """
        self._flush()
        every, times = self._every, self.times
        shots = shot_numbers(times, changes)
        batches = self._batches or [_look(np.zeros((0, 36, 64), np.uint8), None)[0]]
        columns: Columns = {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}
        for name in ("luma", "contrast", "similarity", "local_change"):
            columns[name] = np.array(getattr(every, name), np.float32)
        columns["black"] &= columns["luma"] < _BLACK_MEAN
        at = np.array(self._at, np.int64)
        nearest = _nearest(at, times, shots)
        for name in _MEASURED:
            columns[name] = np.array(self._rows[name], np.float32)[nearest]
        counts = np.array(self._colors, np.int64).reshape(-1, COLOR_CELLS)
        columns["colors"] = packed_counts(counts)[nearest]
        # Colours change where the frame that stands for a frame's own changes.
        columns["histogram_change"] += 0.5 * _between(histogram_changes(counts, None), nearest)
        columns["motion"] = self._motion(times, shots, at)
        columns["flat"] = (columns["contrast"] < FLAT_CONTRAST) & (columns["detail"] < _FLAT_DETAIL)
        columns["flash"] = find_flashes(columns["luma"], times, shots)
        columns["in_transition"] = frames_in_transition(self._thumbs, times, changes)
        columns["bars"] = self._stable_bars(columns, shots, at)[nearest]
        return columns

    def _analysis(self, frame: FramePictures) -> NDArray[np.uint8]:
        luma = frame.analysis_luma()
        if not self._before:
            self._shape = (max(luma.shape[0], _LEAST_SIDE), max(luma.shape[1], _LEAST_SIDE))
        if luma.shape != self._shape:  # tiny, or the video changes its size on the way
            size = (self._shape[1], self._shape[0])
            luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
        return luma

    def _due(self, time: float, local: float, sudden: bool) -> bool:
        """Whether a frame is to be measured in full."""
        due = sudden or not self._at or time - self._every.time[self._at[-1]] >= MEASURE_INTERVAL
        if local >= LOCAL_CHANGE:
            self._unsettled = True
        elif self._unsettled and local < SETTLED_CHANGE:
            self._unsettled = False
            due = True
        return due

    def _measure(self, frame: FramePictures, luma: NDArray[np.uint8], quarter: SsimPicture, changed: float) -> None:
        """All that is not measured of every frame."""
        self._at.append(len(self) - 1)
        rows = self._rows
        bgr = frame.small_pictures(*THUMB_SIZE)[1][None]
        rows["colorfulness"].append(colorfulness(bgr)[0])
        self._colors.append(color_counts(bgr)[0])
        top, bottom, left, right = edges = letterbox.find_bars(luma)
        self._bars.append(edges)
        inside = luma[top : luma.shape[0] - bottom, left : luma.shape[1] - right]
        light = measure_light(inside)
        rows["exposure"].append(light.exposure)
        rows["shadows"].append(light.shadows)
        rows["highlights"].append(light.highlights)
        cells, text = texture_cells(luma), text_cells(luma)
        rows["detail"].append(detail_share(cells))
        rows["text"].append(text_share(text))
        width, height = frame.width, frame.height
        flat = frame.luma_tiles(choose_tiles(cells, "flat"), _NOISE_SIDE, 1)
        noise = noise_sigma(flat)
        rows["noise"].append(noise)
        factor = tile_factor(width, height)
        # Subtitles and logos are sharp over any blur.
        edged = np.where(text > 0, 0, cells) if text.shape == cells.shape else cells
        tiles = frame.luma_tiles(choose_tiles(edged), TILE_SIDE, factor)
        rows["sharpness"].append(frame_sharpness(tiles, tile_scale(width, height), noise / factor))
        rows["novelty"].append(self._novelty.add(quarter))
        rows["flow_rate"].append(self._flow_rate(frame, luma, changed))

    def _flow_rate(self, frame: FramePictures, luma: NDArray[np.uint8], changed: float) -> float:
        """Displacement in picture widths for each grey level of mean change, around this frame."""
        before, half = self._before, _halved(luma)
        slow = before is None or changed < _FLOW_CHANGE or frame.time - before.time > LONGEST_GAP
        if before is None or slow or min(half.shape) < LEAST_SIDE:
            return normal_flow(1.0, half)
        rows, columns = half.shape
        aspect = frame.height / rows / (frame.width / columns)
        return self._flow.length(_halved(before.luma), half, aspect) / changed

    def _motion(
        self, times: NDArray[np.float64], shots: NDArray[np.intp], at: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        n = len(times)
        motion = np.zeros(n, np.float32)
        if n < 2:
            return motion
        first = np.ones(n, bool)  # of a shot: it shows no motion against the frame before
        first[1:] = shots[1:] != shots[:-1]
        rate = np.array(self._rows["flow_rate"], np.float32)
        usable = ~first[at]
        use, rate = (at[usable], rate[usable]) if usable.any() else (at, rate)
        gap = np.diff(times, prepend=times[0])
        known = ~first & (gap <= LONGEST_GAP) & (gap > 0)
        moved = np.array(self._every.mean_change, np.float32) * rate[_nearest(use, times, shots)]
        motion[known] = (moved[known] / gap[known]).astype(np.float32)
        starts = np.flatnonzero(first[:-1] & ~first[1:])
        motion[starts] = motion[starts + 1]
        return motion

    def _stable_bars(self, columns: Columns, shots: NDArray[np.intp], at: NDArray[np.int64]) -> NDArray[np.float32]:
        height, width = self._shape
        if not len(at):
            return np.zeros((0, 4), np.float32)
        sizes = np.array([height, height, width, width], np.float32)
        seen: NDArray[np.float32] = np.divide(np.array(self._bars, np.float32), sizes, dtype=np.float32)
        lit = ~(columns["black"] | columns["flat"] | columns["in_transition"])[at]
        return letterbox.stable_bars(seen, lit, shots[at])

    def _flush(self) -> None:
        """Look at the tiny pictures that came since the last time, together."""
        if self._waiting:
            batch, self._last_histogram = _look(np.stack(self._thumbs[-self._waiting :]), self._last_histogram)
            self._batches.append(batch)
            self._waiting = 0


def _look(thumbs: NDArray[np.uint8], last: NDArray[np.int64] | None) -> tuple[Columns, NDArray[np.int64] | None]:
    """What the tiny pictures tell; ``last`` is the histogram before them, the answer's second that at their end."""
    flat = thumbs.reshape(len(thumbs), thumbs.shape[1] * thumbs.shape[2])
    brightness = row_histograms(flat >> 3, _LUMA_BINS)
    columns: Columns = {
        "histogram_change": 0.5 * histogram_changes(brightness, last),
        "black": np.count_nonzero(flat > _BLACK_LIT, axis=1) < _BLACK_SHARE * flat.shape[1],
        "hash": perceptual_hashes(thumbs),
    }
    return columns, brightness[-1] if len(flat) else last


def _between(changes: NDArray[np.float32], nearest: NDArray[np.intp]) -> NDArray[np.float32]:
    """What changed since the frame before, where another measured frame (of ``changes``) is the nearest: (n,)."""
    at = np.zeros(len(nearest), np.float32)
    new = np.flatnonzero(np.diff(nearest)) + 1
    at[new] = changes[nearest[new]]
    return at


def _halved(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half the size, where enough is left."""
    rows, columns = luma.shape[0] // 2, luma.shape[1] // 2
    if min(rows, columns) < _LEAST_SIDE:
        return luma
    cut = luma[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _nearest(at: NDArray[np.int64], times: NDArray[np.float64], shots: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each frame the position in ``at`` (ascending indices) of the nearest in time, of the same shot if any is."""
    if not len(times):
        return np.zeros(0, np.intp)
    after = np.clip(np.searchsorted(at, np.arange(len(times))), 0, len(at) - 1)
    before = np.maximum(np.searchsorted(at, np.arange(len(times)), side="right") - 1, 0)
    # A frame of another shot is further away than any of the same.
    far = times[-1] - times[0] + 1.0
    distance = [np.abs(times[at[i]] - times) + far * (shots[at[i]] != shots) for i in (before, after)]
    return np.where(distance[0] <= distance[1], before, after)
