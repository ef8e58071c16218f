"""Videos and outputs in a bucket, by the real protocol: the same answers, fewer bytes, and no secrets anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from command import Done, environment, leftovers, one_clear_line, stills
from films import face_film
from media_factory import Movie, make
from s3_server import SECRET, S3Server, s3_serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_serving() as server:
        yield server


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_film(tmp_path_factory.mktemp("films") / "film.mp4", seconds=4.0)


def run(s3: S3Server, cache: Path, *arguments: str | Path) -> Done:
    env = environment(**s3.environment(), STILLS_CACHE_DIR=str(cache))
    done = stills(*arguments, env=env)
    assert SECRET not in done.out + done.err
    return done


def people(document: dict[str, Any]) -> dict[str, Any]:
    """All that a result says, but the path and how long it took."""
    document = json.loads(json.dumps(document))
    document["video"].pop("path")
    for name in ("seconds", "cached"):
        document["scan"].pop(name, None)
    document.pop("created", None)
    return document


def test_people_of_a_bucket_are_those_of_the_file(s3: S3Server, film: Path, tmp_path: Path) -> None:
    address = s3.put("films", "in/film.mp4", film.read_bytes())
    near = run(s3, tmp_path / "cache-1", "people", film, "-o", tmp_path / "near", "--crops")
    far = run(s3, tmp_path / "cache-2", "people", address, "-o", tmp_path / "far", "--crops", "--log-level", "debug")
    assert (near.code, far.code) == (0, 0), far.err
    local, remote = (json.loads((tmp_path / name / "film" / "people.json").read_text()) for name in ("near", "far"))
    assert remote["video"]["path"] == address
    assert people(local) == people(remote)
    assert local["people"]
    for name in local["files"]:
        one, other = ((tmp_path / folder / "film" / name).read_bytes() for folder in ("near", "far"))
        assert one == other
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]
    s3.reset()
    again = run(s3, tmp_path / "cache-2", "people", address, "-o", tmp_path / "far", "--json")
    assert again.of(address, "result")["cached"]


def test_results_go_into_a_bucket_whole(s3: S3Server, film: Path, tmp_path: Path) -> None:
    source = s3.put("films", "in/film.mp4", film.read_bytes())
    s3.put("results", "other.txt", b"mine")
    for again in (False, True):
        done = run(s3, tmp_path / "cache", "people", source, "-o", "s3://results/run", "--json")
        assert done.code == 0, done.err
        told = done.of(source, "result")
        assert told["cached"] is again
        assert all(name.startswith("s3://results/run/film/people") for name in told["files"])
        document = json.loads(s3.get("results", "run/film/people.json"))
        keys = s3.keys("results")
        assert {f"run/film/{name}" for name in document["files"]} < set(keys)
        assert {"other.txt", "run/report.html"} < set(keys)
        assert not [key for key in keys if "tmp" in key or "test" in key]
    assert not leftovers(tmp_path)
    (found,) = [e for e in run(s3, tmp_path / "cache", "scan", "s3://results/", "--json").events if "message" in e]
    assert "no video" in found["message"]  # pictures and results are none


def test_each_failure_is_one_clear_line_and_the_others_get_done(s3: S3Server, film: Path, tmp_path: Path) -> None:
    good = s3.put("films", "in/film.mp4", film.read_bytes())
    s3.put("films", "bad/empty.mp4", b"")
    s3.put("films", "bad/text.mp4", b"some words\n" * 50)
    s3.put("forbidden", "film.mp4", film.read_bytes())
    s3.refused.add("forbidden")
    try:
        bad = {
            "s3://forbidden/film.mp4": "access is refused",
            "s3://forbidden/all/": "access is refused",
            "s3://films/gone.mp4": "not there",
            "s3://no-such-bucket/film.mp4": "not there",
            "s3://films/bad/empty.mp4": "empty",
            "s3://films/bad/text.mp4": "text",
            "gs://bucket/film.mp4": "stills[remote-gcs]",
        }
        done = run(s3, tmp_path / "cache", "people", *bad, good, "-o", tmp_path / "out", "--retries", "0")
        assert done.code == 3
        assert len(done.errors) == len(bad)
        for address, says in bad.items():
            (line,) = [line for line in done.errors if f"{address.rstrip('/')}:" in line]
            assert says in line
            assert one_clear_line(line), line
        assert len(list((tmp_path / "out").glob("film*/people.json"))) == 1
        refused = run(s3, tmp_path / "cache", "people", good, "-o", "s3://forbidden/out")
        assert refused.code == 1
        assert "access is refused" in refused.errors[0]
    finally:
        s3.refused.clear()


def long_film(path: Path, folder: Path, *, front: bool) -> Path:
    """Ten minutes, of the same ten seconds over and over: long in bytes and quickly made."""
    coded = (("preset", "ultrafast"), ("crf", "8"))
    movie = Movie(width=640, height=360, frames=250, gop=250, options=coded)
    part = make(folder / "part.mp4", movie)
    options = {"movflags": "faststart"} if front else {}
    with av.open(str(path), "w", options=options) as target:
        for number in range(60):
            with av.open(str(part)) as source:
                stream = source.streams.video[0]
                if number == 0:
                    copy = target.add_stream_from_template(stream)
                length = int(10 / stream.time_base)
                for packet in source.demux(stream):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + number * length, packet.dts + number * length
                        packet.stream = copy
                        target.mux(packet)
    return path


@pytest.mark.parametrize("front", [True, False], ids=["index at the front", "index at the end"])
def test_fast_reads_little_of_a_long_film(front: bool, s3: S3Server, tmp_path: Path) -> None:
    path = long_film(tmp_path / "long.mp4", tmp_path, front=front)
    size = path.stat().st_size
    assert size > 20 << 20
    address = s3.put("films", f"long-{front}.mp4", path.read_bytes())
    s3.reset()
    done = run(s3, tmp_path / "cache", "people", address, "-o", tmp_path / "out", "--effort", "fast")
    assert done.code in {0, 4}, done.err
    assert s3.given <= 0.3 * size
    assert s3.asked < 400
