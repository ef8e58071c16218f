"""Videos in a bucket: what share of their bytes is read, by how many requests, and what of the answer is lost."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.bench import Bench
from benchmarks.corpus import ROOT, Film, load
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table

MOST = 0.30
"""Share of a long file's bytes that ``--effort fast`` may read."""

WAYS = (("people", "fast"), ("thumbnails", "fast"), ("people", "balanced"))


def remote(bench: Bench) -> Section:
    """The share of bytes of each recipe and effort, on a film as it is and with its index at the front."""
    film = bench.corpus.films("long")[0]
    films = {"index at the end": film.path, "index at the front": _faststart(film, bench.work)}
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    data: dict[str, Any] = {}
    with _server_module().s3_serving() as server:
        for where, path in films.items():
            address = server.put("films", path.name, path.read_bytes())
            size = path.stat().st_size
            for recipe, effort in WAYS if where == "index at the end" else WAYS[:1]:
                server.reset()
                wall, document = _ask(bench, address, recipe, effort, server.environment())
                share, asked = server.given / size, server.asked
                near = bench.recipe(film, recipe, "--effort", effort)
                found, there = _found(document, recipe), _found(near.document, recipe)
                rows.append((
                    f"{film.name}, {where}", recipe, effort, f"{size / 1e6:.0f}", f"{server.given / 1e6:.1f}",
                    f"{share:.1%}", str(asked), f"{wall:.1f}", f"{near.run.wall:.1f}", f"{found} / {there}",
                ))  # fmt: skip
                data[f"{where} {recipe} {effort}"] = {"share": share, "requests": asked, "found": [found, there]}
                if effort == "fast":
                    name = f"bytes read by {recipe} --effort fast, {film.name}, {where}"
                    checks.append(Check(name, f"{share:.1%}", f"≤ {MOST:.0%}", share <= MOST))
    columns = (
        "film", "recipe", "effort", "MB", "MB read", "share", "requests", "wall, s", "local file, s",
        "found remotely / locally",
    )  # fmt: skip
    remark = (
        "The bucket is moto's server on this machine, which takes CPU time itself. All bytes of all answers to GET "
        "count, those for the identity of the file (2 MiB) too. A sparse scan of a remote file wants fewer frames than "
        "one of a local file, so that it finds fewer people who are seen once."
    )
    return Section("remote", "Videos in a bucket", (Table(columns, tuple(rows)),), tuple(checks), (remark,), data=data)


def _ask(bench: Bench, address: str, recipe: str, effort: str, env: dict[str, str]) -> tuple[float, dict[str, Any]]:
    out = Path(tempfile.mkdtemp(prefix="remote-", dir=bench.work))
    command = python("-m", "stills", recipe, address, "-o", str(out), "--effort", effort, "--quiet")
    taken = run(command, env={**bench.code, **env, "STILLS_CACHE_DIR": str(out / "indexes")})
    [result] = out.glob(f"*/{recipe}.json")
    bench.say(f"{address}: {recipe} --effort {effort} in {taken.wall:.1f} s")
    return taken.wall, load(result)


def _found(document: dict[str, Any], recipe: str) -> int:
    return len(document["people"] if recipe == "people" else document["frames"])


def _faststart(film: Film, work: Path) -> Path:
    """The film with its index at the front; packets are copied."""
    import av

    path = work / f"{film.name}-front.mp4"
    with av.open(str(film.path)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams if s.type in {"video", "audio"}}
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


def _server_module() -> ModuleType:
    """The server that tests use: it lies with them."""
    spec = importlib.util.spec_from_file_location("s3_server", ROOT / "tests" / "s3_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["s3_server"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
