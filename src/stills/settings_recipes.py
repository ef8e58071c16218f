"""The settings of recipes: what each may be asked. :mod:`stills.settings_model` has the tree that they are part of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stills.settings_section import Section
from stills.settings_values import (
    FaceSize,
    read_aspect,
    read_blur,
    read_face_size,
    read_interval,
    read_listed,
    read_moment,
    read_weights,
)
from stills.types import Attribute, ClusterMethod, Effort, Preset


class PeopleSettings(Section):
    """Who counts as a person of the video, and how many pictures each gets."""

    min_face: Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(read_face_size)] = "24"
    """Smallest face that counts: pixels like 24, or a share of the picture's shorter side like 3%."""
    min_screen_time: float = Field(default=0.0, ge=0)
    """Shortest time on screen for a person to count, in seconds."""
    max_people: int | None = Field(default=None, ge=1)
    """At most this many people: those longest on screen."""
    cluster: ClusterMethod = "constrained"
    """How tracks become people: constrained, chinese-whispers, dbscan, hdbscan or agglomerative."""
    similarity: float | None = Field(default=None, ge=0, le=1)
    """Cosine similarity from which two tracks are one person; by default the one measured for the method."""
    across_similarity: float | None = Field(default=None, ge=0, le=1)
    """Cosine similarity from which people of several videos are one; by default the one measured for the embedder."""
    per_person: int = Field(default=1, ge=1, le=100)
    """Pictures of each person."""
    runners_up: int = Field(default=3, ge=0, le=100)
    """Further frames of each person that are listed, not written."""

    @property
    def min_face_size(self) -> FaceSize:
        """``min_face``, read."""
        return FaceSize.parse(self.min_face)


class KeyframesSettings(Section):
    """Which frames count as key frames."""

    preset: Preset = "film"
    """What the video is: film; screen (a screen capture); medical (continuous, grey, noisy pictures)."""
    similarity: float | None = Field(default=None, ge=0, le=1)
    """Frames at least this similar to a kept one are left out; by default 0.95, unless there is a target."""
    target: int | None = Field(default=None, ge=1)
    """Exactly this many frames, as far as the video has different ones."""
    per_shot: int | None = Field(default=None, ge=1)
    """At most this many frames of each shot."""
    min_gap: float = Field(default=0.0, ge=0)
    """Least seconds between two key frames."""
    window: float | None = Field(default=None, gt=0)
    """Seconds after which a frame may look like an earlier one; by default the preset's."""
    start: Annotated[float | None, BeforeValidator(read_moment)] = Field(default=None, ge=0)
    """Where to begin: seconds, or a time like 1:12.5."""
    end: Annotated[float | None, BeforeValidator(read_moment)] = Field(default=None, gt=0)
    """Where to end."""
    all: bool = False
    """Every frame, with no choosing."""
    every: Annotated[str | None, AfterValidator(read_interval)] = None
    """A frame every so often, with no choosing: seconds like 2s or frames like 10f."""
    weights: Annotated[Mapping[str, Annotated[float, Field(ge=0)]], BeforeValidator(read_weights)] = Field(
        default_factory=dict
    )
    """How much each part of a frame's score counts, where not as usual."""

    @property
    def plain(self) -> bool:
        """Whether frames are taken out with no choosing."""
        return self.all or self.every is not None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"the start (from) at {self.start:g} s is not before the end (to) at {self.end:g} s")
        if self.plain:
            word = "all" if self.all else "every"
            others = ("every", *_CHOOSING) if self.all else _CHOOSING
            if given := [name for name in others if getattr(self, name) not in (None, 0.0, {})]:
                name = given[0].replace("_", "-")
                raise ValueError(f"{word} and {name} contradict each other: {word} takes frames with no choosing")
        return self


_CHOOSING = ("target", "similarity", "per_shot", "min_gap", "window", "weights")
"""Settings that choose among frames."""


class ThumbnailsSettings(Section):
    """Which frames make good thumbnails."""

    count: int = Field(default=5, ge=1, le=100)
    """How many frames."""
    expression: bool = True
    """Weigh the expressions of faces; nothing of it is kept of any one person."""
    emotions: Annotated[Mapping[str, Annotated[float, Field(ge=-1, le=1)]], BeforeValidator(read_weights)] = Field(
        default_factory=lambda: {"happy": 1.0, "surprise": 0.6}
    )
    """Emotions that are wanted, and how much: 1 most, negative to avoid."""
    weights: Annotated[Mapping[str, Annotated[float, Field(ge=0)]], BeforeValidator(read_weights)] = Field(
        default_factory=dict
    )
    """How much each part of a frame's score counts, where not as usual."""
    aspect: Annotated[str | None, AfterValidator(read_aspect)] = None
    """Cut to WIDTH:HEIGHT, such as 9:16, keeping faces."""
    avoid_edges: bool = False
    """Skip opening logos and closing credits."""
    cover: bool = True
    """Let the cover picture in the file be a candidate."""
    preview: Literal["webp", "gif"] | None = None
    """Also write an animated preview of the chosen moments."""


class CastSettings(Section):
    """Who is on screen, for how long, and on the poster; `people` says who counts as a person."""

    attributes: Annotated[tuple[Attribute, ...], BeforeValidator(read_listed)] = ()
    """What is inferred of each person: age, gender, ethnicity, emotion. Nothing that is not named."""
    min_area: float = Field(default=0.0, ge=0, le=1)
    """Smallest face that counts, as a share of the active picture (letterbox bars taken off)."""
    max_area: float = Field(default=1.0, gt=0, le=1)
    """Largest face that counts, as a share of the active picture."""
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    """Least confidence of the detector in a face that counts."""
    outside: Literal["drop", "keep"] = "drop"
    """What becomes of faces whose centre lies in letterbox bars: drop or keep."""
    box_expansion: float = Field(default=0.0, ge=0, le=2)
    """How much larger than the face written, drawn and blurred boxes are on each side, as a share of the box."""
    min_faces: int = Field(default=1, ge=1)
    """Least faces of a person who counts."""
    attribute_min_confidence: float = Field(default=0.7, ge=0, le=1)
    """Least confidence of the detector in a face that attributes are read from."""
    attribute_min_sharpness: float = Field(default=0.15, ge=0, le=1)
    """Least sharpness of a face that attributes are read from."""
    attribute_max_angle: float = Field(default=45.0, gt=0, le=90)
    """Most degrees by which a face that attributes are read from is turned aside or up and down."""
    attribute_certainty: float = Field(default=0.5, ge=0, le=1)
    """Least probability of a label that is given; below it, the answer is unknown."""
    poster_distance: float | None = Field(default=None, ge=0, le=2)
    """Largest cosine distance of a face on a poster to its person; by default the embedder's (sface: 0.525)."""
    annotate: bool = False
    """Also write the video with a box around every face, its person, attributes and times."""
    blur: Annotated[str | None, Field(coerce_numbers_to_str=True), AfterValidator(read_blur)] = None
    """Also write the video with faces made unrecognisable: all, others (everyone without a number), or numbers."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_area >= self.max_area:
            raise ValueError(f"min_area {self.min_area:g} leaves nothing under max_area {self.max_area:g}")
        if len(set(self.attributes)) < len(self.attributes):
            raise ValueError("an attribute is named twice")
        return self


class PortraitSettings(Section):
    """The one best frame with a large face."""

    effort: Effort = "fast"
    """How closely to look: fast goes from the quickest place to the slowest and stops where a frame qualifies."""
    min_face: Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(read_face_size)] = "12%"
    """Smallest face that qualifies: pixels like 120, or a share of the picture's shorter side like 12%."""
    min_quality: float = Field(default=0.5, ge=0, le=1)
    """Least quality of a face that qualifies."""
    if_none: Literal["best", "skip"] = "best"
    """What to do where no face qualifies: take the best there is, or skip the video."""
    cover: bool = True
    """Look at the cover picture in the file first."""
    weights: Annotated[Mapping[str, Annotated[float, Field(ge=0)]], BeforeValidator(read_weights)] = Field(
        default_factory=dict
    )
    """How much each part of a frame's score counts, where not as usual."""
    prefer: Annotated[Mapping[str, Annotated[float, Field(ge=-1, le=1)]], BeforeValidator(read_weights)] = Field(
        default_factory=dict
    )
    """What is preferred, and how much: smile, eyes, frontal, alone, centred; nothing by default."""
    runners_up: int = Field(default=3, ge=0, le=100)
    """Further frames that are listed, not written."""
