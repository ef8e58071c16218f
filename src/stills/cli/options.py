"""The options that commands share, and the session that they make.

An option that was not given is ``None``, so that the file and the environment below it count. The defaults in the help
are words for people; a test holds them to the settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from stills.cli.places import OutFolder, note_search
from stills.errors import UsageError
from stills.types import ClusterMethod, Device, Effort, FitMode, PictureFormat, Precision, Preset

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

    from stills.cli.events import Events
    from stills.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

LOG_LEVELS = ("debug", "info", "warning", "error")


class _Option(click.Option):
    """Shows a default given as a word without the brackets that click puts around it."""

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
            extra.pop("range", None)  # what is out of range is said when it is
        return extra


def _option(*names: str, **attributes: Any) -> Callable[[F], F]:
    return click.option(*names, cls=_Option, **attributes)


option = _option
"""For options that one command has alone, in its own file."""


def _all(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _choice(kind: Any) -> click.Choice[str]:
    return click.Choice(get_args(kind))


# What may not be read is said of each input by itself (readable=False): as a usage error it would cost all others.
inputs_argument = _all(
    click.argument("inputs", nargs=-1, required=True, metavar="INPUT…", type=click.Path(readable=False)),
    _option("--include", multiple=True, metavar="PATTERN", expose_value=False, callback=note_search,
            help="In folders, take only files that match, such as '*.mp4'. As often as needed."),
    _option("--exclude", multiple=True, metavar="PATTERN", expose_value=False, callback=note_search,
            help="In folders, leave out files and subfolders that match. As often as needed."),
    _option("--column", metavar="NAME", show_default="video, path, url, …", expose_value=False, callback=note_search,
            help="In lists (CSV, JSON lines), the column that names the video."),
)  # fmt: skip

out_option = _option(
    "-o", "--out", default="out", show_default=True, type=OutFolder(readable=False, path_type=Path), metavar="FOLDER",
    help="Folder for pictures, results and the report; or an address such as s3://bucket/folder.",
)  # fmt: skip

dry_run_option = _option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")

talk_options = _all(
    _option("--json", "json_events", is_flag=True, help="One JSON event a line on standard output."),
    _option("-q", "--quiet", is_flag=True, help="Neither progress nor results on the terminal; errors still."),
    _option("--log-level", type=click.Choice(LOG_LEVELS), default="warning", show_default=True,
                 help="What is logged on standard error; debug shows tracebacks."),
    _option("--log-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                 help="Log into this file as well; it rotates at 10 MiB."),
    _option("--log-format", type=click.Choice(("text", "json")), default="text", show_default=True,
                 help="Lines of text, or one JSON object a line."),
)  # fmt: skip

config_option = _option(
    "-c", "--config", type=click.Path(readable=False, path_type=Path), metavar="FILE",
    help="Settings file, YAML or TOML. STILLS_… variables and flags count more.",
)  # fmt: skip

strict_option = _option("--strict", is_flag=True, default=None, help="Turn every fallback into an error.")

_looking_options = _all(
    _option("--workers", type=click.IntRange(1, 256), metavar="N", show_default="one a core",
                 help="Processes that decode and measure."),
    _option("--threads", type=click.IntRange(1, 64), metavar="N", show_default="1",
                 help="Decoder threads of each worker."),
    _option("--device", type=_choice(Device), show_default="auto", help="Where models run; never falls back."),
    _option("--gpu", is_flag=True, default=None, help="The same as --device cuda."),
    _option("--precision", type=_choice(Precision), show_default="auto",
                 help="auto takes bf16 where it was measured to be harmless."),
    _option("--detector", metavar="NAME", show_default="yunet", help="What finds faces."),
    _option("--embedder", metavar="NAME", show_default="sface", help="What tells faces apart."),
    _option("--attributes-model", metavar="NAME", show_default="default",
                 help="What infers age, gender, ethnicity and emotion, where they are named."),
    _option("--resume/--no-resume", default=None, show_default="resume",
                 help="Go on where an interrupted scan stopped, or start anew."),
)  # fmt: skip

scan_options = _all(
    _option("--effort", type=_choice(Effort), show_default="balanced", help="How closely to look."), _looking_options
)

portrait_scan_options = _all(
    _option("--effort", type=_choice(Effort), show_default="fast",
            help="How closely to look: fast looks at the cover picture, key frames, scenes and what is near the best, "
                 "and stops where a frame qualifies; the others look at everything."), _looking_options
)  # fmt: skip

limit_options = _all(
    _option("--max-memory", type=click.IntRange(min=128), metavar="MB", show_default="none",
            help="Memory of all processes together: fewer workers and smaller buffers are used, or the video refused."),
    _option("--buffer-size", type=click.IntRange(1, 65536), metavar="MB", show_default="96",
            help="Decoded frames kept waiting: to be written, or until it is known whether they will be."),
    _option("--max-pixels", type=click.IntRange(min=4096), metavar="N", show_default="134217728",
            help="Largest frame that is decoded."),
    _option("--video-timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", show_default="none",
            help="Longest time for one video; what is finished by then is kept."),
    _option("--frame-timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", show_default="30",
            help="Longest time without a new frame; the place is left out."),
    _option("--retries", type=click.IntRange(0, 20), metavar="N", show_default="1",
            help="How often work that failed for a passing reason is tried again."),
    _option("--retry-delay", type=click.FloatRange(0, 3600), metavar="SECONDS", show_default="1",
            help="Pause before trying again, about; twice as long each time."),
)  # fmt: skip

picture_options = _all(
    _option("--format", type=_choice(PictureFormat), show_default="jpeg", help="Kind of picture."),
    _option("--quality", type=click.IntRange(0, 100), metavar="0…100", show_default="92",
            help="Quality of JPEG, WebP and AVIF."),
    _option("--compression", type=click.IntRange(0, 9), metavar="0…9", show_default="6",
            help="Compression of PNG: 0 is fastest, 9 smallest."),
    _option("--lossless/--no-lossless", default=None, show_default="no-lossless",
            help="Write WebP without loss, as PNG always is."),
    _option("--bit-depth", type=click.Choice(("8", "16")), show_default="8",
            help="Bits of each colour; 16, for PNG only, keeps what 10-bit videos have."),
    _option("--fit", metavar="SIZE", show_default="source",
            help="source, 1080p (1920x1080 or 1080x1920, by orientation) or WxH; never stretched."),
    _option("--fit-mode", type=_choice(FitMode), show_default="crop", help="How a picture is made to fit."),
    _option("--name-template", metavar="TEXT", show_default="by recipe",
            help="Names of pictures, such as {stem}_{number:04}_{time}."),
)  # fmt: skip

sheet_option = _option(
    "--sheet", metavar="4x5", show_default="none",
    help="Also write a contact sheet of so many columns and rows, with times.",
)  # fmt: skip

explain_option = _option(
    "--explain", is_flag=True, help="Print each frame's time, its score and what that is made of, and its shot."
)

keyframes_options = _all(
    _option("--preset", type=_choice(Preset), show_default="film",
            help="What the video is: film; screen (a screen capture); medical (continuous, grey, noisy pictures)."),
    _option("--similarity", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.95",
            help="Leave out frames at least this similar to a kept one."),
    _option("--target", type=click.IntRange(min=1), metavar="N", show_default="none",
            help="Exactly N frames; fewer only where the video has fewer different ones."),
    _option("--per-shot", type=click.IntRange(min=1), metavar="K", show_default="any",
            help="At most K frames of each shot."),
    _option("--min-gap", type=click.FloatRange(min=0), metavar="SECONDS", show_default="0",
            help="Least time between two frames."),
    _option("--window", type=click.FloatRange(0, min_open=True), metavar="SECONDS", show_default="the preset's",
            help="Time after which a frame may look like an earlier one."),
    _option("--from", "start", metavar="TIME", show_default="the start",
            help="Where to begin: seconds, or a time like 1:12.5."),
    _option("--to", "end", metavar="TIME", show_default="the end", help="Where to end."),
    _option("--weights", metavar="NAME=N,…", show_default="as measured",
            help="How much each part of a frame's score counts, such as sharpness=1,exposure=0.5."),
    _option("--all", is_flag=True, default=None, help="Every frame, with no choosing."),
    _option("--every", metavar="2s|10f", show_default="none",
            help="A frame every so many seconds or frames, with no choosing."),
)  # fmt: skip

thumbnails_options = _all(
    _option("-k", "--count", type=click.IntRange(1, 100), metavar="K", show_default="5", help="How many frames."),
    _option("--expression/--no-expression", default=None, show_default="expression",
            help="Weigh the expressions of faces; nothing is kept of any one person."),
    _option("--emotions", metavar="NAME=N,…", show_default="happy=1,surprise=0.6",
            help="Emotions that are wanted, and how much: 1 most, -1 to avoid."),
    _option("--weights", metavar="NAME=N,…", show_default="as measured",
            help="How much each part of a frame's score counts, such as sharpness=1,faces=0.5."),
    _option("--aspect", metavar="W:H", show_default="as it is", help="Cut to this shape, such as 9:16, keeping faces."),
    _option("--avoid-edges/--no-avoid-edges", default=None, show_default="no-avoid-edges",
            help="Skip opening logos and closing credits."),
    _option("--cover/--no-cover", default=None, show_default="cover",
            help="Let the cover picture in the file be a candidate."),
    _option("--preview", type=click.Choice(("webp", "gif")), show_default="none",
            help="Also write an animated preview of the chosen moments."),
)  # fmt: skip

portrait_options = _all(
    _option("--min-face", metavar="SIZE", show_default="12%",
            help="Smallest face that qualifies: pixels, or a share of the picture's shorter side like 12%."),
    _option("--min-quality", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.5",
            help="Least quality of a face that qualifies."),
    _option("--if-none", type=click.Choice(("best", "skip")), show_default="best",
            help="Where no face qualifies: take the best there is, or skip the video."),
    _option("--cover/--no-cover", default=None, show_default="cover",
            help="Let the cover picture in the file be a candidate."),
    _option("--weights", metavar="NAME=N,…", show_default="as measured",
            help="How much each part of a frame's score counts, such as size=1,sharpness=0.5."),
    _option("--prefer", metavar="NAME=N,…", show_default="nothing",
            help="What is preferred, and how much: smile, eyes, frontal, alone, centred; 1 most, -1 to avoid."),
    _option("--runners-up", type=click.IntRange(0, 100), metavar="N", show_default="3",
            help="Further good frames that are listed."),
)  # fmt: skip

people_options = _all(
    _option("--min-face", metavar="SIZE", show_default="24",
                 help="Smallest face that counts: pixels, or a share of the picture's shorter side like 3%."),
    _option("--min-screen-time", type=click.FloatRange(min=0), metavar="SECONDS", show_default="0",
                 help="Leave out people who are seen for less."),
    _option("--max-people", type=click.IntRange(min=1), metavar="N", show_default="all",
                 help="At most N people: those longest on screen."),
    _option("--cluster", type=_choice(ClusterMethod), show_default="constrained",
                 help="How appearances become people; dbscan and hdbscan need the extra stills[cluster]."),
    _option("--similarity", "--cluster-threshold", "similarity", type=click.FloatRange(0, 1), metavar="0…1",
                 show_default="as measured", help="Cosine similarity from which two appearances are one person."),
    _option("--per-person", type=click.IntRange(1, 100), metavar="K", show_default="1",
                 help="Pictures of each person."),
    _option("--runners-up", type=click.IntRange(0, 100), metavar="N", show_default="3",
                 help="Further good frames that are listed for each person."),
    _option("--crops/--no-crops", default=None, show_default="no-crops", help="Also write a crop of each face."),
    _option("--embeddings/--no-embeddings", default=None, show_default="embeddings",
                 help="Keep face embeddings in the local index, or drop them after clustering."),
)  # fmt: skip

across_options = _all(
    _option("--across", is_flag=True, help="Recognise people from one video to the next, in all that are in OUT."),
    _option("--across-similarity", type=click.FloatRange(0, 1), metavar="0…1", show_default="as measured",
            help="Cosine similarity from which people of several videos are one person."),
    _option("--who", multiple=True, metavar="NAME=PHOTO",
            help="With --across: whom a photo shows is called NAME in all videos. As often as needed."),
)  # fmt: skip

poster_option = _option(
    "--poster", "posters", multiple=True, metavar="IMG…", type=click.Path(readable=False),
    help="A poster of the film, or several: pictures named behind it are posters, too.",
)  # fmt: skip

cast_options = _all(
    _option("--attributes", metavar="NAME,…", show_default="none",
            help="What is inferred of each person: age, gender, ethnicity, emotion. Nothing that is not named."),
    _option("--min-area", type=click.FloatRange(0, 1), metavar="0…1", show_default="0",
            help="Smallest face that counts, as a share of the picture without letterbox bars."),
    _option("--max-area", type=click.FloatRange(0, 1, min_open=True), metavar="0…1", show_default="1",
            help="Largest face that counts."),
    _option("--min-confidence", type=click.FloatRange(0, 1), metavar="0…1", show_default="0",
            help="Least confidence of the detector in a face that counts."),
    _option("--outside", type=click.Choice(("drop", "keep")), show_default="drop",
            help="What becomes of faces whose centre lies in letterbox bars."),
    _option("--box-expansion", type=click.FloatRange(0, 2), metavar="0…2", show_default="0",
            help="How much larger boxes are written, drawn and blurred on each side, as a share of the box."),
    _option("--min-faces", type=click.IntRange(min=1), metavar="N", show_default="1",
            help="Leave out people with fewer analysed faces."),
    _option("--attribute-min-confidence", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.7",
            help="Least confidence of the detector in a face that attributes are read from."),
    _option("--attribute-min-sharpness", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.15",
            help="Least sharpness of such a face."),
    _option("--attribute-max-angle", type=click.FloatRange(0, 90, min_open=True), metavar="DEGREES", show_default="45",
            help="Most degrees by which such a face is turned aside, or up and down."),
    _option("--attribute-certainty", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.5",
            help="Least probability of a label that is given; below it, the answer is unknown."),
    _option("--poster-distance", type=click.FloatRange(0, 2), metavar="0…2", show_default="by embedder; sface 0.525",
            help="Largest cosine distance at which a face on a poster is a person of the film."),
    _option("--annotate/--no-annotate", default=None, show_default="no-annotate",
            help="Also write the video with a box around every face, its person, attributes and times."),
    _option("--blur", metavar="WHO", show_default="none",
            help="Write the video with faces hidden instead: all, others (all without a number) or numbers like 1,3."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with: the settings in force, and how it talks."""

    settings: Settings
    events: Events
    quiet: bool


def talk(json_events: bool, quiet: bool, log_level: str, log_format: str, log_file: Path | None) -> Events:
    """Set up logging and events from the options of ``talk_options``."""
    from stills.cli.events import Events
    from stills.log import setup_logging

    setup_logging(log_level, form="json" if log_format == "json" else "text", file=log_file)
    return Events(enabled=json_events)


def start(
    *,
    json_events: bool,
    quiet: bool,
    log_level: str,
    log_format: str,
    log_file: Path | None,
    config: Path | None = None,
    gpu: bool | None = None,
    section: str | None = None,
    **options: Any,
) -> Session:
    """Logging, events and settings from a command's options; those that are ``None`` were not given.

    ``section`` is the recipe whose settings short names mean first.

    Raises:
        SettingsError: A setting of any layer is unknown or not allowed.
        UsageError: Flags contradict each other.
    """
    events = talk(json_events, quiet, log_level, log_format, log_file)
    # Arrow's own allocator keeps what it was given: this process is a fifth smaller with the system's.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    given = {name: value for name, value in options.items() if value is not None}
    if gpu:
        if given.get("device", "cuda") != "cuda":
            raise UsageError(f"--gpu and --device {given['device']} contradict each other")
        given["device"] = "cuda"
    from stills.settings import load_settings

    settings = load_settings(config, options=given, section=section)
    _check_stacks(settings)
    # Worker processes and the model store find the folders where a user would set them: in the environment.
    for name, folder in (("STILLS_MODELS_DIR", settings.models_dir), ("STILLS_CACHE_DIR", settings.cache_dir)):
        if folder is not None:
            os.environ[name] = str(folder.expanduser())
    return Session(settings, events, quiet)


def _check_stacks(settings: Settings) -> None:
    """See before anything starts that the models named are there. Raises ``UsageError``."""
    from stills.vision import attribute_stacks, stack_of

    stack_of("detector", settings.scan.detector)
    stack_of("embedder", settings.scan.embedder)
    attribute_stacks(settings.scan.attributes_model, ())
