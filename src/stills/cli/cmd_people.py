"""``stills people``: the best frame of every person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options, recipe_options
from stills.cli.inputs import are_many, expand
from stills.cli.remote import server_of
from stills.cli.session import start

EXIT_SOME_FAILED, EXIT_NOTHING = 3, 4


@click.command("people")
@options.inputs_argument
@options.out_option
@recipe_options.people_options
@recipe_options.across_options
@options.picture_options
@options.scan_options
@options.limit_options
@options.jobs_options
@options.config_option
@options.strict_option
@options.dry_run_option
@options.talk_options
def command(inputs: tuple[str, ...], out: Path, dry_run: bool, across: bool, who: tuple[str, ...], **given: Any) -> int:
    """Write one good picture of every person in each video, with a report.

    INPUT is a video, a folder (searched with its subfolders) or a glob. Each video gets a folder in OUT with
    people.json and the pictures; OUT/report.html shows them all. A video that was scanned before is not decoded again.
    With --across people are recognised from one video to the next; INPUT may then be an OUT that is there already.

    \b
    stills people film.mp4 -o out
    stills people holiday/ -o out --fit 1080p --min-screen-time 1
    stills people *.mkv -o out --effort fast --per-person 3 --json
    stills people holiday/ -o out --across --who Ann=ann.jpg
    stills people --across out
    """  # noqa: D301 - click reads \b
    session = start(section="people", **given)
    from stills.api.results import output_options

    output_options(session.settings)  # what is wrong with the call is said before anything starts
    if (server := server_of(session, "people")) is not None:
        from stills.cli.people_work import tell_people
        from stills.cli.remote_work import run_remote

        return run_remote(server, session, "people", expand(inputs, out=out), out, tell=tell_people, dry=dry_run)
    if across or who:
        from stills.cli import across_work

        across_work.check(session, who, across=across)
        if (known := across_work.only_compares(inputs)) is not None:
            if dry_run:
                return across_work.say_what(session, known)
            return across_work.compare_people(session, known, who=who)
    if dry_run and not are_many(inputs):
        from stills.cli.dry import dry_run as say_what

        return say_what(session, expand(inputs, out=out), out)
    if are_many(inputs):
        from stills.cli.library_work import run_library
        from stills.cli.people_work import tell_people

        code = run_library(session, "people", inputs, out, tell_people, dry=dry_run)
        then = across and not dry_run
    else:
        from stills.scan.pool import start_workers

        with start_workers(session.settings) as workers:  # they import while we do
            from stills.cli.people_work import find_people

            code, then = find_people(session, expand(inputs, out=out), out, workers), across
    if then and code in {0, EXIT_SOME_FAILED, EXIT_NOTHING}:
        return across_work.compare_people(session, out, who=who) or code
    return code
