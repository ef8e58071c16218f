"""The near side of the runner ``ray``: a thread that starts actors, feeds them, and does again what was lost.

What it does for its callers is what the engine of the sandbox does, with actors for processes.
"""

from __future__ import annotations

import copy
import logging
import queue
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stills.errors import CancelledError, DecoderCrashError, LimitError, RepeatedCrashError, StillsError, WorkerError
from stills.jobs.runner.ray_actor import Order, Setup
from stills.jobs.runner.ray_cluster import Cluster, ray_module
from stills.jobs.runner.ray_hand import Arrived, Hand, Loss, RayRun, verdict
from stills.jobs.runner.ray_parcel import pack, unpack, versions
from stills.jobs.runner.ray_places import places_of
from stills.media.sandbox_run import Rota, Run
from stills.media.sandbox_tasks import Task, TaskResult

log = logging.getLogger(__name__)

_TICK_S = 0.2  # progress is asked for this often, and patience looked at
_START_FAILURES = 3  # actors in a row that end before they are ready: then it is hopeless
_PATIENCE_S = 10.0  # for a task to stop; past this its actor is killed
_LOOK_S = 5.0  # how often to see whether the cluster is still there
_SILENT = 6  # looks in a row that find nothing: then it is gone
_MAX_CRASHES = 32  # as of a pool


@dataclass(frozen=True, slots=True)
class Staff:
    """How many actors there may be, how each is set up, what of the cluster's resources it takes."""

    size: int
    setup: Setup
    resources: dict[str, Any]
    start_s: float


class Engine:
    """Owns the actors. The public methods may be called from any thread; all else happens in the engine's."""

    def __init__(self, cluster: Cluster, staff: Staff) -> None:
        """Start the thread."""
        self._ray = ray_module()
        self._cluster = cluster
        self._staff_wanted = staff
        self._setup = pack(staff.setup)
        self._versions = versions()
        self._remote = self._make_remote()
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._rota = Rota()
        self._hands: dict[int, Hand] = {}
        self._hired = 0
        self._start_failures = 0
        self._silent, self._looked = 0, time.monotonic()
        self._ended_runs: list[tuple[Run, threading.Event]] = []
        self._stopping = False
        self._ended: StillsError = CancelledError("the runner was closed")
        self._thread = threading.Thread(target=self._main, name="stills-ray", daemon=True)
        self._thread.start()

    def begin(self, *, news: bool) -> RayRun:
        """A new run, that takes part from now until :meth:`end`."""
        run = RayRun(news=news)
        self._inbox.put(lambda: self._begin(run))
        return run

    def submit(self, run: RayRun, task: Task) -> None:
        """Queue ``task`` for ``run``."""
        self._inbox.put(lambda: run.pending.append(task))

    def next_event(self, run: RayRun, timeout: float) -> TaskResult | StillsError | None:
        """A result of ``run``, or the error that ends it, or None after ``timeout`` seconds."""
        alive = self._thread.is_alive()  # asked first: what it said before it ended is in the queue by then
        event = run.take(timeout)
        if isinstance(event, TaskResult) and isinstance(event.value, Arrived):
            return event.value.open(event)
        return copy.copy(self._ended) if event is None and not alive else event

    def end(self, run: RayRun, *, wait: bool) -> None:
        """Drop what is left of ``run``, stop what runs of it; with ``wait``, return when it is over."""
        done = threading.Event()
        self._inbox.put(lambda: self._end(run, done))
        deadline = time.monotonic() + _PATIENCE_S + 2 * _TICK_S
        while wait and not done.wait(_TICK_S) and self._thread.is_alive() and time.monotonic() < deadline:
            pass

    def close(self) -> None:
        """End the actors and whatever they do, and wait for it."""
        self._inbox.put(lambda: setattr(self, "_stopping", True))
        if threading.current_thread() is not self._thread:
            self._thread.join(2 * _PATIENCE_S)

    def _make_remote(self) -> Any:
        from stills.jobs.runner.ray_actor import Hand as Actor

        options = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": 4, "scheduling_strategy": "SPREAD"}
        return self._ray.remote(**options, **self._staff_wanted.resources)(Actor)

    def _main(self) -> None:
        try:
            while not self._stopping:
                self._staff()
                with suppress(queue.Empty):
                    self._inbox.get(timeout=_TICK_S if self._rota or self._ended_runs else None)()
                    while True:
                        self._inbox.get_nowait()()
                self._watch()
        except BaseException as error:  # noqa: BLE001 - a thread's last frame: without this a bug would be a hang
            bug = WorkerError(f"the supervisor of the Ray workers failed: {type(error).__name__}: {error}")
            self._ended = bug.with_details(traceback.format_exc())
        finally:
            self._tear_down()

    def _staff(self) -> None:
        """Have as many actors as there is work for, and give each idle one a task."""
        busy = sum(hand.state in {"busy", "stopping"} for hand in self._hands.values())
        for _ in range(len(self._hands), min(self._staff_wanted.size, busy + self._rota.waiting)):
            self._hire()
        held: Counter[Run] = Counter(h.run for h in self._hands.values() if h.run is not None and h.task is not None)
        for hand in list(self._hands.values()):
            while hand.state == "idle" and (turn := self._rota.next(held)) is not None:
                run, task = turn
                assert isinstance(run, RayRun)  # noqa: S101 - begin() makes no others
                if self._give(hand, run, task):
                    held[run] += 1

    def _hire(self) -> None:
        self._hired += 1
        hand = Hand(self._hired, self._remote.remote())
        self._hands[hand.number] = hand
        hand.ask(hand.actor.hello.remote(), self._later(lambda *said: self._greet(hand, *said)))

    def _later(self, then: Callable[[Any, BaseException | None], None]) -> Callable[[Any, BaseException | None], None]:
        """``then``, in the engine's thread."""
        return lambda value, error: self._inbox.put(lambda: then(value, error))

    def _greet(self, hand: Hand, hello: dict[str, Any] | None, error: BaseException | None) -> None:
        if hand.number not in self._hands:
            return
        if hello is None:
            self._discard(hand)
            self._fail_to_start(self._no_start(error))
        elif (misfit := hand.greeted(hello, self._versions)) is not None:
            self._discard(hand)
            self._give_up(misfit)
        else:
            log.debug("worker %d is on node %s, process %s", hand.number, hand.node, hello["pid"])
            hand.ask(hand.actor.begin.remote(self._setup), self._later(lambda *said: self._welcome(hand, *said)))

    def _welcome(self, hand: Hand, _nothing: None, error: BaseException | None) -> None:
        if hand.number not in self._hands:
            return
        if error is None:
            hand.free()
        else:
            self._discard(hand)
            self._fail_to_start(self._no_start(error))

    def _no_start(self, error: BaseException | None) -> StillsError:
        said = str(error)
        last = said.strip().rpartition("\n")[2]
        if getattr(error, "actor_init_failed", False) or "ModuleNotFoundError" in said or "ImportError" in said:
            what = f"a node of the Ray cluster cannot load stills: {last}"
            remedy = f"install stills {self._versions['stills']} on every node"
            return WorkerError(what, remedy=remedy).with_details(said)
        return WorkerError(f"workers cannot be started on the Ray cluster: {last}").with_details(said)

    def _fail_to_start(self, error: StillsError) -> None:
        self._start_failures += 1
        if self._start_failures >= _START_FAILURES:
            self._give_up(error)

    def _give(self, hand: Hand, run: RayRun, task: Task) -> bool:
        """Send ``task`` to ``hand``; whether its arguments allow that."""
        try:
            parcel = pack(Order(task.function, task.args, task.path, places_of(task)))
        except Exception as error:  # noqa: BLE001 - arguments are the caller's, and pickling runs their code
            what = WorkerError(f"the arguments of {task.function} do not pickle: {error}", path=task.path)
            run.put(TaskResult(task.key, None, what))
            return False
        number = hand.assign(task, run)
        reference = hand.actor.run.remote(number, parcel)
        hand.ask(reference, self._later(lambda *said: self._take(hand, *said)))
        return True

    def _take(self, hand: Hand, answer: tuple[str, Any] | None, error: BaseException | None) -> None:
        """``hand`` answered, or is gone."""
        if hand.number not in self._hands:
            return
        wanted = hand.free()
        if answer is None:
            self._discard(hand)
            if wanted is not None:
                self._lose(*wanted, Loss.of(error or WorkerError("?")))
            return
        what, parcel = answer
        if what == "unfit":
            self._discard(hand)
            if wanted is not None:
                wanted[1].pending.appendleft(wanted[0])
            self._fail_to_start(unpack(parcel))
            return
        self._start_failures = 0
        if wanted is not None:
            self._settle(*wanted, what, parcel)

    def _settle(self, task: Task, run: RayRun, what: str, parcel: Any) -> None:
        run.losses.pop(id(task), None)
        arrived = TaskResult(task.key, Arrived(parcel, task.path), None)
        if what == "failed" or run.news:  # few, or wanted: their last progress is told before they are
            result = arrived.value.open(arrived)
            if result.last_progress is not None:
                run.note(task.key, result.last_progress)
            run.put(result)
            if isinstance(result.error, DecoderCrashError | LimitError):
                self._count_crash(run, result.error)
            return
        run.put(arrived)

    def _count_crash(self, run: RayRun, error: StillsError) -> None:
        run.crashes += 1
        if run.crashes > _MAX_CRASHES and run in self._rota:
            what = f"gave up after {run.crashes} workers died, the last one so: {error.message}"
            run.put(RepeatedCrashError(what).with_details(error.details))
            self._drop(run)

    def _lose(self, task: Task, run: RayRun, loss: Loss) -> None:
        """The actor that had ``task`` is gone: have it done elsewhere, or blame it."""
        losses = run.losses.setdefault(id(task), [])
        losses.append(loss)
        log.info("a worker was lost%s (%s); its task runs again", ", and not by itself" * loss.with_node, loss.said)
        error = verdict(task, losses)
        if error is None:
            run.pending.appendleft(task)
            return
        del run.losses[id(task)]
        run.put(TaskResult(task.key, None, error))
        self._count_crash(run, error)

    def _watch(self) -> None:
        now = time.monotonic()
        for hand in list(self._hands.values()):
            if hand.state == "stopping" and now - hand.since > _PATIENCE_S:
                self._discard(hand)
            elif hand.state == "busy" and hand.run is not None and hand.run.news and not hand.asked_news:
                self._ask_news(hand, hand.order, now)
        self._see_cluster(now)
        waits = [hand.since for hand in self._hands.values() if hand.state == "starting"]
        if waits and len(waits) == len(self._hands) and now - min(waits) > self._staff_wanted.start_s:
            self._give_up(self._no_room())
        for run, done in self._ended_runs[:]:
            if not any(hand.state == "stopping" and hand.run is run for hand in self._hands.values()):
                done.set()
                self._ended_runs.remove((run, done))

    def _ask_news(self, hand: Hand, order: int, now: float) -> None:
        if now - hand.since < _TICK_S:
            return
        hand.asked_news, hand.since = True, now

        def tell(parcel: Any, error: BaseException | None) -> None:
            hand.asked_news = False
            current = hand.order == order and hand.state == "busy"
            if current and error is None and parcel and hand.task is not None and hand.run is not None:
                hand.run.note(hand.task.key, unpack(parcel))

        hand.ask(hand.actor.news.remote(order), self._later(tell))

    def _see_cluster(self, now: float) -> None:
        if now - self._looked < _LOOK_S or not self._hands:
            return
        self._silent = 0 if self._cluster.answers() else self._silent + 1
        self._looked = time.monotonic()
        if self._silent >= _SILENT:
            self._ended = self._cluster.lost()
            self._stopping = True

    def _no_room(self) -> WorkerError:
        asks = ", ".join(f"{key[4:] if key.startswith('num_') else key} {value:g}"
                         for key, value in self._staff_wanted.resources.items())  # fmt: skip
        has, free = self._ray.cluster_resources(), self._ray.available_resources()
        names = ("CPU", "GPU", "memory")
        said = ", ".join(f"{name} {free.get(name, 0):g} of {has.get(name, 0):g}" for name in names if name in has)
        what = f"no worker found a place on the Ray cluster within {self._staff_wanted.start_s:g} s"
        return WorkerError(f"{what}: each takes {asks}; free are {said}", remedy="add nodes, or ask for less")

    def _give_up(self, error: StillsError) -> None:
        """No workers can be had: end all runs with ``error``."""
        for run in self._rota:
            run.put(copy.copy(error))  # each raises its own, in its own thread
            self._drop(run)
        for hand in [hand for hand in self._hands.values() if hand.state == "starting"]:
            self._discard(hand)
        self._start_failures = 0

    def _begin(self, run: RayRun) -> None:
        if not self._rota:
            self._start_failures = 0
        self._rota.add(run)

    def _drop(self, run: Run) -> None:
        """Forget ``run`` and stop what runs of it."""
        self._rota.remove(run)
        for hand in self._hands.values():
            if hand.run is run and hand.state == "busy":
                hand.task = None
                hand.state, hand.since = "stopping", time.monotonic()
                hand.actor.stop.remote(hand.order)
            elif hand.run is run and hand.state == "idle":
                hand.run = None  # what nobody took of its results is let go

    def _end(self, run: Run, done: threading.Event) -> None:
        self._drop(run)
        self._ended_runs.append((run, done))

    def _discard(self, hand: Hand) -> None:
        self._hands.pop(hand.number, None)
        with suppress(Exception):  # it may be gone already, with its node or the cluster
            self._ray.kill(hand.actor)

    def _tear_down(self) -> None:
        hands = list(self._hands.values())
        if self._silent < _SILENT:
            with suppress(Exception):  # what does not leave by itself is killed
                leaving = [hand.actor.leave.remote() for hand in hands if hand.state != "starting"]
                self._ray.wait(leaving, num_returns=len(leaving), timeout=_PATIENCE_S)
        for hand in hands:
            self._discard(hand)
        for run in self._rota:
            run.put(copy.copy(self._ended))
        for _, done in self._ended_runs:
            done.set()
        with suppress(queue.Empty):  # runs that began too late to be heard
            while True:
                self._inbox.get_nowait()
