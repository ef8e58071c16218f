"""The far side of the runner ``ray``: an actor for each worker slot, which holds one sandboxed process.

The actor itself never touches media: a decoder that crashes takes the process in the sandbox with it, which is
replaced, and models stay loaded in that process from one task to the next.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stills.errors import CancelledError, ModelError, StillsError, WorkerError
from stills.jobs.runner.ray_parcel import Parcel, pack, unpack, versions
from stills.media.sandbox import Pool
from stills.media.sandbox_tasks import Limits, Task, TaskResult

if TYPE_CHECKING:
    from stills.jobs.runner.ray_places import Places

Answer: TypeAlias = tuple[Literal["done", "failed", "unfit", "stopped"], Parcel]
"""What came of a task: its result; its result, which is an error; why no task can run here; that it was stopped."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a worker is to be: the arguments of its pool, and what it takes over from the process that asks."""

    limits: Limits
    preload: tuple[str, ...]
    folder: str
    omp_threads: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """A task to do. ``places`` are its files as the process that asks sees them."""

    function: str
    args: tuple[Any, ...]
    path: str | None
    places: Places


class Hand:
    """One worker slot. Its methods are called by Ray, several at a time."""

    def __init__(self) -> None:
        """Nothing is started: first the caller is to see whether this node has the right versions."""
        self._pool: Pool | None = None
        self._models: Any = None
        self._stops: dict[int, _Stop] = {}
        self._newest: dict[int, Any] = {}
        self._over = 0  # number of the newest task that has ended
        self._node = "?"

    def hello(self) -> dict[str, Any]:
        """Where this is, and what is installed here."""
        ray: Any = importlib.import_module("ray")
        self._node = ray.util.get_node_ip_address()
        return {"node": self._node, "node_id": ray.get_runtime_context().get_node_id(), "pid": os.getpid(),
                "versions": versions()}  # fmt: skip

    def begin(self, setup: Parcel) -> None:
        """Start the process, so that it imports and waits while the first task is on its way."""
        from stills.scan.needs import ModelsHere

        wanted: Setup = unpack(setup)
        with contextlib.suppress(OSError):  # relative paths mean the same here, where there is such a folder
            os.chdir(wanted.folder)
        # Ray sets it to the CPUs that the actor declares; the tasks are to find what they find everywhere.
        os.environ.pop("OMP_NUM_THREADS", None)
        if wanted.omp_threads is not None:
            os.environ["OMP_NUM_THREADS"] = wanted.omp_threads
        self._models = ModelsHere()
        self._pool = Pool(1, wanted.limits, preload=wanted.preload).prestart()

    def run(self, number: int, order: Sequence[Any]) -> Answer:
        """Do a task; ``number`` is what :meth:`news` and :meth:`stop` know it by."""
        stop = self._stops.setdefault(number, _Stop())
        try:
            asked: Order = unpack(order)
            task = self._prepared(asked)
            assert self._pool is not None  # noqa: S101 - begin() comes first
            for result in self._pool.run([task], on_progress=self._note(number), cancel=stop):
                return self._answer(result)
        except _StoppedError:
            return "stopped", []
        except _RefusedError as refused:
            return self._answer(TaskResult(None, None, refused.error))
        except StillsError as error:
            return "unfit", pack(error)
        except Exception as error:  # noqa: BLE001 - arguments are unpickled here, which runs the code of their classes
            said = WorkerError(f"the arguments of a task cannot be read: {type(error).__name__}: {error}")
            return self._answer(TaskResult(None, None, said))
        finally:
            self._over = number
            self._stops.pop(number, None)
            self._newest.pop(number, None)
        return "stopped", []

    def news(self, number: int) -> list[Any]:
        """The newest progress of the task ``number``, in a list; an empty one where there is none."""
        return pack(self._newest[number]) if number in self._newest else []

    def stop(self, number: int) -> None:
        """End the task ``number``, or see to it that it ends at once should it come later."""
        if number > self._over:
            self._stops.setdefault(number, _Stop()).set()

    def leave(self) -> None:
        """End the process; return when it is gone."""
        if self._pool is not None:
            self._pool.close(for_good=True)

    def _prepared(self, order: Order) -> Task:
        """The task as it can run on this node. Raises ``_RefusedError`` where it cannot."""
        from stills.jobs.runner.ray_places import check_places, models_for, without_spill

        try:
            check_places(order.places, self._node)
            if models := models_for(order.args):
                self._models.ensure(order.path or "", models)
        except ModelError as error:
            cause = error.__cause__ if isinstance(error.__cause__, ModelError) else error
            said = f"on node {self._node} of the Ray cluster: {cause.message}"
            raise _RefusedError(type(cause)(said, path=cause.path, remedy=cause.remedy)) from error
        except StillsError as error:
            raise _RefusedError(error) from error
        return Task(None, order.function, without_spill(order.args, order.places), order.path)

    def _note(self, number: int) -> Any:
        def note(_key: Any, value: Any) -> None:
            self._newest[number] = value

        return note

    @staticmethod
    def _answer(result: TaskResult) -> Answer:
        return "done" if result.ok else "failed", pack(result)


class _Stop:
    """A token that :meth:`Hand.stop` sets."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        if self._event.is_set():
            raise _StoppedError("stopped")


class _StoppedError(CancelledError):
    """The caller does not want the task any more."""


class _RefusedError(Exception):
    """The task cannot run on this node; ``error`` says why."""

    def __init__(self, error: StillsError) -> None:
        super().__init__(error.message)
        self.error = error
