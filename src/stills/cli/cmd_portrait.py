"""``stills portrait``: the one best frame with a large face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options, recipe_options
from stills.cli.inputs import are_many, expand
from stills.cli.remote import server_of
from stills.cli.session import start


@click.command("portrait")
@options.inputs_argument
@options.out_option
@recipe_options.portrait_options
@recipe_options.explain_option
@options.picture_options
@options.portrait_scan_options
@options.limit_options
@options.jobs_options
@options.config_option
@options.strict_option
@options.dry_run_option
@options.talk_options
def command(inputs: tuple[str, ...], out: Path, explain: bool, dry_run: bool, **given: Any) -> int:
    """Write the one frame of each video that shows a large face best, with a report.

    INPUT is a video, a folder (searched with its subfolders) or a glob. Each video gets a folder in OUT with
    portrait.json and portrait/portrait.jpg; OUT/report.html shows them all. The cover picture in the file counts as a
    frame. Where no face is large and good enough, the best there is is taken and that is said, or with --if-none skip
    the video has none.

    \b
    stills portrait film.mp4 -o out
    stills portrait clips/ -o out --min-face 20% --if-none skip
    stills portrait film.mp4 -o out --prefer smile=0.5,alone=1 --effort balanced
    """  # noqa: D301 - click reads \b
    session = start(section="portrait", **given)
    from stills.api.portrait import LAYERS, portrait_options, portrait_settings

    portrait_options(session.settings)  # what is wrong with the call is said before anything starts
    if (server := server_of(session, "portrait")) is not None:
        from functools import partial

        from stills.cli.portrait_work import tell_portrait
        from stills.cli.remote_work import run_remote

        told = partial(tell_portrait, explained=explain)
        return run_remote(server, session, "portrait", expand(inputs, out=out), out, tell=told, dry=dry_run)
    if are_many(inputs):
        from functools import partial

        from stills.cli.library_work import run_library
        from stills.cli.portrait_work import tell_portrait

        return run_library(session, "portrait", inputs, out, partial(tell_portrait, explained=explain), dry=dry_run)
    videos = expand(inputs, out=out)
    if dry_run:
        from dataclasses import replace

        from stills.cli.dry import dry_run as say_what

        session = replace(session, settings=portrait_settings(session.settings))
        return say_what(session, videos, out, LAYERS, quick=True)
    from stills.scan.pool import start_workers

    with start_workers(session.settings, LAYERS) as workers:  # they import while we do
        from stills.cli.portrait_work import find_portraits

        return find_portraits(session, videos, out, workers, explained=explain)
