"""A library of ten thousand tiny videos: whether speed, memory and ``stills status`` stay what they were.

``python -m benchmarks.library_many --videos 1000`` measures fewer, and prints the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError
from benchmarks.library_watch import Sample, Watch
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table
from benchmarks.stats import spread

VIDEOS, QUICK_VIDEOS = 10_000, 1_000
PARTS = 10
"""The first tenth of a run is compared with the last."""

RATE = 0.9
"""Least speed in the last part, in times of that in the first."""
GROWTH = 1.1
"""Most memory in the last part, in times of that in the first."""
STATUS_S = 1.0
"""Most seconds of ``stills status``, the start of the process included."""

_WIDTH, _HEIGHT, _FRAMES = 64, 48, 4
_FOLDER = 1_000
"""Videos in a folder."""
_AGE_S = 3600
"""How old they look: younger files may still be being copied, and are waited for."""
_STATUS_CALLS = 7


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the videos: seconds and CPU seconds that they took, and the memory in that time, by the middle."""

    videos: int
    seconds: float
    cpu: float
    parent: float
    family: float


@dataclass(frozen=True, slots=True)
class First:
    """The run that did all: its parts, and its end, from the last result on."""

    parts: list[Part]
    start: float
    end: float
    peak_end: float
    peak: float
    status: list[float]
    kind: str


def library(bench: Bench) -> Section:
    """The command over a library of tiny videos, a second one over the same, ``status``, and the store by itself."""
    videos = VIDEOS if bench.full else QUICK_VIDEOS
    folder = Path(tempfile.mkdtemp(prefix="library-", dir=bench.work))
    try:
        said = measure(folder, videos, bench.code, bench.say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    taken = run(python("-m", "benchmarks.store", "--videos", str(videos)), env=bench.code)
    store: dict[str, float] = json.loads(taken.output)
    bench.say(f"state of {videos} videos by itself: {store['per_video_ms']:.1f} ms a video")
    return _section(videos, said, store)


def measure(folder: Path, videos: int, code: Mapping[str, str], say: Callable[[str], None]) -> dict[str, Any]:
    """All figures of a library of ``videos`` in ``folder``, which is empty. ``code`` is the environment of commands."""
    taken = make_library(folder / "in", videos)
    say(f"{videos} videos made in {taken:.1f} s")
    out, cache = folder / "out", folder / "cache"
    env = {**os.environ, **code, "STILLS_CACHE_DIR": str(cache)}
    command = python("-m", "stills", "keyframes", str(folder / "in"), "-o", str(out), "--json")
    first = _first(command, env, out, videos, say)
    before = os.times()
    status = spread([_status(out, env, videos) for _ in range(_STATUS_CALLS)])
    after = os.times()
    work = after.children_user + after.children_system - before.children_user - before.children_system
    again = _again(command, env, videos)
    say(f"done again in {again['seconds']:.1f} s")
    if (out / ".stills" / "gallery").exists():
        raise BenchmarkError("people were looked for across videos, and nobody asked for it", path=str(out))
    state = [path.stat().st_size for path in (out / ".stills").glob("state.db*")]
    return {
        "first": first,
        "status": status,
        "status_cpu": work / status.count,
        "again": again,
        "state_bytes": sum(state),
        "report_bytes": (out / "report.html").stat().st_size,
        "index_bytes": _size(cache),
        "output_bytes": _size(out),
    }


def make_library(folder: Path, videos: int) -> float:
    """Write ``videos`` tiny videos below ``folder``; the seconds it took.

    One is encoded; the others are the same with another number in a box that players skip, so that no two are one video
    to the index.
    """
    import numpy as np

    from stills.media.encode import write_video

    begun = time.perf_counter()
    folder.mkdir(parents=True)
    model = folder.parent / "model.mp4"
    blocks = np.random.default_rng(0).integers(0, 256, (_HEIGHT // 8, _WIDTH // 8, 3), np.uint8)
    picture = np.kron(blocks, np.ones((8, 8, 1), np.uint8))
    with write_video(model, _WIDTH, _HEIGHT, Fraction(25)) as writer:
        for number in range(_FRAMES):
            writer.write(np.roll(picture, 4 * number, axis=1))
    whole, changed = model.read_bytes(), time.time() - _AGE_S
    for number in range(videos):
        into = folder / f"{number // _FOLDER:03}"
        if number % _FOLDER == 0:
            into.mkdir()
        said = f"{number:012}".encode()
        path = into / f"tiny{number:05}.mp4"
        path.write_bytes(whole + (8 + len(said)).to_bytes(4, "big") + b"free" + said)
        os.utime(path, (changed, changed))
    return time.perf_counter() - begun


def _first(command: Sequence[str], env: Mapping[str, str], out: Path, videos: int, say: Callable[[str], None]) -> First:
    """Run ``command`` over all videos, with ``stills status`` in the middle of each part."""
    size, done, ended = videos // PARTS, 0, 0.0
    marks: list[tuple[float, float]] = []
    asked = list[Future[float]]()
    begun = time.monotonic()
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        ThreadPoolExecutor(1) as asking,
        subprocess.Popen(list(command), env=dict(env), stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        watch = Watch(psutil.Process(process.pid))
        try:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] != "result":
                    continue
                done, ended = done + 1, time.monotonic()
                if done == 1 or done % size == 0:
                    marks.append((ended, watch.cpu()))
                    if done > 1:
                        say(f"{done} videos in {ended - begun:.0f} s, {watch.last.family:.0f} MB")
                if done % size == size // 2:
                    asked.append(asking.submit(_status, out, env))
            code = process.wait()
            finished = time.monotonic()
        except BaseException:
            process.kill()
            raise
        finally:
            watch.stop()
        errors.seek(0)
        tail = " | ".join(errors.read().strip().splitlines()[-4:])
    if done != videos or code:
        raise BenchmarkError(f"{done} of {videos} videos were done, exit code {code}: {tail}")
    parts = _parts(marks, watch.samples, size)
    at_end = [one.shared for one in watch.samples if one.at >= ended] or [watch.last.shared]
    peak = max(one.shared for one in watch.samples)
    status = [one.result() for one in asked]
    return First(parts, marks[0][0] - begun, finished - ended, max(at_end), peak, status, watch.kind)


def _parts(marks: Sequence[tuple[float, float]], samples: Sequence[Sample], size: int) -> list[Part]:
    """Parts of ``size`` videos between ``marks``: moments, and CPU seconds until then."""
    parts = []
    for number, ((since, before), (until, after)) in enumerate(pairwise(marks)):
        seen = [one for one in samples if since <= one.at <= until] or [samples[-1]]
        parent, family = median(one.parent for one in seen), median(one.family for one in seen)
        # the first part is counted from its first result on: before that processes start
        parts.append(Part(size - (number == 0), until - since, after - before, parent, family))
    return parts


def _status(out: Path, env: Mapping[str, str], done: int | None = None) -> float:
    """Seconds of ``stills status``, which has to know of so many as done."""
    begun = time.perf_counter()
    said = subprocess.run(
        python("-m", "stills", "status", str(out), "--json"), env=dict(env), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begun
    if said.returncode:
        raise BenchmarkError(f"stills status ended with {said.returncode}: {said.stderr.strip()[-300:]}")
    counted = json.loads(said.stdout.splitlines()[0])["done"]
    if counted != done if done is not None else counted == 0:
        raise BenchmarkError(f"stills status counts {counted} videos as done")
    return seconds


def _again(command: Sequence[str], env: Mapping[str, str], videos: int) -> dict[str, float]:
    """Seconds of a run that finds everything done, and those until its first result."""
    begun, kept, first = time.perf_counter(), 0, 0.0
    with subprocess.Popen(list(command), env=dict(env), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "result":
                first = first or time.perf_counter() - begun
                kept += event["kept"]
        code = process.wait()
    if kept != videos or code:
        raise BenchmarkError(f"{kept} of {videos} videos were known to be done, exit code {code}")
    return {"seconds": time.perf_counter() - begun, "first": first}


def _size(folder: Path) -> int:
    """Bytes that the files in ``folder`` take on the disk."""
    total = 0
    for path, _, files in os.walk(folder):
        total += sum(os.lstat(os.path.join(path, name)).st_blocks * 512 for name in files)
    return total


def _section(videos: int, said: Mapping[str, Any], store: Mapping[str, float]) -> Section:
    first, status, again = said["first"], said["status"], said["again"]
    size, (early, late) = videos // PARTS, (first.parts[0], first.parts[-1])
    columns = ("videos", "seconds", "videos/s", "CPU, ms a video", "first process, USS, MB",
               "all processes, USS, MB", "`stills status`, s")  # fmt: skip
    rows = tuple(
        (
            f"{number * size + 1}–{(number + 1) * size}",
            f"{part.seconds:.1f}",
            f"{part.videos / part.seconds:.1f}",
            f"{1000 * part.cpu / part.videos:.1f}",
            f"{part.parent:.0f}",
            f"{part.family:.0f}",
            f"{asked:.2f}",
        )
        for number, (part, asked) in enumerate(zip(first.parts, first.status, strict=True))
    )
    figures = (
        ("time to the first result, s", f"{first.start:.1f}"),
        ("from the last result to the end, with the report, s", f"{first.end:.1f}"),
        (f"most memory of all processes, {first.kind}, MB", f"{first.peak:.0f}"),
        (f"most memory while the report is made, {first.kind}, MB", f"{first.peak_end:.0f}"),
        ("`stills status` when all is done, s", status.text()),
        ("`stills status` when all is done, s of CPU", f"{said['status_cpu']:.2f}"),
        ("second run, all done: to its first result, s", f"{again['first']:.2f}"),
        ("second run, all done: s", f"{again['seconds']:.2f}"),
        ("second run, all done: s for each 1,000", f"{1000 * again['seconds'] / videos:.2f}"),
        ("state of a video by itself, ms (CPU)", f"{store['per_video_ms']:.1f} ({store['per_video_cpu_ms']:.1f})"),
        ("report, the overview alone, kB", f"{said['report_bytes'] / 1000:.0f}"),
        ("`state.db`, bytes a video", f"{said['state_bytes'] / videos:.0f}"),
        ("index of a video, kB on the disk", f"{said['index_bytes'] / videos / 1000:.1f}"),
        ("result and pictures of a video, kB on the disk", f"{said['output_bytes'] / videos / 1000:.1f}"),
    )
    ratio = (late.videos / late.seconds) / (early.videos / early.seconds)
    work = (late.videos / late.cpu) / (early.videos / early.cpu)
    memory = {"all processes": late.family / early.family, "the first process": late.parent / early.parent}
    state = store["rate_last_over_first"]
    while_running, which = median(first.status), f"last {size} of {videos} videos against first"
    faster, smaller, sooner = f"≥ {RATE} ×", f"≤ {GROWTH} ×", f"≤ {STATUS_S:.0f} s"
    checks = (
        Check(f"state operations, {which}", f"{state:.2f} ×", faster, state >= RATE),
        Check(f"videos a second, {which}", f"{ratio:.2f} ×", faster, ratio >= RATE),
        Check(f"videos for a second of CPU, {which}", f"{work:.2f} ×", faster, work >= RATE),
        *(
            Check(f"memory of {of}, {which}", f"{grown:.2f} ×", smaller, grown <= GROWTH)
            for of, grown in memory.items()
        ),
        Check(f"`stills status`, {videos} videos done", f"{status.median:.2f} s", sooner, status.median <= STATUS_S),
        Check("`stills status`, while they are done", f"{while_running:.2f} s", sooner, while_running <= STATUS_S),
    )
    remarks = (
        f"`stills keyframes FOLDER -o OUT --json` over {videos} videos of {_WIDTH}×{_HEIGHT} and {_FRAMES} frames, "
        "from nothing. The first part is counted from its first result on. Memory is looked at once a second; the "
        "middle of each part is shown: what is each process's own (USS), as PSS changes with what others on the "
        "machine run. `stills status` is called once in each part, while the run keeps all "
        f"cores busy, and {status.count} times when all is done; the start of its process is in its times.",
        "CPU is of all processes, and says more than seconds where others use the machine. State operations by "
        "themselves (`benchmarks/store.py`: a claim, a heartbeat, a segment, a result for each video) are timed in "
        "turns with those of a new library, so that both meet the same disturbances.",
    )
    tables = (Table(columns, rows), Table(("figure", "measured"), figures))
    data = {"run": asdict(first), "status": asdict(status), "again": again, "store": dict(store)}
    return Section("library", f"A library of {videos:,} tiny videos", tables, checks, remarks, data=data)


def main() -> None:
    """Measure some, from the checkout as it is."""
    parser = argparse.ArgumentParser("python -m benchmarks.library_many", description=__doc__)
    parser.add_argument("--videos", type=int, default=QUICK_VIDEOS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stills-bench-") as folder:
        said = measure(Path(folder), options.videos, {}, lambda text: print(f"  {text}", flush=True))
        print(json.dumps(said, default=lambda one: {n: getattr(one, n) for n in one.__slots__}, indent=1))


if __name__ == "__main__":
    main()
