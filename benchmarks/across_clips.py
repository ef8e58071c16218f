"""Clips of the films of the corpus, with who is on screen in each: ``cut(corpus, folder)``.

The clips are packet copies from key frame to key frame, so nothing is encoded again: the people of a film come back in
many of its clips, and those of ``long`` are also in ``dinner`` and ``gala``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpus import Corpus, Film, load

CLIPS: Mapping[str, int] = {"dinner": 12, "gala": 8, "long": 20}
"""How many clips each film is cut into."""

LONGEST = 60.0
"""Seconds of a clip at most: a part of ``long`` goes on for minutes."""

STEP = 0.5
"""Seconds between the moments that are judged."""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of a clip (seconds) at which the truth has one person on screen."""

    clip: str
    time: float
    person: str


def cut(corpus: Corpus, folder: Path) -> list[Path]:
    """The clips, cut into ``folder`` with ``NAME.truth.json`` beside each; in order of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = []
    for name, count in CLIPS.items():
        clips += _cut_film(corpus.film(name), count, folder)
    return clips


def _cut_film(film: Film, count: int, folder: Path) -> list[Path]:
    import av

    assert film.truth is not None
    truth, clips = load(film.truth), []
    with av.open(str(film.path)) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        tick = stream.time_base
        first = min(packet.pts for packet in packets)
        keys = [place for place, packet in enumerate(packets) if packet.is_keyframe]
        starts = [float((packets[place].pts - first) * tick) for place in keys]
        for number, (a, b) in enumerate(_borders(starts, truth["duration"], count)):
            path = folder / f"{film.name}_{number:02d}.mp4"
            end = keys[b] if b < len(keys) else len(packets)
            chosen = _until(packets[keys[a] : end], LONGEST / tick)
            with av.open(str(path), "w") as target:
                copy = target.add_stream_from_template(stream)
                offset = chosen[0].dts
                last = max(p.pts + (p.duration or 0) for p in chosen)
                begin = min(p.pts for p in chosen)
                for packet in chosen:
                    packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
                    packet.stream = copy
                    target.mux(packet)
            own = _truth_between(truth, float((begin - first) * tick), float((last - first) * tick))
            path.with_suffix(".truth.json").write_text(json.dumps(own, indent=1), encoding="utf-8")
            clips.append(path)
    return clips


def _until(packets: list[Any], ticks: float) -> list[Any]:
    """The packets of the first ``ticks``, in the order of decoding; what is cut off shows later than all of them."""
    begin = min(p.pts for p in packets)
    within = [p for p in packets if p.pts - begin < ticks]
    return within if len(within) == len(packets) else packets[: len(within)]


def _borders(starts: Sequence[float], duration: float, count: int) -> list[tuple[int, int]]:
    """``count`` runs of key frames (first, one behind the last), each near an equal share of the film."""
    wanted = [duration * share / count for share in range(count)]
    chosen = sorted({min(range(len(starts)), key=lambda k: abs(starts[k] - moment)) for moment in wanted})
    return list(zip(chosen, [*chosen[1:], len(starts)], strict=True))


def _truth_between(truth: Mapping[str, Any], start: float, end: float) -> dict[str, Any]:
    shots = [
        {**shot, "start": max(shot["start"], start) - start, "end": min(shot["end"], end) - start}
        for shot in truth["shots"]
        if shot["end"] > start and shot["start"] < end
    ]
    return {"duration": end - start, "shots": shots}


def points(clips: Sequence[Path]) -> list[Point]:
    """All moments of all clips at which one person is on screen, outside of dissolves."""
    found = []
    for clip in clips:
        truth = load(clip.with_suffix(".truth.json"))
        for step in range(int(truth["duration"] / STEP)):
            moment = (step + 0.5) * STEP
            shots = [shot for shot in truth["shots"] if shot["start"] <= moment < shot["end"]]
            if len(shots) == 1 and len(shots[0]["people"]) == 1:
                found.append(Point(clip.name, moment, str(shots[0]["people"][0])))
    return found
