"""``stills report``: the report, again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.cli import options
from stills.cli.session import talk


@click.command("report")
@click.argument("out", metavar="OUT", type=click.Path(readable=False, path_type=Path))
@options.talk_options
def command(out: Path, **given: Any) -> int:
    """Build OUT/report.html again from the results in OUT, after some were deleted, moved or added."""
    events = talk(**given)
    import stills
    from stills.cli.say import line
    from stills.errors import InputError
    from stills.render.report import count_results

    if not out.is_dir():
        raise InputError("there is no such folder", path=str(out), remedy="name the folder given as --out")
    results = count_results(out)
    if not results:
        raise InputError("there are no results of stills in this folder", path=str(out))
    report = stills.render_report(out)
    events.emit("result", input=str(out), found=True, files=[str(report)], results=results)
    if not (given["quiet"] or events.enabled):
        line(f"look at {report}")
    return 0
