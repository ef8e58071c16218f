"""``stills models``: the weights."""

from __future__ import annotations

from typing import Any

import click

from stills.cli import options
from stills.cli.session import talk


@click.group("models")
def command() -> None:
    """List, fetch and verify the model weights. They lie in STILLS_MODELS_DIR."""


@command.command("list")
@options.talk_options
def list_models(**given: Any) -> int:
    """Every model: what it is for, its licence, and whether it is here."""
    events = talk(**given)
    from stills.cli.models_work import show_list

    return show_list(events, quiet=given["quiet"])


@command.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option("--force", is_flag=True, help="Fetch again even what is here and whole.")
@options.talk_options
def pull_models(names: tuple[str, ...], force: bool, **given: Any) -> int:
    """Fetch what is missing or damaged and verify it by its hash: the default models, or those named."""
    events = talk(**given)
    from stills.cli.models_work import pull_all

    return pull_all(events, names, force=force, quiet=given["quiet"])


@command.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@options.talk_options
def verify_models(names: tuple[str, ...], **given: Any) -> int:
    """Read every byte of the files that are here and compare the hashes. Fetches nothing."""
    events = talk(**given)
    from stills.cli.models_work import verify_all

    return verify_all(events, names, quiet=given["quiet"])
