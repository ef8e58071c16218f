"""Collecting the faces of a segment: detect, follow, keep the best of each second of each track, measure those.

Every detected face becomes a row. The costly measurements (landmark mesh, embedding) are for a track's best faces only,
chosen at the end of the segment from small patches that were kept on the way, so that memory is bounded by the number
of tracks and not by the number of faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stills.scan.parameters import ScanParameters
from stills.scan.patches import FaceRow, Kept, around
from stills.scan.purity import change_of_person
from stills.scan.tracking import Tracker
from stills.types import Box, VideoInfo
from stills.vision.align import align_face
from stills.vision.attributes import FaceCrop
from stills.vision.bars import find_bars
from stills.vision.expression import expression_chip, mean_expression
from stills.vision.quality import face_quality, quick_quality
from stills.vision.transitions import ShotChange

if TYPE_CHECKING:
    from stills.media.decode import DecodedFrame
    from stills.types import Attribute
    from stills.vision.attributes import AttributeModel
    from stills.vision.detect import Detector
    from stills.vision.embed import Embedder
    from stills.vision.expression import ExpressionModel
    from stills.vision.landmarks import FaceLandmarker

LEAST_EYES = 2.0
"""Pixels between the eyes below which a face cannot be aligned, let alone be told from another."""

MOMENT = 1.0
"""Seconds of a track that share one kept face, unless it is looked at more closely."""

MOMENTS = 12
"""Kept faces of a track at most; the least good give way."""

LARGE_FACE = 0.08
"""Size of a face, as a share of the picture's longer side, from which the small detector picture is enough: there it is
still 26 pixels, and YuNet finds faces from about 10."""

BARS_SIDE = 320
"""Longer side, in pixels, of the picture in which letterbox bars are looked for."""

LEAST_MESHES = 1
"""Faces of a track that are always measured with the mesh, where there are as many."""


@dataclass(frozen=True, slots=True)
class Vision:
    """The models of a worker. ``follower`` is a detector of its own: a change of size costs one a millisecond.

    With ``expression``, faces are measured as thumbnails want it: the expression of each frame, and the mesh of each
    kept face. With ``attributes``, the faces that are embedded get those that are ``asked`` for.
    """

    detector: Detector
    follower: Detector
    embedder: Embedder
    landmarker: FaceLandmarker
    expression: ExpressionModel | None = None
    attributes: tuple[AttributeModel, ...] = ()
    asked: tuple[Attribute, ...] = ()


@dataclass(slots=True)
class FaceCollector:
    """Gathers the faces of one segment; :meth:`finish` gives the rows.

    ``expressions`` are those of the frames in which there are faces, by pts (``vision.expression.mean_expression``);
    empty without a model for them. ``bars`` are the black edges of each frame that was looked at, by pts, as shares of
    the picture: top, bottom, left, right.
    """

    video: VideoInfo
    parameters: ScanParameters
    vision: Vision
    hold_bytes: int
    moment: float = MOMENT
    rows: list[FaceRow] = field(default_factory=list)
    expressions: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    bars: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    _kept: dict[tuple[int, int, int], Kept] = field(default_factory=dict)
    _tracker: Tracker = field(init=False)
    _epoch: int = 0
    _full_look: float = float("-inf")

    def __post_init__(self) -> None:
        """Start with nothing followed."""
        self._tracker = Tracker(self.parameters.max_gap)

    def picture_changed(self) -> None:
        """The picture may have been cut: what is kept of a second may be two people's, and the whole is looked at."""
        self._epoch += 1
        self._full_look = float("-inf")

    def look(self, frame: DecodedFrame) -> int:
        """Find the faces of ``frame``; how many there are."""
        side = self._side(frame.time)
        scale = side / max(self.video.width, self.video.height)
        width, height = (max(16, round(self.video.width * scale)), max(16, round(self.video.height * scale)))
        detector = self.vision.detector if side > self.parameters.follow_side else self.vision.follower
        found = detector.detect(frame.small_bgr(width, height))
        sx, sy = self.video.width / width, self.video.height / height
        unit = np.array([sx, sy], np.float32)
        boxes: list[Box] = [(d.box[0] * sx, d.box[1] * sy, d.box[2] * sx, d.box[3] * sy) for d in found]
        ids = self._tracker.update(frame.time, boxes)
        self.bars[frame.pts] = _bars(frame)
        chips, areas = [], []
        for detection, box, track in zip(found, boxes, ids, strict=True):
            points = np.asarray(detection.landmarks * unit, np.float32)
            chip = self._add(frame, box, points, float(detection.score), track)
            if chip is not None:
                chips.append(chip)
                areas.append(box[2] * box[3])
        if self.vision.expression is not None and chips:
            # Now, as the moment that matters to one face is seldom the best of another's; single values are not kept.
            mean = mean_expression(self.vision.expression.classify(np.stack(chips)), np.array(areas))
            if mean is not None:
                self.expressions[frame.pts] = mean
        return len(found)

    def _side(self, time: float) -> int:
        """Which picture the detector is to see now: the large one now and then, and wherever a known face is small."""
        p = self.parameters
        smallest = self._tracker.smallest
        longer = max(self.video.width, self.video.height)
        recent = p.follow_side < p.detect_side and time - self._full_look < p.full_look_interval
        if recent and (smallest is None or smallest >= LARGE_FACE * longer):
            return min(p.follow_side, longer)
        self._full_look = time
        return min(p.detect_side, max(longer, p.follow_side))

    def _add(
        self, frame: DecodedFrame, box: Box, points: NDArray[np.float32], score: float, track: int
    ) -> NDArray[np.uint8] | None:
        """Note a face; its chip for the expression, where that is wanted."""
        if np.hypot(*(points[1] - points[0])) < LEAST_EYES or (area := around(frame, box)) is None:
            return None
        # The grey face is nearly free; colour is converted only for faces that may be measured.
        left, top, width, height = area
        gray = frame.crop_luma(left, top, width, height)
        chip = align_face(gray, points - np.array([left, top], np.float32))
        quality = quick_quality(
            box=box, landmarks=points, score=score, chip=chip, frame_size=(self.video.width, self.video.height)
        )
        row = FaceRow(frame.pts, frame.time, box, points, score, track, quality)
        self.rows.append(row)
        key = (track, self._epoch, int(frame.time / self.moment))
        best = self._kept.get(key)
        if best is None or quality.value > best.row.quality.value:
            self._kept[key] = Kept(row, area, frame)
            self._limit(track)
        if self.vision.expression is None:
            return None
        return expression_chip(gray, (box[0] - left, box[1] - top, box[2], box[3]), points - np.array([left, top]))

    def _limit(self, track: int) -> None:
        """Bound what is kept: the patches of one track between two sudden changes, and the frames of all."""
        mine = [k for k in self._kept if k[:2] == (track, self._epoch)]
        if len(mine) > MOMENTS:
            del self._kept[min(mine, key=lambda k: self._kept[k].row.quality.value)]
        holding = [k for k in self._kept.values() if k.frame is not None]
        size = self.video.coded_width * self.video.coded_height * (3 if self.video.bit_depth > 8 else 1.5)
        if len({id(k.frame) for k in holding}) * size <= self.hold_bytes:
            return
        # The best of each track is what will be asked for; then frames give way by quality.
        best: dict[tuple[int, int], Kept] = {}
        for key, k in self._kept.items():
            if key[:2] not in best or k.row.quality.value > best[key[:2]].row.quality.value:
                best[key[:2]] = k
        chosen = {id(k.frame) for k in best.values()}
        worst = min(holding, key=lambda k: (id(k.frame) in chosen, k.row.quality.value))
        for k in holding:
            if k.frame is worst.frame:
                k.let_go()

    def finish(self, changes: Sequence[ShotChange]) -> dict[int, DecodedFrame]:
        """Split the tracks at ``changes``, measure each one's best faces, split those that changed hands.

        Afterwards ``rows`` are complete, tracks numbered by first appearance. Gives the held frames of the tracks' best
        faces by pts, for the spill.
        """
        self._split_at(changes)
        kept: dict[int, list[Kept]] = {}
        for k in self._kept.values():
            if not k.row.in_transition:
                kept.setdefault(k.row.track, []).append(k)
        held: dict[int, DecodedFrame] = {}
        following = max((r.track for r in self.rows), default=-1) + 1
        for track in sorted(kept):
            self._measure(kept[track])
            embedded = sorted((k.row for k in kept[track] if k.row.embedding is not None), key=lambda r: r.pts)
            vectors = np.array([r.embedding for r in embedded], np.float32)
            if len(vectors) and (at := change_of_person(vectors)) is not None:
                border = 0.5 * (embedded[at - 1].time + embedded[at].time)
                for row in self.rows:
                    if row.track == track and row.time >= border:
                        row.track = following
                following += 1
            for own in {k.row.track for k in kept[track]}:
                measured = [k for k in kept[track] if k.row.track == own and k.row.mesh is not None]
                best = max(measured, key=lambda k: k.row.quality.value, default=None)
                if best is not None and best.frame is not None:
                    held[best.row.pts] = best.frame
        self._kept.clear()
        self._renumber()
        return held

    def _split_at(self, changes: Sequence[ShotChange]) -> None:
        """Give the part of a track behind a transition an id of its own; mark the faces inside a gradual one."""
        borders = np.array([c.time for c in changes])
        gradual = [(c.start, c.end) for c in changes if c.kind != "cut"]
        ids: dict[tuple[int, int], int] = {}
        for row in self.rows:
            shot = int(np.searchsorted(borders, row.time, side="right"))
            row.track = ids.setdefault((row.track, shot), len(ids))
            row.in_transition = any(a < row.time < b for a, b in gradual)

    def _measure(self, kept: list[Kept]) -> None:
        """Fit the mesh to the best of ``kept``, and embed the best of those."""
        p = self.parameters
        order = sorted(kept, key=lambda k: -k.row.quality.value)
        best = 0.0
        for n, k in enumerate(order[: p.mesh_faces]):
            # Without the mesh the eyes count as open and the pose is taken as it looks: what is left cannot do better.
            if n >= LEAST_MESHES and best >= p.mesh_slack * k.row.quality.value:
                break
            best = max(best, self._fit(k))
        # One clear face says who it is; poor ones have to be averaged.
        chosen = order[: max(2, round(p.embedding_faces * min(1.0, 2.0 * (1.2 - best))))]
        chips = np.stack([align_face(patch.bgr, patch.locate(k.row.landmarks)) for k in chosen for patch in [k.cut()]])
        for k, vector in zip(chosen, self.vision.embedder.embed(chips), strict=True):
            k.row.embedding = vector
        if self.vision.attributes:
            self._infer(chosen)
        if self.vision.expression is not None:
            for k in order:
                if k.row.mesh is None:  # thumbnails are chosen among all moments, not only a person's best
                    self._fit(k)

    def _infer(self, chosen: list[Kept]) -> None:
        """Have the attributes that were asked for of the faces that say who somebody is."""
        crops = []
        for k in chosen:
            if k.row.mesh is None:  # how far a head is turned says what its values are worth
                self._fit(k)
            patch, (x, y, w, h) = k.cut(), k.row.box
            left, top = patch.locate(np.array([[x, y]], np.float32))[0]
            box = (float(left), float(top), w * patch.scale, h * patch.scale)
            crops.append(FaceCrop(patch.bgr, box, patch.locate(k.row.landmarks), k.row.mesh))
        for model in self.vision.attributes:
            for name, values in model.measure(crops).items():
                if name in self.vision.asked:
                    for k, value in zip(chosen, values, strict=True):
                        k.row.attributes.setdefault(name, value)

    def _fit(self, kept: Kept) -> float:
        """Fit the mesh; the face's quality then."""
        patch = kept.cut()
        kept.row.mesh = self.vision.landmarker.fit(patch.bgr, patch.locate(kept.row.landmarks))
        kept.row.quality = face_quality(kept.row.quality, kept.row.mesh)
        return kept.row.quality.value

    def _renumber(self) -> None:
        """Number tracks by first appearance, so that equal scans give equal ids."""
        order: dict[int, int] = {}
        for row in self.rows:
            row.track = order.setdefault(row.track, len(order))


def _bars(frame: DecodedFrame) -> tuple[float, float, float, float]:
    """The black edges of ``frame``, as shares of its height and width: top, bottom, left, right."""
    scale = BARS_SIDE / max(frame.width, frame.height)
    luma = frame.small_luma(max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    top, bottom, left, right = find_bars(luma)
    return top / luma.shape[0], bottom / luma.shape[0], left / luma.shape[1], right / luma.shape[1]
