"""The work behind ``stills batch``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.progress import ProgressView
from stills.cli.run import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NOTHING,
    EXIT_SOME_FAILED,
    Outcome,
    cancel_on_signals,
    run_each,
)
from stills.cli.say import clock, count, line, note, report_error
from stills.cli.session import Session
from stills.errors import InputError, StillsError
from stills.jobs.addresses import is_address, shown
from stills.jobs.batch import BatchResult, batch, check_addresses, warnings_for
from stills.jobs.manifest import MOST_SAID, FilmRow, Manifest, ManifestError, read_manifest
from stills.jobs.outputs import check_out
from stills.jobs.recipes import Recipe, recipe_named
from stills.media.sandbox import Pool
from stills.types import Layer, ProgressCallback

if TYPE_CHECKING:
    from stills.jobs.records import FilmOutcome
    from stills.jobs.rows import Row


@dataclass(frozen=True, slots=True)
class Checked:
    """A table of films that is in order, and the part of it that is wanted."""

    table: Manifest
    rows: tuple[FilmRow, ...]
    recipe: Recipe
    layers: frozenset[Layer]
    start: int | None
    stop: int | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the table and matters to the recipe."""
        return warnings_for(self.recipe, self.table)


def check_batch(session: Session, manifest: str, recipe: str, start: int | None, stop: int | None) -> Checked | None:
    """Read and check the table before anything is started. ``None``, all problems said, where it is wrong.

    Raises ``UsageError`` where the settings contradict each other or the part is none.
    """
    how = recipe_named(recipe)
    layers = how.check(session.settings)
    try:
        table = read_manifest(manifest, session.settings.batch)
        rows = table.part(start, stop)
        check_addresses(table, rows, posters=how.posters)
    except ManifestError as error:
        _say_problems(session, error)
        return None
    return Checked(table, rows, how, layers, start, stop)


def _say_problems(session: Session, error: ManifestError) -> None:
    problems = error.problems
    if len(problems) < 2:
        report_error(error)
    else:
        report_error(f"{error.path}: {count(len(problems), 'problem')}; nothing was started — correct the table")
        for problem in problems[:MOST_SAID]:
            note(f"  {problem}")
        if len(problems) > MOST_SAID:
            note(f"  and {len(problems) - MOST_SAID} more")
    session.events.emit(
        "error", input=error.path, code=error.code, message=error.message, remedy=error.remedy, retryable=False,
        problems=[{"line": one.line, "code": one.code, "message": one.message} for one in problems],
    )  # fmt: skip


def run_batch(session: Session, checked: Checked, out: Path, workers: Pool | None = None) -> int:
    """Do all films, saying of each what became of it, then the tables and the report; the exit code."""
    check_out(out)
    table, rows = checked.table, checked.rows
    if not rows:
        note(f"note: no film lies in this part: {table.path} has {count(len(table.films), 'film')}")
    if not session.quiet:
        for said in checked.warnings:
            note(f"warning: {table.path}: {said}")
    names = {row.id: shown(row.trailer) for row in rows}
    with (
        stills.Scanner(session.settings, workers) as scanner,
        cancel_on_signals() as token,
        ProgressView(len(rows), session.events, quiet=session.quiet) as view,
    ):

        def begin(row: FilmRow) -> None:
            view.begin(row.id)
            session.events.emit("started", input=names[row.id], film=row.id)

        def tell(film: FilmOutcome) -> None:
            with view.paused():
                _tell(session, checked.recipe, film, out)

        result = batch(
            table, out, recipe=checked.recipe.name, start=checked.start, stop=checked.stop, settings=session.settings,
            scanner=scanner, on_progress=view, on_start=begin, on_film=tell, cancel=token,
        )  # fmt: skip
        report, failed = _report(session, result)
    return _sum_up(session, result, len(rows), report, report_failed=failed)


def _tell(session: Session, recipe: Recipe, film: FilmOutcome, out: Path) -> None:
    """What became of one film: a line, its warnings, its event."""
    if film.error is not None:
        error = film.error
        remedy = f" — {error.remedy}" if error.remedy else ""
        said = f"{film.id}: {film.trailer}: {error.message}"
        if film.status == "skipped":
            note(f"skipped: {said}")
        else:
            report_error(f"{said}{remedy}")
        session.events.emit(
            "error", input=film.trailer, film=film.id, status=film.status, code=error.code, message=error.message,
            remedy=error.remedy, retryable=error.retryable,
        )  # fmt: skip
        return
    for code, message in film.fallbacks:
        session.events.emit("fallback", input=film.trailer, film=film.id, code=code, message=message)
        if not session.quiet:
            note(f"note: {film.id}: {message}")
    if film.warnings and not session.quiet:
        note(f"warning: {film.id}: {'; '.join(film.warnings)}")
    session.events.emit(
        "result", input=film.trailer, film=film.id, found=film.found > 0, status=film.status,
        files=[str(file) for file in film.files], partial=film.status == "partial", warnings=list(film.warnings),
        number=film.found, seconds=film.seconds,
    )  # fmt: skip
    if not (session.quiet or session.events.enabled):
        found = count(film.found, recipe.one, recipe.many) if film.found else f"no {recipe.one}"
        line(f"{film.id}: {found} → {out / film.folder}")


def _report(session: Session, result: BatchResult) -> tuple[Path | None, bool]:
    """The report over all films in the output folder; whether it failed."""
    try:
        return stills.render_report(result.out), False
    except StillsError as error:
        report_error(error)
        session.events.error(error, path=None)
        return None, True


def _sum_up(session: Session, result: BatchResult, total: int, report: Path | None, *, report_failed: bool) -> int:
    here = result.here
    code = _exit_code(here, interrupted=result.interrupted, report_failed=report_failed)
    done = here["done"] + here["partial"]
    session.events.emit(
        "summary", inputs=total, done=done, nothing=here["nobody"], failed=here["failed"] + here["skipped"],
        interrupted=result.interrupted, exit_code=code, report=str(report) if report else None, films=here,
        all_films=dict(result.counts), totals=dict(result.totals), rows=dict(result.rows),
        tables=[str(path) for path in result.tables],
    )  # fmt: skip
    if result.interrupted:
        left = total - len(result.films)
        report_error(f"interrupted; {count(left, 'film')} not done — run the same command again to go on")
    if session.quiet or session.events.enabled:
        return code
    words = {"nobody": "with nothing that qualifies"}
    parts = [f"{number} {words.get(status, status)}" for status, number in here.items() if number]
    note(f"{count(len(result.films), 'film')}: {', '.join(parts) or 'nothing to do'}")
    all_films = sum(result.counts.values())
    if all_films > len(result.films):
        note(f"the tables hold {all_films} in all, with those of other parts and recipes in {result.out}")
    line(f"tables in {result.out / 'tables'}" + (f", look at {report}" if report else ""))
    return code


def _exit_code(here: dict[str, int], *, interrupted: bool, report_failed: bool) -> int:
    finished = here["done"] + here["partial"] + here["nobody"]
    if interrupted:
        return EXIT_INTERRUPTED
    if here["failed"] or here["skipped"] or report_failed:
        return EXIT_SOME_FAILED if finished else EXIT_FAILED
    return EXIT_NOTHING if finished and finished == here["nobody"] else 0


def plan_batch(session: Session, checked: Checked, out: Path) -> int:
    """``--dry-run``: say for each film what would be done, and write nothing; the exit code."""
    for said in checked.warnings:
        note(f"warning: {checked.table.path}: {said}")
    rows = {row.id: row for row in checked.rows}
    scanner = stills.Scanner(session.settings)
    layers, quick = checked.layers, checked.recipe.name == "thumbnails"

    def plan(film: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        row = rows[film]
        trailer = shown(row.trailer)
        fields: Row = {"dry_run": True, "film": film, "trailer": trailer, "out": str(out / row.folder)}
        missing = [p for p in row.posters if not is_address(p) and not os.path.exists(p)]
        odd = [f"poster {p}: the poster is not there" for p in missing if checked.recipe.posters]
        if is_address(row.trailer):
            step = "would be downloaded and scanned"
        elif not os.path.exists(row.trailer):
            raise InputError("the trailer is not there: this film would be skipped", path=trailer)
        elif layers and stills.is_scanned(row.trailer, layers=layers, quick=quick, settings=session.settings):
            step, fields["cached"] = "measured before, no decoding", True
        else:
            info = scanner.probe(row.trailer, cancel=cancel)
            step, fields["cached"], fields["duration"] = f"would scan {clock(info.duration)}", False, info.duration
        return Outcome(f"{film}: {trailer}: {step} → {out / row.folder}", fields=fields, warnings=odd)

    with scanner:
        return run_each(session, [Input(row.id) for row in checked.rows], plan)
