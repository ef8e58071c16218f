"""``stills forget``: erase what is stored about videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import start


@click.command("forget")
@click.argument("targets", nargs=-1, required=True, metavar="INPUT|OUT…", type=click.Path(readable=False))
@click.option("-o", "--out", type=click.Path(readable=False, path_type=Path), metavar="FOLDER",
              help="Also erase the videos' outputs in this folder.")  # fmt: skip
@options.config_option
@options.talk_options
def command(targets: tuple[str, ...], out: Path | None, **given: Any) -> int:
    """Erase the index of each video, with all face data in it, and its outputs.

    INPUT is a video, a folder of videos or a glob; its outputs are erased where --out says they are. OUT is a folder
    that stills wrote: then the outputs in it go, and the index of every video they came from. The videos themselves
    are never touched.
    """
    session = start(**given)
    from stills.cli.forget_work import forget_all

    return forget_all(session, targets, out)
