"""``stills quarantine``: videos that were put aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import start


@click.group("quarantine")
def command() -> None:
    """List the videos in OUT that were put aside because they are broken, and let them out.

    A video in quarantine is not tried again by itself, however often the same command is run, until it changes or is
    let out.

    \b
    stills quarantine list out
    stills quarantine clear out --reason timeout
    """  # noqa: D301 - click reads \b


@command.command("list")
@options.library_argument
@options.reason_option
@options.database_option
@options.config_option
@options.talk_options
def list_(out: Path, reason: str | None, **given: Any) -> int:
    """Which videos are in quarantine, and why. The exit code is 4 where there is none."""
    session = start(**given)
    from stills.cli.status_work import list_quarantined

    return list_quarantined(session, out, reason)


@command.command("clear")
@options.library_argument
@options.reason_option
@options.database_option
@options.config_option
@options.talk_options
def clear(out: Path, reason: str | None, **given: Any) -> int:
    """Let them out: the next run of the same command tries them again. The videos themselves are not touched."""
    session = start(**given)
    from stills.cli.status_work import retry

    return retry(session, out, reason, "quarantined")
