"""The real ``stills`` in a process of its own, as a user or a script meets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from warm_start import WarmStart

SOURCE = Path(__file__).parents[1] / "src"
TEMPORARY = ".stills-tmp-"


@dataclass(frozen=True)
class Done:
    """What one call gave. ``out`` and ``err`` hold undecodable bytes as lone surrogates."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines on standard error, each ended by a newline and nothing else."""
        return self.err.removesuffix("\n").split("\n") if self.err else []

    @property
    def errors(self) -> list[str]:
        return [line for line in self.lines if line.startswith("error: ")]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.removesuffix("\n").split("\n")]

    def of(self, path: str | Path, *kinds: str) -> dict[str, Any]:
        """The one event of these kinds about an input."""
        (event,) = (e for e in self.events if e["event"] in kinds and e.get("input") == str(path))
        return event


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCE), **more}


@cache
def _warm() -> WarmStart:
    return WarmStart()


def stills(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    before: Callable[[], None] | None = None,
) -> Done:
    """Run a command to its end. ``wrapper`` goes before the interpreter, ``before`` runs in the new process."""
    given = environment(**(env or {}))
    if not wrapper and before is None and sys.platform == "linux" and _warm().suits(given):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = _warm().run([str(a) for a in arguments], cwd=cwd, env=given, out=out, err=err, timeout=300)
            out.seek(0)
            err.seek(0)
            return Done(code, os.fsdecode(out.read()), os.fsdecode(err.read()))
    done = subprocess.run(
        [*wrapper, sys.executable, "-m", "stills", *map(str, arguments)],
        capture_output=True, cwd=cwd, env=given, timeout=300, check=False,
        preexec_fn=before, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Done(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))


class Running:
    """A command under way, with ``--json``, in a process group of its own."""

    def __init__(self, *arguments: str | Path, env: Mapping[str, str] | None = None, first: str = "") -> None:
        """``first`` is Python that runs in the process before the command does."""
        code = f"{first}\nimport sys\nfrom stills.cli import main\nsys.exit(main())"
        call = ["-c", code] if first else ["-m", "stills"]
        self.process = subprocess.Popen(
            [sys.executable, *call, *map(str, arguments), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=environment(**(env or {})),
        )  # fmt: skip
        self._heard: list[str] = []

    def hear(self) -> Iterator[dict[str, Any]]:
        """Events, as they come."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._heard.append(line)
            yield json.loads(line)

    def until(self, stage: str, beyond: float = 0.0) -> dict[str, Any]:
        """Read events up to a progress of ``stage`` at more than ``beyond`` seconds; returns it."""
        for event in self.hear():
            if event["event"] == "progress" and event["stage"] == stage and event["position"] > beyond:
                return event
        raise AssertionError(f"it ended before {stage}: {self._heard}")

    def until_event(self, kind: str, path: str | Path) -> dict[str, Any]:
        """Read events up to one of this kind about an input; returns it."""
        for event in self.hear():
            if event["event"] == kind and event.get("input") == str(path):
                return event
        raise AssertionError(f"it ended before {kind} of {path}: {self._heard}")

    def family(self) -> list[psutil.Process]:
        """The process and all that came from it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def signal(self, number: int, *, group: bool = False) -> None:
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> Done:
        out, err = self.process.communicate(timeout=300)
        return Done(self.process.returncode, "".join(self._heard) + out, err)


def without_rights() -> list[str] | None:
    """A wrapper under which file permissions count for root too; ``None`` where there is no way to have it."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    return [setpriv, "--inh-caps=-all", "--bounding-set=-all"] if setpriv else None


def leftovers(*folders: Path) -> list[Path]:
    """Temporary files and folders of stills."""
    return [path for folder in folders for path in folder.rglob("*") if TEMPORARY in path.name]


def one_clear_line(line: str) -> bool:
    """Whether it says something, without control characters, and is nobody's stack."""
    return line.isprintable() and len(line) > len("error: x: xxxx") and "bug" not in line and "Traceback" not in line
