"""The tree of settings itself: what there is, its defaults, and what is allowed. :mod:`stills.settings` loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from stills.settings_recipes import (
    CastSettings,
    KeyframesSettings,
    PeopleSettings,
    PortraitSettings,
    ThumbnailsSettings,
)
from stills.settings_section import Section
from stills.settings_service import ServiceSettings
from stills.settings_values import read_fit, read_name_template, read_sheet, read_whole
from stills.types import Device, Effort, FitMode, PictureFormat, Precision

__all__ = [
    "AwsSettings",
    "BatchSettings",
    "CastSettings",
    "JobsSettings",
    "KeyframesSettings",
    "LimitSettings",
    "OutputSettings",
    "PeopleSettings",
    "PortraitSettings",
    "ScanSettings",
    "Section",
    "ServiceSettings",
    "Settings",
    "ThumbnailsSettings",
]


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
    bit_depth: Annotated[Literal[8, 16], BeforeValidator(read_whole)] = 8
    """Bits of each colour: 16, for PNG only, keeps what 10-bit and 12-bit videos have."""
    name_template: Annotated[str | None, AfterValidator(read_name_template)] = None
    """Names of the pictures, such as {stem}_{number:04}_{time}; see the documentation for the fields."""
    sheet: Annotated[str | None, AfterValidator(read_sheet)] = None
    """Also write a contact sheet of COLUMNSxROWS pictures with their times, such as 4x5."""
    fit: Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(read_fit)] = "source"
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
    detector: str = "yunet"
    """What finds faces; `stills models list` shows what there is."""
    embedder: str = "sface"
    """What tells faces apart."""
    attributes_model: str = "default"
    """What infers age, gender, ethnicity and emotion, where they are named."""
    resume: bool = True
    """Go on where an interrupted scan stopped, and use what was measured before."""
    previews: int = Field(default=0, ge=0, le=65536)
    """Small pictures of all frames that may be picked, kept with each video's index, in MB at most; 0 for none."""
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
    max_download: int = Field(default=16384, ge=1)
    """Largest file that is downloaded, in MB."""
    download_timeout: float = Field(default=30.0, gt=0)
    """Longest time without a byte of a download, in seconds."""


class BatchSettings(Section):
    """How the table of films of `stills batch` is read."""

    id_column: str = "id"
    """Column that names each film; its outputs get a folder of that name."""
    trailer_column: str = "trailer"
    """Column with the video: a path or a URL."""
    posters_column: str = "posters"
    """Column with any number of pictures, paths or URLs, a vertical bar between them."""
    pickle: bool = False
    """Also write the tables as pickled lists of dictionaries, for programs that read those."""


class JobsSettings(Section):
    """Many videos: where their state is kept, and who does the work."""

    database: str | None = None
    """Where state is kept: by default SQLite in OUT/.stills; or a postgresql://… URL, for several machines."""
    runner: Literal["local", "ray"] = "local"
    """Who does the work: local (processes of this machine) or ray (a Ray cluster)."""
    ray_address: str | None = None
    """Address of the Ray cluster; without, one is started on this machine."""
    at_once: int | None = Field(default=None, ge=1, le=256)
    """Videos under way at the same time; by default as many as there are workers, and one."""
    wait: bool = False
    """Wait for another run on the same output folder to end, instead of refusing."""
    share: bool = False
    """Work on one output folder together with other runs that share, too: several machines, one library."""
    lease: float = Field(default=60.0, ge=5, le=3600)
    """Seconds after which the work of a machine that no longer answers is given to another."""
    gently: bool = False
    """Have workers give way to everything else on the machine; `stills serve` does, so that it answers meanwhile."""
    settle: float = Field(default=5.0, ge=0, le=3600)
    """A file that changed less than so many seconds ago may still be copied, and is left for later."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Port at which Prometheus metrics are served while there is work."""
    metrics_address: str = Field(default="127.0.0.1", min_length=1)
    """Address at which they are served: this machine only; 0.0.0.0 or :: for others, as in a container."""
    metrics_file: Path | None = None
    """File for Prometheus' textfile collector, written while there is work and at its end."""


class AwsSettings(Section):
    """The Lambda function: where results go, and how it spends its time."""

    output_prefix: str = "processed/"
    """Where results go in the bucket of the video; objects below it are never looked at."""
    exhaustive_up_to: float = Field(default=60.0, ge=0)
    """Videos up to so many seconds are looked at with the effort exhaustive, where no effort is set."""
    balanced_up_to: float = Field(default=3600.0, ge=0)
    """Longer ones up to so many seconds with balanced, all others with fast; less where the time would not do."""
    reserve: float | None = Field(default=None, ge=1, le=600)
    """Seconds kept for pictures and their upload; by default 15 % of what is left, 5 to 75."""


class Settings(Section):
    """Everything that can be set. Frozen: :func:`stills.settings.change_settings` makes a changed one."""

    output: OutputSettings = Field(default_factory=OutputSettings)
    scan: ScanSettings = Field(default_factory=ScanSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    people: PeopleSettings = Field(default_factory=PeopleSettings)
    keyframes: KeyframesSettings = Field(default_factory=KeyframesSettings)
    thumbnails: ThumbnailsSettings = Field(default_factory=ThumbnailsSettings)
    cast: CastSettings = Field(default_factory=CastSettings)
    batch: BatchSettings = Field(default_factory=BatchSettings)
    jobs: JobsSettings = Field(default_factory=JobsSettings)
    portrait: PortraitSettings = Field(default_factory=PortraitSettings)
    aws: AwsSettings = Field(default_factory=AwsSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)
    strict: bool = False
    """Turn every fallback into an error."""
    embeddings: bool = True
    """Keep face embeddings in the local index; without, they are dropped after clustering."""
    models_dir: Path | None = None
    """Where model weights live; by default the platform's folder for user data."""
    cache_dir: Path | None = None
    """Where indexes live; by default the platform's folder for caches."""
    remote: str | None = None
    """Server that does the work of recipes, such as https://stills.example.org; by default this machine does it."""
    remote_token: SecretStr | None = None
    """Token for that server: in the environment STILLS_REMOTE_TOKEN. No flag gives it: others could read it there."""

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
