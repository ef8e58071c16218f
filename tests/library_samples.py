"""Little libraries: films that take next to nothing, runs in processes of their own, and what came of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stills
from command import environment
from media_factory import Movie, make, moving_picture
from stills.jobs.library.types import VideoOutcome
from stills.settings import Settings

TESTS = Path(__file__).parent
QUICK: Mapping[str, Any] = {"segment_seconds": 2, "workers": 2, "jobs.settle": 0, "quality": 60}
"""Settings for films of a few seconds that were made just now."""


def film(path: Path, number: int, *, frames: int = 50, width: int = 160, height: int = 120) -> Path:
    """A film unlike those with other numbers; a cut every two seconds."""

    def picture(index: int, across: int, down: int) -> NDArray[np.uint8]:
        shot = index // 50
        return np.roll(moving_picture(index, across, down), (17 * number + 40 * shot) % across, axis=1) ^ np.uint8(
            (37 * number + 90 * shot) % 256
        )

    path.parent.mkdir(parents=True, exist_ok=True)
    return make(path, Movie(width=width, height=height, frames=frames, gop=25, b_frames=0, picture=picture))


def settings(cache: Path, **options: Any) -> Settings:
    """Settings for :func:`film`."""
    return stills.load_settings(env={}, options={**QUICK, "cache_dir": cache, **options})


class Heard:
    """What a run tells."""

    def __init__(self) -> None:
        self.outcomes: list[VideoOutcome] = []
        self.started: list[str] = []
        self.notes: list[str] = []
        self.result: Any = None

    @property
    def callbacks(self) -> dict[str, Any]:
        return {"on_video": self.outcomes.append, "on_start": self.started.append, "on_note": self.notes.append}

    @property
    def statuses(self) -> Counter[str]:
        return Counter(outcome.status for outcome in self.outcomes)

    def of(self, path: Path | str) -> list[VideoOutcome]:
        return [outcome for outcome in self.outcomes if outcome.source == str(path)]

    def one(self, path: Path | str) -> VideoOutcome:
        (outcome,) = self.of(path)
        return outcome


@dataclass(frozen=True)
class Child:
    """A run in a process group of its own."""

    process: subprocess.Popen[str]

    def kill(self) -> bool:
        """Kill all of it; whether it was still at work."""
        working = self.process.poll() is None
        if working:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        return working

    def work_for(self, seconds: float) -> None:
        """Leave it alone for so long, or until it ends."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def end(self, seconds: float = 300) -> dict[str, Any]:
        """What it says at its end."""
        out, err = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, err
        said: dict[str, Any] = json.loads(out.splitlines()[-1])
        return said

    def lines(self, start: str) -> str:
        """Wait for a line that begins so; the rest of it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(start):
                return line.removeprefix(start).strip()
        raise AssertionError(f"it ended without {start!r}: {self.process.communicate()[1]}")


def start(inputs: Path, out: Path, options: Mapping[str, Any], **call: Any) -> Child:
    """``stills.library`` in another process; see ``library_child.py``."""
    values = {"inputs": str(inputs), "out": str(out), "options": dict(options), **call}
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "library_child.py"), json.dumps(values, default=str)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=environment(PYTHONPATH=os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])),
    )  # fmt: skip
    return Child(process)


def written(out: Path, recipe: str) -> dict[str, Any]:
    """All results in ``out`` by name: documents without what differs from run to run, pictures as they are."""
    found: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_dir() or name.startswith(".stills/") or name == "report.html":
            continue
        if path.name == f"{recipe}.json":
            document = json.loads(path.read_text(encoding="utf-8"))
            del document["scan"]["seconds"], document["scan"]["cached"]
            found[name] = document
        else:
            found[name] = path.read_bytes()
    return found


def soon(seconds: float = 60.0) -> float:
    """A deadline."""
    return time.monotonic() + seconds
