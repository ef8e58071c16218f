"""``stills.batch``: one recipe over a table of films, each film by itself, then tables over all of them."""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stills.api.results import PathLike, scanner_for
from stills.cancel import CancelToken
from stills.errors import CancelledError, StillsError
from stills.files import ensure_folder, sweep
from stills.jobs.addresses import is_address, shown
from stills.jobs.download import unsupported
from stills.jobs.film import DOWNLOADS, CallbackError, FilmWorker, guarded
from stills.jobs.manifest import NO_POSTERS, FilmRow, Manifest, Problem, manifest_error, read_manifest
from stills.jobs.recipes import Recipe, recipe_named
from stills.jobs.records import FINISHED, FilmError, FilmOutcome, FilmStatus, save_record
from stills.jobs.tables import Planned, Written, outcome_of, write_tables
from stills.jobs.watch import VideoIds, Watch
from stills.jobs.watch.opening import open_watch
from stills.media.heap import give_back
from stills.settings import change_settings, load_settings
from stills.types import ProgressCallback

if TYPE_CHECKING:
    from stills.scan.scanner import Scanner
    from stills.settings import Settings

OnStart: TypeAlias = Callable[[FilmRow], None]
OnFilm: TypeAlias = Callable[[FilmOutcome], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of the films of one call, in their order, and where the tables over all films in ``out`` are.

    ``tables`` are the files written, the summary ``batch.json`` last. ``rows`` counts those of each table. ``counts``
    and ``totals`` are over all films in ``out``, whichever call did them. ``interrupted`` says that the call was
    cancelled: then the films that were not done are missing.
    """

    out: Path
    recipe: str
    manifest: Manifest
    films: tuple[FilmOutcome, ...]
    tables: tuple[Path, ...]
    rows: Mapping[str, int]
    counts: Mapping[str, int]
    totals: Mapping[str, float]
    interrupted: bool = False

    def of(self, *statuses: FilmStatus) -> tuple[FilmOutcome, ...]:
        """The films of this call that ended so."""
        return tuple(film for film in self.films if film.status in statuses)

    @property
    def here(self) -> dict[str, int]:
        """How many films of this call ended with each status."""
        return outcome_of(self.films)


def batch(
    manifest: PathLike | Manifest,
    out: PathLike,
    *,
    recipe: str = "cast",
    start: int | None = None,
    stop: int | None = None,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    on_start: OnStart | None = None,
    on_film: OnFilm | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> BatchResult:
    """Ask ``recipe`` of every film in the table ``manifest``, one after another, and write everything into ``out``.

    Each film gets ``OUT/<id>/<recipe>.json`` with its pictures, all together the tables ``OUT/tables/`` and the summary
    ``OUT/batch.json``. The table of films is checked as a whole first (:func:`stills.jobs.manifest.read_manifest`).
    After that, an error is one film's alone. A film whose trailer is not there is skipped and listed. Trailers and
    posters at addresses are downloaded to temporary files that are gone after their film. Scans are kept: a second run
    decodes nothing again, and replaces results. Several runs, also on several machines, may work on parts of one table
    with one ``out``: the tables hold all of them.

    Args:
        manifest: A CSV file with the columns ``id``, ``trailer`` and ``posters`` (``settings.batch`` names others), or
            one that was read.
        out: The output folder.
        recipe: ``cast``, ``people``, ``keyframes``, ``thumbnails`` or ``portrait``.
        start: Position of the first film, counted from 0.
        stop: Position of the film before which to stop, as in a slice: ``films[start:stop]``.
        settings: Settings.
        scanner: Workers to use; without, workers of its own for all films.
        on_progress: Told of each step of a film; ``path`` is its trailer as the table has it.
        on_start: Called with each row before its film is begun.
        on_film: Called with what became of a film, after it.
        cancel: Ends the call after what is under way is dropped; what is finished stays, and the tables are written.
        **options: Settings by name, those of the recipe first, such as ``min_faces=3`` or ``pickle=True``.

    Raises:
        ManifestError: The table is wrong, with all problems and their lines. Nothing was started.
        UsageError: The recipe, an option or a part is wrong. Nothing was started.
        OutputError: The output folder cannot be written, at the start or any more.
    """
    how = recipe_named(recipe)
    chosen = change_settings(settings or load_settings(), recipe, **options)
    how.check(chosen)
    table = manifest if isinstance(manifest, Manifest) else read_manifest(manifest, chosen.batch)
    rows = table.part(start, stop)
    check_addresses(table, rows, posters=how.posters)
    folder = ensure_folder(Path(out))
    sweep(folder / DOWNLOADS)  # of runs that were killed
    odd = warnings_for(how, table)
    planned = Planned(recipe, table.path, tuple(row.id for row in table.films), start, stop, odd)

    def tables() -> Written:
        return write_tables(folder, planned=planned, pickled=chosen.batch.pickle)

    done: list[FilmOutcome] = []
    interrupted = False
    try:
        with contextlib.closing(open_watch(chosen, out=folder)) as watch, scanner_for(scanner, chosen) as work:
            worker = FilmWorker(folder, how, chosen, work, on_progress, cancel or CancelToken())
            for row in rows:
                worker.cancel.check()
                if on_start is not None:
                    guarded(on_start, row)
                _tell_queue(watch, done, of=len(rows), under_way=True)
                done.append(_one(worker, row, watch))
                _tell_queue(watch, done, of=len(rows))
                if on_film is not None:
                    guarded(on_film, done[-1])
    except CancelledError:
        interrupted = True
    except BaseException as error:  # a second Ctrl-C, a full disk, the caller's own error: what is finished counts
        with contextlib.suppress(StillsError):
            tables()
        if isinstance(error, CallbackError):
            raise error.cause from None
        raise
    written = tables()
    return BatchResult(
        folder,
        recipe,
        table,
        tuple(done),
        tuple(written.files),
        written.rows,
        written.counts,
        written.totals,
        interrupted,
    )


_STATUS: Mapping[FilmStatus, str] = {
    "done": "done", "partial": "partial", "nobody": "nothing", "skipped": "failed", "failed": "failed",
}  # fmt: skip
"""What those who watch call it."""


def _one(worker: FilmWorker, row: FilmRow, watch: Watch) -> FilmOutcome:
    """Do a film, keep what became of it, and give back the memory that it took."""
    ids, began = VideoIds(0, row.position, 1, worker.recipe.name, shown(row.trailer)), time.monotonic()
    with watch.video(ids) as video, worker.scanner.observed(video):
        status, kind, code = "released", None, None
        try:
            outcome = worker.do(row)
            save_record(worker.out, outcome)
            status = _STATUS[outcome.status]
            if outcome.error is not None:
                kind, code = _class_of(outcome.error), outcome.error.code
        finally:
            video.ended(status, seconds=time.monotonic() - began, error_class=kind, code=code)
    _log.info("%s: %s in %.1f s", row.id, outcome.status, outcome.seconds)
    release()
    return outcome


def _class_of(error: FilmError) -> str:
    """Roughly what :mod:`stills.jobs.library.failure` would call it, of which only this much is kept."""
    if error.retryable:
        return "transient"
    classes = {
        "bug": "bug",
        "worker": "bug",
        "corrupt": "corrupt",
        "decoder-crash": "corrupt",
        "not-a-video": "corrupt",
    }
    resources = {"memory", "timeout", "model", "device", "output"}
    return "resource" if error.code in resources else classes.get(error.code, "input")


def _tell_queue(watch: Watch, done: Sequence[FilmOutcome], *, of: int, under_way: bool = False) -> None:
    ended = sum(film.status in FINISHED for film in done)
    pending = of - len(done) - under_way
    watch.queue({"pending": pending, "running": int(under_way), "done": ended, "failed": len(done) - ended})


def release() -> None:
    """Return what a film took to the system: results hold each other in cycles, and allocators keep free pages."""
    gc.collect()
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    give_back()


def warnings_for(recipe: Recipe, table: Manifest) -> tuple[str, ...]:
    """What is odd about a table of films, as far as it matters to ``recipe``."""
    return tuple(said for said in table.warnings if recipe.posters or said != NO_POSTERS)


def check_addresses(table: Manifest, rows: Sequence[FilmRow], *, posters: bool) -> None:
    """Refuse a table with addresses that nothing installed here can fetch. Raises ``ManifestError``."""
    problems = []
    for row in rows:
        for place in (row.trailer, *(row.posters if posters else ())):
            if is_address(place) and (why := unsupported(place)) is not None:
                problems.append(Problem(row.line, "address", why))
    if problems:
        raise manifest_error(problems, table.path)
