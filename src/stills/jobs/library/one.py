"""One claim to its end: looked at, asked about, written, published, and the store told; or what went wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.addresses import public_name
from stills.errors import CancelledError, FencedError, NothingFoundError, StillsError, WorkerError
from stills.jobs.library.desk import Desk, Held
from stills.jobs.library.failure import Verdict, forget_frames, judge
from stills.jobs.library.folders import name_folders
from stills.jobs.library.gate import Contents, Gate, OneWorker
from stills.jobs.library.inputs import look
from stills.jobs.library.job import Job
from stills.jobs.library.notes import Observer, noted_of
from stills.jobs.library.types import Status, VideoOutcome
from stills.jobs.outputs import public_text
from stills.jobs.recipes import Work
from stills.jobs.store import Fingerprint
from stills.jobs.watch import VideoIds, VideoWatch
from stills.media.sandbox_tasks import Task
from stills.media.source import content_id
from stills.scan.scanner import Scanner
from stills.scan.sharing import SharedWorkers

if TYPE_CHECKING:
    from stills.api.results import Result
    from stills.media.sandbox_tasks import Runner
    from stills.types import Layer

_ELSEWHERE_S = 60.0
_LOOK_AGAIN_S = 1.0
"""Seconds after which an input that has changed is looked at again, or more."""

_log = logging.getLogger(__name__)


class ChangedMeanwhileError(Exception):
    """The input is not what it was when it was queued; ``seen`` is what it is now."""

    def __init__(self, seen: Fingerprint) -> None:
        """See the class."""
        super().__init__()
        self.seen = seen


@dataclass(frozen=True, slots=True)
class _Try:
    """A claim under way."""

    held: Held
    name: str
    watch: VideoWatch
    started: float


class Workshop:
    """Does claims, in as many threads as call :meth:`work`, with the same workers."""

    def __init__(self, job: Job, desk: Desk, runner: Runner, layers: frozenset[Layer]) -> None:
        """``runner`` is for ``layers``; somebody else closes it."""
        self._job = job
        self._desk = desk
        self._runner = runner
        self._layers = layers
        self._shared = SharedWorkers(runner, job.settings, layers)
        self._alone: set[int] = set()
        self._gate = Gate()
        self._contents = Contents()

    def work(self) -> None:
        """Do claims as long as there are any."""
        try:
            while (held := self._desk.next()) is not None:
                outcome = None
                try:
                    outcome = self._do(held)
                finally:
                    self._desk.done(held, ended=outcome is not None and outcome.status != "again")
                if outcome is not None:
                    self._job.relay.outcome(outcome)
                del outcome, held  # while this waits for the next one, nobody else holds the result
        except CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 - a thread's last frame; the caller gets it
            self._job.ending.fail(error)

    def _do(self, held: Held) -> VideoOutcome | None:
        job, claim = self._job, held.claim
        name = public_name(job.about(claim.video).path or claim.source)
        ids = VideoIds(job.run.id, claim.video, claim.attempt, claim.recipe, claim.source)
        started = time.monotonic()
        with job.watch.video(ids) as watch:
            status, error_class, code = "released", None, None
            try:
                outcome = self._tried(_Try(held, name, watch, started))
                if outcome is not None:
                    status, error_class = outcome.status, outcome.error_class
                    code = None if outcome.error is None else outcome.error.code
            finally:
                watch.ended(status, seconds=time.monotonic() - started, error_class=error_class, code=code)
        if outcome is not None and outcome.status != "again":
            job.queued.pop(claim.video, None)
        return outcome

    def _tried(self, try_: _Try) -> VideoOutcome | None:
        """What became of a claim; ``None`` where it was given back, or was lost."""
        job, held = self._job, try_.held
        try:
            outcome = self._answered(try_)
        except ChangedMeanwhileError as changed:
            self._again_later(held, try_.name, changed.seen)
            return None
        except FencedError as error:
            _log.info("%s", error)
            return None
        except CancelledError:
            if not held.lost and not job.ending.over:  # nobody cancelled
                job.ending.fail(WorkerError("the workers were closed while there was work"))
            return None
        except Exception as error:  # noqa: BLE001 - one video's bug must not cost the others
            try:
                return self._failed(try_, error)
            except FencedError as fenced:
                _log.info("%s", fenced)
                return None
            finally:
                forget_frames(error)
        return outcome

    def _answered(self, try_: _Try) -> VideoOutcome | None:
        job, held, watch = self._job, try_.held, try_.watch
        claim = held.claim
        if not self._is_ours(held):
            return None
        about = job.about(claim.video)
        path = about.path or claim.source
        seen = self._look_again(held, path)
        job.relay.start(try_.name)
        settings = job.settings
        if claim.attempt > 1 and not settings.scan.resume:  # to start over is for the first try
            settings = settings.model_copy(update={"scan": settings.scan.model_copy(update={"resume": True})})
        # One that was lost again and again may be what takes all memory there is.
        alone = claim.video in self._alone or claim.suspect
        shared = SharedWorkers(OneWorker(self._runner), settings, self._layers) if alone else self._shared
        with (
            self._gate.enter(held.token, alone=alone),
            Scanner(settings, shared, Observer(job, held, watch)) as scanner,
        ):
            on_progress = job.relay.progress if job.relay.wants_progress else None
            work = Work(path, (), settings, scanner, on_progress, held.token)
            with watch.stage("answer"):
                result, found = self._ask(work, held)
            if result is None:
                return self._finish(try_, "nothing", {"found": 0})
            self._check_before_writing(held, path, seen)
            folder = held.folder or name_folders(job.state, job.place.folder, [path])[0]
            with watch.stage("save"):
                files: Sequence[Path | str] = result.save(
                    job.place.folder, name=folder, on_progress=on_progress, cancel=held.token
                )
            if job.place.remote is not None:
                with watch.stage("publish"):
                    files = job.place.remote.publish([Path(file) for file in files])
        status: Status = "partial" if result.partial else "done" if found else "nothing"
        noted = noted_of(result, folder, files, found=found, recipe=claim.recipe)
        return self._finish(try_, status, noted, result, files)

    def _ask(self, work: Work, held: Held) -> tuple[Result[Any] | None, int]:
        """The answer and how much it found; ``None`` where nothing qualifies and there is nothing to write."""
        with self._contents.only(content_id(work.video), held.token):
            try:
                result = self._job.recipe.ask(work)
            except NothingFoundError:
                return None, 0
        return result, self._job.recipe.found(result)

    def _finish(
        self,
        try_: _Try,
        status: Status,
        noted: dict[str, Any],
        result: Result[Any] | None = None,
        files: Sequence[Path | str] = (),
    ) -> VideoOutcome:
        """Have the store know: from here on it is done."""
        job, held, seconds = self._job, try_.held, time.monotonic() - try_.started
        claim = held.claim
        noted = {**noted, "seconds": round(seconds, 3)}
        job.state.ask(lambda store: store.finish(claim, status, noted, seconds=seconds))
        self._alone.discard(claim.video)
        self._desk.settled(claim.video)
        about = job.about(claim.video)
        folder = noted.get("folder")
        return VideoOutcome(
            try_.name,
            status,
            about.what,
            about.reasons,
            None if folder is None else job.place.folder / folder,
            tuple(files),
            noted,
            result,
            attempt=claim.attempt,
            seconds=seconds,
        )

    def _failed(self, try_: _Try, error: Exception) -> VideoOutcome | None:
        """What follows from an error; ``None`` where the run ends by it."""
        job, held, name, limits = self._job, try_.held, try_.name, self._job.settings.limits
        claim = held.claim
        if job.ending.over:
            return None
        verdict = judge(
            error, job.place.folder, failures=claim.failures, retries=limits.retries, delay=limits.retry_delay
        )
        if verdict.suspect:
            self._see_workers(held)
        if verdict.fatal:
            job.ending.fail(verdict.error)
            return None
        self._tell_store(held, verdict)
        _log.info("%s: %s (%s)", name, verdict.line, verdict.error_class)
        if verdict.details:
            _log.debug("%s: %s", name, verdict.details)
        status: Status = "failed"
        if verdict.retry_in is not None:
            status = "again"
            if verdict.alone:
                self._alone.add(claim.video)
            self._desk.retried(claim.video, verdict.retry_in)
        else:
            self._alone.discard(claim.video)
            self._desk.settled(claim.video)
            status = "quarantined" if verdict.quarantine else "failed"
        said = verdict.error
        said.path = said.path and public_text(said.path)
        said.path = said.path or name
        forget_frames(said)
        about = job.about(claim.video)
        return VideoOutcome(
            name,
            status,
            about.what,
            about.reasons,
            error=said,
            error_class=verdict.error_class,
            attempt=claim.attempt,
            retry_in=verdict.retry_in,
            seconds=time.monotonic() - try_.started,
        )

    def _tell_store(self, held: Held, verdict: Verdict) -> None:
        self._job.state.ask(
            lambda store: store.fail(
                held.claim,
                error_class=verdict.error_class,
                code=verdict.error.code,
                message=verdict.line,
                log_tail=public_text(verdict.details),
                retry_in=verdict.retry_in,
                quarantine=verdict.quarantine,
            )
        )

    def _see_workers(self, held: Held) -> None:
        """Whether there are workers at all; raises ``CancelledError`` and ends the run where there are none."""
        try:
            for result in self._runner.run([Task("alive", "builtins:bool", ())], cancel=held.token):
                result.unwrap()
        except CancelledError:
            raise
        except StillsError as error:
            self._job.ending.fail(error)
            raise CancelledError("cancelled") from error

    def _is_ours(self, held: Held) -> bool:
        """Whether the claim is for what this run does. One of a run with other settings is left to that one."""
        job, claim = self._job, held.claim
        if (claim.recipe, claim.settings, claim.models) == (job.recipe.name, job.settings_key, job.models_key):
            return True
        _log.warning("%s is left to another run, which has other settings", claim.source)
        job.state.ask(lambda store: store.release(claim, wait_s=_ELSEWHERE_S))
        return False

    def _look_again(self, held: Held, path: str) -> Fingerprint:
        """See that the input is what it was when it was queued: not one that is still being written."""
        known = held.claim.fingerprint
        if known == Fingerprint():  # could not be looked at then: what is wrong is said when it is opened
            return known
        seen = look(path)
        if (seen.size, seen.mtime_ns, seen.etag) != (known.size, known.mtime_ns, known.etag):
            raise ChangedMeanwhileError(seen)
        return seen

    def _check_before_writing(self, held: Held, path: str, seen: Fingerprint) -> None:
        """Nothing is written for a claim that is lost, of an input that has changed, or where somebody removed OUT."""
        held.token.check()
        self._job.place.check_there()
        if seen != Fingerprint() and (now := look(path)) != seen:
            raise ChangedMeanwhileError(now)

    def _again_later(self, held: Held, name: str, seen: Fingerprint) -> None:
        """Queue an input anew that is not what it was; it waits where it may still be being written."""
        job, claim = self._job, held.claim
        about = job.about(claim.video)
        row = job.row(about.path or claim.source, seen, least=_LOOK_AGAIN_S)
        _log.info("%s has changed since it was queued; it is looked at again", name)
        with self._desk.intake:
            job.state.ask(lambda store: store.add_videos(job.run, [row]))
        self._desk.grows(claim.video, name)
