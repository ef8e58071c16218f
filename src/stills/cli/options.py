"""The options that commands share; those of recipes are in :mod:`stills.cli.recipe_options`.

An option that was not given is ``None``, so that the file and the environment below it count. The defaults in the help
are words for people; a test holds them to the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from stills.cli.places import OutFolder, note_search
from stills.types import Device, Effort, FitMode, PictureFormat, Precision

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

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


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """An option of a command."""
    return click.option(*names, cls=_Option, **attributes)


def together(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    """Several options as one decorator, in this order."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def choice(kind: Any) -> click.Choice[str]:
    """The words of a ``Literal``."""
    return click.Choice(get_args(kind))


# What may not be read is said of each input by itself (readable=False): as a usage error it would cost all others.
inputs_argument = together(
    click.argument("inputs", nargs=-1, required=True, metavar="INPUT…", type=click.Path(readable=False)),
    option("--include", multiple=True, metavar="PATTERN", expose_value=False, callback=note_search,
            help="In folders, take only files that match, such as '*.mp4'. As often as needed."),
    option("--exclude", multiple=True, metavar="PATTERN", expose_value=False, callback=note_search,
            help="In folders, leave out files and subfolders that match. As often as needed."),
    option("--column", metavar="NAME", show_default="video, path, url, …", expose_value=False, callback=note_search,
            help="In lists (CSV, JSON lines), the column that names the video."),
)  # fmt: skip

out_option = option(
    "-o", "--out", default="out", show_default=True, type=OutFolder(readable=False, path_type=Path), metavar="FOLDER",
    help="Folder for pictures, results and the report; or an address such as s3://bucket/folder.",
)  # fmt: skip

dry_run_option = option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")

talk_options = together(
    option("--json", "json_events", is_flag=True, help="One JSON event a line on standard output."),
    option("-q", "--quiet", is_flag=True, help="Neither progress nor results on the terminal; errors still."),
    option("--log-level", type=click.Choice(LOG_LEVELS), default="warning", show_default=True,
                 help="What is logged on standard error; debug shows tracebacks."),
    option("--log-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                 help="Log into this file as well; it rotates at 10 MiB."),
    option("--log-format", type=click.Choice(("text", "json")), default="text", show_default=True,
                 help="Lines of text, or one JSON object a line."),
)  # fmt: skip

config_option = option(
    "-c", "--config", type=click.Path(readable=False, path_type=Path), metavar="FILE",
    help="Settings file, YAML or TOML. STILLS_… variables and flags count more.",
)  # fmt: skip

strict_option = option("--strict", is_flag=True, default=None, help="Turn every fallback into an error.")

_looking_options = together(
    option("--workers", type=click.IntRange(1, 256), metavar="N", show_default="one a core",
                 help="Processes that decode and measure."),
    option("--threads", type=click.IntRange(1, 64), metavar="N", show_default="1",
                 help="Decoder threads of each worker."),
    option("--device", type=choice(Device), show_default="auto", help="Where models run; never falls back."),
    option("--gpu", is_flag=True, default=None, help="The same as --device cuda."),
    option("--precision", type=choice(Precision), show_default="auto",
                 help="auto takes bf16 where it was measured to be harmless."),
    option("--detector", metavar="NAME", show_default="yunet", help="What finds faces."),
    option("--embedder", metavar="NAME", show_default="sface", help="What tells faces apart."),
    option("--attributes-model", metavar="NAME", show_default="default",
                 help="What infers age, gender, ethnicity and emotion, where they are named."),
    option("--resume/--no-resume", default=None, show_default="resume",
                 help="Go on where an interrupted scan stopped, or start anew."),
)  # fmt: skip

scan_options = together(
    option("--effort", type=choice(Effort), show_default="balanced", help="How closely to look."), _looking_options
)

portrait_scan_options = together(
    option("--effort", type=choice(Effort), show_default="fast",
            help="How closely to look: fast looks at the cover picture, key frames, scenes and what is near the best, "
                 "and stops where a frame qualifies; the others look at everything."), _looking_options
)  # fmt: skip

limit_options = together(
    option("--max-memory", type=click.IntRange(min=128), metavar="MB", show_default="none",
            help="Memory of all processes together: fewer workers and smaller buffers are used, or the video refused."),
    option("--buffer-size", type=click.IntRange(1, 65536), metavar="MB", show_default="96",
            help="Decoded frames kept waiting: to be written, or until it is known whether they will be."),
    option("--max-pixels", type=click.IntRange(min=4096), metavar="N", show_default="134217728",
            help="Largest frame that is decoded."),
    option("--video-timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", show_default="none",
            help="Longest time for one video; what is finished by then is kept."),
    option("--frame-timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", show_default="30",
            help="Longest time without a new frame; the place is left out."),
    option("--retries", type=click.IntRange(0, 20), metavar="N", show_default="1",
            help="How often work that failed for a passing reason is tried again."),
    option("--retry-delay", type=click.FloatRange(0, 3600), metavar="SECONDS", show_default="1",
            help="Pause before trying again, about; twice as long each time."),
)  # fmt: skip

picture_options = together(
    option("--format", type=choice(PictureFormat), show_default="jpeg", help="Kind of picture."),
    option("--quality", type=click.IntRange(0, 100), metavar="0…100", show_default="92",
            help="Quality of JPEG, WebP and AVIF."),
    option("--compression", type=click.IntRange(0, 9), metavar="0…9", show_default="6",
            help="Compression of PNG: 0 is fastest, 9 smallest."),
    option("--lossless/--no-lossless", default=None, show_default="no-lossless",
            help="Write WebP without loss, as PNG always is."),
    option("--bit-depth", type=click.Choice(("8", "16")), show_default="8",
            help="Bits of each colour; 16, for PNG only, keeps what 10-bit videos have."),
    option("--fit", metavar="SIZE", show_default="source",
            help="source, 1080p (1920x1080 or 1080x1920, by orientation) or WxH; never stretched."),
    option("--fit-mode", type=choice(FitMode), show_default="crop", help="How a picture is made to fit."),
    option("--name-template", metavar="TEXT", show_default="by recipe",
            help="Names of pictures, such as {stem}_{number:04}_{time}."),
)  # fmt: skip

database_option = option(
    "--database", metavar="URL", show_default="OUT/.stills",
    help="Where the state of a library is kept: postgresql://… for several machines, sqlite:////path for a file.",
)  # fmt: skip

library_argument = click.argument("out", metavar="OUT", type=OutFolder(readable=False, path_type=Path), required=True)

reason_option = option(
    "--reason", metavar="WORD", show_default="any",
    help="Only those with this class of error (transient, corrupt, input, resource, bug) or this code (timeout, …).",
)  # fmt: skip

jobs_options = together(
    database_option,
    option("--runner", type=click.Choice(("local", "ray")), show_default="local",
           help="Who works on many videos: processes of this machine, or a Ray cluster (extra stills[ray])."),
    option("--ray-address", metavar="ADDRESS", show_default="a local one", help="The Ray cluster."),
    option("--at-once", type=click.IntRange(1, 256), metavar="N", show_default="workers and one",
           help="Videos under way at the same time."),
    option("--wait", is_flag=True, default=None, help="Wait for another run on OUT to end, instead of refusing."),
    option("--share", is_flag=True, default=None,
           help="Work on OUT together with other runs that say so, too: on other machines, with a --database."),
    option("--lease", type=click.FloatRange(5, 3600), metavar="SECONDS", show_default="60",
           help="Time after which the videos of a machine that does not answer any more are given to others."),
    option("--settle", type=click.FloatRange(0, 3600), metavar="SECONDS", show_default="5",
           help="Leave a file that changed less than so long ago for later: it may still be copied."),
    option("--metrics-port", type=click.IntRange(1, 65535), metavar="PORT", show_default="none",
           help="Serve Prometheus metrics at this port while there is work."),
    option("--metrics-address", metavar="ADDRESS", show_default="127.0.0.1",
           help="Address at which they are served: 0.0.0.0 lets other machines ask."),
    option("--metrics-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", show_default="none",
           help="Write metrics into this file, for Prometheus' textfile collector."),
)  # fmt: skip
"""For recipes that work on many videos; see :mod:`stills.cli.library_work`."""
