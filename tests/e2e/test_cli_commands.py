"""The command line over a stand-in for the library: exit codes, events, lines; one input cannot cost another."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import library_stand_in
import stills
from stills.cli import main, recipe_work
from stills.errors import CorruptVideoError, ModelFetchError, NothingFoundError, OutputError
from stills.jobs.watch.opening import open_watch
from stills.types import Fallback, Progress, ScanReport


@dataclass
class Video:
    duration: float = 75.2


@dataclass
class Result:
    """What the command line reads of a result."""

    people: tuple[str, ...] = ("somebody", "somebody else")
    fallbacks: tuple[Fallback, ...] = ()
    video: Video = field(default_factory=Video)
    partial: bool = False
    warnings: tuple[str, ...] = ()
    scan: ScanReport = field(default_factory=lambda: ScanReport("balanced", 100, 50, 20, 1.0, 1.5))

    def save(self, out: Path, *, name: str, on_progress: Any = None, cancel: Any = None) -> list[Path]:
        path = out / name / "people.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"schema": "stills/people/1", "video": {"path": name}}))
        return [path]


Answer = Callable[..., Any]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """``stills.people`` answers by the video's file name: a result, an error to raise, or a function."""
    answers: dict[str, Any] = {}

    def people(video: str, *, settings: Any, scanner: Any, on_progress: Any, cancel: Any) -> Any:
        answers.setdefault("calls", []).append((Path(video).name, settings))
        on_progress(Progress("scan", video, 10.0, 75.2, 1.0))
        answer = answers.get(Path(video).name, Result())
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer(cancel) if callable(answer) else answer

    def render_report(out: Path) -> Path:
        (out / "report.html").write_text("report")
        return out / "report.html"

    scanner = SimpleNamespace(observed=lambda observer: nullcontext())
    monkeypatch.setattr(stills, "Scanner", lambda settings, *workers: nullcontext(scanner), raising=False)
    monkeypatch.setattr(stills, "people", people, raising=False)
    monkeypatch.setattr(stills, "render_report", render_report, raising=False)
    monkeypatch.setattr(stills, "library", library_stand_in.library, raising=False)
    return answers


@pytest.fixture
def films(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{name}.mp4" for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode())
    return [str(path) for path in paths]


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(list(argv))
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_all_done(library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code, stdout, stderr = run(capsys, "people", *films, "-o", str(out))
    assert code == 0
    assert not (out / ".stills").exists()
    assert f"{films[0]}: 2 people in 1:15 → {out / 'a'}" in stdout
    assert f"look at {out / 'report.html'}" in stdout
    assert "3 inputs: 3 done" in stderr
    assert {path.name for path in out.iterdir()} == {"a", "b", "c", "report.html"}


def test_one_failing_input_costs_nothing_else(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library["b.mp4"] = CorruptVideoError("no frame can be decoded", remedy="copy it again")
    code, stdout, stderr = run(capsys, "people", *films, "-o", str(tmp_path / "out"))
    assert code == 3
    assert stderr.splitlines()[0] == f"error: {films[1]}: no frame can be decoded — copy it again"
    assert "2 done, 1 failed" in stderr
    assert "c.mp4: 2 people" in stdout


def test_what_failed_is_noted_for_the_report_until_it_works(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = tmp_path / "out" / ".stills" / "failures.json"
    noted.parent.mkdir(parents=True)
    failed = [{"path": film, "message": "broken", "remedy": "copy it again"} for film in films[:2]]
    noted.write_text(json.dumps(failed))
    run(capsys, "people", films[2], "-o", str(tmp_path / "out"))
    assert json.loads(noted.read_text()) == failed
    run(capsys, "people", films[1], "-o", str(tmp_path / "out"))
    assert json.loads(noted.read_text()) == failed[:1]
    run(capsys, "people", films[0], "-o", str(tmp_path / "out"))
    assert not noted.exists()


def test_all_failed(library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library["a.mp4"] = CorruptVideoError("broken")
    code, stdout, stderr = run(capsys, "people", films[0], "-o", str(tmp_path / "out"))
    assert (code, stdout) == (1, "")
    assert stderr == f"error: {films[0]}: broken\n"


@pytest.mark.parametrize("answer", [Result(people=()), NothingFoundError("no face is large enough")])
def test_nothing_that_qualifies(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Any
) -> None:
    library["a.mp4"] = answer
    code, stdout, _ = run(capsys, "people", films[0], "-o", str(tmp_path / "out"))
    assert code == 4
    assert films[0] in stdout
    assert main(["people", *films[:2], "-o", str(tmp_path / "out"), "-q"]) == 0


def test_a_bug_is_one_line_and_debug_shows_where(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library["a.mp4"] = ZeroDivisionError("division by zero")
    code, _, stderr = run(capsys, "people", films[0], "-o", str(tmp_path / "out"))
    assert code == 1
    assert "unexpected ZeroDivisionError: division by zero — this is a bug" in stderr
    assert main(["people", films[0], "-o", str(tmp_path / "out"), "--log-level", "debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_known_errors_have_a_traceback_on_debug_only(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library["a.mp4"] = CorruptVideoError("broken").with_details("what the decoder\nprinted")
    assert main(["people", films[0], "-o", str(tmp_path / "out"), "--log-level", "debug"]) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert "printed" in err


def test_json_is_events_only(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library["a.mp4"] = Result(fallbacks=(Fallback("device", "the CPU is used"),))
    library["b.mp4"] = CorruptVideoError("broken", remedy="copy it again")
    code, stdout, _ = run(capsys, "people", *films, "-o", str(tmp_path / "out"), "--json", "--log-level", "info")
    told = events(stdout)
    assert code == 3
    assert [e["event"] for e in told] == [
        "started", "progress", "fallback", "result", "started", "progress", "error", "started", "progress", "result",
        "summary",
    ]  # fmt: skip
    assert all(e["time"] >= 0 for e in told)
    assert told[1]["fraction"] == pytest.approx(10 / 75.2, abs=1e-4)
    assert told[2] | {"time": 0} == {
        "event": "fallback", "time": 0, "input": films[0], "code": "device", "message": "the CPU is used",
    }  # fmt: skip
    assert told[3]["people"] == 2
    assert told[3]["files"] == [str(tmp_path / "out" / "a" / "people.json")]
    assert (told[6]["code"], told[6]["remedy"], told[6]["retryable"]) == ("corrupt", "copy it again", False)
    assert told[-1] | {"time": 0, "report": ""} == {
        "event": "summary", "time": 0, "inputs": 3, "done": 2, "nothing": 0, "failed": 1, "interrupted": False,
        "exit_code": 3, "report": "", "kept": 0, "quarantined": 0, "left": 0,
        "library": {"total": 3, "pending": 0, "running": 0, "done": 0, "failed": 0, "quarantined": 0},
    }  # fmt: skip


def test_quiet_says_errors_only(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library["b.mp4"] = CorruptVideoError("broken")
    code, stdout, stderr = run(capsys, "people", *films, "-o", str(tmp_path / "out"), "-q")
    assert (code, stdout) == (3, "")
    assert stderr == f"error: {films[1]}: broken\n"


def test_a_fallback_is_said(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library["a.mp4"] = Result(fallbacks=(Fallback("device", "the CPU is used"),))
    _, _, stderr = run(capsys, "people", films[0], "-o", str(tmp_path / "out"))
    assert f"note: {films[0]}: the CPU is used" in stderr


def test_what_may_pass_is_tried_again(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library["a.mp4"] = [ModelFetchError("no network"), ModelFetchError("no network"), Result()]
    retry = ["--retries", "2", "--retry-delay", "0"]
    assert run(capsys, "people", films[0], "-o", str(tmp_path / "out"), *retry)[0] == 0
    library["a.mp4"] = [CorruptVideoError("broken"), Result()]
    assert run(capsys, "people", films[0], "-o", str(tmp_path / "out"), *retry)[0] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_and_keeps_what_is_done(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    def interrupted(cancel: Any) -> Any:
        os.kill(os.getpid(), number)
        assert cancel.wait(30)
        cancel.check()

    library["b.mp4"] = interrupted
    before = signal.getsignal(number)
    code, stdout, stderr = run(capsys, "people", *films, "-o", str(tmp_path / "out"))
    assert code == 130
    assert "a.mp4: 2 people" in stdout
    assert "interrupted; 2 inputs not done" in stderr
    assert [name for name, _ in library["calls"]] == ["a.mp4", "b.mp4"]
    assert signal.getsignal(number) is before


def test_a_second_interrupt_stops_at_once(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stubborn(cancel: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second one should have ended this")

    library["a.mp4"] = stubborn
    assert run(capsys, "people", films[0], "-o", str(tmp_path / "out"))[0] == 130


def test_flags_reach_the_settings(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is served or written by this: the flags of metrics are among those that are looked for.
    monkeypatch.setattr(recipe_work, "open_watch", lambda settings, out: open_watch(stills.load_settings(), out=out))
    config = tmp_path / "s.yaml"
    config.write_text("output: {quality: 50, format: png}\n")
    flags = (
        "--format webp --fit 1080p --fit-mode pad --crops --effort fast --workers 3 --threads 2 --gpu --precision f32 "
        "--lossless --compression 3 --name-template {number}_{person} "
        "--no-resume --max-memory 999 --buffer-size 20 --max-pixels 5000 --video-timeout 9 --frame-timeout 8 "
        "--retries 7 --retry-delay 6 --min-face 4% --min-screen-time 1.5 --max-people 5 --similarity 0.4 "
        "--per-person 2 --runners-up 1 --no-embeddings --strict --cluster agglomerative "
        "--detector yunet --embedder sface --attributes-model default "
        "--database sqlite:////tmp/s.db --runner ray --ray-address auto --at-once 3 --wait --share --lease 30 "
        "--settle 2 --metrics-port 9000 --metrics-address ::1 --metrics-file m.prom --across-similarity 0.6"
    ).split()
    assert run(capsys, "people", films[0], "-o", str(tmp_path / "out"), "-c", str(config), *flags)[0] == 0
    settings = library["calls"][0][1]
    assert settings.output.model_dump() == {
        "format": "webp", "quality": 50, "fit": "1080p", "fit_mode": "pad", "crops": True, "lossless": True,
        "compression": 3, "bit_depth": 8, "name_template": "{number}_{person}", "sheet": None,
    }  # fmt: skip
    assert settings.scan.model_dump(exclude={"segment_seconds", "previews"}) == {
        "effort": "fast", "workers": 3, "threads": 2, "device": "cuda", "precision": "f32", "resume": False,
        "detector": "yunet", "embedder": "sface", "attributes_model": "default",
    }  # fmt: skip
    assert settings.limits.model_dump() == {
        "max_memory": 999, "buffer_size": 20, "max_pixels": 5000, "video_timeout": 9, "frame_timeout": 8, "retries": 7,
        "retry_delay": 6, "max_download": 16384, "download_timeout": 30,
    }  # fmt: skip
    assert settings.people.model_dump() == {
        "min_face": "4%", "min_screen_time": 1.5, "max_people": 5, "similarity": 0.4, "per_person": 2, "runners_up": 1,
        "cluster": "agglomerative", "across_similarity": 0.6,
    }  # fmt: skip
    assert settings.jobs.model_dump(exclude={"gently"}) == {
        "database": "sqlite:////tmp/s.db", "runner": "ray", "ray_address": "auto", "at_once": 3, "wait": True,
        "share": True, "lease": 30, "settle": 2, "metrics_port": 9000, "metrics_address": "::1",
        "metrics_file": Path("m.prom"),
    }  # fmt: skip
    assert (settings.strict, settings.embeddings) == (True, False)


def test_a_report_that_cannot_be_written_fails_the_call(
    library: dict, films: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(out: Path) -> Path:
        raise OutputError("the disk is full", path=str(out))

    monkeypatch.setattr(stills, "render_report", full, raising=False)
    code, _, stderr = run(capsys, "people", films[0], "-o", str(tmp_path / "out"))
    assert code == 3
    assert "the disk is full" in stderr


def test_report_needs_results(library: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "report", str(tmp_path))[0] == 1
    assert run(capsys, "report", str(tmp_path / "none"))[0] == 1
    Result().save(tmp_path, name="a")
    code, stdout, _ = run(capsys, "report", str(tmp_path))
    assert code == 0
    assert "report.html" in stdout
