"""Which frame shows a large face best: size times quality, times what the user prefers.

    score = size^w × quality × preference        quality = Π partᵛ, a geometric mean

`size` is 1 − exp(−share / ``SIZE_SCALE``), where share is the shorter side of the face's box as a share of the shorter
side of the picture: it means the same at any resolution. `quality` is made of the parts of a face's quality (see
``vision.quality``) but its size in pixels, with the weights v of ``WEIGHTS``, which are made to add up to 1; w is 1.
`preference` is the product, over what is preferred, of 1 − p·(1 − value), or of 1 + p·value where p is negative (to be
avoided). All of them are in 0…1; nothing is preferred by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.index.index import Index
from stills.index.schema import QUALITY_PARTS
from stills.settings_values import FaceSize
from stills.types import COVER_PTS, Box, Fallback, Pick
from stills.types_portrait import PortraitSelection

SIZE_SCALE = 0.25
"""Share of the picture's shorter side at which a face's size is worth 63 %: head and shoulders. 12 % is worth 38 %, a
close-up of 45 % 83 %."""

WEIGHTS: Mapping[str, float] = {
    "size": 1.0,
    "sharpness": 0.25,
    "pose": 0.18,
    "eyes": 0.15,
    "exposure": 0.10,
    "visible": 0.07,
    "detector": 0.05,
}
"""Weight of each part; those of quality are as in ``vision.quality``, where their choice is explained."""

PREFERENCES = ("smile", "eyes", "frontal", "alone", "centred")
"""What can be preferred: a smile, wide open eyes, a face turned to the camera, nobody else, the middle of the frame."""

FLOOR = 0.02
"""Least value of a part in the mean, so that the others still order faces that fail in one."""

SURE = 0.5
"""Presence from which the mesh is believed to lie on a face."""

PROFILE_SCORE, UNMEASURED_SCORE, QUALIFYING_SCORE = 0.85, 0.75, 0.7
"""Detector scores from which a face counts that the mesh denies (a profile), that it never saw, and that it affirms and
which is to qualify. The first two as for thumbnails."""

APART = 1.0
"""Seconds between two frames that are offered as different ones."""

EYES_CLOSED = 0.25
"""How open eyes are at least: below, they are taken for closed, as for thumbnails."""

_KINDS = ("in_transition", "small", "unmeasured", "unsure", "eyes_closed", "poor")
"""Why a face does not qualify; the first that holds counts."""


@dataclass(frozen=True, slots=True)
class PortraitOptions:
    """What is asked for.

    ``min_face`` is pixels like ``"120"`` or a share of the picture's shorter side like ``"12%"``. ``weights`` change
    those of ``WEIGHTS``; ``prefer`` maps names of ``PREFERENCES`` to -1…1.
    """

    min_face: str = "12%"
    min_quality: float = 0.5
    if_none: Literal["best", "skip"] = "best"
    cover: bool = True
    weights: Mapping[str, float] = field(default_factory=dict)
    prefer: Mapping[str, float] = field(default_factory=dict)
    runners_up: int = 3


def check_options(options: PortraitOptions) -> None:
    """Raise ``UsageError`` where ``options`` name what there is not, or what cannot be."""
    for what, given, known in (("part", options.weights, tuple(WEIGHTS)), ("preference", options.prefer, PREFERENCES)):
        if unknown := sorted(set(given).difference(known)):
            raise UsageError(f"there is no {what} {unknown[0]!r} of a portrait", remedy=f"there are {', '.join(known)}")
    if any(w < 0 for w in options.weights.values()):
        raise UsageError("a weight is negative", remedy="give 0 for a part that does not count")
    if any(not -1 <= p <= 1 for p in options.prefer.values()):
        raise UsageError("a preference is not in -1…1")
    if options.runners_up < 0:
        raise UsageError("there are no fewer than 0 runners-up")
    try:
        FaceSize.parse(options.min_face)
    except ValueError as error:
        raise UsageError(f"min_face {error}") from error


def select_portrait(index: Index, options: PortraitOptions | None = None) -> PortraitSelection:
    """The frame of ``index`` that shows a large face best. Pure: reads the tables, decodes nothing.

    Each frame is judged by its largest face. It qualifies where the face is as large as ``min_face`` and as good as
    ``min_quality``, has its eyes open, was measured with the mesh and is outside of dissolves. The embedded cover
    picture is one of the frames, where it was measured. Raises ``UsageError`` for options that cannot be.
    """
    o = options or PortraitOptions()
    check_options(o)
    faces = _believed(_Faces.of(index, cover=o.cover))
    shown = _Shown.of(faces, o)
    qualified = bool(shown.qualifies.any())
    order = _apart(faces, shown, only=shown.qualifies if qualified else None, most=o.runners_up + 1)
    picks = [_pick(faces, shown, row) for row in order]
    frame: Pick | None = None
    reason: str | None = None
    fallbacks: tuple[Fallback, ...] = ()
    if not picks:
        reason = "no face was found in the frames that were looked at"
    elif not qualified:
        why = _why_not(faces, shown, order[0], o)
        if o.if_none == "skip":
            reason = f"no face qualifies: {why}"
        else:
            fallbacks = (Fallback("no-qualifying-face", f"no face qualifies, the best there is was taken: {why}"),)
    if reason is None:
        frame, *picks = picks
    return PortraitSelection(
        frame=frame,
        runners_up=tuple(picks[: o.runners_up]),
        qualified=qualified,
        reason=reason,
        shots=index.shot_list(),
        settings={**asdict(o), "weights": {**WEIGHTS, **o.weights}},
        dropped={k: int((shown.kind == n).sum()) for n, k in enumerate(_KINDS)},
        fallbacks=fallbacks,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    """Faces, one a row, those of the cover last; ``values`` are columns of ``faces`` by name, NaN where not measured.

    ``frame`` (n, 2) is the size of the picture that each is in.
    """

    pts: NDArray[np.int64]
    time: NDArray[np.float64]
    box: NDArray[np.float64]
    frame: NDArray[np.float64]
    measured: NDArray[np.bool_]
    in_transition: NDArray[np.bool_]
    values: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, index: Index, *, cover: bool) -> _Faces:
        """Those of ``index``, with those of its cover where that counts."""
        table = index.faces
        on_cover: list[Mapping[str, Any]] = list(index.cover["faces"]) if cover and index.cover is not None else []
        size = [index.cover["width"], index.cover["height"]] if index.cover is not None else [1, 1]
        more = len(on_cover)

        def column(name: str) -> NDArray[np.float64]:
            known = table[name].to_numpy().astype(np.float64)
            return np.append(known, [np.nan if f.get(name) is None else float(f[name]) for f in on_cover])

        box = np.stack([table[c].to_numpy() for c in ("x", "y", "width", "height")], axis=1).astype(np.float64)
        video = np.tile([float(index.video.width), float(index.video.height)], (len(table), 1))
        names = ("score", "presence", "smile", "eyes_open", *(f"quality_{part}" for part in QUALITY_PARTS))
        return cls(
            pts=np.append(table["pts"].to_numpy(), np.full(more, COVER_PTS)),
            time=np.append(table["time"].to_numpy(), np.zeros(more)),
            box=np.vstack([box, np.array([f["box"] for f in on_cover], np.float64).reshape(-1, 4)]),
            frame=np.vstack([video, np.tile(np.array(size, np.float64), (more, 1))]),
            measured=np.append(table["measured"].to_numpy().astype(bool), np.ones(more, bool)),
            in_transition=np.append(table["in_transition"].to_numpy().astype(bool), np.zeros(more, bool)),
            values={name: column(name) for name in names},
        )

    def __len__(self) -> int:
        return len(self.pts)

    def take(self, rows: NDArray[Any]) -> _Faces:
        """Some of them."""
        return _Faces(
            self.pts[rows],
            self.time[rows],
            self.box[rows],
            self.frame[rows],
            self.measured[rows],
            self.in_transition[rows],
            {name: column[rows] for name, column in self.values.items()},
        )

    @property
    def area(self) -> NDArray[np.float64]:
        """Pixels of each box."""
        return np.asarray(self.box[:, 2] * self.box[:, 3])

    @property
    def short(self) -> NDArray[np.float64]:
        """Pixels of the shorter side of each box."""
        return np.asarray(self.box[:, 2:].min(axis=1, initial=np.inf))


def _believed(faces: _Faces) -> _Faces:
    """``faces`` without what is hardly one."""
    presence, score = faces.values["presence"], faces.values["score"]
    seen = np.isfinite(presence)
    sure = np.where(seen, (presence >= SURE) | (score >= PROFILE_SCORE), score >= UNMEASURED_SCORE)
    return faces.take(np.flatnonzero(sure & (faces.area > 0)))


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """Frames, one a row, in order of pts: ``row`` is the frame's largest face; ``kind`` is -1 where it qualifies."""

    row: NDArray[np.int64]
    score: NDArray[np.float64]
    parts: Mapping[str, NDArray[np.float64]]
    kind: NDArray[np.int64]

    @property
    def qualifies(self) -> NDArray[np.bool_]:
        return np.asarray(self.kind < 0)

    @classmethod
    def of(cls, faces: _Faces, o: PortraitOptions) -> _Shown:
        """The frames that ``faces`` are in, judged."""
        order = np.lexsort((-faces.area, faces.pts))
        first = np.ones(len(order), bool)
        first[1:] = np.diff(faces.pts[order]) != 0
        row, total = order[first], np.bincount(np.cumsum(first) - 1, faces.area[order])
        largest = faces.take(row)
        weights = {**WEIGHTS, **o.weights}
        parts = {"size": size_part(largest.short / largest.frame.min(axis=1, initial=np.inf))}
        known = {part: largest.values[f"quality_{part}"] for part in WEIGHTS if part != "size"}
        parts["quality"] = quality_of(known, weights)
        preference, wanted = _preference(largest, largest.area / np.maximum(total, 1e-9), o.prefer)
        if o.prefer:
            parts["preference"] = preference
        score = np.maximum(parts["size"], FLOOR) ** weights["size"] * parts["quality"] * preference
        return cls(row, score, parts | known | wanted, _kinds(largest, parts["quality"], o))


def size_part(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """How large a face is, 0…1, from its shorter side as a share of the picture's shorter side."""
    return np.asarray(1.0 - np.exp(-np.maximum(share, 0.0) / SIZE_SCALE))


def quality_of(parts: Mapping[str, NDArray[np.float64]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """The weighted geometric mean of ``parts`` (n,) by name; what was not measured (NaN) counts as 1."""
    total = sum(weights[name] for name in parts)
    logs = sum(
        weights[name] * np.log(np.clip(np.nan_to_num(values, nan=1.0), FLOOR, 1.0)) for name, values in parts.items()
    )
    return np.asarray(np.exp(logs / total if total > 0 else np.zeros_like(logs)))


def _preference(
    largest: _Faces, alone: NDArray[np.float64], prefer: Mapping[str, float]
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """What preferences make of each frame (n,), and the values of what is preferred; unknown ones are half of all."""
    middle = largest.box[:, :2] + largest.box[:, 2:] / 2
    away = np.hypot(*((middle / np.maximum(largest.frame, 1.0) - 0.5) * 2).T) / np.sqrt(2.0)
    values = {
        "smile": largest.values["smile"],
        "eyes": largest.values["eyes_open"],
        "frontal": largest.values["quality_pose"],
        "alone": alone,
        "centred": 1.0 - away,
    }
    chosen = {name: np.clip(np.nan_to_num(values[name], nan=0.5), 0.0, 1.0) for name in PREFERENCES if name in prefer}
    product = np.ones(len(largest))
    for name, value in chosen.items():
        p = prefer[name]
        product *= 1.0 - p * (1.0 - value) if p >= 0 else 1.0 + p * value
    return product, {f"prefer_{name}": value for name, value in chosen.items()}


def _kinds(largest: _Faces, quality: NDArray[np.float64], o: PortraitOptions) -> NDArray[np.int64]:
    """Why each face does not qualify, as a place in ``_KINDS``; -1 where it does."""
    size = FaceSize.parse(o.min_face)
    least = size.value * largest.frame.min(axis=1, initial=np.inf) if size.unit == "share" else size.value
    unsure = ~(largest.values["presence"] >= SURE) | (largest.values["score"] < QUALIFYING_SCORE)
    closed = largest.values["eyes_open"] < EYES_CLOSED
    poor = quality < o.min_quality
    failed = [largest.in_transition, largest.short < least, ~largest.measured, unsure, closed, poor]
    return np.asarray(np.select(failed, range(len(_KINDS)), -1), np.int64)


def _apart(faces: _Faces, shown: _Shown, *, only: NDArray[np.bool_] | None, most: int) -> list[int]:
    """The best ``most`` frames (places in ``shown``), none near another; those ``only`` that are named."""
    pts, time = faces.pts[shown.row], faces.time[shown.row]
    # Where nothing qualifies, a face in a blend is the last resort, and one of which the eyes are known comes first.
    order = np.lexsort((pts, -shown.score, ~faces.measured[shown.row], faces.in_transition[shown.row]))
    chosen: list[int] = []
    for place in order if only is None else order[only[order]]:
        if len(chosen) == most:
            break
        cover = pts[place] == COVER_PTS
        if cover or all(pts[c] == COVER_PTS or abs(time[c] - time[place]) >= APART for c in chosen):
            chosen.append(int(place))
    return chosen


def _pick(faces: _Faces, shown: _Shown, place: int) -> Pick:
    row = int(shown.row[place])
    own = np.flatnonzero(faces.pts == faces.pts[row])
    boxes = [_box(faces, int(one)) for one in own[np.argsort(-faces.area[own], kind="stable")]]
    reasons = {name: float(values[place]) for name, values in shown.parts.items()}
    return Pick(
        pts=int(faces.pts[row]),
        time=float(faces.time[row]),
        score=round(float(shown.score[place]), 4),
        reasons={name: round(value, 4) for name, value in reasons.items() if np.isfinite(value)},
        box=_box(faces, row),
        faces=tuple(boxes),
    )


def _box(faces: _Faces, row: int) -> Box:
    x, y, width, height = (float(v) for v in faces.box[row])
    return x, y, width, height


def _why_not(faces: _Faces, shown: _Shown, place: int, o: PortraitOptions) -> str:
    """What is wrong with the best face there is, in words."""
    row, kind = int(shown.row[place]), _KINDS[int(shown.kind[place])]
    short = float(faces.short[row])
    share = short / float(faces.frame[row].min())
    quality = float(shown.parts["quality"][place])
    return {
        "in_transition": "the best one is in a dissolve or fade",
        "small": f"the best one has {short:.0f} pixels, {share:.0%} of the shorter side; {o.min_face} is wanted",
        "unmeasured": "the best one was not measured",
        "unsure": "the best one is hardly to be seen as a face: turned away or covered",
        "eyes_closed": "the best one has its eyes closed",
        "poor": f"the best one has a quality of {quality:.2f}; {o.min_quality:g} is wanted",
    }[kind]
