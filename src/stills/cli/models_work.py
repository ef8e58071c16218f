"""The work behind ``stills models`` and ``stills doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from stills.cli.events import Events
from stills.cli.say import count, line, log, note, report_error
from stills.cli.session import Session
from stills.errors import StillsError
from stills.models.catalog import DEFAULT_STACK
from stills.models.store import Verification, models_dir, pull, verify


def show_list(events: Events, *, quiet: bool) -> int:
    """Say of every model what it is, its licence and whether it is here."""
    rows = verify()
    for row in rows:
        events.emit("result", **_fields(row), title=row.entry.title, task=row.entry.task, source=row.entry.source,
                    default=row.entry.name in DEFAULT_STACK, size=row.entry.size)  # fmt: skip
    if events.enabled or quiet:
        return 0
    line(f"models in {models_dir()}")
    _table(
        ("name", "task", "licence", "size", "state", ""),
        [
            (
                r.entry.name, r.entry.task, r.entry.licence,
                f"{r.entry.size / 1e6:.1f} MB" if r.entry.size else "?", r.state,
                "" if r.entry.name in DEFAULT_STACK else "only where asked for",
            )
            for r in rows
        ],
    )  # fmt: skip
    return 0


def pull_all(events: Events, names: Sequence[str], *, force: bool, quiet: bool) -> int:
    """Fetch each model by itself, so that one that cannot be had does not keep back the others; the exit code."""
    wanted = list(dict.fromkeys(names)) or list(DEFAULT_STACK)
    failed = 0
    for name in wanted:
        before = {row.entry.name: row.state for row in verify([name])}[name]
        if before != "ok" and not (quiet or events.enabled):
            note(f"{name}: fetching …")
        try:
            path = pull([name], force=force)[0]
        except StillsError as error:
            failed += 1
            report_error(error)
            events.error(error, path=name)
            continue
        log.info("%s: %s", name, path)
        events.emit("result", model=name, state="ok", path=str(path), fetched=force or before != "ok")
        if not (quiet or events.enabled):
            line(f"{name}: {'fetched and verified' if force or before != 'ok' else 'here and whole'}")
    return _code(failed, len(wanted))


def verify_all(events: Events, names: Sequence[str], *, quiet: bool) -> int:
    """Check the hashes of what is here; the exit code is 0 only if the models asked for are here and whole.

    Without names, models that are fetched only where asked for may be missing.
    """
    failed = 0
    rows = verify(list(dict.fromkeys(names)) or None)
    for row in rows:
        needed = bool(names) or row.entry.name in DEFAULT_STACK
        bad = row.state == "damaged" or (row.state == "missing" and needed)
        failed += bad
        events.emit("result", **_fields(row))
        if not (events.enabled or quiet):
            line(f"{row.entry.name}: {row.state}{f' ({row.detail})' if row.detail else ''}")
    if failed:
        report_error(f"{count(failed, 'model')} missing or damaged in {models_dir()} — run `stills models pull`")
    return _code(failed, len(rows))


def show_doctor(session: Session) -> int:
    """Say what is here and what is not; the exit code is 1 where stills cannot work."""
    from stills.models.doctor import doctor_report

    rows = doctor_report([("cache", session.settings.cache_folder)])
    for row in rows:
        session.events.emit("result", **asdict(row))
    if not (session.events.enabled or session.quiet):
        topic = ""
        for row in rows:
            if row.topic != topic:
                topic = row.topic
                line(topic)
            # What must be acted on stands out at the start of its line.
            mark = {"ok": "  ", "info": "  ", "warning": "? ", "error": "! "}[row.health]
            remedy = f" — {row.remedy}" if row.remedy else ""
            line(f"  {mark}{row.name:24} {row.value}{remedy}".rstrip())
    broken = [row for row in rows if row.health == "error"]
    if broken:
        report_error(f"{count(len(broken), 'thing')} missing or broken: {', '.join(row.name for row in broken)}")
    return 1 if broken else 0


def _fields(row: Verification) -> dict[str, object]:
    return {
        "model": row.entry.name,
        "state": row.state,
        "path": str(row.path),
        "licence": row.entry.licence,
        "detail": row.detail,
    }


def _code(failed: int, total: int) -> int:
    return 0 if not failed else 1 if failed == total else 3


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for cells in (head, *rows):
        line("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
