"""Memory over a batch: twenty films of equal work one after another, and what each leaves behind."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, permutations
from pathlib import Path
from statistics import median

import av
import psutil

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError
from benchmarks.measure import INTERVAL, python
from benchmarks.results import Check, Section, Table

FILMS = 20
GROWTH = 1.1
"""Most memory while and after the last film, as a multiple of that of the first."""

_PARTS = tuple(f"b{number:02}.mp4" for number in (0, 3, 4, 6, 10, 11, 13, 16, 23))
"""Parts of the long film, some 11 s each, together as long as a trailer: in another order each time, so that films
differ and their work does not."""
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Stretch:
    """Memory of all processes from the end of one film to that of the next, in MB: its peak, and at its end."""

    film: str
    peak: float
    level: float


def batch_memory(bench: Bench) -> Section:
    """The memory of ``stills batch`` by film."""
    folder = Path(tempfile.mkdtemp(prefix="batch-", dir=bench.work))
    table = _films(bench, folder)
    stretches, kind = _run(bench, table, folder / "out")
    peaks, levels = [s.peak for s in stretches], [s.level for s in stretches]
    most = [max(peaks[:end]) for end in range(1, len(peaks) + 1)]
    rows = [
        (str(number), f"{peaks[number - 1]:.0f}", f"{most[number - 1]:.0f}", f"{levels[number - 1]:.0f}")
        for number in (1, 2, 5, 10, 15, FILMS)
    ]
    columns = ("film", f"peak, {kind} sum, MB", "peak so far, MB", "after it, MB")
    remark = (
        f"`stills batch --recipe cast --attributes age,gender` over {FILMS} films of 98 s (720p) with a poster each, "
        "which are nine parts of `long` in another order each time: all are the same work. From the end of a film to "
        f"that of the next, looked at every {1000 * INTERVAL:.0f} ms over all processes; workers stay from film to "
        f"film. Half of the peaks lie under {median(peaks):.0f} MB, half of the levels after a film under "
        f"{median(levels):.0f} MB."
    )
    data = [{"film": s.film, "peak": round(s.peak, 1), "level": round(s.level, 1)} for s in stretches]
    checks = (_check("peak memory of a batch", most), _check("memory after a film", levels))
    return Section("batch-memory", "Memory over a batch", (Table(columns, tuple(rows)),), checks, (remark,), {}, data)


def _check(name: str, values: Sequence[float]) -> Check:
    growth = values[-1] / values[0]
    return Check(f"{name}, 20th film against 1st", f"{growth:.2f} ×", f"≤ {GROWTH} ×", growth <= GROWTH)


def _films(bench: Bench, folder: Path) -> Path:
    """Make the films and their table. Without a corpus they are the sample film under other names of content."""
    with (folder / "films.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "trailer", "posters"])
        for number, parts in enumerate(islice(_orders(bench), FILMS), 1):
            path = folder / f"film{number:02}.mp4"
            join(parts, path, title=str(number))
            writer.writerow([path.stem, path, _poster(bench)])
    return folder / "films.csv"


def _orders(bench: Bench) -> Iterator[Sequence[Path]]:
    if bench.corpus.folder is None:
        yield from ([bench.corpus.sample().path] for _ in range(FILMS))
        return
    yield from permutations([bench.corpus.folder / "films" / "long_parts" / name for name in _PARTS])


def _poster(bench: Bench) -> str:
    return "" if bench.corpus.folder is None else str(bench.corpus.folder / "posters" / "dinner_1.png")


def join(parts: Sequence[Path], target: Path, *, title: str) -> None:
    """Put films of one encoding one after another into ``target``, by packet copy."""
    with av.open(str(target), "w") as out:
        out.metadata["title"] = title  # so that equal films are not one in the index
        stream, offset = None, 0
        for path in parts:
            with av.open(str(path)) as part:
                source = part.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                last = offset
                for packet in part.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    last = max(last, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    out.mux(packet)
                rate, tick = source.average_rate or Fraction(25), source.time_base or Fraction(1, 90000)
                offset = max(last, offset + int(source.frames / rate / tick))


def _run(bench: Bench, table: Path, out: Path) -> tuple[list[Stretch], str]:
    """Run the batch; a stretch for each film, and which kind of memory it is."""
    command = python(
        "-m", "stills", "batch", str(table), "-o", str(out), "--recipe", "cast", "--attributes", "age,gender", "--json"
    )
    env = {**os.environ, **bench.code, "STILLS_CACHE_DIR": str(out / "indexes")}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        watch = _Watch(psutil.Process(process.pid))
        stretches = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "result":
                    stretches.append(watch.stretch(event["film"]))
        except BaseException:
            process.kill()
            raise
        finally:
            watch.stop()
    if len(stretches) != FILMS or process.returncode:
        raise BenchmarkError(f"{len(stretches)} of {FILMS} films were done, exit code {process.returncode}")
    bench.say(f"{FILMS} films: peaks {', '.join(f'{s.peak:.0f}' for s in stretches)} MB")
    return stretches, watch.kind


class _Watch:
    """Looks at the memory of a process and its descendants, from a thread of its own."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._peak = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.kind = "PSS"
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stretch(self, film: str) -> Stretch:
        """The peak since the last call, and the memory now."""
        level = self._sum()
        with self._lock:
            peak, self._peak = max(self._peak, level), level
        return Stretch(film, peak, level)

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(INTERVAL):
            total = self._sum()
            with self._lock:
                self._peak = max(self._peak, total)

    def _sum(self) -> float:
        total = 0.0
        try:
            family = [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0.0
        for process in family:
            try:
                info = process.memory_full_info()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if not hasattr(info, "pss"):
                self.kind = "RSS"
            total += getattr(info, "pss", info.rss) / _MEGABYTE
        return total
