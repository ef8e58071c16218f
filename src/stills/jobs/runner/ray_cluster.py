"""The connection to a Ray cluster: one that runs, or one of our own that is gone without a trace when it is closed.

Ray allows one connection a process, so runners share it. It is made in a thread that lives as long as the connection:
Linux ends the processes of a local cluster with the thread that started them, however that ends.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stills.errors import StillsError, UsageError, WorkerError, WorkersLostError
from stills.jobs.runner.ray_guard import Guard

log = logging.getLogger(__name__)

CONNECT_S = 90.0
"""Longest time until a cluster has answered, or is started. On a busy laptop starting takes 10 s and more."""

STORE_BYTES = 1 << 30
"""Size of a local cluster's object store at most: what goes through it is taken out at once."""

_LEAST_STORE = 80 << 20
_PROBE_S = 5.0
_PATIENCE_S = 20.0
_LONGEST = 42
"""Characters of the folder's name: Ray's sockets lie 62 deeper, and names of sockets have 107 at most."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # its way from now on, and no warning about it
    "RAY_gcs_rpc_server_reconnect_timeout_s": "1000000",  # after this it would end our process; we look ourselves
}


_AUTH = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_TOKEN = secrets.token_hex(32)  # one a process: Ray reads it once


@contextmanager
def protected() -> Iterator[None]:
    """Have a cluster that is started meanwhile answer to this process alone.

    Ray asks for a token by itself, which it would write into the user's home, to stay there. What the environment says
    already holds.
    """
    before = {name: os.environ.get(name) for name in _AUTH}
    if not any(before.values()):
        os.environ["RAY_AUTH_TOKEN"] = _TOKEN
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def ray_module() -> Any:
    """Ray, quiet. Raises ``UsageError`` where it is not installed."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        what = f"the runner ray needs an extra that is not installed ({error})"
        raise UsageError(what, remedy="pip install 'stills[ray]', or use --runner local") from error


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cluster: at ``address``, or without one of our own, with so many ``cpus``."""

    address: str | None
    cpus: int


class Cluster:
    """A connection that :func:`join` made; whoever joined leaves."""

    def __init__(self, wanted: Wanted) -> None:
        """Connect, or start the cluster. Raises ``WorkerError`` or ``UsageError``, in bounded time."""
        self.address = wanted.address
        self.own = False
        self.users = 0
        self._ray = ray_module()
        self._wanted = wanted
        self._folder: tuple[Path, int] | None = None
        self._guard: Guard | None = None
        self._ready, self._over = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._keep, name="stills-ray-cluster", daemon=True)
        if self._ray.is_initialized():  # by whoever calls us, who ends it, too
            self.gcs = self._ray.get_runtime_context().gcs_address
            return
        if wanted.address is not None:
            _probe(wanted.address)
        self._thread.start()
        answered = False
        try:
            answered = self._ready.wait(CONNECT_S)
        finally:
            if not answered:  # or the wait was interrupted: should it come yet, it goes at once
                self._over.set()
        if not answered:
            raise WorkerError(f"{self._name} did not answer within {CONNECT_S:g} s", remedy="see that it runs")
        if self._failure is not None:
            raise self._explained(self._failure) from self._failure
        self.own = True
        self.gcs = self._ray.get_runtime_context().gcs_address

    @property
    def _name(self) -> str:
        return "the local Ray cluster" if self.address is None else f"the Ray cluster at {self.address}"

    def answers(self) -> bool:
        """Whether the head of the cluster can be reached."""
        host, _, port = str(self.gcs).rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
        except OSError:
            return False
        return True

    def lost(self) -> WorkersLostError:
        """What to raise where it does not answer any more."""
        return WorkersLostError(
            f"{self._name} does not answer any more", remedy="see that its head runs, and start again"
        )

    def close(self) -> None:
        """Disconnect; a cluster of our own is ended, and its files go."""
        if self.own and not self._over.is_set():
            self._over.set()
            self._thread.join(_PATIENCE_S)

    def _keep(self) -> None:
        """The thread's: connect, stay, disconnect."""
        with _silent(), protected() if self.address is None else nullcontext():
            try:
                self._connect()
            except BaseException as error:  # noqa: BLE001 - whatever it is goes to the thread that waits for it
                self._failure = error
            self._ready.set()
            if self._failure is None:
                self._over.wait()
            self._disconnect()

    def _disconnect(self) -> None:
        started = self._processes()
        with suppress(Exception):  # its processes end in any case; what Ray has to say about it helps nobody
            self._ray.shutdown()
        for process in started:
            with suppress(subprocess.TimeoutExpired):  # it was killed with the thread's end, at the latest
                process.wait(_PATIENCE_S / 4)
        if self._folder is not None:
            folder, lock = self._folder
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
        if self._guard is not None:
            self._guard.dismiss()

    def _processes(self) -> list[Any]:
        """What Ray started for us and does not wait for: without somebody who does, those stay as zombies."""
        node = getattr(getattr(self._ray, "_private", None), "worker", None)
        known: dict[str, list[Any]] = getattr(getattr(node, "_global_node", None), "all_processes", {})
        return [about.process for several in known.values() for about in several]

    def _connect(self) -> None:
        talks = log.isEnabledFor(logging.DEBUG)
        options: dict[str, Any] = {"log_to_driver": talks, "logging_level": logging.INFO if talks else logging.ERROR}
        if self._wanted.address is not None:
            self._ray.init(address=self._wanted.address, **options)
        else:
            self._start(options)

    def _start(self, options: dict[str, Any]) -> None:
        """Start a cluster on this machine."""
        sweep()
        self._folder = _own_folder()
        self._guard = Guard(self._folder[0])
        with _python_path():
            self._ray.init(
                address="local",
                num_cpus=self._wanted.cpus,
                include_dashboard=False,
                object_store_memory=_store_bytes(),
                _memory=10**13,  # our own limits hold there, as without Ray
                _temp_dir=str(self._folder[0]),
                **options,
            )

    def _explained(self, error: BaseException) -> StillsError:
        """What went wrong, in one line."""
        said = " ".join(str(error).split())
        if "ould not find any running" in said:
            what, remedy = "no Ray cluster runs on this machine", "start one with `ray start --head`, or give HEAD:PORT"
        elif "ersion mismatch" in said:
            what = f"{self._name} has other versions than this process: {said}"
            remedy = "install the same versions of Python, Ray and stills everywhere"
        elif self.address is None:
            what, remedy = f"no local Ray cluster can be started: {said}", "see whether --runner local works"
        elif isinstance(error, ConnectionError) or "node" in said:
            what = f"this machine is no node of {self._name}: {said}"
            remedy = f"run `ray start --address={self.address} --num-cpus=0` here first"
        else:
            what, remedy = f"{self._name} cannot be used: {said}", "see that it runs"
        return WorkerError(what, remedy=remedy).with_details(repr(error))


_joining = threading.Lock()
_cluster: Cluster | None = None


def join(wanted: Wanted) -> Cluster:
    """The connection that this process has, or a new one. To be left again.

    Raises ``UsageError`` where it is one to another cluster, or Ray is not installed; ``WorkerError`` where no cluster
    can be had.
    """
    global _cluster  # noqa: PLW0603 - Ray has one connection a process
    if wanted.address is not None and "://" in wanted.address:
        remedy = "run stills on a node of the cluster, and give HEAD:PORT or auto"
        raise UsageError(f"an address of a Ray cluster is HEAD:PORT or auto, not {wanted.address}", remedy=remedy)
    with _joining:
        if _cluster is None:
            _cluster = Cluster(wanted)
            atexit.register(_close_last)  # before Ray's own, which was registered earlier
        elif _cluster.address != wanted.address:
            what = f"this process uses a Ray cluster already ({_cluster.address or 'its own'}), and can use one only"
            raise UsageError(what, remedy="close that runner first, or give the same address")
        _cluster.users += 1
        return _cluster


def leave(cluster: Cluster) -> None:
    """Give ``cluster`` back; with the last user it is disconnected."""
    with _joining:
        cluster.users -= 1
        if cluster.users == 0:
            _close_last()


def _close_last() -> None:
    global _cluster
    cluster, _cluster = _cluster, None
    if cluster is not None:
        atexit.unregister(_close_last)
        cluster.close()


def _probe(address: str) -> None:
    """See that something answers at ``address``: Ray itself would try for minutes. Raises ``WorkerError``."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"an address of a Ray cluster is HEAD:PORT or auto, not {address}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_S).close()
    except (OSError, OverflowError) as error:
        what = f"no Ray cluster answers at {address}: {getattr(error, 'strerror', None) or error}"
        raise WorkerError(what, remedy="start one with `ray start --head`, or correct --ray-address") from error


@contextmanager
def _python_path() -> Iterator[None]:
    """Have the processes that are started meanwhile find modules where this one does."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Ray from printing what happens to its nodes, at length and in colours, unless everything is to be said."""
    worker: Any = sys.modules.get("ray._private.worker")
    name = "print_to_stdstream"
    if log.isEnabledFor(logging.DEBUG) or not hasattr(worker, name):  # no API of Ray's, so it may be gone some day
        yield
        return
    printing = getattr(worker, name)
    setattr(worker, name, lambda *_, **__: None)
    try:
        yield
    finally:
        setattr(worker, name, printing)


def _store_bytes() -> int:
    """What the object store may take: a share of shared memory, which is small in many containers."""
    with suppress(OSError):
        return max(_LEAST_STORE, min(STORE_BYTES, shutil.disk_usage("/dev/shm").free * 8 // 10))  # noqa: S108
    return STORE_BYTES


def _own_folder() -> tuple[Path, int]:
    """A folder for the cluster's files, and the descriptor of a lock that says that it is in use."""
    root = tempfile.gettempdir()
    if len(root) > _LONGEST - len("/stills-ray-12345678"):
        root = "/tmp"  # noqa: S108 - what mkdtemp makes there is nobody else's
    while True:
        folder = Path(tempfile.mkdtemp(prefix="stills-ray-", dir=root))
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "lock").exists():
            return folder, lock
        os.close(lock)  # another process swept it in the moment before it was locked


def sweep() -> None:
    """Remove what a process left that was killed with its cluster: those folders have nobody who holds their lock."""
    for root in {tempfile.gettempdir(), "/tmp"}:  # noqa: S108 - where the folders are
        for lock in Path(root).glob("stills-ray-*/lock"):
            with suppress(OSError):
                fd = os.open(lock, os.O_RDWR)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(lock.parent, ignore_errors=True)
                finally:
                    os.close(fd)
