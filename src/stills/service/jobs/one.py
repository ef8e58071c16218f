"""One job to its end: fetched if need be, scanned, asked about, written, and the store told; or what went wrong."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stills.addresses import clean
from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    FencedError,
    InputError,
    NothingFoundError,
    StateError,
    StillsError,
    WorkerError,
)
from stills.jobs.library.failure import Verdict, forget_frames, judge
from stills.jobs.library.gate import Contents
from stills.jobs.recipes import recipe_named
from stills.media.source import content_id
from stills.service.jobs import previews
from stills.service.jobs.asking import ask, likely, named, picks_of, spilled
from stills.service.jobs.options import check_count, check_options, layers_of
from stills.service.jobs.patience import patiently
from stills.service.jobs.place import FRAMES, RESULT, VIDEO, artifacts_of, remove
from stills.service.jobs.types import Job, JobError, JobProgress
from stills.service.jobs.work import Done, Held
from stills.types import Progress

if TYPE_CHECKING:
    from stills.api.results import Result
    from stills.index.index import Index
    from stills.scan.scanner import Scanner
    from stills.service.jobs.core import JobBase
    from stills.service.jobs.crew import Crew
    from stills.settings_model import Settings

Fetch: TypeAlias = Callable[[str, Path, CancelToken, Callable[[int, int | None], None]], None]
"""Brings an address to a file: ``(address, target, cancel, on_bytes)``. It checks where it leads, redirects included,
ends within a second of a cancel, and calls ``on_bytes`` with the bytes that are here and those there are in all."""

MOST_LOST = 5
"""Times that whoever worked on a job may die before it is given up: it may be the job's doing."""
NO_WORKERS_S = 5.0
"""Seconds after which a job for which there are no workers is tried again."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Piece:
    """A job that is held here, with what the heart is to know of it."""

    held: Held
    token: CancelToken = field(default_factory=CancelToken)
    told: JobProgress | None = None
    """How far it is, until the heart has written it."""
    ending: bool = False
    """Whether its end was written, or is being written: then nothing of it is to be stopped."""

    def tell(self, progress: Progress) -> None:
        """Take down how far it is."""
        speed = round(progress.speed, 2)
        self.told = JobProgress(
            progress.stage, round(progress.fraction, 4), round(progress.position, 3), round(progress.duration, 3), speed
        )


@dataclass(frozen=True, slots=True)
class _Desk:
    """With what, and into which folder, an attempt works."""

    settings: Settings
    scanner: Scanner
    folder: Path


class Bench:
    """Does jobs, in any number of threads, with the same workers."""

    def __init__(
        self, store: JobBase, settings: Settings, crew: Crew, fetch: Fetch | None, stopping: threading.Event
    ) -> None:
        """``settings`` are what clients' options change; ``stopping`` is set when the service ends."""
        self._stopping = stopping
        self._store = store
        self._settings = settings
        self._crew = crew
        self._fetch = fetch
        self._contents = Contents()

    def do(self, piece: Piece) -> None:
        """Do a job; whatever is wrong with it is its own end. Raises what the store raises, and ``CancelledError``."""
        held = piece.held
        folder = self._store.folders.job(held.job.id) / str(held.token)
        if held.lost >= MOST_LOST:
            said = f"the service ended {held.lost} times while it worked on this"
            self._fail(piece, JobError("crashes", said, "try another copy of the video"), None)
            return
        try:
            index, pts, scanner = self._answer(piece, folder)
        except (CancelledError, StateError):
            remove(folder)
            raise
        except FencedError as error:
            _log.info("%s", error)
            remove(folder)
            return
        except Exception as error:  # noqa: BLE001 - one job's bug must not cost the others
            remove(folder)
            try:
                self._judge(piece, error)
            finally:
                forget_frames(error)
            return
        with scanner:
            if index is not None and not self._store.limits.keep_sources:
                self._keep_pictures(piece, index, pts, scanner)

    def _answer(self, piece: Piece, folder: Path) -> tuple[Index | None, Sequence[int], Scanner]:
        """Everything that can go right; the index, if there is one, with frames that may be asked for."""
        held, started = piece.held, time.monotonic()
        job, store, token = held.job, self._store, piece.token
        settings = self._settings_of(held)
        layers = layers_of(job.recipe, settings)
        scanner = self._crew.scanner(settings)
        try:
            place = self._source(piece)
            content = content_id(place)
            store.set_content(held, content)
            index: Index | str = place
            if layers:
                with self._contents.only(f"{job.owner}/{content}", token):
                    index = scanner.scan(place, layers=layers, on_progress=piece.tell, cancel=token)
                index = named(index, job.name, place)
            done, result = self._asked(piece, index, place, _Desk(settings, scanner, folder))
            done = replace(done, summary={**done.summary, "seconds": round(time.monotonic() - started, 3)})
            piece.ending = True
            try:
                patiently(lambda: store.finish(held, done), self._stopping)
            except BaseException:
                piece.ending = False
                raise
        except BaseException:
            scanner.close()
            raise
        if isinstance(index, str) or index.folder is None:
            return None, (), scanner
        picks = picks_of(result.to_json()) if result is not None else ()
        return index, picks, scanner

    def _asked(self, piece: Piece, index: Index | str, place: str, desk: _Desk) -> tuple[Done, Result[Any] | None]:
        """The recipe's answer, written into the folder of the attempt."""
        job, token = piece.held.job, piece.token
        piece.told = JobProgress("select")
        kept = None if isinstance(index, str) or index.folder is None else index.parameters
        try:
            result = ask(
                job.recipe, index, desk.settings, scanner=desk.scanner, cancel=token, posters=self._posters(job)
            )
        except NothingFoundError as error:
            said = self._error_of(piece, error, error.message)
            return Done(None, (), {"found": 0, "partial": False, "fallbacks": []}, kept, said), None
        found = recipe_named(job.recipe).found(result)
        check_count(found, self._store.limits.pictures)
        if isinstance(index, str):
            result = replace(result, index=named(result.index, job.name, place))
        files = result.save(desk.folder, name=RESULT, on_progress=piece.tell, cancel=token)
        summary = {
            "found": found,
            "partial": result.partial,
            "fallbacks": [one.code for one in result.fallbacks],
            "duration": round(float(result.video.duration), 3),
        }
        return Done(desk.folder.name, artifacts_of(desk.folder / RESULT, files), summary, kept), result

    def _posters(self, job: Job) -> dict[str, str]:
        """Where the job's posters are, and what they are called."""
        places = (str(self._store.folders.poster(job.id, number)) for number in range(1, len(job.posters) + 1))
        return dict(zip(places, job.posters, strict=True))

    def _settings_of(self, held: Held) -> Settings:
        chosen = check_options(held.job.recipe, held.job.options, self._settings)
        previews = 0 if self._store.limits.keep_sources else self._store.limits.previews
        scan = chosen.scan.model_copy(update={"resume": True, "previews": previews})
        cache = self._store.folders.cache(held.job.owner)
        return chosen.model_copy(update={"scan": scan, "cache_dir": cache})

    def _source(self, piece: Piece) -> str:
        """Where the video is to be read: a file of the job's, or its address."""
        held = piece.held
        file = self._store.folders.job(held.job.id) / VIDEO
        if file.is_file():
            return str(file)
        if held.address is None:
            raise InputError("the video is gone", path=held.job.name, remedy="send it again")
        if self._fetch is None:
            return held.address
        piece.told = JobProgress("fetch")
        part = file.with_name(str(held.token)) / VIDEO  # goes with the attempt, should it end here
        part.parent.mkdir(parents=True, exist_ok=True)
        self._fetch(held.address, part, piece.token, lambda here, of: _fetched(piece, here, of))
        os.replace(part, file)
        return str(file)

    def _keep_pictures(self, piece: Piece, index: Index, pts: Sequence[int], scanner: Scanner) -> None:
        """What may be asked for when the video is gone; the job is done already, so nothing of this is its failure."""
        folder = self._store.folders.job(piece.held.job.id) / FRAMES
        try:
            more = likely(index, self._settings.model_copy(update={"embeddings": True}))
            previews.keep_pictures(folder, scanner, index, (*pts, *more, *spilled(index)), piece.token)
            if index.folder is not None:
                remove(Path(index.folder) / "spill")
        except CancelledError:
            _log.info("no more pictures of job %s are kept: the service ends", piece.held.job.id)
        except StillsError as error:
            _log.warning("pictures of job %s are not kept: %s", piece.held.job.id, self._public(piece, str(error)))

    # What goes wrong

    def _judge(self, piece: Piece, error: Exception) -> None:
        """Write what follows from an error. Raises what the store raises."""
        if piece.token.cancelled:
            raise CancelledError("cancelled") from error
        if isinstance(error, WorkerError) and self._crew.problem is not None:  # they could not even be started
            _log.error("there are no workers: %s", error)
            self._store.release(piece.held, wait_s=NO_WORKERS_S)
            return
        limits = self._store.limits
        verdict = judge(
            error,
            self._store.data,
            failures=piece.held.failures,
            retries=limits.retries,
            delay=self._settings.limits.retry_delay,
        )
        if verdict.suspect:
            self._see_workers(piece)
        log = _log.error if verdict.error_class == "bug" else _log.info
        log("job %s: %s (%s)", piece.held.job.id, self._public(piece, verdict.line), verdict.error_class)
        if verdict.details:
            _log.debug("job %s: %s", piece.held.job.id, self._public(piece, verdict.details))
        self._fail(piece, self._error_of(piece, verdict.error, verdict.error.message, verdict), verdict.retry_in)

    def _see_workers(self, piece: Piece) -> None:
        try:
            self._crew.see(piece.token)
        except CancelledError:
            raise
        except StillsError as error:
            _log.warning("the workers do not answer, and are started again: %s", error)

    def _fail(self, piece: Piece, error: JobError, retry_in: float | None) -> None:
        piece.ending = True
        try:
            patiently(lambda: self._store.fail(piece.held, error, retry_in=retry_in), self._stopping)
        except FencedError as fenced:
            _log.info("%s", fenced)

    def _error_of(self, piece: Piece, error: StillsError, message: str, verdict: Verdict | None = None) -> JobError:
        remedy = None if error.remedy is None else self._public(piece, error.remedy)
        retryable = error.retryable if verdict is None else verdict.error_class in {"transient", "resource"}
        return JobError(error.code, self._public(piece, message), remedy, retryable)

    def _public(self, piece: Piece, text: str) -> str:
        """``text`` with what is the service's own left out: where things lie, and secrets of addresses."""
        job = piece.held.job
        text = text.replace(str(self._store.folders.job(job.id) / VIDEO), job.name)
        for path, name in reversed(self._posters(job).items()):  # …/1 begins …/10
            text = text.replace(path, name)
        text = clean(text.replace(str(self._store.data), "…"))
        address = piece.held.address
        return text if address is None else text.replace(address, str(job.source))


def _fetched(piece: Piece, here: int, of: int | None) -> None:
    piece.told = JobProgress("fetch", round(here / of, 4) if of else 0.0)
