"""``stills keyframes``: frames that differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options, recipe_options
from stills.cli.inputs import are_many, expand
from stills.cli.remote import server_of
from stills.cli.session import start
from stills.errors import UsageError
from stills.types import Layer


@click.command("keyframes")
@options.inputs_argument
@options.out_option
@recipe_options.keyframes_options
@recipe_options.explain_option
@options.picture_options
@recipe_options.sheet_option
@options.scan_options
@options.limit_options
@options.jobs_options
@options.config_option
@options.strict_option
@options.dry_run_option
@options.talk_options
def command(inputs: tuple[str, ...], out: Path, explain: bool, dry_run: bool, **given: Any) -> int:
    """Write the frames of each video that differ, the best of their near-equals, with a report.

    INPUT is a video, a folder (searched with its subfolders) or a glob. Each video gets a folder in OUT with
    keyframes.json and the pictures; OUT/report.html shows them all. A video that was scanned before is not decoded
    again: another --target or --similarity is answered at once.

    \b
    stills keyframes film.mp4 -o out
    stills keyframes film.mp4 -o out --target 8 --sheet 4x2
    stills keyframes lecture.mkv -o out --preset screen --explain
    stills keyframes film.mp4 -o out --every 2s --from 1:30 --to 5:00
    """  # noqa: D301 - click reads \b
    session = start(section="keyframes", **given)
    plain = session.settings.keyframes.plain
    if plain and explain:
        raise UsageError("--explain has nothing to say with --all or --every: frames are taken with no choosing")
    from stills.api.keyframes import LAYERS, keyframes_options

    keyframes_options(session.settings)  # what is wrong with the call is said before anything starts
    if (server := server_of(session, "keyframes")) is not None:
        from functools import partial

        from stills.cli.frames_work import tell_keyframes
        from stills.cli.remote_work import run_remote

        told = partial(tell_keyframes, explained=explain, measured=False)
        return run_remote(server, session, "keyframes", expand(inputs, out=out), out, tell=told, dry=dry_run)
    if are_many(inputs):
        from functools import partial

        from stills.cli.frames_work import tell_keyframes
        from stills.cli.library_work import run_library

        return run_library(session, "keyframes", inputs, out, partial(tell_keyframes, explained=explain), dry=dry_run)
    videos = expand(inputs, out=out)
    layers = frozenset[Layer]() if plain else LAYERS
    if dry_run:
        from stills.cli.dry import dry_run as say_what

        return say_what(session, videos, out, layers)
    from stills.scan.pool import start_workers

    with start_workers(session.settings, layers) as workers:  # they import while we do
        from stills.cli.frames_work import find_keyframes

        return find_keyframes(session, videos, out, workers, explained=explain)
