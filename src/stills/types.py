"""The values that stills' parts hand to each other: frozen, slotted, without behaviour beyond their own arithmetic.

Time is a presentation time stamp (``pts``) and a rational time base. ``time`` is derived: seconds from the first frame
shown. Boxes are ``(x, y, width, height)`` in pixels of the upright frame, the origin at its upper left corner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypeAlias

Box: TypeAlias = tuple[float, float, float, float]
"""x, y, width, height in pixels of the upright frame."""

Effort: TypeAlias = Literal["fast", "balanced", "exhaustive"]
Transition: TypeAlias = Literal["none", "cut", "dissolve", "fade"]
Hdr: TypeAlias = Literal["none", "pq", "hlg"]
Attribute: TypeAlias = Literal["age", "gender", "ethnicity", "emotion"]
Layer: TypeAlias = Literal["shots", "signals", "faces", "expression", "age", "gender", "ethnicity", "emotion"]
ClusterMethod: TypeAlias = Literal["constrained", "chinese-whispers", "dbscan", "hdbscan", "agglomerative"]
Device: TypeAlias = Literal["auto", "cpu", "cuda"]
Precision: TypeAlias = Literal["auto", "f32"]
PictureFormat: TypeAlias = Literal["jpeg", "png", "webp", "avif"]
Preset: TypeAlias = Literal["film", "screen", "medical"]
FitMode: TypeAlias = Literal["crop", "pad"]
ProgressStage: TypeAlias = Literal["upload", "queued", "fetch", "probe", "scan", "select", "render", "done"]


COVER_PTS = -(1 << 62)
"""A pts that no frame has: it stands for the cover picture embedded in the container."""


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """An exact moment: ``pts`` ticks of ``time_base`` seconds."""

    pts: int
    time_base: Fraction

    def seconds(self, start_pts: int = 0) -> float:
        """Seconds since ``start_pts``, rounded to the microsecond."""
        return round(float((self.pts - start_pts) * self.time_base), 6)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video is, as a viewer sees it.

    ``width`` and ``height`` are the display size: after sample aspect ratio (the width is scaled) and rotation.
    ``rotation`` is the clockwise turn in degrees (0, 90, 180, 270) that makes a decoded frame upright; a ``mirrored``
    frame is flipped left-right after it. ``duration`` is in seconds, from the first frame shown to the end of the last.
    ``missing_end`` is how many seconds more the file declares than it holds: it was cut off. 0 where that is not known.
    """

    path: str
    container: str
    codec: str
    pixel_format: str
    bit_depth: int
    coded_width: int
    coded_height: int
    width: int
    height: int
    sample_aspect_ratio: Fraction
    rotation: int
    mirrored: bool
    frame_rate: Fraction | None
    variable_frame_rate: bool
    time_base: Fraction
    start_pts: int
    duration: float
    frame_count: int | None
    hdr: Hdr
    color_space: str
    color_range: Literal["limited", "full"]
    stream_index: int
    video_streams: int
    cover_streams: tuple[int, ...]
    has_audio: bool
    bit_rate: int | None
    file_size: int
    warnings: tuple[str, ...] = ()
    missing_end: float = 0.0

    @property
    def has_cover_art(self) -> bool:
        """Whether the file carries an attached picture."""
        return bool(self.cover_streams)

    def seconds(self, pts: int) -> float:
        """Seconds from the first frame shown to ``pts``, rounded to the microsecond."""
        return Timestamp(pts, self.time_base).seconds(self.start_pts)

    def pts_at(self, seconds: float) -> int:
        """The pts tick nearest to ``seconds`` after the first frame shown."""
        return self.start_pts + round(Fraction(seconds) / self.time_base)


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames between two transitions; ``start`` and ``end`` in seconds, ``end`` exclusive."""

    start: float
    end: float
    transition_in: Transition = "none"


@dataclass(frozen=True, slots=True)
class Pose:
    """Head rotation in degrees; yaw + to the person's left, pitch + up, roll + clockwise in the picture."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class Pick:
    """A frame chosen for the user, and why.

    ``reasons`` are the parts of ``score``, each in 0…1. ``box`` is the face it was chosen for, where there is one;
    ``faces`` are all that are known to be in it, the largest first. ``rank`` is its place in the order in which frames
    would be given up (1: kept longest). The embedded cover picture has the pts ``COVER_PTS``.
    """

    pts: int
    time: float
    score: float
    reasons: Mapping[str, float]
    box: Box | None = None
    file: str | None = None
    crop: str | None = None
    faces: tuple[Box, ...] = ()
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What models say of one attribute of a person or a face: inferred from looks, never a fact about anyone.

    ``value`` is a label, or years for the age; ``None`` where it is unknown: too few good faces, or too uncertain.
    ``confidence`` is the probability of the label, for ages that of being right within five years. ``spread`` is how
    far single faces lie apart: years (standard deviation) for ages, the share of disagreeing weight (0…1) for labels.
    ``faces`` are those behind it, ``probabilities`` those of all labels (none for ages). ``reason`` says why a value is
    unknown.
    """

    value: str | float | None
    confidence: float
    spread: float
    faces: int
    probabilities: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that was seen of one person in one video.

    ``spans`` are seconds in which the person is on screen, ``screen_time`` their total, ``area`` the mean share of the
    picture that the face box takes while on screen, ``faces`` the number of analysed faces behind it.
    ``appearances`` counts the shots in which the person is seen, ``longest`` is the longest time in one of them in
    seconds, ``total_area`` the share of the picture added up over time, in seconds (1: a second filling the picture).
    """

    id: int
    stills: tuple[Pick, ...]
    runners_up: tuple[Pick, ...]
    faces: int
    tracks: tuple[int, ...]
    screen_time: float
    spans: tuple[tuple[float, float], ...]
    area: float
    first_seen: float
    last_seen: float
    appearances: int = 0
    longest: float = 0.0
    total_area: float = 0.0
    attributes: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def still(self) -> Pick:
        """The best frame."""
        return self.stills[0]


@dataclass(frozen=True, slots=True)
class ScanReport:
    """How much of the video was looked at, and what it took. ``coverage`` is the share of its duration."""

    effort: Effort
    frames_total: int | None
    frames_decoded: int
    frames_analysed: int
    coverage: float
    seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Fallback:
    """Something that was done otherwise than asked or than would be best; never silent."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long call: ``position`` and ``duration`` are seconds of video, ``speed`` is × real time.

    Where a server does the work there are further stages: ``upload``, of which both are bytes, ``queued`` and
    ``fetch``, in which the server gets the video.
    """

    stage: ProgressStage
    path: str
    position: float
    duration: float
    elapsed: float

    @property
    def speed(self) -> float:
        """Seconds of video per second of work; 0 before anything was done."""
        return self.position / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def fraction(self) -> float:
        """Share done, 0…1."""
        return min(1.0, self.position / self.duration) if self.duration > 0 else 0.0


ProgressCallback: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class PeopleSelection:
    """The answer to "who is in this video": pure data, made from an index alone."""

    people: tuple[Person, ...]
    shots: tuple[Shot, ...]
    settings: Mapping[str, Any]
    dropped: Mapping[str, int] = field(default_factory=dict)
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyframesSelection:
    """The answer to "which frames differ": pure data, made from an index alone.

    ``frames`` are in order of time. ``similarity`` is the threshold that was used; with a target, the largest
    similarity of any kept frame to one kept before it. ``distinct`` is how many frames could be told apart at all:
    a target beyond it cannot be met. ``dropped`` counts candidates left out, by reason.
    """

    frames: tuple[Pick, ...]
    shots: tuple[Shot, ...]
    similarity: float
    distinct: int
    settings: Mapping[str, Any]
    dropped: Mapping[str, int] = field(default_factory=dict)
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True)
class ThumbnailsSelection:
    """The answer to "which frames make one want to watch": pure data, ``frames`` and ``runners_up`` best first."""

    frames: tuple[Pick, ...]
    runners_up: tuple[Pick, ...]
    shots: tuple[Shot, ...]
    settings: Mapping[str, Any]
    dropped: Mapping[str, int] = field(default_factory=dict)
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True)
class PosterFace:
    """A face on a poster, in pixels of the upright poster.

    ``person`` is the id of the person of the film that it was given to, ``None`` for a stranger. ``distance`` is the
    cosine distance (1 - similarity) to that person, of a stranger to ``nearest``, the person who is the most similar;
    both are ``None`` where the film has nobody or the face could not be embedded. ``area`` is its share of the poster.
    """

    box: Box
    score: float
    area: float
    person: int | None = None
    distance: float | None = None
    nearest: int | None = None
    attributes: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Poster:
    """A poster and whom it shows, the largest face first. ``error`` says why nothing could be read of it.

    ``source`` is where it is read from, where ``path`` says what it is called instead.
    """

    path: str
    width: int
    height: int
    faces: tuple[PosterFace, ...] = ()
    file: str | None = None
    error: str | None = None
    source: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face in a picture, in pixels of the upright picture.

    ``score`` is the detector's and ``quality`` says how good it is to look at, both in 0…1. ``area`` is its share of
    the picture. ``yaw`` and ``pitch`` are in degrees, as in :class:`Pose`.
    """

    box: Box
    score: float
    quality: float
    area: float
    yaw: float | None = None
    pitch: float | None = None
    attributes: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FacesOfPicture:
    """The faces of a picture, the largest first; its size is that of the upright picture.

    ``error`` says why it could not be read (then it has no size), ``warnings`` what is odd about it.
    """

    path: str
    width: int
    height: int
    faces: tuple[FoundFace, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CastSelection:
    """The answer to "who is on screen, for how long, and on the poster": pure data, made from an index alone.

    ``together`` holds the seconds that each two people (in the order of ``people``) share the screen; a person's own
    screen time lies on its diagonal.
    """

    people: tuple[Person, ...]
    shots: tuple[Shot, ...]
    settings: Mapping[str, Any]
    together: tuple[tuple[float, ...], ...] = ()
    posters: tuple[Poster, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    fallbacks: tuple[Fallback, ...] = ()
