"""``stills retry``: have videos that failed tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import start


@click.command("retry")
@options.library_argument
@options.reason_option
@options.option("--state", type=click.Choice(("failed", "quarantined", "all")), default="failed", show_default="failed",
                help="Those that failed, those that were put aside, or both.")  # fmt: skip
@options.database_option
@options.config_option
@options.talk_options
def command(out: Path, reason: str | None, state: Any, **given: Any) -> int:
    """Queue videos in OUT that failed, so that the next run of the same command tries them again.

    It says which command that is. A run that is at work on OUT now does them itself. Results and pictures of other
    videos are not touched. The exit code is 4 where nothing failed like this.

    \b
    stills retry out
    stills retry out --reason timeout
    stills retry out --reason corrupt --state all
    """  # noqa: D301 - click reads \b
    session = start(**given)
    from stills.cli.status_work import retry

    return retry(session, out, reason, state)
