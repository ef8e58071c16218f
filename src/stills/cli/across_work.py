"""The work behind ``stills people --across``: the same people in all videos of an output folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import stills
from stills.cli.inputs import results_in
from stills.cli.run import cancel_on_signals
from stills.cli.say import count, line, note
from stills.cli.session import Session
from stills.errors import UsageError
from stills.media.sandbox import Pool
from stills.render.across import RESULT, shown_name
from stills.select.across import select_across

EXIT_NOTHING = 4


def only_compares(inputs: Sequence[str]) -> Path | None:
    """The output folder that ``stills people --across OUT`` names: one with results, and nothing else."""
    if len(inputs) != 1:
        return None
    folder = Path(inputs[0])
    return folder if folder.is_dir() and results_in(folder) else None


def say_what(session: Session, out: Path) -> int:
    """``--dry-run``: how many results would be compared; writes nothing. The exit code."""
    results = sum(path.name == "people.json" for path in results_in(out))
    session.events.emit("result", input=str(out), found=results > 0, files=[], videos=results)
    if not (session.quiet or session.events.enabled):
        line(f"{out}: would compare the people of {count(results, 'video')}, without reading the videos")
    return 0 if results else EXIT_NOTHING


def check(session: Session, who: Sequence[str], *, across: bool) -> None:
    """See before hours of work that the call makes sense. Raises ``UsageError``, ``InputError``."""
    if who and not across:
        raise UsageError("--who names people over many videos", remedy="add --across")
    if across:
        from stills.jobs.across.photos import parse_who
        from stills.jobs.across.update import check_settings

        check_settings(session.settings)
        parse_who(who)


def compare_people(
    session: Session, out: Path, *, who: Sequence[str] = (), anew: bool = False, workers: Pool | None = None
) -> int:
    """Tell the people of all results in ``out`` apart, name those of the photos, write it all; the exit code."""
    from stills.jobs.across.photos import parse_who, read_photos
    from stills.jobs.across.update import update

    asked = parse_who(who)
    with cancel_on_signals() as token, stills.Scanner(session.settings, workers) as scanner:
        photos = read_photos(scanner, asked, token) if asked else []
        done = update(out, session.settings, photos=photos, anew=anew, cancel=token)
    stills.render_report(out)
    selection = select_across(done.gallery)
    for fallback in done.fallbacks:
        session.events.emit("fallback", input=str(out), code=fallback.code, message=fallback.message)
        if not session.quiet:
            note(f"note: {fallback.message}")
    several = sum(len(person.appearances) > 1 for person in selection.people)
    session.events.emit(
        "result", input=str(out), found=bool(selection.people), files=[str(path) for path in done.files],
        people=len(selection.people), several=several, videos=len(selection.videos), added=done.added,
        who=dict(done.met or {}),
    )  # fmt: skip
    if session.quiet or session.events.enabled:
        return 0 if selection.people else EXIT_NOTHING
    people, videos = count(len(selection.people), "person", "people"), count(len(selection.videos), "video")
    line(f"{people} in {videos}, {several} of them in several → {out / RESULT}")
    found = {person.id: person for person in selection.people}
    for name, identity in (done.met or {}).items():
        if identity is None:
            line(f"{shown_name(0, name)}: in none of them yet; the name waits")
        else:
            where = count(len(found[identity].appearances), "video")
            line(f"{shown_name(identity, name)}: person {identity}, in {where}")
    return 0 if selection.people else EXIT_NOTHING
