"""``stills scan``: measure videos ahead of time."""

from __future__ import annotations

from typing import Any, get_args

import click

from stills.cli import options
from stills.cli.inputs import expand
from stills.cli.session import start
from stills.errors import UsageError
from stills.types import Layer


@click.command("scan")
@options.inputs_argument
@click.option("--layers", default="signals,faces", show_default=True, metavar="NAME,…",
              help="What to measure: shots, signals (for key frames), faces (for people), expression (besides "
                   "signals and faces, for thumbnails).")  # fmt: skip
@options.scan_options
@options.limit_options
@options.config_option
@options.strict_option
@options.dry_run_option
@options.talk_options
def command(inputs: tuple[str, ...], layers: str, dry_run: bool, **given: Any) -> int:
    """Measure each video and keep the result, so that later questions about it are answered at once.

    The measurements are tables in the cache folder (STILLS_CACHE_DIR), found again by what the video is, not by its
    name. Nothing is written beside the video.
    """
    chosen = _layers(layers)
    session = start(**given)
    videos = expand(inputs)
    if dry_run:
        from stills.cli.dry import dry_run as say_what

        return say_what(session, videos, None, chosen)
    import stills
    from stills.cancel import CancelToken
    from stills.cli.run import Outcome, run_each
    from stills.cli.say import clock
    from stills.types import ProgressCallback

    with stills.Scanner(session.settings) as scanner:

        def scan(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
            index = stills.scan(
                path,
                layers=chosen,
                settings=session.settings,
                scanner=scanner,
                on_progress=on_progress,
                cancel=cancel,
            )
            report = index.report
            how = "measured before" if report.cached else f"{report.frames_analysed} frames in {report.seconds:.1f} s"
            return Outcome(
                f"{path}: {clock(index.video.duration)}, {how}",
                fallbacks=index.fallbacks,
                partial=index.partial,
                warnings=index.all_warnings,
                fields={
                    "layers": sorted(index.layers),
                    "cached": report.cached,
                    "frames_decoded": report.frames_decoded,
                    "frames_analysed": report.frames_analysed,
                    "coverage": report.coverage,
                    "seconds": round(report.seconds, 3),
                },
            )

        return run_each(session, videos, scan)


def _layers(text: str) -> frozenset[Layer]:
    """The names in ``--layers``. Raises ``UsageError`` for one that there is not."""
    known: tuple[Layer, ...] = get_args(Layer)
    named = {name.strip().lower() for name in text.split(",") if name.strip()}
    if unknown := sorted(named.difference(known)):
        raise UsageError(f"--layers knows no {unknown[0]!r}", remedy=f"choose among {', '.join(known)}")
    if not named:
        raise UsageError("--layers names nothing", remedy=f"choose among {', '.join(known)}")
    return frozenset(layer for layer in known if layer in named)
