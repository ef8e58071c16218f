"""``stills batch``: one recipe over a table of films."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from stills.cli import options
from stills.cli.batch_options import all_recipe_options, foreign_options
from stills.cli.session import start
from stills.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


@click.command("batch")
@click.argument("manifest", metavar="FILMS.csv", type=click.Path(readable=False))
@options.out_option
@all_recipe_options
@options.picture_options
@options.scan_options
@options.limit_options
@options.config_option
@options.strict_option
@options.dry_run_option
@options.talk_options
def command(  # noqa: PLR0917 - click gives them by name
    manifest: str, out: Path, recipe: str, first: int | None, last: int | None, dry_run: bool, **given: Any
) -> int:
    """Ask one recipe of every film in a table, each film by itself, with tables over all of them.

    FILMS.csv has a header and a row for each film: the columns id, trailer (a path or an address) and posters (any
    number of them, a vertical bar between two); others are carried along. Comma, semicolon or tab separate them. All of
    the table is checked before the first film. A film whose trailer is not there is skipped and listed; an error is
    that film's alone. Each film gets the folder OUT/<id>; OUT/tables has films, people, poster faces and frames as
    Parquet, CSV and JSON Lines, OUT/batch.json the summary.

    \b
    stills batch films.csv -o out
    stills batch films.csv -o out --recipe cast --attributes age,gender
    stills batch films.csv -o out --start 0 --stop 100     the first hundred rows, one of several machines
    """  # noqa: D301 - click reads \b
    foreign = foreign_options(recipe, given)
    if foreign:
        name, owners = foreign[0]
        raise UsageError(f"{name} is no option of --recipe {recipe}", remedy=f"it is one of {' and '.join(owners)}")
    session = start(section=recipe, **given)
    from stills.cli.batch_work import check_batch, plan_batch, run_batch

    checked = check_batch(session, manifest, recipe, first, last)
    if checked is None:
        return UsageError.exit_code
    if dry_run:
        return plan_batch(session, checked, out)
    from stills.scan.pool import start_workers

    with start_workers(session.settings, checked.layers) as workers:  # they import while we do
        return run_batch(session, checked, out, workers)
