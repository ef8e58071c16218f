"""Logging: lines that programs and people can read, never on standard output."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stills.errors import OutputError
from stills.log import log_ids, setup_logging, shutdown_logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    shutdown_logging()


def fail() -> None:
    raise KeyError("inner")


def log_failure(message: str) -> None:
    try:
        fail()
    except KeyError:
        logging.getLogger("stills.test").exception(message)


def test_text_goes_to_standard_error_only(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    logging.getLogger("stills.scan").info("hello %s", "film")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "info stills.scan: hello film\n" in captured.err


def test_what_is_below_the_level_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("warning")
    logging.getLogger("stills.scan").info("quiet")
    logging.getLogger("stills.scan").warning("loud")
    err = capsys.readouterr().err
    assert "loud" in err
    assert "quiet" not in err


def test_tracebacks_are_for_debug(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    log_failure("went wrong")
    assert capsys.readouterr().err.count("\n") == 1
    setup_logging("debug")
    log_failure("went wrong")
    assert "KeyError: 'inner'" in capsys.readouterr().err


def test_a_traceback_is_not_carried_from_a_debug_file_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.log"
    setup_logging("warning", file=file)
    log_failure("went wrong")
    assert "Traceback" not in capsys.readouterr().err
    assert "went wrong" in file.read_text()


def test_a_name_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    logging.getLogger("stills").warning("%s: broken", "a\nerror stills: forged\x1b[31m.mp4")
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info", form="json")
    logging.getLogger("stills.scan").info("two\nlines")
    log_failure("went wrong")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0]["message"] == "two\nlines"
    assert lines[0]["level"] == "INFO"
    assert lines[0]["logger"] == "stills.scan"
    assert "KeyError" in lines[1]["exc_info"]


def test_the_file_gets_info_even_where_the_terminal_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.log"
    setup_logging("error", file=file)
    logging.getLogger("stills.scan").info("kept")
    assert capsys.readouterr().err == ""
    assert "kept" in file.read_text()


def test_the_file_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stills.log.FILE_BYTES", 1000)
    file = tmp_path / "run.log"
    setup_logging("error", file=file)
    for number in range(200):
        logging.getLogger("stills").info("line %d", number)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["run.log", *(f"run.log.{n}" for n in range(1, 6))]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert "line 199" in file.read_text()


def test_a_file_that_cannot_be_written_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="--log-file"):
        setup_logging("info", file=tmp_path / "no such folder" / "run.log")


def test_setting_up_again_replaces(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    setup_logging("info")
    logging.getLogger("stills").info("once")
    assert capsys.readouterr().err.count("once") == 1


def test_json_lines_carry_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info", form="json")
    log = logging.getLogger("stills.scan")
    with log_ids(run=3, video=12, attempt=2):
        with log_ids(segment=5):
            log.info("inside")
        log.info("between")
    log.info("outside")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    ids = [{name: line[name] for name in ("run", "video", "attempt", "segment") if name in line} for line in lines]
    assert ids == [
        {"run": 3, "video": 12, "attempt": 2, "segment": 5},
        {"run": 3, "video": 12, "attempt": 2},
        {},
    ]


def test_text_lines_show_the_video_and_the_try(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    log = logging.getLogger("stills.scan")
    with log_ids(run=3, video=12, attempt=2):
        log.info("inside")
    log.info("outside")
    inside, outside = capsys.readouterr().err.splitlines()
    assert inside.endswith("info stills.scan [video 12 try 2]: inside")
    assert outside.endswith("info stills.scan: outside")


def test_ids_of_one_thread_are_not_those_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    log = logging.getLogger("stills")
    together = threading.Barrier(4)

    def work(video: int) -> None:
        with log_ids(video=video):
            together.wait(10)
            log.info("I am %d", video)
            together.wait(10)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = sorted(line.split("stills ", 1)[1] for line in capsys.readouterr().err.splitlines())
    assert lines == [f"[video {number}]: I am {number}" for number in range(4)]


def test_ids_end_with_an_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    with pytest.raises(KeyError), log_ids(video=1):
        fail()
    logging.getLogger("stills").info("after")
    assert "[video" not in capsys.readouterr().err


def test_an_id_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    with log_ids(video="a\nb"):
        logging.getLogger("stills").info("one line")
    assert capsys.readouterr().err.count("\n") == 1
