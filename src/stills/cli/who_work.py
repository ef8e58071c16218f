"""The work behind ``stills who``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import stills
from stills.cli.events import Events
from stills.cli.say import clock, count, line
from stills.render.across import shown_name
from stills.select.across import Identity, select_across

if TYPE_CHECKING:
    from stills.jobs.across.edit import Edited


def list_people(out: Path, events: Events, *, quiet: bool) -> int:
    """Print everybody; the exit code."""
    from stills.api.across import people_across

    selection = people_across(out)
    for person in selection.people:
        where = [selection.videos[one.video].folder for one in person.appearances]
        events.emit(
            "result", input=str(out), found=True, files=[], id=person.id, name=person.name, videos=where,
            screen_time=person.screen_time,
        )  # fmt: skip
        if not (quiet or events.enabled):
            line(_told(person, where))
    return 0 if selection.people else 4


def tell_change(edited: Edited, out: Path, events: Events, *, quiet: bool) -> int:
    """Say who somebody is after a change, and build the report again; the exit code."""
    selection = select_across(edited.gallery)
    report = stills.render_report(out)
    person = next((one for one in selection.people if one.id == edited.identity), None)
    events.emit(
        "result", input=str(out), found=person is not None, files=[str(report)], id=edited.identity,
        name=None if person is None else person.name,
    )  # fmt: skip
    if person is not None and not (quiet or events.enabled):
        line(_told(person, [selection.videos[one.video].folder for one in person.appearances]))
    return 0


def _told(person: Identity, where: list[str]) -> str:
    shown = ", ".join(where[:3]) + (f" and {len(where) - 3} more" if len(where) > 3 else "")
    called = shown_name(person.id, person.name)
    return f"{person.id:>5}  {called}: {count(len(where), 'video')}, {clock(person.screen_time)} ({shown})"
