"""``select`` of the service: how long an answer takes, alone, two at once, and while two jobs are under way.

``python -m benchmarks.service_select FILM FOLDER`` measures in this process and prints JSON; the section runs it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table

if TYPE_CHECKING:
    from stills.service.jobs import Answers, Job, JobRunner, JobStore

MOST_S = 0.15
"""Seconds at the 95th percentile."""

CPU, FROM_TABLES = "processor time alone", "the same, each from the tables"

_SLIDERS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "keyframes": (
        *({"similarity": 0.3 + 0.025 * step} for step in range(29)),
        *({"target": number} for number in (1, 2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80, 100, 150, 200)),
    ),
    "thumbnails": (
        *({"count": number} for number in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50, 100)),
        {"aspect": "9:16"},
        {"aspect": "1:1"},
        {"avoid_edges": True},
        {"expression": False},
        {"cover": False},
    ),
    "people": (
        {},
        *({"per_person": number} for number in (2, 3, 5, 10, 20)),
        *({"max_people": number} for number in (1, 2, 3, 5, 10)),
        *({"similarity": 0.2 + 0.05 * step} for step in range(10)),
        *({"min_face": face} for face in ("48", "3%", "5%", "10%")),
        *({"min_screen_time": seconds} for seconds in (1, 5, 10)),
        {"cluster": "agglomerative"},
        {"cluster": "chinese-whispers"},
    ),
    "cast": ({}, {"min_faces": 3}, {"min_area": 0.01}, {"max_people": 5}, {"outside": "keep"}),
    "portrait": ({}, {"min_face": "20%"}, {"min_quality": 0.9}),
}
"""What sliders and boxes of the page ask for."""

_RARE: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("keyframes", {"target": 1000}),
    ("keyframes", {"window": 60}),
    ("keyframes", {"window": 600, "similarity": 0.7}),
    ("keyframes", {"min_gap": 5}),
    ("keyframes", {"per_shot": 1}),
    ("keyframes", {"start": 60, "end": 120}),
    ("keyframes", {"weights": {"sharpness": 3}}),
    ("keyframes", {"preset": "medical", "similarity": 0.5}),
    ("keyframes", {"preset": "medical", "target": 50}),
    ("keyframes", {"preset": "screen", "target": 50}),
)
"""What is seldom asked: it begins from the tables anew."""


def asked() -> list[tuple[str, Mapping[str, Any]]]:
    """All requests, each another one, in an order that is the same in each run."""
    requests = [(recipe, options) for recipe, several in _SLIDERS.items() for options in several]
    requests += _RARE
    random.Random(6).shuffle(requests)
    return requests


def service_select(bench: Bench) -> Section:
    """Answers from the job of a film of half an hour."""
    film = bench.corpus.films("long" if bench.full else "gala")[0]
    command = python("-m", "benchmarks.service_select", str(film.path), str(bench.work))
    said: dict[str, Any] = json.loads(run(command, env=bench.code).output.splitlines()[-1])
    rows, checks = [], []
    for name, taken in said["taken"].items():
        rows.append((name, str(len(taken)), *(f"{1000 * value:.0f}" for value in _shares(taken))))
        if film.name == "long" and name not in {CPU, FROM_TABLES}:
            p95 = _shares(taken)[1]
            text = f"`select`, 95th percentile, {name}"
            checks.append(Check(text, f"{1000 * p95:.0f} ms", f"≤ {1000 * MOST_S:.0f} ms", p95 <= MOST_S))
    by_recipe = [
        (recipe, str(len(taken)), *(f"{1000 * value:.0f}" for value in _shares(taken)))
        for recipe, taken in said["recipes"].items()
    ]
    columns = ("requests", "median, ms", "95th percentile, ms", "most, ms")
    note = f"**{film.name}** ({said['duration']:.0f} s), each request another one:"
    tables = (
        Table(("circumstances", *columns), tuple(rows), note),
        Table(("recipe, nothing else going on", *columns), tuple(by_recipe)),
    )
    slowest = "; ".join(f"{recipe} {json.dumps(options)}: {1000 * s:.0f} ms" for s, recipe, options in said["slowest"])
    kept, unkept = (_shares(said["taken"][name]) for name in (CPU, FROM_TABLES))
    ratios = " and ".join(f"{one / other:.2f}" for one, other in zip(kept[:2], unkept[:2], strict=True))
    remarks = (
        f"What an index keeps between requests leaves {ratios} of the processor time at the median and at the 95th "
        "percentile.",
        "From the request's options to the answer's JSON, without HTTP, in the service's own process. No answer is "
        "given twice: those that are known already take less than a millisecond.",
        f"{said['share']:.1%} of the frames in these answers have a picture of their own when the video is gone, in "
        f"{said['previews'] / 1e6:.0f} MB; of the others a rough one is left.",
        f"Slowest with nothing else going on: {slowest}.",
    )
    return Section("select", "Selections of the service", tables, tuple(checks), remarks, data=said)


def _shares(taken: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and most."""
    ordered = sorted(taken)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], ordered[-1]


def main() -> None:
    """Measure on the film and in the folder that the command line names."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does
    import stills
    from stills.service.jobs import Answers, JobLimits, JobRunner, open_jobs

    film, data = Path(sys.argv[1]), Path(sys.argv[2]) / "service"
    settings = stills.load_settings()
    with open_jobs(data, settings=settings, limits=JobLimits(at_once=2)) as store:
        runner = JobRunner(store, settings)
        runner.start()
        try:
            job = _done(store, _added(store, film))
            print(json.dumps(_measured(store, runner, Answers(store, settings, runner), job, film)))
        finally:
            runner.stop()


def _measured(store: JobStore, runner: JobRunner, answers: Answers, job: Job, film: Path) -> dict[str, Any]:
    answers.prepare(job)
    requests = asked()
    alone, processor, plainly = [], [], []
    for recipe, options in requests:
        begun = time.thread_time()
        alone.append(_timed(answers, job, recipe, options))
        processor.append(time.thread_time() - begun)
        plainly.append(_from_tables(store, job, recipe, options))
    recipes: dict[str, list[float]] = {}
    for (recipe, _), seconds in zip(requests, alone, strict=True):
        recipes.setdefault(recipe, []).append(seconds)
    share, previews = _pictured(answers, store, job, requests)
    taken = {"nothing else": alone, "two at once": _together(store, job, requests)}
    taken |= {CPU: processor, FROM_TABLES: plainly}
    others = [_added(store, film, owner=f"other {number}") for number in range(4)]
    waits = threading.Event()
    while runner.busy < 2 and not waits.wait(0.05):
        pass
    taken["two jobs under way"] = _together(store, job, requests, at_once=1, while_=lambda: runner.busy >= 2)
    for one in others:
        store.erase(one)
    slowest = sorted(zip(alone, requests, strict=True), key=lambda one: -one[0])[:3]
    return {
        "duration": job.summary["duration"],
        "taken": taken,
        "recipes": recipes,
        "share": share,
        "previews": previews,
        "slowest": [(seconds, recipe, dict(options)) for seconds, (recipe, options) in slowest],
    }


def _from_tables(store: JobStore, job: Job, recipe: str, options: Mapping[str, Any]) -> float:
    """Seconds of processor time of a request to an index that keeps nothing between requests."""
    from stills.index.store import IndexStore
    from stills.service.jobs.asking import ask
    from stills.service.jobs.options import check_options

    index = IndexStore(store.folders.cache(job.owner)).load(job.content or "", job.parameters or {})
    if index is None:
        raise BenchmarkError("the index of the job is gone")
    start = time.thread_time()
    document = ask(recipe, index, check_options(recipe, options, store.settings)).to_json()
    json.dumps(document, separators=(",", ":"))
    return time.thread_time() - start


def _together(
    store: JobStore,
    job: Job,
    requests: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    at_once: int = 2,
    while_: Callable[[], bool] = lambda: True,
) -> list[float]:
    """The seconds of each of ``requests``, several at a time, of answers that know nothing yet; as long as asked."""
    from stills.service.jobs import Answers

    fresh = Answers(store, store.settings)
    fresh.prepare(job)
    with ThreadPoolExecutor(at_once) as threads:
        found = threads.map(lambda one: _timed(fresh, job, *one) if while_() else None, requests)
        return [seconds for seconds in found if seconds is not None]


def _timed(answers: Answers, job: Job, recipe: str, options: Mapping[str, Any]) -> float:
    start = time.perf_counter()
    json.dumps(answers.select(job, recipe, options).document, separators=(",", ":"))
    return time.perf_counter() - start


def _pictured(
    answers: Answers, store: JobStore, job: Job, requests: Sequence[tuple[str, Mapping[str, Any]]]
) -> tuple[float, int]:
    """The share of frames in answers that have a picture, and the bytes of those."""
    pts = [one for recipe, options in requests for one in answers.select(job, recipe, options).pts]
    known = {one: answers.frame(job, one).rough for one in set(pts)}
    folder = store.folders.index(job.owner, job.content or "")
    size = sum(file.stat().st_size for file in folder.glob("*/previews/*"))
    return 1.0 - sum(known[one] for one in pts) / len(pts), size


def _added(store: JobStore, film: Path, owner: str = "") -> str:
    from stills.service.jobs import NewJob

    upload = store.uploads / f"upload-{time.monotonic_ns()}"
    shutil.copy(film, upload)
    return store.add(NewJob("people", name=film.name, upload=upload, owner=owner)).job.id


def _done(store: JobStore, name: str) -> Job:
    """The job once it has ended and its video is gone."""
    for _ in store.watch(name):
        pass
    waits = threading.Event()
    while (job := store.get(name)).has_source and job.state == "done":
        waits.wait(0.1)
    return job


if __name__ == "__main__":
    main()
