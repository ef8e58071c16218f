"""The command: runs sections of the benchmark, prints them, and keeps or publishes the figures."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy import accuracy, baseline
from benchmarks.across import across
from benchmarks.annotate import annotate
from benchmarks.attributes import attributes
from benchmarks.aws_lambda import aws_lambda
from benchmarks.batch_memory import batch_memory
from benchmarks.bench import Bench
from benchmarks.clustering import clustering
from benchmarks.corpus import ROOT, Corpus
from benchmarks.detectors import detectors
from benchmarks.keyframes import keyframes
from benchmarks.keyframes_memory import keyframes_memory
from benchmarks.keyframes_speed import keyframes_speed
from benchmarks.library_many import library
from benchmarks.machine import commit, load_average, machine, today
from benchmarks.measure import freeze, leave_settings_out
from benchmarks.memory import memory
from benchmarks.overhead import overhead
from benchmarks.quality import quality
from benchmarks.ray import ray
from benchmarks.real import real
from benchmarks.remote import remote
from benchmarks.results import Check, Section, replace_between, targets_markdown
from benchmarks.scaling import scaling
from benchmarks.service_hostile import service_hostile
from benchmarks.service_load import service
from benchmarks.service_select import service_select
from benchmarks.shots import shots
from benchmarks.speed import again, speed, workers
from benchmarks.ssim import ssim
from benchmarks.thumbnails import thumbnails
from stills.errors import StillsError
from stills.files import atomic_write, ensure_folder

PAGE = ROOT / "docs" / "benchmarks.md"
FIGURES = ROOT / "benchmarks" / "results.json"
"""What the page shows, so that measuring one section again keeps the others."""


SECTIONS: dict[str, Callable[[Bench], Section]] = {
    "speed": speed,
    "again": again,
    "memory": memory,
    "workers": workers,
    "scaling": scaling,
    "overhead": overhead,
    "ray": ray,
    "library": library,
    "accuracy": accuracy,
    "real": real,
    "quality": quality,
    "baseline": baseline,
    "clustering": clustering,
    "across": across,
    "shots": shots,
    "keyframes": keyframes,
    "keyframes-speed": keyframes_speed,
    "keyframes-memory": keyframes_memory,
    "batch-memory": batch_memory,
    "ssim": ssim,
    "thumbnails": thumbnails,
    "annotate": annotate,
    "attributes": attributes,
    "detectors": detectors,
    "remote": remote,
    "lambda": aws_lambda,
    "service": service,
    "service-hostile": service_hostile,
    "select": service_select,
}
"""All sections, in the order of the page."""

QUICK = ("speed", "again", "memory", "accuracy", "keyframes", "keyframes-speed")
"""What runs when nothing is named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0 where all sections were measured, 1 where one failed, 2 on wrong use."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that temporary files go
    names = options.sections or (list(SECTIONS) if options.full else list(QUICK))
    failed = 0
    try:
        with tempfile.TemporaryDirectory(prefix="stills-bench-", dir=options.work) as folder:
            work = Path(folder)
            repetitions = options.repetitions or (5 if options.full else 3)
            version = commit()
            code = freeze(ROOT, work / "code")
            corpus = Corpus.find(work)
            leave_settings_out()
            bench = Bench(corpus, work, repetitions, code, version, options.full)
            if missing := bench.corpus.describe():
                print(f"note: {missing}", file=sys.stderr)
            measured = []
            for name in SECTIONS:
                if name not in names:
                    continue
                try:
                    measured.append(measure(name, bench))
                except StillsError as error:
                    print(f"{name} failed: {error}", file=sys.stderr)
                    measured.append(failure(name, error, bench))
                    failed += 1
                print(measured[-1].markdown() + "\n", flush=True)
            print("## Targets\n\n" + targets_markdown(measured))
            keep(measured, options.out)
            if options.publish:
                publish(measured)
    except StillsError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return error.exit_code
    return 1 if failed else 0


def measure(name: str, bench: Bench) -> Section:
    """Run one section and note the circumstances."""
    print(f"{name} …", file=sys.stderr, flush=True)
    busy, start = load_average(), time.perf_counter()
    section = SECTIONS[name](bench)
    return replace(section, circumstances=_circumstances(name, bench, busy, time.perf_counter() - start))


def failure(name: str, error: StillsError, bench: Bench) -> Section:
    """What stands for a section that could not be measured: older figures would hide that.

    The message stays out of it: it names paths of this machine.
    """
    check = Check(f"section {name}", f"failed ({error.code})", "measured", met=False)
    remark = "Measuring this failed when it was last tried."
    circumstances = _circumstances(name, bench, load_average(), 0.0)
    return Section(name, f"{name.title()} (failed)", (), (check,), (remark,), circumstances, {"error": str(error)})


def _circumstances(name: str, bench: Bench, busy: str, seconds: float) -> dict[str, str]:
    return {
        "command": f"`python -m benchmarks {name}{' --full' if bench.full else ''} --repetitions {bench.repetitions}`",
        "date": today(),
        "commit": bench.commit,
        "load before": busy,
        "took": f"{seconds:.0f} s",
        "machine": machine(),
    }


def keep(sections: Sequence[Section], out: Path) -> None:
    """Write everything measured to ``OUT/bench.json`` and what was printed to ``OUT/bench.md``."""
    ensure_folder(out)
    text = "\n\n".join([*(section.markdown() for section in sections), "## Targets", targets_markdown(sections)])
    atomic_write(out / "bench.md", f"{text}\n".encode())
    atomic_write(out / "bench.json", _json([section.to_json() for section in sections]))
    print(f"written: {out / 'bench.json'}, {out / 'bench.md'}", file=sys.stderr)


def publish(sections: Sequence[Section], page: Path = PAGE, figures: Path = FIGURES) -> None:
    """Put ``sections`` into the page, between its markers; figures of other sections stay. Raises ``UsageError``."""
    known: dict[str, Section] = {}
    if figures.is_file():
        loaded = [Section.from_json(values) for values in json.loads(figures.read_text(encoding="utf-8"))]
        known = {section.name: section for section in loaded}
    known |= {section.name: section for section in sections}
    ordered = [known[name] for name in SECTIONS if name in known]
    text = page.read_text(encoding="utf-8")
    for section in ordered:
        text = replace_between(text, section.name, section.markdown())
    text = replace_between(text, "targets", targets_markdown(ordered))
    atomic_write(figures, _json([section.to_json(data=False) for section in ordered]))
    atomic_write(page, text.encode())
    print(f"published: {page.name}, {figures.name}", file=sys.stderr)


def _json(values: object) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    every, quick = ", ".join(SECTIONS), ", ".join(QUICK)
    which = f"what to measure, of {every}; by default {quick}, with --full all"
    parser.add_argument("sections", nargs="*", type=_section, metavar="SECTION", help=which)
    parser.add_argument("--full", action="store_true", help="all films and efforts, for publishing")
    parser.add_argument("--repetitions", type=_count, metavar="N", help="of each time (default 3, with --full 5)")
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/benchmarks.md")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build" / "bench", metavar="FOLDER",
                        help="where bench.json and bench.md go (default build/bench)")  # fmt: skip
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where temporary files go (default: the system's)")
    return parser.parse_args(arguments)


def _section(text: str) -> str:
    if text not in SECTIONS:
        raise argparse.ArgumentTypeError(f"there is no section {text!r}: there are {', '.join(SECTIONS)}")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"at least 1 repetition, not {text!r}")
    return int(text)
