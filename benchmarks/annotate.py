"""Annotated videos: their speed against plain re-encoding of the same film, and memory as films get longer."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import av

from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.errors import BenchmarkError
from benchmarks.measure import Run, python, run
from benchmarks.results import Check, Section, Table
from benchmarks.turns import against, take_turns, time_cells, walls
from stills.media.reencode import CRF, PRESET

SPEED = 0.5
"""Least speed, in times that of re-encoding with the same settings of the encoder."""

GROWTH = 1.1
"""Most memory for a film four times as long."""

SAME, DEFAULT = f"plain re-encoding, `{PRESET}`", "plain re-encoding, `medium` (the encoder's default)"
OURS = "annotated video"
TIMES = 4


def annotate(bench: Bench) -> Section:
    """Both, on the 1080p film; with ``--full`` on the 720p one too."""
    tables, checks, data = [], [], {}
    for film in bench.corpus.films("gala", "dinner") if bench.full else bench.corpus.films("gala"):
        _annotated(bench, film)  # its index is there from here on, and the film in the page cache
        steps = {SAME: partial(_plain, bench, film, PRESET), OURS: partial(_annotated, bench, film)}
        runs = take_turns(steps, bench.repetitions)
        runs[DEFAULT] = [_plain(bench, film, "medium")]
        speed = against(runs, SAME, OURS)
        rows = [(name, *time_cells({k: v[: len(runs[name])] for k, v in runs.items()}, name, SAME)) for name in runs]
        note = f"**{film.name}**; median (least–most) of {bench.repetitions}, `medium` once:"
        tables.append(Table(("what", "wall, s", "CPU, s", f"× {SAME}"), tuple(rows), note))
        name = f"speed of the annotated video, {film.name}, in times of plain re-encoding"
        checks.append(Check(name, speed.text(), f"≥ {SPEED}", speed.median >= SPEED))
        data[film.name] = {name: walls(taken) for name, taken in runs.items()}
    film = bench.corpus.films("gala")[0]
    longer = _repeated(bench, film)
    peaks = {}
    for each in (film, longer):
        _annotated(bench, each)
        taken = _annotated(bench, each, memory=True).memory
        if taken is None:
            raise BenchmarkError("no memory was measured", path=str(each.path))
        peaks[each.name] = taken.peak
    tables.append(
        Table(
            ("film", f"peak of all processes, {taken.kind} sum, MB"), tuple((n, f"{p:.0f}") for n, p in peaks.items())
        )
    )
    growth = peaks[longer.name] / peaks[film.name]
    name = f"memory of the annotated video, {longer.name} against {film.name}"
    checks.append(Check(name, f"{growth:.2f} ×", f"≤ {GROWTH} ×", growth <= GROWTH))
    data["memory"] = peaks
    remark = (
        "Whole processes, the film scanned before: start, index, selection, decoding, drawing, encoding. Encoder, "
        f"preset ({PRESET}) and quality (CRF {CRF}) are the same in the first two rows, on all cores; the plain way "
        "writes no sound (the films have none). A first run scans as well: see the sections above."
    )
    return Section("annotate", "Annotated video", tuple(tables), tuple(checks), (remark,), data=data)


def _plain(bench: Bench, film: Film, preset: str) -> Run:
    target = bench.work / "plain.mp4"
    taken = run(
        python("-m", "benchmarks.plain_reencode", str(film.path), str(target), preset, str(CRF)), env=bench.code
    )
    bench.say(f"{film.name}: re-encoded with {preset} in {taken.wall:.1f} s, {target.stat().st_size / 1e6:.1f} MB")
    return taken


def _annotated(bench: Bench, film: Film, *, memory: bool = False) -> Run:
    target, cache = bench.work / "annotated.mp4", bench.work / "annotate-indexes"
    command = python("-m", "benchmarks.annotate_film", str(film.path), str(target))
    taken = run(command, env={**bench.code, "STILLS_CACHE_DIR": str(cache)}, memory=memory)
    said = json.loads(taken.output)
    bench.say(f"{film.name}: annotated in {taken.wall:.1f} s, {said['bytes'] / 1e6:.1f} MB")
    return taken


def _repeated(bench: Bench, film: Film) -> Film:
    """``film``, :data:`TIMES` times in a row, packets as they are."""
    path: Path = bench.work / f"{film.name}-times-{TIMES}.mp4"
    with av.open(str(path), "w") as out:
        with av.open(str(film.path)) as source:
            stream = out.add_stream_from_template(source.streams.video[0])
        shift = 0
        for _ in range(TIMES):
            with av.open(str(film.path)) as source:
                video = source.streams.video[0]
                end = 0
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    out.mux(packet)
                shift += end
    return Film(f"{film.name} × {TIMES}", path)
