"""``stills status``: how far a library is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import start


@click.command("status")
@options.library_argument
@options.option("--watch", is_flag=True, help="Look again and again until nobody works on it any more.")
@options.option("--interval", type=click.FloatRange(0.1, 3600), metavar="SECONDS", default=2.0, show_default="2",
                help="With --watch: time between two looks.")  # fmt: skip
@options.database_option
@options.config_option
@options.talk_options
def command(out: Path, watch: bool, interval: float, **given: Any) -> int:
    """Say how far the videos in OUT are: how many are done, at what rate, how long it takes, what failed and why.

    OUT is the output folder of a call on many videos, which may be at work now: it is not disturbed. With --json all of
    it is one object, with --watch one a look.

    The exit code is 0 wherever there is something to say. With --watch it says how it ended: 3 where some videos have
    no result, 1 where none has.

    \b
    stills status out
    stills status out --watch
    stills status s3://bucket/out --database postgresql://host/stills --json
    """  # noqa: D301 - click reads \b
    session = start(**given)
    from stills.cli.status_work import say_status, watch_status

    return watch_status(session, out, interval) if watch else say_status(session, out)
