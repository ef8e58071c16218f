"""``stills who``: the people told apart over many videos, and what the user knows better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import start, talk

_out = click.argument("out", metavar="OUT", type=click.Path(readable=False, path_type=Path))
_who = click.argument("who", metavar="WHO")


@click.group("who")
def command() -> None:
    """List, name, join and part the people that `stills people --across` told apart.

    OUT is the output folder, WHO a person's number or name. What is decided is kept when videos are scanned again or
    added.

    \b
    stills who list out
    stills who rename out 3 "Ada Lovelace"
    stills who merge out 3 17
    stills who split out 3 holiday_2 party@12.5
    """  # noqa: D301 - click reads \b


@command.command("list")
@_out
@options.talk_options
def list_(out: Path, **given: Any) -> int:
    """Who there is, in how many videos, for how long; with --json also where."""
    from stills.cli.who_work import list_people

    return list_people(out, talk(**given), quiet=given["quiet"])


@command.command("rename")
@_out
@_who
@click.argument("name", metavar="NAME")
@options.talk_options
def rename(out: Path, who: str, name: str, **given: Any) -> int:
    """Give WHO a name, or another one."""
    events = talk(**given)
    from stills.cli.who_work import tell_change
    from stills.jobs.across.edit import rename

    return tell_change(rename(out, who, name), out, events, quiet=given["quiet"])


@command.command("unname")
@_out
@_who
@options.talk_options
def unname(out: Path, who: str, **given: Any) -> int:
    """Take the name of WHO away, with what is kept of the photo it came from."""
    events = talk(**given)
    from stills.cli.who_work import tell_change
    from stills.jobs.across.edit import unname

    return tell_change(unname(out, who), out, events, quiet=given["quiet"])


@command.command("merge")
@_out
@click.argument("several", metavar="WHO WHO…", nargs=-1, required=True)
@options.talk_options
def merge(out: Path, several: tuple[str, ...], **given: Any) -> int:
    """Make one person of several: the lowest number stays, and the name of the first who has one."""
    events = talk(**given)
    from stills.cli.who_work import tell_change
    from stills.jobs.across.edit import merge

    return tell_change(merge(out, several), out, events, quiet=given["quiet"])


@command.command("split")
@_out
@_who
@click.argument("places", metavar="VIDEO[@SECONDS]…", nargs=-1, required=True)
@options.talk_options
def split(out: Path, who: str, places: tuple[str, ...], **given: Any) -> int:
    """Make another person of those appearances of WHO: in a video (its folder in OUT), or at a moment of it."""
    events = talk(**given)
    from stills.cli.who_work import tell_change
    from stills.jobs.across.edit import split

    return tell_change(split(out, who, places), out, events, quiet=given["quiet"])


@command.command("rebuild")
@_out
@options.config_option
@options.option("--across-similarity", type=click.FloatRange(0, 1), metavar="0…1", show_default="as measured",
                help="Cosine similarity from which people of several videos are one person.")  # fmt: skip
@options.talk_options
def rebuild(out: Path, **given: Any) -> int:
    """Tell everybody apart anew, all videos at once. Decisions stay, and numbers as far as people are the same."""
    session = start(section="people", **given)
    from stills.cli.across_work import compare_people

    return compare_people(session, out, anew=True)
