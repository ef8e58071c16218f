"""The runner ``ray``: a Ray cluster, one that runs or one of this machine that is started for as long as it is needed.

Each worker slot is an actor with one sandboxed process. What is lost with a worker or a node is done again elsewhere.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stills.errors import CancelledError, DeviceError
from stills.jobs.runner.ray_cluster import Cluster, Wanted, join, leave, ray_module
from stills.media.sandbox_run import drive, most_ahead
from stills.media.sandbox_tasks import Limits, Stopper, Task, TaskResult
from stills.scan.parameters import PRELOAD, PRELOAD_MODELS, needs_models
from stills.scan.pool import pool_limits
from stills.scan.sharing import share_workers
from stills.settings import change_settings
from stills.types import Layer

if TYPE_CHECKING:
    from stills.jobs.runner.ray_engine import Engine
    from stills.scan.budget import Budget
    from stills.settings_model import Settings

ACTOR_MB = 200.0
"""MiB of an actor beside the processes in its sandbox."""

TYPICAL_MB = 800.0
"""MiB that a worker with models is taken to need where nothing limits it, so that a node gets no more than it holds."""


def open_ray(settings: Settings, layers: Iterable[Layer] = ("faces",)) -> RayRunner:
    """Workers on the cluster at ``settings.jobs.ray_address``, or on one of this machine.

    As many as ``settings.scan.workers`` says, by default one for each ``settings.scan.threads`` processors that the
    cluster has; those that find no place yet come when there is one. Raises ``UsageError`` where Ray is not installed,
    ``WorkerError`` where the cluster cannot be had, ``DeviceError`` where it has no GPU that the settings ask for,
    ``MemoryLimitError`` where they allow too little for any video.
    """
    layers = frozenset(layers)
    ray_module()
    address, threads = settings.jobs.ray_address, settings.scan.threads
    local = share_workers(settings, layers)
    cluster = join(Wanted(address, cpus=local.workers * threads))
    try:
        budget = local if address is None else _share(settings, layers, ray_module().cluster_resources())
        return RayRunner(cluster, settings, layers, budget)
    except BaseException:
        leave(cluster)
        raise


def _share(settings: Settings, layers: Iterable[Layer], resources: dict[str, float]) -> Budget:
    """How many workers, and what one of them may take, on a cluster with ``resources``."""
    if settings.scan.workers is None:
        workers = max(1, min(256, int(resources.get("CPU", 0)) // settings.scan.threads))
        settings = change_settings(settings, workers=workers)
    return share_workers(settings, layers)


class RayRunner:
    """Runs tasks in the actors of a cluster. A context manager; usable from several threads at once."""

    def __init__(self, cluster: Cluster, settings: Settings, layers: Iterable[Layer], budget: Budget) -> None:
        """``cluster`` is left when the runner is closed. Raises ``DeviceError``."""
        from stills.jobs.runner.ray_actor import Setup
        from stills.jobs.runner.ray_engine import Engine, Staff

        self.workers = budget.workers
        limited = settings.limits.max_memory is not None
        mb = budget.worker_mb if limited else min(budget.worker_mb, TYPICAL_MB)
        resources = {
            "num_cpus": settings.scan.threads,
            "num_gpus": _gpu_share(settings, budget.workers),
            "memory": int((mb + ACTOR_MB) * (1 << 20)),
        }
        if cluster.address is None and cluster.users > 1:  # it is as large as its first runner asked; ours comes on top
            resources = dict.fromkeys(resources, 0)
        limits = pool_limits(settings, budget)
        self.limits = limits
        # What all may take together is shared out: a worker cannot see what others take on other nodes.
        own = Limits(memory_mb=limits.memory_mb, no_progress_s=limits.no_progress_s, start_s=limits.start_s)
        preload = (*PRELOAD, *PRELOAD_MODELS) if needs_models(layers) else PRELOAD
        setup = Setup(own, preload, os.getcwd(), os.environ.get("OMP_NUM_THREADS"))
        staff = Staff(budget.workers, setup, resources, start_s=limits.start_s or 120.0)
        self._engine: Engine | None = Engine(cluster, staff)
        self._closing = threading.Lock()
        self._finalizer = weakref.finalize(self, _close, self._engine, cluster)
        atexit.register(self._finalizer)  # before Ray's own, which was registered earlier

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
        at_once: int | None = None,
    ) -> Iterator[TaskResult]:
        """Run ``tasks`` from any thread: see :meth:`stills.media.sandbox.Pool.run` for arguments and errors.

        A task whose worker is lost runs again on another; one that loses its worker each time fails.
        """
        return self._run(iter(tasks), on_progress, cancel, most_ahead(self.workers, at_once))

    def _run(
        self,
        source: Iterator[Task],
        on_progress: Callable[[Any, Any], None] | None,
        cancel: Stopper | None,
        ahead: int,
    ) -> Iterator[TaskResult]:
        engine = self._engine
        if engine is None:
            raise CancelledError("the workers were closed")
        run = engine.begin(news=on_progress is not None)
        yield from drive(engine, run, source, on_progress=on_progress, cancel=cancel, ahead=ahead)

    def close(self) -> None:
        """End what runs, for whichever thread, and the actors; a local cluster, too. Harmless to call twice."""
        with self._closing:
            self._engine = None
            self._finalizer()
            atexit.unregister(self._finalizer)

    def __enter__(self) -> Self:
        """Return the runner itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()


def _close(engine: Engine, cluster: Cluster) -> None:
    engine.close()
    leave(cluster)


def _gpu_share(settings: Settings, workers: int) -> float:
    """What part of a GPU a worker declares: all of them together no more than there are. Raises ``DeviceError``."""
    from stills.scan.needs import parameters_for

    if settings.scan.device == "cpu" or parameters_for(settings, settings.scan.effort).device != "cuda":
        return 0.0
    gpus = ray_module().cluster_resources().get("GPU", 0.0)
    if not gpus:
        raise DeviceError("the Ray cluster has no GPU", remedy="use --device cpu, or nodes with GPUs")
    return min(1.0, int(1e4 * gpus / workers) / 1e4)  # Ray counts ten-thousandths
