"""``stills.library``: one recipe over many videos, remembered in a database, several at once, killed at any moment."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.cancel import CancelToken
from stills.errors import CancelledError, RunActiveError, StillsError
from stills.files import sweep
from stills.jobs.library.closing import Failures, write_report
from stills.jobs.library.desk import Desk, Heart
from stills.jobs.library.ending import Ending, Patient
from stills.jobs.library.feed import Feeder
from stills.jobs.library.inputs import Inputs, as_sources
from stills.jobs.library.job import Job
from stills.jobs.library.keys import models_key, settings_key
from stills.jobs.library.place import Place, open_place, open_state
from stills.jobs.library.relay import Relay
from stills.jobs.library.types import LibraryResult, OnProgress, OnStart, OnVideo, Status, VideoOutcome
from stills.jobs.recipes import recipe_named
from stills.jobs.store import Run, State
from stills.media.heap import give_back
from stills.settings import change_settings, load_settings

if TYPE_CHECKING:
    from stills.jobs.sources import Source
    from stills.jobs.store import Store
    from stills.jobs.watch import Watch
    from stills.settings_model import Settings
    from stills.types import Layer

_PUMP_S = 0.1
"""How often the caller's thread looks whether it was cancelled, and whether all is done."""
_WAIT_S = 1.0
"""How often a run that waits for another one looks whether that is over."""
_CLEAN_S = 5.0
"""How often memory is given back to the system: that costs as much as a small video."""
_PATIENCE_S = 60.0
"""How long threads may take to end; they look at their tokens ten times a second."""

_log = logging.getLogger(__name__)


def library(
    inputs: Inputs,
    out: str | os.PathLike[str],
    *,
    recipe: str = "people",
    settings: Settings | None = None,
    again: Collection[State] = (),
    on_start: OnStart | None = None,
    on_progress: OnProgress | None = None,
    on_video: OnVideo | None = None,
    on_note: Callable[[str], None] | None = None,
    cancel: CancelToken | None = None,
    watch: Watch | None = None,
    command: str | None = None,
    **options: Any,
) -> LibraryResult:
    """Ask ``recipe`` of every input and write the results into ``out``; what is done already is not done again.

    State is kept in a database (``OUT/.stills/state.db``, or ``settings.jobs.database``), so the call can be killed at
    any moment, and made again: finished videos and finished segments stay, the rest goes on. A video whose input,
    settings or models have changed is done anew (:attr:`VideoOutcome.reasons` say so), and so is one whose result was
    removed. Several videos are under way at once (``settings.jobs.at_once``). A failure is its video's alone: it is
    tried again, put into quarantine or given up, by its class (:data:`~stills.jobs.library.types.ErrorClass`); what
    every video would meet ends the call.

    Args:
        inputs: Files, folders, globs, lists, addresses (:func:`stills.jobs.sources.iter_sources`), or ``Source``
            objects, each once. They are taken in while there is work, a few hundred at a time.
        out: The output folder, or its address.
        recipe: ``people``, ``keyframes``, ``thumbnails``, ``portrait`` or ``cast``.
        settings: Settings; ``settings.scan.resume=False`` does everything anew.
        again: States whose videos are done again although nothing has changed, such as ``("failed",)``.
        on_start: Called with each input before it is begun. All callbacks are called in this thread, one after another;
            what they raise ends the call, and is raised.
        on_progress: Told of the steps of each video, by the ``path`` of it.
        on_video: Told how each input ended, and each try that is to be made again.
        on_note: Told what concerns the run as a whole: who is waited for, a database that does not answer.
        cancel: Ends the call: what is under way is dropped, what is finished stays.
        watch: Metrics, traces and logs; by default those of the settings.
        command: What to call this run when others ask who is at work.
        **options: Settings by name, those of the recipe first.

    Raises:
        RunActiveError: Another run is at work on ``out`` (see ``settings.jobs.wait`` and ``.share``).
        UsageError: The recipe, an option or the database is wrong.
        OutputError: The output folder cannot be written, or not any more; the disk is full.
        StateError: The database cannot be used (any more).
        ModelError: A model cannot be had. ``WorkerError``: worker processes cannot be started.
    """
    how = recipe_named(recipe)
    chosen = change_settings(settings or load_settings(), recipe, **options)
    layers = how.check(chosen)
    keys = settings_key(recipe, chosen), models_key(layers, chosen)
    place = open_place(out, chosen)
    token = cancel or CancelToken()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_one_blas_thread())
        store = stack.enter_context(open_state(place, chosen))
        watching = watch or _open_watch(chosen, place)
        stack.callback(watching.close)
        failures = Failures(place)
        relay = Relay(on_start, on_progress, _hearing(failures, on_video), on_note)
        for fallback in store.fallbacks:
            _say(fallback.message, on_note)
        run = _begin(store, chosen, command or f"stills {recipe}", token, on_note)
        if run is None:
            return LibraryResult(place.folder, recipe, {}, store.counts(), interrupted=True)
        ending = Ending()
        job = Job(place, how, chosen, *keys, run, Patient(store, ending, relay.note), ending, relay, watching)
        return _Running(job, token, failures).run(as_sources(inputs, place.folder), layers, again)


@dataclass(slots=True)
class _Running:
    """A run that has begun, in the caller's thread."""

    job: Job
    cancel: CancelToken
    failures: Failures
    desk: Desk | None = None

    def run(self, sources: Iterator[Source], layers: frozenset[Layer], again: Collection[State]) -> LibraryResult:
        """Everything up to the end of the run, whatever happens."""
        job = self.job
        self.desk = desk = Desk(job)
        heart = Heart(job, desk)
        beating = _thread("heart", heart.run)
        how = "failed"
        try:
            sweep(job.place.folder)
            sweep(job.place.folder / ".stills")
            feeding = _thread("feeder", Feeder(job, desk, sources, again=again).run)
            try:
                self._work(layers, feeding)
            except BaseException:
                job.relay.close()  # nobody listens to what is still to be told
                job.ending.cancel()
                raise
            job.ending.raise_error()
            interrupted = job.ending.over
            how = "interrupted" if interrupted else "finished"
            return self._close(interrupted=interrupted)
        except (KeyboardInterrupt, CancelledError):
            how = "interrupted"
            raise
        except BaseException:
            how = "failed"
            raise
        finally:
            job.relay.close()
            job.ending.cancel()
            heart.stop()
            _end(job.state.store, job.run, how)
            beating.join(_PATIENCE_S)

    def _work(self, layers: frozenset[Layer], feeding: threading.Thread) -> None:
        """Have threads do what there is to do, and pass on what they tell."""
        from stills.jobs.runner import open_runner

        job, desk = self.job, self.desk
        assert desk is not None  # noqa: S101 - made before
        while desk.wait_for_work(0.0) is None and not job.ending.over:
            self._pump()
        threads = [feeding]
        with contextlib.ExitStack() as stack:
            if desk.queued and not job.ending.over:  # a run with nothing to do starts no workers
                from stills.jobs.library.one import Workshop

                runner = open_runner(job.settings, layers)
                stack.callback(runner.close)
                shop = Workshop(job, desk, runner, layers)
                count = job.settings.jobs.at_once or runner.workers + 1
                threads += [_thread(f"video {number}", shop.work) for number in range(count)]
            clean_at = time.monotonic() + _CLEAN_S
            try:
                while any(thread.is_alive() for thread in threads):
                    if job.ending.over and not any(thread.is_alive() for thread in threads if thread is not feeding):
                        break  # whoever lists inputs may be waiting for somebody to type them
                    self._pump()
                    if time.monotonic() > clean_at:
                        _clean()
                        clean_at = time.monotonic() + _CLEAN_S
            except BaseException:
                job.relay.close()
                job.ending.cancel()
                for thread in threads[1:]:
                    thread.join(_PATIENCE_S)
                raise
        while not job.relay.empty:
            self._pump()

    def _pump(self) -> None:
        if self.cancel.cancelled:
            self.job.ending.cancel()
        self.job.relay.pump(_PUMP_S)

    def _close(self, *, interrupted: bool) -> LibraryResult:
        """Say what is left, keep the failures, write the report."""
        job, desk = self.job, self.desk
        assert desk is not None  # noqa: S101 - made before
        rest = desk.queued - desk.ended
        if job.settings.jobs.share:  # others ended some of them
            rest = min(rest, job.state.ask(lambda store: store.counts(job.run)).left)
        for name in () if interrupted else desk.growing:
            rest -= 1
            job.watch.counted(job.recipe.name, "left")
            job.relay.outcome(VideoOutcome(name, "left", "resume"))
            job.relay.pump(0.0)
        counts: dict[Status, int] = dict(job.relay.counts)
        if rest > 0:
            counts["left"] = counts.get("left", 0) + rest
        self.failures.keep(job.state)
        report = None if interrupted else write_report(job.place, new=job.relay.worked > 0)
        library = job.state.ask(lambda store: store.counts())
        return LibraryResult(job.place.folder, job.recipe.name, counts, library, report, interrupted)


def _begin(
    store: Store, settings: Settings, command: str, cancel: CancelToken, on_note: Callable[[str], None] | None
) -> Run | None:
    """A new run, once it may begin; ``None`` where it was cancelled while it waited."""
    jobs, said = settings.jobs, ""
    for where, owed, how in list(_owed):
        if where == store.shown:
            _owed.remove((where, owed, how))
            _end(store, owed, how)
    while True:
        try:
            return store.begin_run(command, lease_s=jobs.lease, shared=jobs.share)
        except RunActiveError as error:
            if not jobs.wait:
                raise
            if error.message != said:
                said = error.message
                _say(f"{said}; waiting for it to end", on_note)
            if cancel.wait(_WAIT_S):
                return None


_owed: list[tuple[str, Run, str]] = []
"""Runs of this process whose end could not be written, as the disk was full: the next one writes it first."""


def _end(store: Store, run: Run, how: str) -> None:
    """Write that a run is over. Where that cannot be, others see it when its process or its lease has ended."""
    try:
        store.end_run(run, how)
    except StillsError as error:
        _log.info("the end of the run cannot be written: %s", error)
        _owed.append((store.shown, run, how))


def _one_blas_thread() -> contextlib.AbstractContextManager[Any]:
    """Matrix products in the threads that ask for them: OpenBLAS' own would wait for each other in busy loops.

    They would take the cores from the workers; and where several threads ask at once, sums differ in their last bits.
    """
    import numpy as np  # noqa: F401 - what is limited has to be loaded
    from threadpoolctl import threadpool_limits

    limits: contextlib.AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def _say(text: str, on_note: Callable[[str], None] | None) -> None:
    _log.info("%s", text)
    if on_note is not None:
        on_note(text)


def _hearing(failures: Failures, on_video: OnVideo | None) -> OnVideo:
    def hear(outcome: VideoOutcome) -> None:
        failures.hear(outcome)
        if on_video is not None:
            on_video(outcome)

    return hear


def _open_watch(settings: Settings, place: Place) -> Watch:
    from stills.jobs.watch.opening import open_watch

    return open_watch(settings, out=place.folder)


def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=f"stills {name}", daemon=True)
    thread.start()
    return thread


def _clean() -> None:
    """Give back what videos took: results hold each other in cycles, and allocators keep free pages."""
    gc.collect()
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    give_back()
