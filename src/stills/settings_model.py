"""The tree of settings itself: what there is, its defaults, and what is allowed. :mod:`stills.settings` loads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stills.types import Device, Effort, FitMode, PictureFormat, Precision, Preset

_FACE_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>px|%)?")
_FIT_SIZE = re.compile(r"(?P<width>\d{1,5})[x×](?P<height>\d{1,5})", re.IGNORECASE)
_MAX_SIDE = 16384
"""Longest side of a picture that is written, in pixels: WebP's own limit is 16383."""


@dataclass(frozen=True, slots=True)
class FaceSize:
    """A size of a face: in pixels, or as a share of the picture's shorter side."""

    value: float
    unit: Literal["px", "share"] = "px"

    @classmethod
    def parse(cls, text: str) -> FaceSize:
        """Read ``"24"``, ``"24px"`` or ``"3%"``. Raises ``ValueError``."""
        match = _FACE_SIZE.fullmatch(text.strip())
        if match is None:
            raise ValueError('must be pixels like "24" or a share of the picture\'s shorter side like "3%"')
        number = float(match["number"])
        if match["unit"] == "%":
            if number > 100:
                raise ValueError("a share cannot be more than 100%")
            return cls(number / 100, "share")
        return cls(number, "px")

    def pixels(self, width: int, height: int) -> float:
        """The size in pixels of an upright picture of ``width`` × ``height``."""
        return self.value * min(width, height) if self.unit == "share" else self.value


def _face_size(text: str) -> str:
    FaceSize.parse(text)
    return text


def _fit(text: str) -> str:
    text = text.strip().lower()
    if text in {"source", "1080p"}:
        return text
    match = _FIT_SIZE.fullmatch(text)
    if match is None:
        raise ValueError("must be source, 1080p or WIDTHxHEIGHT like 1280x720")
    sides = int(match["width"]), int(match["height"])
    if not all(16 <= side < _MAX_SIDE for side in sides):
        raise ValueError(f"each side must be 16 to {_MAX_SIDE - 1} pixels")
    return f"{sides[0]}x{sides[1]}"


def _sheet(text: str | None) -> str | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,2})[x×](\d{1,3})", text.strip().lower())
    if match is None or not all(int(n) for n in match.groups()):
        raise ValueError("must be COLUMNSxROWS like 4x5")
    return f"{int(match[1])}x{int(match[2])}"


def _aspect(text: str | None) -> str | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,3})[:/](\d{1,3})", text.strip())
    if match is None or not all(int(n) for n in match.groups()):
        raise ValueError("must be WIDTH:HEIGHT like 16:9")
    return f"{int(match[1])}:{int(match[2])}"


def _name_template(text: str | None) -> str | None:
    from stills.name_fields import check_template

    return None if text is None else check_template(text)


def _whole(value: object) -> object:
    """A number given as text (flags and variables); a literal does not read it by itself."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def _interval(text: str | None) -> str | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s|(\d+)f", text.strip().lower())
    if match is None or not float(match[1] or match[2]):
        raise ValueError("must be seconds like 2s or frames like 10f")
    return text.strip().lower()


def _weights(value: object) -> object:
    """A mapping, or text like ``sharpness=1,exposure=0.5`` (flags and variables)."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(equals and number.strip() for _, equals, number in pairs):
        raise ValueError("must be NAME=NUMBER,… like sharpness=1,exposure=0.5")
    return {name.strip(): number.strip() for name, _, number in pairs}


def _moment(value: float | str | None) -> float | None:
    """Seconds, or ``[H:]MM:SS[.fff]``."""
    if value is None or isinstance(value, float | int):
        return None if value is None else float(value)
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)s?", value.strip())
    if match is None:
        raise ValueError("must be seconds like 72.5 or a time like 1:12.5")
    return int(match[1] or 0) * 3600.0 + int(match[2] or 0) * 60.0 + float(match[3])


class Section(BaseModel):
    """A branch of the tree: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class OutputSettings(Section):
    """The pictures that are written."""

    format: PictureFormat = "jpeg"
    """Kind of picture: jpeg, png, webp or avif."""
    quality: int = Field(default=92, ge=0, le=100)
    """Quality of JPEG, WebP and AVIF pictures, 0 to 100."""
    compression: int = Field(default=6, ge=0, le=9)
    """Compression of PNG pictures: 0 is fastest and largest, 9 slowest and smallest."""
    lossless: bool = False
    """Write WebP without loss, as PNG always is."""
    bit_depth: Annotated[Literal[8, 16], BeforeValidator(_whole)] = 8
    """Bits of each colour: 16, for PNG only, keeps what 10-bit and 12-bit videos have."""
    name_template: Annotated[str | None, AfterValidator(_name_template)] = None
    """Names of the pictures, such as {stem}_{number:04}_{time}; see the documentation for the fields."""
    sheet: Annotated[str | None, AfterValidator(_sheet)] = None
    """Also write a contact sheet of COLUMNSxROWS pictures with their times, such as 4x5."""
    fit: Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_fit)] = "source"
    """Size of the pictures: source, 1080p (1920x1080 or 1080x1920, by orientation) or WIDTHxHEIGHT; never stretched."""
    fit_mode: FitMode = "crop"
    """How a picture is made to fit: crop (the face stays in it) or pad."""
    crops: bool = False
    """Also write a crop of each face."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.lossless and self.format not in {"webp", "png"}:
            raise ValueError(f"{self.format} is not written lossless: use webp or png")
        if self.bit_depth == 16 and self.format != "png":
            raise ValueError(f"a bit_depth of 16 needs the format png, not {self.format}")
        return self

    @property
    def fit_size(self) -> Literal["source", "1080p"] | tuple[int, int]:
        """``fit``, read: a word, or width and height in pixels."""
        if self.fit == "source":
            return "source"
        if self.fit == "1080p":
            return "1080p"
        width, _, height = self.fit.partition("x")
        return int(width), int(height)


class ScanSettings(Section):
    """How a video is looked at."""

    effort: Effort = "balanced"
    """How closely to look: fast, balanced or exhaustive."""
    workers: int | None = Field(default=None, ge=1, le=256)
    """Processes that decode and measure; by default one a core."""
    threads: int = Field(default=1, ge=1, le=64)
    """Decoder threads of each worker."""
    device: Device = "auto"
    """Where models run: auto, cpu or cuda. There is no falling back from cuda."""
    precision: Precision = "auto"
    """auto uses bf16 where that was measured to be harmless and the CPU has it; f32 never does."""
    resume: bool = True
    """Go on where an interrupted scan stopped, and use what was measured before."""
    segment_seconds: float = Field(default=15.0, ge=2, le=3600)
    """Length of a piece of work, in seconds of video; what a crash costs."""


class LimitSettings(Section):
    """What a video may cost before it is given up."""

    max_memory: int | None = Field(default=None, ge=128)
    """Memory that all processes together may use, in MB; without, 4096 for each decoder process."""
    buffer_size: int = Field(default=96, ge=1, le=65536)
    """Decoded frames that wait to be written, or whether they will be, in MB."""
    max_pixels: int = Field(default=1 << 27, ge=4096)
    """Largest frame that is decoded, in pixels; the default is 16384x8192."""
    video_timeout: float | None = Field(default=None, gt=0)
    """Longest time for one video, in seconds."""
    frame_timeout: float | None = Field(default=30.0, gt=0)
    """Longest time without a new frame, in seconds."""
    retries: int = Field(default=1, ge=0, le=20)
    """How often a failed piece of work is tried again."""
    retry_delay: float = Field(default=1.0, ge=0, le=3600)
    """Seconds to wait before trying again, about: twice as long each time, and never exactly."""


class PeopleSettings(Section):
    """Who counts as a person of the video, and how many pictures each gets."""

    min_face: Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_face_size)] = "24"
    """Smallest face that counts: pixels like 24, or a share of the picture's shorter side like 3%."""
    min_screen_time: float = Field(default=0.0, ge=0)
    """Shortest time on screen for a person to count, in seconds."""
    max_people: int | None = Field(default=None, ge=1)
    """At most this many people: those longest on screen."""
    similarity: float | None = Field(default=None, ge=0, le=1)
    """Cosine similarity from which two tracks are one person; by default the measured one."""
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
    start: Annotated[float | None, BeforeValidator(_moment)] = Field(default=None, ge=0)
    """Where to begin: seconds, or a time like 1:12.5."""
    end: Annotated[float | None, BeforeValidator(_moment)] = Field(default=None, gt=0)
    """Where to end."""
    all: bool = False
    """Every frame, with no choosing."""
    every: Annotated[str | None, AfterValidator(_interval)] = None
    """A frame every so often, with no choosing: seconds like 2s or frames like 10f."""
    weights: Annotated[Mapping[str, Annotated[float, Field(ge=0)]], BeforeValidator(_weights)] = Field(
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
    emotions: Annotated[Mapping[str, Annotated[float, Field(ge=-1, le=1)]], BeforeValidator(_weights)] = Field(
        default_factory=lambda: {"happy": 1.0, "surprise": 0.6}
    )
    """Emotions that are wanted, and how much: 1 most, negative to avoid."""
    weights: Annotated[Mapping[str, Annotated[float, Field(ge=0)]], BeforeValidator(_weights)] = Field(
        default_factory=dict
    )
    """How much each part of a frame's score counts, where not as usual."""
    aspect: Annotated[str | None, AfterValidator(_aspect)] = None
    """Cut to WIDTH:HEIGHT, such as 9:16, keeping faces."""
    avoid_edges: bool = False
    """Skip opening logos and closing credits."""
    cover: bool = True
    """Let the cover picture in the file be a candidate."""
    preview: Literal["webp", "gif"] | None = None
    """Also write an animated preview of the chosen moments."""


class Settings(Section):
    """Everything that can be set. Frozen: :func:`stills.settings.change_settings` makes a changed one."""

    output: OutputSettings = Field(default_factory=OutputSettings)
    scan: ScanSettings = Field(default_factory=ScanSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    people: PeopleSettings = Field(default_factory=PeopleSettings)
    keyframes: KeyframesSettings = Field(default_factory=KeyframesSettings)
    thumbnails: ThumbnailsSettings = Field(default_factory=ThumbnailsSettings)
    strict: bool = False
    """Turn every fallback into an error."""
    embeddings: bool = True
    """Keep face embeddings in the local index; without, they are dropped after clustering."""
    models_dir: Path | None = None
    """Where model weights live; by default the platform's folder for user data."""
    cache_dir: Path | None = None
    """Where indexes live; by default the platform's folder for caches."""

    @property
    def models_folder(self) -> Path:
        """``models_dir``, or the platform's folder for user data."""
        if self.models_dir is not None:
            return self.models_dir.expanduser()
        from platformdirs import user_data_path

        return user_data_path("stills", appauthor=False) / "models"

    @property
    def cache_folder(self) -> Path:
        """``cache_dir``, or the platform's folder for caches."""
        if self.cache_dir is not None:
            return self.cache_dir.expanduser()
        from platformdirs import user_cache_path

        return user_cache_path("stills", appauthor=False)
