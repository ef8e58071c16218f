from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import BinaryIO

import pytest

from stills import files
from stills.errors import OutputError
from stills.files import TEMP_PREFIX, atomic_write, atomic_write_all, ensure_folder, move, staging, sweep

needs_flock = pytest.mark.skipif(sys.platform == "win32", reason="dead leftovers are told by age there")


def temporaries(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.startswith(TEMP_PREFIX))


def test_writes_bytes_and_writers_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    assert atomic_write(target, b"one") == target
    atomic_write(target, lambda file: file.write(b"two") and None)
    assert target.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_last_of_several_appears_when_the_others_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c").write_bytes(b"old")
    synced = []
    monkeypatch.setattr(
        files, "_sync_folder", lambda folder: synced.append({p.name: p.read_bytes() for p in folder.iterdir()})
    )
    atomic_write_all(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert synced == [{"a": b"1", "b": b"2", "c": b"old"}, {"a": b"1", "b": b"2", "c": b"3"}]
    atomic_write_all(tmp_path, {"d": b"4"}, durable=False)
    assert len(synced) == 2
    assert (tmp_path / "d").read_bytes() == b"4"


def test_of_several_those_before_a_failure_stay(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError):
        atomic_write_all(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_what_is_moved_out_of_a_staging_folder_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(files, "_sync_folder", synced.append)
    with staging(tmp_path) as stage:
        for name in ("a", "b"):
            atomic_write(stage / name, name.encode())
        assert synced == []
        files.move_all(stage, tmp_path, ["a", "b"])
    assert synced == [tmp_path]


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    atomic_write(target, b"old")

    def fail(file: BinaryIO) -> None:
        file.write(b"half of it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(target, fail)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission"), (errno.EROFS, "read-only"), (errno.EIO, "disk")],
)
def test_failures_of_the_system_name_file_and_remedy(tmp_path: Path, number: int, words: str) -> None:
    target = tmp_path / "a.json"

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError, match=words) as caught:
        atomic_write(target, fail)
    assert caught.value.path == str(target)
    assert caught.value.remedy is not None
    assert "--out" in caught.value.remedy
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_truly_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def full(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).name.startswith(TEMP_PREFIX):
            os.close(opened(path, flags, mode))
            return opened("/dev/full", os.O_WRONLY)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OutputError, match="disk is full"):
        atomic_write(tmp_path / "big.jpg", bytes(1 << 20))
    assert os.listdir(tmp_path) == []


def test_missing_folder_and_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        atomic_write(tmp_path / "nowhere" / "a", b"x")
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="a folder is where the file should go"):
        atomic_write(tmp_path / "a", b"x")
    (tmp_path / "b").write_bytes(b"")
    with pytest.raises(OutputError, match=r"file"):
        ensure_folder(tmp_path / "b")
    with pytest.raises(OutputError, match=r"file"):
        ensure_folder(tmp_path / "b" / "c")
    assert temporaries(tmp_path) == []


def test_pictures_get_the_permissions_of_ordinary_files(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.write_bytes(b"")
    assert atomic_write(tmp_path / "a", b"x").stat().st_mode == ordinary.stat().st_mode


@needs_flock
def test_what_killed_runs_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from stills.files import atomic_write, staging
        folder = Path(sys.argv[1])
        with staging(folder) as stage:
            atomic_write(stage / "done", b"1")
            def stop(file):
                file.write(b"half")
                file.flush()
                print("writing", flush=True)
                sys.stdin.read()
            atomic_write(folder / "a.json", stop)
        """
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        leftovers = temporaries(tmp_path)
        assert len(leftovers) == 2
        assert not (tmp_path / "a.json").exists()
        atomic_write(tmp_path / "b.json", b"x")
        assert temporaries(tmp_path) == leftovers, "a living process lost its files"
        process.kill()
    atomic_write(tmp_path / "b.json", b"y")
    assert os.listdir(tmp_path) == ["b.json"]


def test_what_is_swept_is_locked_until_it_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its maker, who was just about to lock it, would get the lock and write to nowhere."""
    dead = tmp_path / f"{TEMP_PREFIX}dead"
    dead.touch()
    seen: list[bool] = []
    unlink = Path.unlink

    def look(path: Path, missing_ok: bool = False) -> None:
        with path.open("rb") as maker:
            try:
                fcntl.flock(maker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                seen.append(True)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", look)
    assert sweep(tmp_path) == [dead]
    assert seen == [True]


def test_sweep_touches_nothing_else_and_forgives_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f"{TEMP_PREFIX}link").symlink_to(tmp_path / "notes.txt")
    assert sweep(tmp_path) == []
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sweep(tmp_path / "missing") == []


def test_staging_vanishes_with_its_content_and_moves_out(tmp_path: Path) -> None:
    with staging(tmp_path) as stage:
        assert stage.parent == tmp_path
        atomic_write(stage / "keep", b"1")
        atomic_write(stage / "drop", b"2")
        assert move(stage / "keep", tmp_path / "kept") == tmp_path / "kept"
    assert os.listdir(tmp_path) == ["kept"]
    with pytest.raises(OutputError), staging(tmp_path / "missing"):
        pass
    with pytest.raises(OutputError):
        move(tmp_path / "gone", tmp_path / "there")
