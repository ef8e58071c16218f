"""Ray clusters for tests: their nodes are processes of this machine, which can be ended one at a time."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_log_monitor": False}


class Nodes:
    """A head without CPUs, and nodes with one each."""

    def __init__(self, count: int) -> None:
        from ray.cluster_utils import Cluster

        head = {**NODE, "num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes: list[Any] = [self.add() for _ in range(count)]

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> Any:
        node = self.cluster.add_node(**NODE)
        self.cluster.wait_for_nodes()
        return node

    def kill(self, node: Any) -> None:
        """As when the power goes: nothing of it says goodbye."""
        for process in _started(node):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        if node is not self.cluster.head_node:  # Ray's helper will not have that
            self.cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        started = [process for node in self.cluster.list_all_nodes() for process in _started(node)]
        self.cluster.shutdown()
        for process in started:
            process.wait(30)


def _started(node: Any) -> list[Any]:
    return [about.process for several in node.all_processes.values() for about in several]


@contextlib.contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """A cluster of ``count`` nodes beside its head, which answers to this process and those below it.

    The folder's name is short: it is part of sockets' names.
    """
    from stills.jobs.runner.ray_cluster import protected, ray_module

    ray_module()
    from ray._raylet import Config

    with (
        tempfile.TemporaryDirectory(prefix="rt-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
        protected(),
    ):
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", os.pathsep.join(entry for entry in sys.path if entry))  # what tasks of tests are in
        patch.setenv("RAY_AUTH_MODE", os.environ.get("RAY_AUTH_MODE", "token"))
        Config.initialize("")  # it was read when Ray was imported
        cluster = Nodes(count)
        try:
            yield cluster
        finally:
            cluster.close()
