"""Traces as they arrive at a receiver of OpenTelemetry's own protocol, and what happens where none does."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import stills
from otlp_receiver import receiving
from stills.errors import CancelledError, InputError, StrictError
from stills.jobs.watch import VideoIds, Watch, tracing
from stills.jobs.watch.opening import open_watch
from stills.jobs.watch.parts import LogWatch
from stills.jobs.watch.tracing_asked import asked
from stills.log import setup_logging, shutdown_logging
from stills.scan.observer import SegmentReport
from timing import in_time

SOURCE = Path(stills.__file__).parent
SIGNED = "https://me:hunter2@host/films/a.mp4?X-Signature=abcdef"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def ids(**changes: Any) -> VideoIds:
    return VideoIds(**{"run": 7, "video": 12, "attempt": 2, "recipe": "people", "source": "/films/a.mp4", **changes})


def segment(number: int, seconds: float) -> SegmentReport:
    return SegmentReport(number, 1, seconds, 375, 360, 41, 1000, kept=True)


def watch_to(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    return open_watch(stills.load_settings(), out="/out")


def test_a_video_is_a_trace_of_its_parts_and_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        watch = watch_to(receiver.endpoint, monkeypatch)
        before = time.time_ns()
        with watch.video(ids()) as video:
            with video.stage("answer"):
                video.segments_planned(4, 2)
                video.segment_finished(segment(2, 0.5))
                video.segment_finished(segment(3, 0.25))
            with video.stage("save"):
                pass
            video.ended("done", seconds=1.5)
        after = time.time_ns()
        watch.close()
        watch.close()  # harmless
    (run,), (whole,) = receiver.named("stills.run"), receiver.named("stills.video")
    (answer,), (save,) = receiver.named("stills.answer"), receiver.named("stills.save")
    assert len(receiver.spans) == 6
    assert whole.parent == b""
    assert whole.links == (run.span,)
    assert {answer.parent, save.parent} == {whole.span}
    assert {one.trace for one in (answer, save, *receiver.named("stills.segment"))} == {whole.trace}
    assert whole.trace != run.trace
    about = {"stills.run": 7, "stills.video": 12, "stills.attempt": 2, "stills.recipe": "people"}
    assert whole.attributes.items() >= {**about, "stills.source": "/films/a.mp4", "stills.status": "done"}.items()
    assert whole.attributes["stills.segments"] == 4
    assert whole.attributes["stills.segments.resumed"] == 2
    assert run.attributes == {"stills.run": 7, "stills.out": "/out"}
    assert not any(one.failed for one in receiver.spans)
    first, second = receiver.named("stills.segment")
    assert {first.parent, second.parent} == {answer.span}
    assert first.attributes["stills.segment"] == 2
    assert first.attributes["stills.faces"] == 41
    assert first.end - first.begin == pytest.approx(0.5e9, abs=2)
    assert second.end - second.begin == pytest.approx(0.25e9, abs=2)
    assert all(before - 1e6 <= one.end <= after + 1e6 for one in (first, second))
    assert receiver.resources[0]["service.name"] == "stills"
    assert receiver.resources[0]["service.version"] == stills.__version__


def test_a_segment_ended_when_its_worker_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        watch = watch_to(receiver.endpoint, monkeypatch)
        with watch.video(ids()) as video:
            now, ended = time.time_ns(), time.monotonic() - 10.0
            video.segment_finished(SegmentReport(0, 1, 2.0, 1, 1, 0, 1, kept=True, ended=ended))
        watch.close()
    (one,) = receiver.named("stills.segment")
    assert one.end == pytest.approx(now - 10e9, abs=0.5e9)
    assert one.begin == pytest.approx(now - 12e9, abs=0.5e9)
    assert one.parent == receiver.named("stills.video")[0].span, "with no part under way, it is the video's"


def test_errors_are_in_the_trace_and_secrets_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        watch = watch_to(receiver.endpoint, monkeypatch)
        with watch.video(ids(source=SIGNED)) as video:
            with pytest.raises(InputError), video.stage("answer"):
                raise InputError(f"no answer from {SIGNED} " + "x" * 5000, path=SIGNED)
            video.ended("failed", seconds=1.0, error_class="input", code="input")
        with pytest.raises(KeyError), watch.video(ids(video=13)):
            raise KeyError(SIGNED)
        watch.close()
    whole, second = receiver.named("stills.video")
    (answer,) = receiver.named("stills.answer")
    assert (whole.failed, whole.said) == (True, "input")
    assert whole.attributes["error.type"] == "input"
    assert whole.attributes["stills.error.class"] == "input"
    assert (answer.failed, answer.said) == (True, "input")
    ((event, values),) = answer.events
    assert (event, values["exception.type"]) == ("exception", "InputError")
    assert "no answer from https://host/films/a.mp4" in values["exception.message"]
    assert len(values["exception.message"]) <= tracing.LONGEST
    assert second.failed
    assert second.events[0][1]["exception.type"] == "KeyError"
    wire = b"".join(receiver.raw)
    assert b"host/films/a.mp4" in wire
    assert b"hunter2" not in wire
    assert b"abcdef" not in wire


def test_an_interrupted_video_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        watch = watch_to(receiver.endpoint, monkeypatch)
        with watch.video(ids()) as video:
            with pytest.raises(CancelledError), video.stage("answer"):
                raise CancelledError("cancelled")
            video.ended("released", seconds=1.0, code="cancelled")
        watch.close()
    assert not any(one.failed for one in receiver.spans)
    assert receiver.named("stills.video")[0].attributes["stills.status"] == "released"


def test_videos_of_many_threads_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(4)

    def work(watch: Watch, number: int) -> None:
        with watch.video(ids(video=number)) as video:
            together.wait(10)
            with video.stage("answer"):
                together.wait(10)
                video.segment_finished(segment(number, 0.1))
            video.ended("done", seconds=1.0)

    with receiving() as receiver:
        watch = watch_to(receiver.endpoint, monkeypatch)
        threads = [threading.Thread(target=work, args=(watch, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        watch.close()
    videos = {one.trace: one.attributes["stills.video"] for one in receiver.named("stills.video")}
    assert sorted(videos.values()) == [0, 1, 2, 3]
    assert all(videos[one.trace] == one.attributes["stills.segment"] for one in receiver.named("stills.segment"))


def test_log_lines_name_the_trace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with receiving() as receiver:
        watch = watch_to(receiver.endpoint, monkeypatch)
        setup_logging("info", form="json")
        try:
            with watch.video(ids()):
                logging.getLogger("stills.scan").info("inside")
        finally:
            shutdown_logging()
        watch.close()
    line = json.loads(capsys.readouterr().err)
    (whole,) = receiver.named("stills.video")
    assert (line["run"], line["video"], line["attempt"]) == (7, 12, 2)
    assert (line["trace_id"], line["span_id"]) == (whole.trace.hex(), whole.span.hex())


def gone() -> str:
    """An endpoint where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


def test_a_collector_that_is_away_neither_slows_nor_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "CLOSE_S", 1.0)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    watch = watch_to(gone(), monkeypatch)
    began = time.monotonic()
    for number in range(200):
        with watch.video(ids(video=number)) as video:
            video.ended("done", seconds=1.0)
    assert in_time(began, 2.0)
    watch.close()
    assert in_time(began, tracing.CLOSE_S + 5.0)
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING" and r.name.startswith("stills")]
    assert 1 <= len(said) <= tracing.KINDS
    assert said[0].startswith("traces: ")
    assert all("the work goes on" in line or "are lost" in line for line in said)
    for thread in threading.enumerate():
        if thread.name == "stills-traces":  # what was given up ends soon after
            thread.join(20)
    assert not logging.getLogger("opentelemetry").handlers


def test_what_is_given_up_is_not_talked_about_any_more() -> None:
    code = (
        "import stills, time, threading; from stills.jobs.watch import VideoIds, tracing\n"
        "from stills.jobs.watch.opening import open_watch; from stills.log import setup_logging\n"
        "setup_logging('warning'); tracing.CLOSE_S = 0.3; watch = open_watch(stills.load_settings())\n"
        "with watch.video(VideoIds(1, 2, 1, 'people', 'a.mp4')): pass\n"
        "watch.close(); [one.join(20) for one in threading.enumerate() if one.name == 'stills-traces']"
    )
    environment = {"PYTHONPATH": str(SOURCE.parent), "OTEL_EXPORTER_OTLP_ENDPOINT": gone()}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    lines = done.stderr.strip().splitlines()
    assert all(" warning stills.jobs.watch.tracing: traces: " in line for line in lines), lines
    assert "the last are lost" in lines[-1]
    assert len(lines) <= 3


def test_a_collector_that_hangs_costs_the_end_a_few_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "CLOSE_S", 0.5)
    with receiving(hang=True) as receiver:
        watch = watch_to(receiver.endpoint, monkeypatch)
        with watch.video(ids()) as video:
            video.ended("done", seconds=1.0)
        began = time.monotonic()
        watch.close()
        assert in_time(began, 5.0)
    assert "the last are lost" in caplog.text


def test_what_the_environment_asks_for() -> None:
    assert asked({}) == ()
    assert asked({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}) == ("otlp",)
    assert asked({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}) == ("otlp",)
    assert asked({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}) == ()
    assert asked({"OTEL_TRACES_EXPORTER": "console, otlp"}) == ("console", "otlp")
    assert asked({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}) == ()
    assert asked({"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}) == ()


def test_traces_on_the_terminal_leave_standard_output_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    watch = open_watch(stills.load_settings())
    with watch.video(ids()):
        pass
    watch.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "stills.video" in captured.err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER=jaeger is not otlp, console or none"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc is not http/protobuf",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_BSP_MAX_QUEUE_SIZE": "-1"},
            "OpenTelemetry refuses its settings",
        ),
    ],
)
def test_what_cannot_be_had_is_one_line(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = stills.load_settings()
    assert isinstance(open_watch(settings), LogWatch)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said in line
    with pytest.raises(StrictError, match="traces are asked for"):
        open_watch(settings.model_copy(update={"strict": True}))


def test_without_the_extra_it_is_said_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import stills; from stills.jobs.watch.opening import open_watch; from stills.log import setup_logging\n"
        "setup_logging('warning'); watch = open_watch(stills.load_settings()); print(type(watch).__name__)"
    )
    environment = {"PYTHONPATH": str(SOURCE.parent), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "LogWatch"
    (line,) = done.stderr.strip().splitlines()
    assert "pip install 'stills[otel]'" in line
