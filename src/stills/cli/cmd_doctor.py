"""``stills doctor``: is everything here?"""

from __future__ import annotations

from typing import Any

import click

from stills.cli import options
from stills.cli.session import start


@click.command("doctor")
@options.config_option
@options.talk_options
def command(**given: Any) -> int:
    """Say whether this machine has all that stills needs: versions, CPU, devices, models, folders."""
    session = start(**given)
    from stills.cli.models_work import show_doctor

    return show_doctor(session)
