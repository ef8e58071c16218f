"""What holds for all tests, and how they are shared out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line has it; before NumPy is imported
# Libraries leave files alone that were written in the last five seconds, as ours were; some tests say otherwise.
os.environ.setdefault("STILLS_JOBS__SETTLE", "0")

import psutil
import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("stills", deadline=None)
settings.load_profile("stills")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker more than there are cores: many tests wait for processes, servers and clocks."""
    return (psutil.cpu_count(logical=config.option.numprocesses == "logical") or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: the quick ones then fill what is left until all workers are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def sample_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film of ``stills demo``. Making it takes many seconds, so all workers use one: it is not to be changed."""
    from stills.sample import make_sample_film

    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sample-film"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "sample.mp4").exists():
            make_sample_film(shared / "sample.mp4")
    return shared / "sample.mp4"
