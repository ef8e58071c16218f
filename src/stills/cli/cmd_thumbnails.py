"""``stills thumbnails``: the most engaging frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options, recipe_options
from stills.cli.inputs import are_many, expand
from stills.cli.remote import server_of
from stills.cli.session import start
from stills.errors import UsageError


@click.command("thumbnails")
@options.inputs_argument
@options.out_option
@recipe_options.thumbnails_options
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
    """Write the frames of each video that make one want to watch it, best first, with a report.

    INPUT is a video, a folder (searched with its subfolders) or a glob. Each video gets a folder in OUT with
    thumbnails.json and the pictures; OUT/report.html shows them all. Videos without any face get thumbnails too. A
    video that was scanned before is not decoded again.

    \b
    stills thumbnails film.mp4 -o out
    stills thumbnails clips/ -o out -k 1 --effort fast --aspect 9:16
    stills thumbnails film.mp4 -o out --emotions happy=1,surprise=0.6 --preview webp
    """  # noqa: D301 - click reads \b
    if given["expression"] is False and given["emotions"] is not None:
        raise UsageError("--no-expression and --emotions contradict each other: with no expressions none is weighed")
    session = start(section="thumbnails", **given)
    from stills.api.thumbnails import thumbnail_layers, thumbnails_options

    thumbnails_options(session.settings)  # what is wrong with the call is said before anything starts
    if (server := server_of(session, "thumbnails")) is not None:
        from functools import partial

        from stills.cli.frames_work import tell_thumbnails
        from stills.cli.remote_work import run_remote

        told = partial(tell_thumbnails, explained=explain)
        return run_remote(server, session, "thumbnails", expand(inputs, out=out), out, tell=told, dry=dry_run)
    if are_many(inputs):
        from functools import partial

        from stills.cli.frames_work import tell_thumbnails
        from stills.cli.library_work import run_library

        return run_library(session, "thumbnails", inputs, out, partial(tell_thumbnails, explained=explain), dry=dry_run)
    videos = expand(inputs, out=out)
    layers = thumbnail_layers(session.settings)
    if dry_run:
        from stills.cli.dry import dry_run as say_what

        return say_what(session, videos, out, layers, quick=True)
    from stills.scan.pool import start_workers

    with start_workers(session.settings, layers) as workers:  # they import while we do
        from stills.cli.frames_work import find_thumbnails

        return find_thumbnails(session, videos, out, workers, explained=explain)
