"""Prometheus metrics of a run: what a scrape gives, what the file holds, and that no input can blow them up."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

import stills
from stills.errors import OutputError, UsageError
from stills.jobs.library.types import ErrorClass, Status
from stills.jobs.recipes import RECIPES as ALL_RECIPES
from stills.jobs.store.records import STATES as STORE_STATES
from stills.jobs.watch import VideoIds, Watch, labels
from stills.jobs.watch.counting import MetricsWatch
from stills.jobs.watch.metrics import Metrics
from stills.jobs.watch.opening import open_watch
from stills.jobs.watch.parts import LogWatch
from stills.jobs.watch.showing import MetricsFile
from stills.scan.observer import SegmentReport
from stills.settings import Settings, change_settings
from timing import in_time

SOURCE = Path(stills.__file__).parent
SEGMENT = SegmentReport(
    number=3, pieces=1, seconds=4.0, frames_decoded=375, frames=360, faces=41, bytes_read=1_000_000, kept=True
)


def ids(**changes: Any) -> VideoIds:
    return VideoIds(**{"run": 7, "video": 12, "attempt": 1, "recipe": "people", "source": "/films/a.mp4", **changes})


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def given(**options: Any) -> Settings:
    settings = stills.load_settings()
    return settings.model_copy(update={"jobs": settings.jobs.model_copy(update=options)})


def read(text: str) -> dict[str, float]:
    """Samples by name and labels, as ``name{label=value}``."""
    return {
        f"{s.name}{{{','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}}}" if s.labels else s.name: s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def scrape(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text: str = answer.read().decode()
        return text


def a_run(watch: Watch) -> None:
    """A video that is done at the second try, one that fails, and one that was done before."""
    watch.queue({"pending": 2, "running": 1, "quarantined": 0})
    with watch.video(ids()) as video:
        video.ended("again", seconds=1.0, error_class="transient", code="download")
    with watch.video(ids(attempt=2)) as video:
        with video.stage("answer"):
            video.segments_planned(5, 3)
            video.segment_finished(SEGMENT)
            video.segment_finished(SEGMENT)
        with video.stage("save"):
            pass
        video.ended("done", seconds=9.0)
    with watch.video(ids(video=13)) as video:
        video.ended("quarantined", seconds=0.2, error_class="corrupt", code="not-a-video")
    watch.counted("people", "kept", 4)


def test_a_scrape_of_the_port_shows_the_run() -> None:
    port = free_port()
    watch = open_watch(given(metrics_port=port))
    try:
        a_run(watch)
        with watch.video(ids(video=14)):
            during = read(scrape(port))
        after = read(scrape(port))
    finally:
        watch.close()
    assert during["stills_videos_under_way"] == 1
    assert after["stills_videos_under_way"] == 0
    assert after["stills_videos_total{recipe=people,status=done}"] == 1
    assert after["stills_videos_total{recipe=people,status=again}"] == 1
    assert after["stills_videos_total{recipe=people,status=quarantined}"] == 1
    assert after["stills_videos_total{recipe=people,status=kept}"] == 4
    assert after["stills_videos_total{recipe=people,status=failed}"] == 0, "series begin at 0"
    assert after["stills_failures_total{class=corrupt,code=not-a-video,recipe=people}"] == 1
    assert after["stills_failures_total{class=transient,code=download,recipe=people}"] == 1
    assert after["stills_retries_total{recipe=people}"] == 1
    assert after["stills_segment_seconds_count"] == 2
    assert after["stills_segment_seconds_sum"] == 8
    assert after["stills_segment_seconds_bucket{le=2.5}"] == 0
    assert after["stills_segment_seconds_bucket{le=5.0}"] == 2
    assert after["stills_segments_resumed_total"] == 3
    assert after["stills_frames_decoded_total"] == 750
    assert after["stills_frames_measured_total"] == 720
    assert after["stills_faces_total"] == 82
    assert after["stills_bytes_read_total"] == 2_000_000
    assert after["stills_queue_depth{state=pending}"] == 2
    assert after["stills_queue_depth{state=quarantined}"] == 0
    assert after["stills_video_seconds_sum{recipe=people}"] == 9
    assert after["stills_stage_seconds_count{stage=answer}"] == 1
    assert after["stills_run_active"] == 1
    assert after["stills_last_success_timestamp_seconds"] == pytest.approx(time.time(), abs=60)
    assert after[next(name for name in after if name.startswith("stills_build_info{"))] == 1
    with pytest.raises(OSError, match="refused"):
        scrape(port)
    watch.close()  # harmless


def test_names_and_units_are_as_prometheus_wants_them() -> None:
    """What ``promtool check metrics`` looks at."""
    metrics = Metrics()
    a_run(MetricsWatch(metrics))
    from prometheus_client import generate_latest

    text = generate_latest(metrics.registry).decode()
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    for family in families:
        assert family.name.startswith("stills_"), "a node exporter has process_… itself"
        assert family.documentation
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", family.name)
        assert not re.search(r"_(milliseconds|ms|kb|mb|minutes|hours)(_|$)", family.name)
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert not sample.name.endswith("_created")
            if family.type == "gauge":
                assert not sample.name.endswith(("_count", "_sum", "_bucket"))
    described = {one.name for one in metrics.described}
    own = {s.name for f in families for s in f.samples if not s.name.startswith("stills_process_")}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in own} == described
    for one in metrics.described:
        of_it = [s for f in families for s in f.samples if re.sub(r"_(bucket|sum|count)$", "", s.name) == one.name]
        assert {label for s in of_it for label in s.labels} - {"le"} == set(one.labels)


def test_hostile_words_do_not_become_series() -> None:
    metrics = Metrics()
    watch = MetricsWatch(metrics)
    hostile = ["/films/secret.mp4", 'a"b\nc', "x" * 100_000, "", "ünïcode", "https://me:secret@host/?key=1"]
    for number in range(200):
        word = hostile[number % len(hostile)] + str(number)
        with watch.video(ids(recipe=word, source=word)) as video:
            with video.stage(word):
                pass
            video.ended("failed", seconds=1.0, error_class=word, code=word)
        with watch.video(ids()) as video:
            video.ended(word, seconds=1.0)
        watch.counted(word, word)
        watch.queue({word: 1})
    from prometheus_client import generate_latest

    text = generate_latest(metrics.registry).decode()
    assert "secret" not in text
    samples = read(text)
    assert len(samples) < 200
    assert samples["stills_failures_total{class=other,code=other,recipe=other}"] == 200
    assert samples["stills_videos_total{recipe=other,status=other}"] == 200
    assert samples["stills_videos_total{recipe=people,status=other}"] == 200


def test_labels_know_all_that_there_is() -> None:
    assert set(labels.RECIPES) == set(ALL_RECIPES)
    assert set(labels.STATUSES) == {*get_args(Status), "released"}
    assert set(labels.CLASSES) == set(get_args(ErrorClass))
    assert set(labels.STATES) == {*STORE_STATES, "waiting"}
    codes = set()
    elsewhere = {"aws", "client", "service"}  # what goes wrong there is no end of a library's video
    for path in (one for one in SOURCE.rglob("*.py") if one.relative_to(SOURCE).parts[0] not in elsewhere):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for one in node.body:
                    target = one.targets[0] if isinstance(one, ast.Assign) else getattr(one, "target", None)
                    value = getattr(one, "value", None)
                    if isinstance(target, ast.Name) and target.id == "code" and isinstance(value, ast.Constant):
                        codes.add(value.value)
    assert len(codes) > 20
    assert codes - labels.CODES == set()


def test_the_file_is_whole_from_the_start_and_says_when_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "stills.prom"
    watch = open_watch(given(metrics_file=path))
    assert read(path.read_text())["stills_run_active"] == 1
    a_run(watch)
    watch.close()
    last = read(path.read_text())
    assert last["stills_run_active"] == 0
    assert last["stills_videos_total{recipe=people,status=done}"] == 1
    assert path.read_text().endswith("\n")
    assert [one.name for one in tmp_path.iterdir()] == ["stills.prom"], "nothing temporary is left"
    assert path.stat().st_mode & 0o044, "the node exporter is another user"


def test_the_file_is_written_again_and_again(tmp_path: Path) -> None:
    metrics, path = Metrics(), tmp_path / "stills.prom"
    file = MetricsFile(metrics.registry, path, interval=0.01)
    try:
        metrics.faces.inc(5)
        until = time.monotonic() + 20
        while read(path.read_text())["stills_faces_total"] != 5:
            assert time.monotonic() < until
    finally:
        file.close()


def test_a_file_that_cannot_be_written_any_more_does_not_stop_the_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    watch = open_watch(given(metrics_file=folder / "stills.prom"))
    (folder / "stills.prom").unlink()
    folder.rmdir()
    a_run(watch)
    watch.close()
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 1
    assert "stills.prom" in said[0]
    assert "the work goes on" in said[0]


def test_a_file_that_cannot_be_written_at_all_is_an_error_before_any_work(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(OutputError, match="--metrics-file") as failed:
        open_watch(given(metrics_port=port, metrics_file=tmp_path / "missing" / "stills.prom"))
    assert "\n" not in str(failed.value)
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_a_file_that_no_exporter_would_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_watch(given(metrics_file=tmp_path / "metrics.txt")).close()
    assert ".prom" in caplog.text


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port}: .* listens there — name another --metrics-port"):
            open_watch(given(metrics_port=port))


def test_an_address_that_is_not_ours_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match=r"metrics_address"):
        open_watch(given(metrics_port=free_port(), metrics_address="192.0.2.1"))


def test_the_settings_are_read() -> None:
    settings = change_settings(
        stills.load_settings(), metrics_port=9464, metrics_file="x.prom", metrics_address="0.0.0.0"
    )
    assert (settings.jobs.metrics_port, str(settings.jobs.metrics_file)) == (9464, "x.prom")
    assert settings.jobs.metrics_address == "0.0.0.0"
    assert stills.load_settings().jobs.metrics_address == "127.0.0.1", "nobody else's by default"


def test_with_nothing_configured_nothing_is_loaded_and_nothing_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys, stills; from stills.jobs.watch.opening import open_watch\n"
        "watch = open_watch(stills.load_settings()); watch.close()\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('prometheus_client', 'opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SOURCE.parent)}
    )
    assert done.stdout.strip() == "[]"
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    watch = open_watch(given())
    assert isinstance(watch, LogWatch)
    began = time.monotonic()
    for _ in range(1000):
        a_run(watch)
    assert in_time(began, 1.0), "three videos in a millisecond: nothing beside 30 ms for each"
