"""``stills shots``: where one shot ends and the next begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.inputs import expand
from stills.cli.session import start
from stills.errors import UsageError

FORMATS = ("json", "csv", "edl", "otio", "vtt")
"""What ``--write`` takes; a test holds it to ``stills.render.timelines``."""


@click.command("shots")
@options.inputs_argument
@click.option(
    "-o", "--out", type=click.Path(readable=False, path_type=Path), metavar="FOLDER",
    help="Write the shots into this folder as well.",
)  # fmt: skip
@click.option(
    "--write", "written", multiple=True, metavar="FORMAT,…",
    help="What to write beside shots.json: csv, edl (CMX 3600), otio (OpenTimelineIO), vtt (WebVTT chapters).",
)  # fmt: skip
@options.scan_options
@options.limit_options
@options.config_option
@options.strict_option
@options.dry_run_option
@options.talk_options
def command(inputs: tuple[str, ...], out: Path | None, written: tuple[str, ...], dry_run: bool, **given: Any) -> int:
    """Print the shots of each video: number, start, end, length, and how each begins (cut, dissolve, fade).

    On a terminal it is a table; into a pipe or a file go lines of number, start, end, length, transition and video,
    separated by tabs, times in seconds from the first frame. With -o each video gets a folder in OUT with shots.json
    and the formats that --write names. No model is needed.

    \b
    stills shots film.mp4
    stills shots film.mp4 -o out --write edl,otio
    stills shots films/ | cut -f2
    """  # noqa: D301 - click reads \b
    formats = _formats(written)
    if written and out is None:
        raise UsageError("--write needs a folder to write to", remedy="name one with --out")
    session = start(**given)
    videos = expand(inputs, out=out)
    if dry_run:
        from stills.cli.dry import dry_run as say_what

        return say_what(session, videos, out, frozenset({"shots"}))
    from stills.cli.shots_work import find_shots

    return find_shots(session, videos, out, formats)


def _formats(written: tuple[str, ...]) -> list[str]:
    """The names in all ``--write`` options. Raises ``UsageError`` for one that there is not."""
    names = [name.strip().lower() for option in written for name in option.split(",") if name.strip()]
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"--write knows no format {name!r}", remedy=f"choose among {', '.join(FORMATS)}")
    return names
