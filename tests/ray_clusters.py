"""Ray clusters for tests: their nodes are processes of this machine, which can be ended one at a time."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_log_monitor": False}


class Nodes:
    """A head without CPUs, and nodes with one each."""

    def __init__(self, folder: Path, count: int) -> None:
        from stills.jobs.runner.ray_cluster import ray_module

        ray_module()
        from ray.cluster_utils import Cluster

        self._before = os.environ.get("RAY_TMPDIR")
        os.environ["RAY_TMPDIR"] = str(folder)
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
        for about in (about for several in node.all_processes.values() for about in several):
            with contextlib.suppress(ProcessLookupError):
                os.kill(about.process.pid, signal.SIGKILL)
        self.cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        started = [about.process for node in self.cluster.list_all_nodes() for several in node.all_processes.values()
                   for about in several]  # fmt: skip
        self.cluster.shutdown()
        for process in started:
            process.wait(30)
        if self._before is None:
            del os.environ["RAY_TMPDIR"]
        else:
            os.environ["RAY_TMPDIR"] = self._before


@contextlib.contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """A cluster of ``count`` nodes beside its head. The folder's name is short: it is part of sockets' names."""
    with tempfile.TemporaryDirectory(prefix="rt-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = Nodes(Path(folder), count)
        try:
            yield cluster
        finally:
            cluster.close()


def ray_processes() -> list[str]:
    """What runs of Ray among the processes below this one."""
    lines = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                lines.append(" ".join(process.cmdline())[:120])
    return [line for line in lines if "ray" in line]
