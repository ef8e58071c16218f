"""Memory of all processes together: where it is too much, the largest worker goes and the others do not notice."""

import os

import psutil
import pytest

from stills.errors import MemoryLimitError
from stills.media.sandbox import Limits, Pool, Task
from stills.media.sandbox_memory import memory_of

pytestmark = pytest.mark.slow

TASKS = "faults.sandbox_tasks"


def mib(megabytes: float) -> float:
    return megabytes / (1 << 20)


def test_the_largest_worker_goes() -> None:
    ours = mib(memory_of(os.getpid()))
    with Pool(2, Limits(total_mb=ours + 400, wall_s=60)) as pool:
        tasks = [Task("hog", f"{TASKS}:allocate_without_end"), Task("modest", f"{TASKS}:heartbeat_for", (2.0,))]
        results = {result.key: result for result in pool.run(tasks)}
    assert type(results["hog"].error) is MemoryLimitError
    assert "all processes together" in str(results["hog"].error)
    assert "--max-memory" in str(results["hog"].error)
    assert results["modest"].ok


def test_what_fits_is_left_alone() -> None:
    with Pool(2, Limits(total_mb=mib(memory_of(os.getpid())) + 1000, wall_s=60)) as pool:
        results = list(pool.run(Task(n, f"{TASKS}:keep_memory", (20,)) for n in range(4)))
    assert all(result.ok for result in results)


def test_memory_of_a_process() -> None:
    assert 0 < memory_of(os.getpid()) <= psutil.Process().memory_info().rss * 1.1
    assert memory_of(None) == 0
    assert memory_of(2**22 + 1) == 0  # beyond the largest process id there is


@pytest.mark.parametrize("total", [0, -1])
def test_a_limit_has_to_be_positive(total: float) -> None:
    with pytest.raises(ValueError, match="total_mb"):
        Limits(total_mb=total)
