"""The near side of one worker slot: its actor, what it is asked, and what its answers and its end mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from stills.errors import DecoderCrashError, MemoryLimitError, StillsError, WorkerError, WorkersLostError
from stills.jobs.runner.ray_parcel import Parcel, difference, unpack
from stills.media.sandbox_run import Run
from stills.media.sandbox_tasks import Task, TaskResult

LIVES = 3
"""Workers that a task may lose with the actor around them: then it is the task's fault."""

NODES = 8
"""Nodes that it may lose: those are not its fault, but there has to be an end."""

_OUT_OF_MEMORY = ("NODE_OUT_OF_MEMORY", "node running low on memory")
_ADVICE = " Some common causes include"  # what follows are guesses


class RayRun(Run):
    """A run whose tasks may lose their workers; ``news`` says whether its caller wants to hear of progress."""

    def __init__(self, *, news: bool) -> None:
        """Nothing was asked yet."""
        super().__init__()
        self.news = news
        self.losses: dict[int, list[Loss]] = {}  # by the task's identity: keys need not be unique


@dataclass(frozen=True, slots=True)
class Loss:
    """An actor that ended while it had a task: how, in Ray's words, and whether with its node."""

    said: str
    with_node: bool
    memory: bool

    @classmethod
    def of(cls, error: BaseException) -> Loss:
        """What Ray's ``error`` means: an actor whose process ended is dead, one whose node did cannot be reached."""
        said = str(error)
        lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("\t")]
        kind = type(error).__name__
        died = kind == "ActorDiedError" and "worker process has died" in said
        memory = kind == "OutOfMemoryError" or any(word in said for word in _OUT_OF_MEMORY)
        what = lines[-1].partition(_ADVICE)[0] if lines else kind
        return cls(what, with_node=not died and not memory, memory=memory)


def verdict(task: Task, losses: list[Loss]) -> StillsError | None:
    """What a task that lost so many workers failed with; ``None`` where it is to be tried again."""
    blamed = sum(not loss.with_node for loss in losses)
    if blamed < LIVES and len(losses) - blamed < NODES:
        return None
    details = "\n".join(loss.said for loss in losses)
    if blamed < LIVES:
        what = f"{len(losses)} nodes of the Ray cluster were lost while they worked on this"
        return WorkersLostError(what, path=task.path, remedy="try again on a cluster that lasts").with_details(details)
    if losses[-1].memory:
        what = f"the node's memory was used up {blamed} times by the worker that had this"
        remedy = "use fewer workers a node, or nodes with more memory"
        return MemoryLimitError(what, path=task.path, remedy=remedy).with_details(details)
    return DecoderCrashError(f"ended its worker's process {blamed} times", path=task.path).with_details(details)


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """An answer as it came, to be unpacked in the thread that wants it."""

    parcel: Parcel
    path: str | None

    def open(self, arrived: TaskResult) -> TaskResult:
        """The result; ``arrived`` is this one's, with the key and the time."""
        key, ended = arrived.key, arrived.ended
        try:
            result: TaskResult = unpack(self.parcel)
        except Exception as error:  # noqa: BLE001 - a result's unpickling runs the code of its classes
            what = WorkerError(f"a result cannot be read: {type(error).__name__}: {error}", path=self.path)
            return TaskResult(key, None, what, ended=ended)
        if result.error is not None and result.error.path is None:
            result.error.path = self.path
        return replace(result, key=key, ended=ended)


class Hand:
    """One actor, from the request to start it until it is gone."""

    def __init__(self, number: int, actor: Any) -> None:
        """``actor`` is Ray's handle."""
        self.number = number
        self.actor = actor
        self.state: Literal["starting", "idle", "busy", "stopping"] = "starting"
        self.since = time.monotonic()
        self.node = "?"
        self.run: RayRun | None = None
        self.task: Task | None = None
        self.order = 0  # number of the newest order
        self.asked_news = False

    def ask(self, reference: Any, then: Callable[[Any, BaseException | None], None]) -> None:
        """Have ``then`` called with what comes of Ray's ``reference``, in a thread of Ray's."""

        def answered(future: Any) -> None:
            error = future.exception()
            then(None if error is not None else future.result(), error)

        reference.future().add_done_callback(answered)

    def greeted(self, hello: dict[str, Any], here: dict[str, str]) -> StillsError | None:
        """Take down where it is; why it cannot be used, if it cannot."""
        self.node = str(hello["node"])
        if other := difference(here, hello["versions"]):
            what = f"node {self.node} of the Ray cluster has {other}, and results would not be the same"
            return WorkerError(what, remedy="install the same versions on every node")
        return None

    def assign(self, task: Task, run: RayRun) -> int:
        """It has ``task`` now; the order's number."""
        self.order += 1
        self.task, self.run = task, run
        self.state, self.since = "busy", time.monotonic()
        self.asked_news = False
        return self.order

    def free(self) -> tuple[Task, RayRun] | None:
        """It is done with its task, which is returned with its run; ``None`` where nobody wants it any more."""
        task, self.task = self.task, None
        self.state, self.since = "idle", time.monotonic()
        return None if task is None or self.run is None else (task, self.run)
