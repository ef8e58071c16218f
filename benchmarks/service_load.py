"""The service under load: 20 uploads of 50 MB at once, ``/healthz`` beside two jobs, selections, ends and cancels."""

from __future__ import annotations

import itertools
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError
from benchmarks.results import Check, Section, Table
from benchmarks.service_server import LONG_S, Pulse, Service, Weight, percentile, serving, tests_module

UPLOADS = 20
BYTES = 50_000_000
QUICK_BYTES = 10_000_000
"""Of each upload where ``--full`` was not said."""
MOST_GROWTH_MB = 200.0
MOST_HEALTH_S = 0.100
MOST_SELECT_S = 0.150
MOST_READY_S = 1.0
MOST_CANCEL_S = 2.0
SELECTIONS = 200
CANCELS = 5


def service(bench: Bench) -> Section:
    """All of it, with one server that is not started again in between."""
    rows: list[tuple[str, str]] = []
    checks: list[Check] = []
    data: dict[str, Any] = {}
    with serving(bench, "--per-client", "100") as server:
        warm = tests_module("load_films").load_film(bench.work / "warm.mp4", 0, 100_000)
        server.ended(server.upload(warm, "keyframes"))
        bench.say("the server is up, and has done a job")
        for part in (_uploads, _beside_jobs, _cancels):
            more, said, measured = part(bench, server)
            rows += more
            checks += said
            data |= measured
        if wrong := [line for line in server.said if "Traceback" in line or " error " in line]:
            raise BenchmarkError(f"the server says: {wrong[0]}")
    remarks = (
        "Memory is PSS, looked at 20 times a second, beyond what the server takes after its first job. The client runs "
        "on the same machine and takes processor time itself. Each upload is another film, in another colour, of "
        "another length, and filled up with random bytes: documents and pictures are held to the film that was sent.",
        "Ready: from the end of a job, as its document says, to when its result and its first picture have come to a "
        "client that follows its events. Cancelled: from the request to when no worker takes processor time any more.",
    )
    table = Table(("figure", "measured"), tuple(rows))
    return Section("service", "The service under load", (table,), tuple(checks), remarks, data=data)


_Part = tuple[list[tuple[str, str]], list[Check], dict[str, Any]]


def _uploads(bench: Bench, server: Service) -> _Part:
    load = tests_module("load_films")
    size = BYTES if bench.full else QUICK_BYTES
    films = [load.load_film(bench.work / f"load{n}.mp4", n, size) for n in range(UPLOADS)]
    weight, pulse = Weight(server.process), Pulse(server.url)
    start = time.perf_counter()
    jobs = load.send_all(server.url, films, timeout=LONG_S)
    sent = time.perf_counter() - start
    during = weight.own - weight.first[0]
    done = {number: server.ended(job)[0] for number, job in jobs.items()}
    whole = time.perf_counter() - start
    own, family = weight.stop()
    health = percentile(pulse.stop(), 0.99)
    wrong = [one for number, job in done.items() for one in load.mixed_up(server.client, number, job)]
    lost = UPLOADS - len({job["id"] for job in done.values()})
    for path in films:
        path.unlink()
    for job in done.values():
        server.client.delete(job["links"]["self"]).raise_for_status()
    bench.say(f"{UPLOADS} uploads in {sent:.1f} s, done after {whole:.1f} s; {lost} lost, {wrong or 'none'} mixed up")
    what = f"{UPLOADS} uploads of {size / 1e6:.0f} MB at once"
    rows = [
        (f"{what}: all received after", f"{sent:.1f} s ({UPLOADS * size / sent / 1e6:.0f} MB/s)"),
        ("… all jobs done after", f"{whole:.1f} s"),
        ("… growth of the server while they are received", f"{during:.0f} MB"),
        ("… growth of the server until all jobs are done", f"{own:.0f} MB"),
        ("… growth with all its workers", f"{family:.0f} MB"),
        ("… `/healthz` meanwhile, 99th percentile", f"{1000 * health:.0f} ms"),
    ]
    checks = [
        Check(f"{what}: lost or mixed up", f"{lost + len(wrong)}", "0", lost + len(wrong) == 0),
        Check("memory of the server, growth", f"{own:.0f} MB", f"≤ {MOST_GROWTH_MB:.0f} MB", own <= MOST_GROWTH_MB),
    ]
    data = {"sent": sent, "whole": whole, "own": own, "during": during, "family": family, "wrong": wrong}
    return rows, checks, data


def _beside_jobs(bench: Bench, server: Service) -> _Part:
    """Two jobs on long films at the same time, and then selections from the longer one."""
    films = bench.corpus.films("long", "dinner")
    paths = [films[0].path, films[-1].path if len(films) > 1 else _copy(films[0].path, bench.work / "second.mp4")]
    jobs = [server.upload(path, "people") for path in paths]
    for job in jobs:
        next(now for now in server.events(job) if now["state"] != "queued")
    pulse = Pulse(server.url)
    ended = [server.ended(job) for job in reversed(jobs)]
    taken = pulse.stop()
    ready = []
    for job, heard in ended[-1:]:
        ready.append(_ready(server, job, heard))
    health, most = percentile(taken, 0.99), taken[-1]
    bench.say(f"/healthz beside two jobs: p99 {1000 * health:.1f} ms of {len(taken)}; ready after {ready[0]:.2f} s")
    long = ended[-1][0]
    of_recipes = _selections(server, long)
    seconds = sorted(itertools.chain.from_iterable(of_recipes.values()))
    p95, median = percentile(seconds, 0.95), percentile(seconds, 0.5)
    name = f"{films[0].name} ({long['summary']['duration'] / 60:.0f} min)"
    bench.say(f"selections of {name}: p95 {1000 * p95:.0f} ms")
    rows = [
        (f"`/healthz` beside two jobs, {len(taken)} times: median", f"{1000 * percentile(taken, 0.5):.1f} ms"),
        ("… 99th percentile", f"{1000 * health:.1f} ms"),
        ("… most", f"{1000 * most:.0f} ms"),
        (f"`POST …/select`, {name}, {SELECTIONS} different: median", f"{1000 * median:.0f} ms"),
        ("… 95th percentile", f"{1000 * p95:.0f} ms"),
        *((f"… 95th percentile of {recipe}", f"{1000 * percentile(sorted(some), 0.95):.0f} ms")
          for recipe, some in of_recipes.items()),
        ("… most", f"{1000 * seconds[-1]:.0f} ms"),
        (f"ready after its end, {name}", f"{ready[0]:.2f} s"),
    ]  # fmt: skip
    checks = [
        Check("/healthz beside two jobs, p99", f"{1000 * health:.1f} ms", "< 100 ms", health < MOST_HEALTH_S),
        Check(f"select, {name}, p95", f"{1000 * p95:.0f} ms", "< 150 ms", p95 < MOST_SELECT_S),
        Check(f"ready after its end, {name}", f"{ready[0]:.2f} s", "< 1 s", ready[0] < MOST_READY_S),
    ]
    return rows, checks, {"healthz": taken, "select": of_recipes, "ready": ready}


def _ready(server: Service, job: Any, heard: float) -> float:
    """Seconds from a job's end, of which was heard at ``heard``, until what a page draws first has come."""
    finished = datetime.fromisoformat(job["finished"].replace("Z", "+00:00")).timestamp()
    start = time.perf_counter()
    server.get(job["links"]["result"])
    server.get(job["links"]["timeline"])
    pictures = [one["url"] for one in job["artifacts"] if one["kind"] == "picture"]
    if pictures:
        server.get(pictures[0])
    return max(0.0, heard - finished) + time.perf_counter() - start


def _selections(server: Service, job: Any) -> dict[str, list[float]]:
    """Seconds of each of many selections by recipe, as sliders ask for them: no two are alike."""
    asked = [
        *({"recipe": "people", "options": {"people": {"similarity": 0.30 + 0.002 * n}}} for n in range(100)),
        *({"recipe": "keyframes", "options": {"keyframes": {"target": 3 + n}}} for n in range(60)),
        *({"recipe": "thumbnails", "options": {"thumbnails": {"count": 1 + n}}} for n in range(40)),
    ]
    taken: dict[str, list[float]] = {}
    for body in itertools.islice(_alternating(asked), SELECTIONS):
        start = time.perf_counter()
        answer = server.client.post(job["links"]["select"], json=body)
        taken.setdefault(str(body["recipe"]), []).append(time.perf_counter() - start)
        if answer.status_code not in {200, 422}:
            raise BenchmarkError(f"a selection was answered with {answer.status_code}: {answer.text[:300]}")
        if answer.status_code == 422 and answer.json()["code"] != "nothing-found":
            raise BenchmarkError(f"a selection was refused: {answer.text[:300]}")
    return taken


def _alternating(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One of each kind by turns: the first of its kind is slower than those after it."""
    kinds = [[one for one in asked if one["recipe"] == kind] for kind in dict.fromkeys(one["recipe"] for one in asked)]
    return [one for several in itertools.zip_longest(*kinds) for one in several if one is not None]


def _cancels(bench: Bench, server: Service) -> _Part:
    film = bench.corpus.films("gala")[0]
    taken = []
    for number in range(CANCELS):
        # Another film each time: what was looked at before is not looked at again.
        job = server.upload(_copy(film.path, bench.work / f"cancel{number}.mp4"), "people")
        next(now for now in server.events(job) if now["progress"]["stage"] == "scan" or now["finished"])
        start = time.perf_counter()
        server.client.post(f"{job['links']['self']}/cancel").raise_for_status()
        answered = time.perf_counter() - start
        taken.append(answered + server.wait_idle())
    bench.say(f"cancelled: {', '.join(f'{one:.2f}' for one in taken)} s")
    said = f"{max(taken):.2f} s"
    rows = [(f"cancelled {CANCELS} times in the middle of {film.name}, most", said)]
    return rows, [Check("cancel to idle workers, most", said, "≤ 2 s", max(taken) <= MOST_CANCEL_S)], {"cancel": taken}


def _copy(source: Path, target: Path) -> Path:
    """The same film with other bytes at its end, as a free box."""
    import secrets
    import struct

    target.write_bytes(source.read_bytes() + struct.pack(">I4s", 24, b"free") + secrets.token_bytes(16))
    return target
