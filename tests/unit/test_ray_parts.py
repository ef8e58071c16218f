"""The parts of the runner ``ray`` that need no cluster: parcels, places, blame, addresses that are none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from media_factory import Movie, make
from stills.errors import (
    DecoderCrashError,
    DeviceError,
    InputError,
    MemoryLimitError,
    ModelFetchError,
    OutputError,
    StillsError,
    UsageError,
    WorkerError,
    WorkersLostError,
)
from stills.jobs.runner import open_runner, ray_cluster
from stills.jobs.runner import ray as ray_runner
from stills.jobs.runner.ray_actor import Hand, Order, Setup
from stills.jobs.runner.ray_hand import LIVES, NODES, Loss, verdict
from stills.jobs.runner.ray_parcel import difference, pack, unpack, versions
from stills.jobs.runner.ray_places import Places, check_places, models_for, places_of, without_spill
from stills.media.packets import PacketIndex
from stills.media.probe import probe_with_packets
from stills.media.sandbox_tasks import Limits, Task
from stills.scan.parameters import models_of, scan_parameters
from stills.scan.plan import Segment, SegmentTask
from stills.settings import change_settings, load_settings
from stills.types import VideoInfo

PARAMETERS = scan_parameters("balanced", segment_seconds=15, precision="f32", device="cpu")
DIED = "The actor died.\n\tpid: 7\nThe actor is dead because its worker process has died. Worker exit type: "


class ActorDiedError(Exception):
    """As Ray's."""


class ActorUnavailableError(Exception):
    """As Ray's."""


@pytest.mark.parametrize("size", [0, 1, 1000, 1 << 16, 3 << 20])
def test_what_is_packed_comes_out_and_can_be_written(size: int) -> None:
    given = {"array": np.arange(size, dtype=np.uint8), "words": ["a", None, 1.5]}
    parcel = pack(given)
    assert all(isinstance(part, bytes | np.ndarray) for part in parcel)
    for part in parcel:  # as Ray gives arrays back
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    found = unpack(parcel)
    assert found["words"] == given["words"]
    assert np.array_equal(found["array"], given["array"])
    found["array"][:] = 0
    assert size < 2 or given["array"].max() > 0, "it is its own"


def test_a_parcel_that_was_cut_is_an_error() -> None:
    with pytest.raises(EOFError):
        unpack([bytes(pack("x" * 100)[0][:-1])])


def test_versions_that_differ_are_named() -> None:
    here = versions()
    assert difference(here, dict(here)) == ""
    assert difference(here, {**here, "Python": "3.8"}) == f"Python 3.8 instead of {here['Python']}"
    older = {name: version for name, version in here.items() if name != "av"}
    assert difference(here, older) == f"av none instead of {here['av']}"


def test_a_task_is_blamed_for_its_worker_s_end_not_for_a_node_s() -> None:
    task = Task("key", "module:function", path="film.mp4")
    died = Loss.of(ActorDiedError(f"{DIED}SYSTEM_ERROR Worker exit detail: end. Some common causes include: (1) …"))
    assert (died.with_node, died.memory) == (False, False)
    assert died.said.endswith("end.")
    gone = Loss.of(ActorUnavailableError("The actor is temporarily unavailable: Socket closed"))
    assert (gone.with_node, gone.memory) == (True, False)
    assert verdict(task, [died] * (LIVES - 1) + [gone] * (NODES - 1)) is None
    blamed = verdict(task, [gone, *[died] * LIVES])
    assert type(blamed) is DecoderCrashError
    assert (blamed.path, blamed.message) == ("film.mp4", "ended its worker's process 3 times")
    lost = verdict(task, [gone] * NODES)
    assert type(lost) is WorkersLostError
    full = Loss.of(ActorDiedError(f"{DIED}NODE_OUT_OF_MEMORY"))
    assert type(verdict(task, [full] * LIVES)) is MemoryLimitError


def about(path: Path) -> tuple[VideoInfo, PacketIndex]:
    return probe_with_packets(str(path), max_pixels=1 << 27)


def segment_task(path: Path, spill: Path | None) -> Task:
    video, packets = about(path)
    segment = Segment(0, None, None, 0.0, video.duration)
    asked = SegmentTask(str(path), video, packets, segment, PARAMETERS, frozenset({"faces", "age"}),
                        spill=None if spill is None else str(spill))  # fmt: skip
    return Task(0, "stills.scan.worker:scan_part", (asked,), str(path))


def test_a_node_without_the_file_says_which(tmp_path: Path) -> None:
    film = make(tmp_path / "film.mp4", Movie(frames=5))
    places = places_of(Task(0, "m:f", (), str(film)))
    check_places(places, "ten")
    with film.open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match=r"on node ten .* another file"):
        check_places(places, "ten")
    film.unlink()
    with pytest.raises(InputError, match=r"cannot be seen on node ten .* every node .* s3://"):
        check_places(places, "ten")


@pytest.mark.parametrize("path", [None, "s3://bucket/film.mp4", "https://host/film.mp4", "/no/such/film.mp4"])
def test_what_is_no_file_here_is_not_looked_for_there(path: str | None) -> None:
    places = places_of(Task(0, "m:f", (), path))
    assert places == Places()
    check_places(places, "ten")


def test_a_spill_that_is_not_shared_is_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    task = segment_task(make(tmp_path / "film.mp4", Movie(frames=5)), folder / "spill")
    places = places_of(task)
    assert without_spill(task.args, places) == task.args
    assert places.spill is not None
    other = replace(places, spill=(places.spill[0], places.spill[1] + 1))
    assert without_spill(task.args, other)[0].spill is None
    folder.rmdir()
    assert without_spill(task.args, places)[0].spill is None
    assert without_spill((1, "a"), Places()) == (1, "a")


@pytest.mark.parametrize(
    ("function", "name", "there"),
    [
        ("stills.scan.annotate:annotate_video", "target", "video.mp4"),
        ("stills.api.plain_worker:write_frames", "stage", ""),
    ],
)
def test_a_folder_to_write_into_has_to_be_shared(tmp_path: Path, function: str, name: str, there: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    places = places_of(Task(0, function, (SimpleNamespace(**{name: str(folder / there)}),)))
    assert places.target == (str(folder), folder.stat().st_ino)
    check_places(places, "ten")
    folder.rmdir()
    with pytest.raises(OutputError, match="cannot be seen on node ten"):
        check_places(places, "ten")


def test_the_models_of_a_task_are_known_by_its_arguments(tmp_path: Path) -> None:
    task = segment_task(make(tmp_path / "film.mp4", Movie(frames=5)), None)
    assert models_for(task.args) == models_of({"faces", "age"}, PARAMETERS)
    assert models_for(("film.mp4", 1 << 27)) == ()
    assert models_for(("film.mp4", PARAMETERS, frozenset({"faces"}), 9)) == models_of({"faces"}, PARAMETERS)
    assert models_for(("a.jpg", PARAMETERS, ("gender",), 9)) == models_of({"faces", "gender"}, PARAMETERS)
    close = SimpleNamespace(start=0, end=9, moment=Fraction(1))
    assert models_for((*task.args, close)) == models_of({"faces", "age"}, PARAMETERS)


def opened(address: str | None) -> StillsError:
    settings = change_settings(load_settings(env={}), runner="ray", workers=1, ray_address=address)
    with pytest.raises(StillsError) as caught:
        open_runner(settings, ("signals",))
    return caught.value


@pytest.mark.parametrize("address", ["ray://host:10001", "host", "host:port"])
def test_an_address_that_is_none(address: str) -> None:
    pytest.importorskip("ray")
    error = opened(address)
    assert type(error) is UsageError
    assert "HEAD:PORT" in str(error)


def test_an_address_where_nothing_answers() -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = opened(f"127.0.0.1:{port}")
    assert type(error) is WorkerError
    assert f"no Ray cluster answers at 127.0.0.1:{port}" in str(error)
    assert "\n" not in str(error)


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    error = opened(None)
    assert type(error) is UsageError
    assert "pip install 'stills[ray]'" in str(error)
    assert "\n" not in str(error)


def test_folders_of_those_who_were_killed_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(ray_cluster, "_LONGEST", 4096)
    mine, lock = ray_cluster._own_folder()
    code = (
        "import fcntl, os, sys; folder = sys.argv[1]; os.mkdir(folder); "
        "fcntl.flock(os.open(folder + '/lock', os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX); os.kill(os.getpid(), 9)"
    )
    left = tmp_path / "stills-ray-dead"
    assert subprocess.run([sys.executable, "-c", code, str(left)], check=False).returncode == -9
    ray_cluster.sweep()
    assert not left.exists()
    assert mine.parent == tmp_path
    assert mine.exists(), "its owner lives"
    ray_cluster.os.close(lock)
    ray_cluster.sweep()
    assert not mine.exists()


@pytest.fixture
def hand() -> Iterator[Hand]:
    """A worker's far side, here: nothing of it needs a cluster."""
    hand = Hand()
    hand.begin(pack(Setup(Limits(), (), os.getcwd(), os.environ.get("OMP_NUM_THREADS"))))
    yield hand
    hand.leave()


def ordered(hand: Hand, number: int, task: Task) -> tuple[str, Any]:
    what, parcel = hand.run(number, pack(Order(task.function, task.args, task.path, places_of(task))))
    return what, unpack(parcel) if parcel else None


def test_a_worker_has_the_models_before_the_task_and_says_on_which_node_they_are_missing(
    hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = segment_task(make(tmp_path / "film.mp4", Movie(frames=5)), None)
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path / "models"))

    def gone(*_: object, **__: object) -> bytes:
        raise ModelFetchError("no network", remedy="see to it")

    monkeypatch.setattr("stills.models.store.fetch", gone)
    for number in (1, 2):
        what, result = ordered(hand, number, task)
        assert what == "failed"
        assert type(result.error) is ModelFetchError
        assert result.error.message == "on node ? of the Ray cluster: no network"
    assert ordered(hand, 3, Task(0, "faults.sandbox_tasks:add", (1, 2)))[1].value == 3


def test_a_task_that_is_stopped_before_it_comes_does_not_run(hand: Hand) -> None:
    hand.stop(1)
    assert ordered(hand, 1, Task(0, "faults.sandbox_tasks:wait_forever")) == ("stopped", None)
    hand.stop(1)
    assert hand.news(1) == []
    assert ordered(hand, 2, Task(0, "faults.sandbox_tasks:add", (1, 2)))[1].value == 3


def test_arguments_that_cannot_be_read_on_the_node(hand: Hand) -> None:
    what, parcel = hand.run(1, [b"damaged"])
    assert what == "failed"
    assert "arguments of a task cannot be read" in str(unpack(parcel).error)


@pytest.mark.parametrize(("gpus", "workers", "share"), [(1, 1, 1.0), (1, 3, 0.3333), (2, 3, 0.6666), (8, 2, 1.0)])
def test_workers_share_the_gpus_evenly(gpus: int, workers: int, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(device="cuda")
    monkeypatch.setattr("stills.scan.needs.parameters_for", lambda *_: cuda)
    resources = {"CPU": 4.0, "GPU": float(gpus)}
    monkeypatch.setattr(ray_runner, "ray_module", lambda: SimpleNamespace(cluster_resources=lambda: resources))
    given = change_settings(load_settings(env={}), device="cuda")
    assert ray_runner._gpu_share(given, workers) == pytest.approx(share)
    assert ray_runner._gpu_share(change_settings(given, device="cpu"), workers) == 0
    del resources["GPU"]
    with pytest.raises(DeviceError, match="no GPU"):
        ray_runner._gpu_share(given, workers)
