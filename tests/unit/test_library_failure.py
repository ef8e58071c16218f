"""What is done about a failure depends on its class, and on nothing else."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from stills import errors
from stills.errors import StillsError
from stills.files import output_error
from stills.jobs.library.failure import classify, forget_frames, judge


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.DownloadInterruptedError("x"), "transient"),
        (errors.ChangedError("x"), "transient"),
        (errors.CorruptVideoError("x"), "corrupt"),
        (errors.DecoderCrashError("x"), "corrupt"),
        (errors.NotAVideoError("x"), "corrupt"),
        (errors.RepeatedCrashError("x"), "corrupt"),
        (errors.InputError("x"), "input"),
        (errors.DownloadError("x"), "input"),
        (errors.LimitError("too many pixels"), "input"),
        (errors.StrictError("x"), "input"),
        (errors.MemoryLimitError("x"), "resource"),
        (errors.DecodeTimeoutError("x"), "resource"),
        (errors.DecoderKilledError("x"), "resource"),
        (errors.WorkersLostError("x"), "transient"),
        (errors.WorkerError("x"), "bug"),
        (errors.IndexFormatError("x"), "bug"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_class_of_a_failure_that_is_one_video_s(error: StillsError, kind: str, tmp_path: Path) -> None:
    verdict = judge(error, tmp_path, failures=0, retries=1, delay=1.0)
    assert (verdict.error_class, verdict.fatal) == (kind, False)
    assert verdict.quarantine == (kind == "corrupt")
    assert (verdict.retry_in is not None) == (kind in {"transient", "resource"})
    assert verdict.alone == (kind == "resource")
    assert judge(error, tmp_path, failures=1, retries=1, delay=1.0).retry_in is None
    assert verdict.suspect == (type(error) in {errors.WorkerError, errors.WorkersLostError})


@pytest.mark.parametrize(
    "error",
    [
        errors.StateError("x"),
        errors.StateUnavailableError("x"),
        errors.ModelError("x"),
        errors.ModelFetchError("x"),
        errors.DeviceError("x"),
        errors.UsageError("x"),
        output_error(OSError(errno.ENOSPC, "full"), Path("out")),
        errors.OutputError("the output cannot be uploaded"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_every_video_would_meet_ends_the_run(error: StillsError, tmp_path: Path) -> None:
    verdict = judge(error, tmp_path, failures=0, retries=5, delay=1.0)
    assert verdict.fatal
    assert verdict.retry_in is None


def written(number: int) -> StillsError:
    cause = OSError(number, "said")
    error = output_error(cause, Path("out/film/people.json"))
    error.__cause__ = cause
    return error


def test_an_output_that_fails_is_one_video_s_where_others_can_be_written(tmp_path: Path) -> None:
    for number in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EACCES):
        assert classify(written(number), tmp_path) == ("input", False, False)
        assert classify(written(number), tmp_path / "gone")[1], "the whole folder is not there"
    assert classify(written(errno.ENOENT), tmp_path) == ("transient", False, False)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
        assert classify(written(number), tmp_path)[1]


def test_foreign_errors_are_bugs_unless_the_system_says_why(tmp_path: Path) -> None:
    try:
        {}["https://u:secret@host/a?sig=secret"]
    except KeyError as error:
        bug = judge(error, tmp_path, failures=0, retries=3, delay=1.0)
    assert (bug.error_class, bug.retry_in, bug.error.code) == ("bug", None, "bug")
    assert "test_library_failure" in bug.details
    assert "secret" not in bug.details + bug.line
    assert judge(MemoryError(), tmp_path, failures=0, retries=1, delay=1.0).alone
    assert judge(OSError(errno.ENOSPC, "full"), tmp_path, failures=0, retries=1, delay=1.0).fatal


def test_pauses_grow_and_no_two_are_alike(tmp_path: Path) -> None:
    def pauses(failures: int) -> set[float | None]:
        error = errors.DownloadInterruptedError("x")
        return {judge(error, tmp_path, failures=failures, retries=9, delay=1.0).retry_in for _ in range(20)}

    assert all(0.5 <= pause <= 1.0 for pause in pauses(0) if pause is not None)
    assert all(4.0 <= pause <= 8.0 for pause in pauses(3) if pause is not None)
    assert len(pauses(0)) > 10


def test_the_line_has_the_remedy_and_no_secrets(tmp_path: Path) -> None:
    error = errors.InputError("s3://key:secret@bucket/a?token=1 is away", remedy="look there")
    line = judge(error, tmp_path, failures=0, retries=0, delay=1.0).line
    assert line == "s3://bucket/a?… is away — look there"


def test_an_error_that_is_kept_holds_no_frames() -> None:
    kept = errors.InputError("x")
    try:
        int("x")
    except ValueError as cause:
        kept.__cause__, kept.__traceback__ = cause, cause.__traceback__
    forget_frames(kept)
    assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)
