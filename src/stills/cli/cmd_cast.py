"""``stills cast``: who is on screen, for how long, and on the poster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options, recipe_options
from stills.cli.inputs import are_many, expand
from stills.cli.remote import server_of
from stills.cli.session import start
from stills.errors import UsageError


@click.command("cast")
@options.inputs_argument
@recipe_options.poster_option
@options.out_option
@recipe_options.cast_options
@recipe_options.people_options
@options.picture_options
@options.scan_options
@options.limit_options
@options.jobs_options
@options.config_option
@options.strict_option
@options.dry_run_option
@options.talk_options
def command(inputs: tuple[str, ...], posters: tuple[str, ...], out: Path, dry_run: bool, **given: Any) -> int:
    """Write who is on screen in a video, for how long, with whom, and who of them is on its posters.

    INPUT is a video, or several; posters belong to a single one (for many films with posters there is stills batch).
    Each video gets a folder in OUT with cast.json, a picture of every person, and the posters with their faces marked;
    OUT/report.html shows it all. Age, gender, ethnicity and emotion are inferred only where --attributes names them:
    they are guesses from looks, never facts about anyone.

    \b
    stills cast trailer.mp4 -o out --poster poster.jpg
    stills cast trailer.mp4 -o out --poster a.jpg b.jpg --attributes age,gender
    stills cast trailer.mp4 -o out --annotate
    stills cast interview.mp4 -o out --blur others --min-screen-time 5
    """  # noqa: D301 - click reads \b
    session = start(section="cast", **given)
    from stills.api.cast import cast_layers
    from stills.api.results import output_options
    from stills.cli.posters import posters_among

    output_options(session.settings)  # what is wrong with the call is said before anything starts
    named, pictures = posters_among(inputs, posters)
    server = server_of(session, "cast")
    if server is None and are_many(named) and not pictures:
        from stills.cli.cast_work import tell_cast
        from stills.cli.library_work import run_library

        return run_library(session, "cast", named, out, tell_cast, dry=dry_run)
    videos = expand(named, out=out)
    if pictures and len(videos) > 1:
        raise UsageError(
            f"--poster belongs to a single video, and these are {len(videos)}",
            remedy="for many films with posters use stills batch",
        )
    if server is not None:
        from stills.cli.cast_work import tell_cast
        from stills.cli.remote_work import run_remote

        return run_remote(server, session, "cast", videos, out, tell=tell_cast, posters=pictures, dry=dry_run)
    layers = cast_layers(session.settings.cast.attributes)
    if dry_run:
        from stills.cli.dry import dry_run as say_what

        return say_what(session, videos, out, layers)
    from stills.scan.pool import start_workers

    with start_workers(session.settings, layers) as workers:  # they import while we do
        from stills.cli.cast_work import find_cast

        return find_cast(session, videos, out, workers, posters=pictures)
