"""Videos of clients are decoded in worker processes with hard limits, and nowhere else."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

from media_factory import Movie, make
from service_samples import quick_settings, service
from stills.service.jobs import Job, JobRunner, JobStore

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="limits are Linux'")]
LIMIT_MB = 1600
LONG = 120.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JobStore, Any]]:
    """A store whose jobs are done, with processes that may take so much memory."""
    with service("sqlite", tmp_path_factory.mktemp("service")) as made:
        settings = quick_settings(max_memory=LIMIT_MB, workers=1, retries=0)
        store = made.open(settings)
        runner = JobRunner(store, settings)
        runner.start()
        try:
            yield store, made
        finally:
            runner.stop()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("film") / "film.mp4", Movie(width=160, height=120, frames=25, b_frames=0))


def ended(store: JobStore, job: Job) -> Job:
    *_, last = store.watch(job.id, timeout_s=LONG)
    return last.job


def workers() -> list[psutil.Process]:
    """Processes below this one that have no others below them."""
    return [one for one in psutil.Process().children(recursive=True) if not one.children()]


def test_nobody_decodes_but_workers_that_cannot_lift_their_limits(
    running: tuple[JobStore, Any], film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, made = running
    here, opened = os.getpid(), []
    real = av.open

    def watched(*args: Any, **more: Any) -> Any:
        if os.getpid() == here:
            opened.append(args)
        return real(*args, **more)

    monkeypatch.setattr(av, "open", watched)
    job = ended(store, store.add(made.job(film, recipe="thumbnails")).job)
    assert (job.state, job.error) == ("done", None)
    assert job.artifacts
    assert opened == []
    assert workers()
    for one in workers():
        assert one.rlimit(resource.RLIMIT_CORE) == (0, 0)
        soft, hard = one.rlimit(resource.RLIMIT_DATA)
        assert soft == hard, "it could lift it again"
        assert 0 < hard < 3 * LIMIT_MB << 20


def test_a_header_that_wants_all_memory_costs_its_job_and_no_more(running: tuple[JobStore, Any], film: Path) -> None:
    store, made = running
    before = psutil.Process().memory_info().rss
    job = ended(store, store.add(made.job(_hungry(), recipe="thumbnails", name="hungry.mov")).job)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code in {"memory", "corrupt"}
    assert psutil.Process().memory_info().rss - before < 100 << 20
    assert ended(store, store.add(made.job(film, recipe="keyframes")).job).state == "done"


def _hungry() -> bytes:
    """A film of a kilobyte whose tables tell of 16 million frames in each of 20 tracks: 7 GB once they are read."""
    import struct

    from media_factory import jpeg

    def box(kind: bytes, *parts: bytes) -> bytes:
        data = b"".join(parts)
        return struct.pack(">I", len(data) + 8) + kind + data

    count = 1 << 24
    entry = box(b"mjpg", bytes(6), b"\0\1", bytes(16), struct.pack(">HHIIIH", 64, 48, 0x480000, 0x480000, 0, 1),
                bytes(32), struct.pack(">Hh", 24, -1))  # fmt: skip
    tables = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), entry),
        box(b"stts", struct.pack(">IIII", 0, 1, count, 1)),
        box(b"stsc", struct.pack(">IIIII", 0, 1, 1, count, 1)),
        box(b"stsz", struct.pack(">III", 0, 1, count)),
        box(b"stco", struct.pack(">III", 0, 1, 40)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 1000, 10000, 0, 0)),
        box(b"hdlr", struct.pack(">II4s12sx", 0, 0, b"vide", b"")),
        box(b"minf", tables),
    )
    tracks = [
        box(b"trak", box(b"tkhd", struct.pack(">IIIIII", 3, 0, 0, number, 0, 10000), bytes(60)), media)
        for number in range(1, 21)
    ]
    header = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 10000), bytes(80))
    return box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + box(b"mdat", jpeg()) + box(b"moov", header, *tracks)
