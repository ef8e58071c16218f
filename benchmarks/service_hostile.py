"""A thousand attacks on one server: hostile files in many guises, forms, names, addresses; and what came of them."""

from __future__ import annotations

import itertools
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.results import Check, Section, Table
from benchmarks.service_server import Service, Weight, own_memory, serving, tests_module

ATTACKS = 1000
IDLE_CONNECTIONS = 200
"""Connections that say nothing, beside all else."""
BATCH = 100
"""Attacks after which the jobs that they made are waited for, looked at and erased."""
MOST_FILES = 60
MOST_PROCESSES = 8
MOST_LEAK_MB = 30.0
"""By which the server may grow in the second half: by then it has loaded all that it needs."""
_EMPTY_MB = 0.1


def service_hostile(bench: Bench) -> Section:
    """The attacks, in one server's life."""
    uploads, media = tests_module("hostile_uploads"), tests_module("media_factory")
    canary = tests_module("canary").Canary(bench.work / "canary" / "nest")
    film = media.make(bench.work / "good.mp4", media.Movie(width=64, height=48, frames=12, b_frames=0)).read_bytes()
    given = {name: str(value) for name, value in uploads.OPTIONS.items() if name != "webhook_secret"}
    arguments = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]
    env = {"STILLS_SERVICE__WEBHOOK_SECRET": str(uploads.OPTIONS["webhook_secret"])}
    try:
        with serving(bench, *arguments, env=env) as server:
            return _siege(bench, server, uploads, canary, film)
    finally:
        canary.close()


def _siege(bench: Bench, server: Service, uploads: Any, canary: Any, film: bytes) -> Section:
    data = server.folder / "data"
    siege = uploads.Siege(server.client, data, canary, film, server.process)
    made = bench.work / "made"
    made.mkdir()
    attacks = list(itertools.islice(_attacks(bench, uploads, canary, made), ATTACKS))
    files, _ = uploads.burden(server.process)
    before, weight, start = _disk(data), Weight(server.process), time.perf_counter()
    idle = [socket.create_connection((siege.target.host, siege.target.port)) for _ in range(IDLE_CONNECTIONS)]
    jobs, most, held = 0, 0, [own_memory(server.process)]
    for begin in range(0, len(attacks), BATCH):
        siege.make_all(dict(attacks[begin : begin + BATCH]))
        most = max(most, _disk(data))
        jobs += siege.settle() - 1
        held.append(own_memory(server.process))
        bench.say(f"{min(begin + BATCH, len(attacks))} attacks, {jobs} jobs, {len(siege.found)} findings")
    for connection in idle:
        connection.close()
    siege.end()
    seconds, (own, family) = time.perf_counter() - start, weight.stop()
    open_files, processes = uploads.burden(server.process)
    after = _disk(data)
    heard = [one for one in siege.found if one.startswith("canary")]
    crashed = [one for one in siege.found if one.startswith("server")]
    answers = Counter("no answer" if status is None else str(status) for status in siege.answers.values())
    for one in siege.found:
        bench.say(one[:300])
    told = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
    rows = (
        ("attacks made", f"{len(siege.answers)}, in {seconds:.0f} s, beside {IDLE_CONNECTIONS} silent connections"),
        ("answers", told),
        ("jobs that came of them", f"{jobs}"),
        ("files of the canary that were opened, and connections to it", f"{len(heard)}"),
        ("answers that no document tells of, and other findings", f"{len(siege.found) - len(heard) - len(crashed)}"),
        ("crashes of the server", f"{len(crashed)}"),
        ("data folder before, at most, after", f"{before / 1e6:.1f}, {most / 1e6:.1f}, {after / 1e6:.1f} MB"),
        ("growth of the server at most, and with its workers", f"{own:.0f} MB, {family:.0f} MB"),
        (f"what the server has for itself, after each {BATCH}", ", ".join(f"{one:.0f}" for one in held) + " MB"),
        ("open files before and after", f"{files}, {open_files}"),
        ("processes", f"{processes + 1}"),
    )
    enough = len(siege.answers) >= ATTACKS
    tidy = after <= before + 1e6 * _EMPTY_MB
    leak = held[-1] - held[len(held) // 2]
    small = leak <= MOST_LEAK_MB and open_files <= files + MOST_FILES and processes <= MOST_PROCESSES
    checks = (
        Check("hostile uploads and requests made", str(len(siege.answers)), f"≥ {ATTACKS}", enough),
        Check("… crashes, and answers that no document tells of", str(len(siege.found) - len(heard)), "0",
              len(siege.found) == len(heard)),
        Check("… files read outside and connections made", str(len(heard)), "0", not heard),
        Check("… data folder, back to the start", f"{(after - before) / 1e6:+.2f} MB", f"≤ +{_EMPTY_MB} MB", tidy),
        Check("… memory (in the second half), files and processes do not grow",
              f"{leak:+.0f} MB, {open_files}, {processes + 1}",
              f"≤ +{MOST_LEAK_MB:.0f} MB, {files + MOST_FILES}, {MOST_PROCESSES + 1}", small),
    )  # fmt: skip
    remarks = (
        "Files: playlists, scripts and containers that point at a local file and at an address of this machine, of "
        "which the files tell (inotify) when they are opened and the address when it is reached; cut and garbled ones; "
        "bombs; those of the corpus. Each comes in several guises: other names and media types, bytes changed, other "
        "recipes. The rest are forms, lengths, slow and leaving clients, documents, addresses, keys and headers.",
        "The data folder is measured without the database's own files.",
    )
    data_of = {"answers": dict(answers), "found": siege.found, "seconds": seconds}
    return Section("service-hostile", "The service under attack", (Table(("figure", "measured"), rows),), checks,
                   remarks, data=data_of)  # fmt: skip


def _attacks(bench: Bench, uploads: Any, canary: Any, folder: Path) -> Iterator[tuple[str, Any]]:
    """All attacks once, and then the files again in other guises."""
    corpus = None if bench.corpus.folder is None else bench.corpus.folder / "edge.tar"
    archive = corpus if corpus is not None and corpus.is_file() else None
    yield from uploads.attacks(canary, folder, archive).items()
    made: Mapping[str, Any] = {
        **tests_module("hostile_pointers").pointers(canary, folder),
        **tests_module("hostile_files").broken(folder),
    }
    for number in itertools.count(1):
        for name in made:
            yield f"file-{name}, guise {number}", uploads.variants(name, canary, made, number)


def _disk(folder: Path) -> int:
    """Bytes of all files in ``folder`` but the database's."""
    total = 0
    for path in folder.rglob("*"):
        if ".stills" in path.relative_to(folder).parts:
            continue
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # it goes at this moment
            continue
    return total
