"""A library that is worked on, as it is watched: the port, the file, the traces and the log of one real run."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import command
import stills
from films import empty_film, face_film
from otlp_receiver import Receiver, receiving
from stills.jobs.library.types import LibraryResult, VideoOutcome
from stills.log import setup_logging, shutdown_logging
from stills.settings import change_settings

pytestmark = pytest.mark.slow


class Watched:
    """What was seen of a run over a film with a face, one without, and a file that is no video."""

    result: LibraryResult
    during: dict[str, float]
    after: dict[str, float]
    traces: Receiver
    lines: list[dict[str, Any]]
    outcomes: dict[str, VideoOutcome]


def read(text: str) -> dict[str, float]:
    return {
        f"{s.name}{{{','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}}}" if s.labels else s.name: s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("library")
    films = folder / "films"
    films.mkdir()
    face_film(films / "face.mp4", seconds=12)
    empty_film(films / "nobody.mp4")
    (films / "broken.mp4").write_bytes(b"this is no video at all" * 100)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    file, log = folder / "stills.prom", folder / "stills.log"
    seen, scrapes = Watched(), []
    outcomes = {}

    def on_video(outcome: VideoOutcome) -> None:
        outcomes[Path(outcome.source).name] = outcome
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            scrapes.append(read(answer.read().decode()))

    with receiving() as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        setup_logging("error", form="json", file=log)
        try:
            settings = change_settings(
                stills.load_settings(),
                cache_dir=folder / "cache",
                segment_seconds=2,
                workers=1,
                settle=0,
                metrics_port=port,
                metrics_file=file,
            )
            seen.result = stills.library([films], folder / "out", settings=settings, on_video=on_video)
        finally:
            shutdown_logging()
    seen.during, seen.after, seen.traces, seen.outcomes = scrapes[-1], read(file.read_text()), receiver, outcomes
    seen.lines = [json.loads(line) for line in log.read_text().splitlines()]
    return seen


def test_the_port_answered_while_there_was_work(watched: Watched) -> None:
    assert watched.during["stills_run_active"] == 1
    assert sum(value for name, value in watched.during.items() if name.startswith("stills_videos_total{")) >= 1


def test_the_file_has_what_became_of_each(watched: Watched) -> None:
    after = watched.after
    assert {name: one.status for name, one in watched.outcomes.items()} == {
        "face.mp4": "done",
        "nobody.mp4": "nothing",
        "broken.mp4": "quarantined",
    }
    for status in ("done", "nothing", "quarantined"):
        assert after[f"stills_videos_total{{recipe=people,status={status}}}"] == 1
    assert after["stills_videos_total{recipe=people,status=failed}"] == 0
    assert after["stills_failures_total{class=corrupt,code=not-a-video,recipe=people}"] == 1
    assert after["stills_run_active"] == 0
    assert after["stills_videos_under_way"] == 0
    assert after["stills_video_seconds_count{recipe=people}"] == 2
    assert after["stills_stage_seconds_count{stage=save}"] == 2


def test_segments_frames_faces_and_bytes_are_counted(watched: Watched) -> None:
    after = watched.after
    decoded = sum(one.result.scan.frames_decoded for one in watched.outcomes.values() if one.result is not None)
    faces = sum(one.result.index.faces.num_rows for one in watched.outcomes.values() if one.result is not None)
    assert after["stills_frames_decoded_total"] == decoded > 100
    assert after["stills_faces_total"] == faces > 0
    assert after["stills_segment_seconds_count"] == len(watched.traces.named("stills.segment")) >= 3
    assert after["stills_bytes_read_total"] > 1000


def test_the_queue_is_empty_at_the_end(watched: Watched) -> None:
    states = {state: watched.after[f"stills_queue_depth{{state={state}}}"] for state in ("pending", "running")}
    assert states == {"pending": 0, "running": 0}
    assert watched.after["stills_queue_depth{state=done}"] == 2
    assert watched.after["stills_queue_depth{state=quarantined}"] == 1


def test_each_video_is_a_trace(watched: Watched) -> None:
    videos = {Path(one.attributes["stills.source"]).name: one for one in watched.traces.named("stills.video")}
    assert videos.keys() == watched.outcomes.keys()
    assert {name: one.attributes["stills.status"] for name, one in videos.items()} == {
        name: one.status for name, one in watched.outcomes.items()
    }
    assert videos["broken.mp4"].failed
    assert videos["broken.mp4"].attributes["error.type"] == "not-a-video"
    face = videos["face.mp4"]
    (answer,) = [one for one in watched.traces.named("stills.answer") if one.trace == face.trace]
    segments = [one for one in watched.traces.named("stills.segment") if one.trace == face.trace]
    assert len(segments) == face.attributes["stills.segments"] >= 2
    for one in segments:
        assert one.parent == answer.span
        assert answer.begin - 5e6 <= one.begin < one.end <= answer.end + 5e6, "it lies where it was worked on"


def test_log_lines_say_which_video_they_are_about(watched: Watched) -> None:
    (run,) = {span.attributes["stills.run"] for span in watched.traces.named("stills.video")}
    (line,) = [one for one in watched.lines if "broken.mp4" in one["message"] and "(corrupt)" in one["message"]]
    videos = {Path(one.attributes["stills.source"]).name: one for one in watched.traces.named("stills.video")}
    broken = videos["broken.mp4"]
    assert (line["run"], line["video"], line["attempt"]) == (run, broken.attributes["stills.video"], 1)
    assert line["trace_id"] == broken.trace.hex()


def test_a_batch_is_watched_too(tmp_path: Path) -> None:
    empty_film(tmp_path / "a.mp4")
    (tmp_path / "films.csv").write_text("id,trailer,posters\none,a.mp4,\ntwo,missing.mp4,\n")
    settings = change_settings(
        stills.load_settings(), cache_dir=tmp_path / "cache", workers=1, metrics_file=tmp_path / "stills.prom"
    )
    result = stills.batch(tmp_path / "films.csv", tmp_path / "out", recipe="keyframes", settings=settings)
    assert {film.id: film.status for film in result.films} == {"one": "done", "two": "skipped"}
    after = read((tmp_path / "stills.prom").read_text())
    assert after["stills_videos_total{recipe=keyframes,status=done}"] == 1
    assert after["stills_videos_total{recipe=keyframes,status=failed}"] == 1
    assert after["stills_failures_total{class=input,code=missing,recipe=keyframes}"] == 1
    assert after["stills_frames_decoded_total"] > 0
    assert after["stills_queue_depth{state=done}"] == 1
    assert after["stills_queue_depth{state=pending}"] == 0
    assert after["stills_run_active"] == 0


def test_one_video_by_itself_is_watched_too(tmp_path: Path) -> None:
    empty_film(tmp_path / "a.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    ways = ["--metrics-file", str(tmp_path / "stills.prom"), "-o", str(tmp_path / "out")]
    environment = {"STILLS_CACHE_DIR": str(tmp_path / "cache")}
    done = command.stills("keyframes", str(tmp_path / "a.mp4"), *ways, env=environment)
    assert done.code == 0, done.err
    after = read((tmp_path / "stills.prom").read_text())
    assert after["stills_videos_total{recipe=keyframes,status=done}"] == 1
    assert after["stills_frames_decoded_total"] > 0
    assert after["stills_stage_seconds_count{stage=save}"] == 1
    done = command.stills("keyframes", str(tmp_path / "broken.mp4"), *ways, env=environment)
    assert done.code == 1
    after = read((tmp_path / "stills.prom").read_text())
    assert after["stills_failures_total{class=corrupt,code=not-a-video,recipe=keyframes}"] == 1
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = command.stills("keyframes", str(tmp_path / "a.mp4"), "--metrics-port", port, *ways, env=environment)
        many = command.stills("keyframes", str(tmp_path), "--metrics-port", port, *ways, env=environment)
    for refused in (done, many):
        assert refused.code == 2
        assert len(refused.errors) == 1
        assert f"port {port}: another program" in refused.err
