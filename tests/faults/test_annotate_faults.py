"""Annotated videos that are interrupted, killed, short of memory, or of damaged films: never half of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from command import environment
from media_factory import Movie, make, moving_picture
from stills.files import TEMP_PREFIX, sweep
from stills.media.probe import probe

pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
from pathlib import Path
from stills.errors import StillsError
from stills.index.index import Index
from stills.media.probe import probe_with_packets
from stills.media.source import content_id
from stills.scan.annotate import plan_annotation
from stills.scan.scanner import Scanner
from stills.settings_model import Settings
from stills.types import PeopleSelection
from index_samples import face, make_index

film, target, memory = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
index = make_index([face(0, 1.0, None)], video=probe_with_packets(film)[0], content=content_id(film), duration=60.0)
settings = Settings(cast={"blur": "all"}, limits={"max_memory": memory or None}, cache_dir=target.parent / "cache")
plan = plan_annotation(index, PeopleSelection((), (), {}), settings)
with Scanner(settings) as scanner:
    try:
        said = scanner.annotate(index, plan, target, on_progress=lambda p: print(json.dumps(p.position), flush=True))
        print(json.dumps({"said": said}))
    except StillsError as error:
        print(json.dumps({"error": error.code, "text": str(error)}))
"""


def noise(number: int, width: int, height: int) -> np.ndarray:
    grain = np.random.default_rng(number).integers(0, 255, (height // 4, width // 4, 3))
    return np.kron(grain, np.ones((4, 4, 1))).astype(np.uint8)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Much to encode: nothing in a frame follows from the one before."""
    movie = Movie(width=640, height=360, frames=500, gop=25, picture=noise, options=(("preset", "ultrafast"),))
    return make(tmp_path_factory.mktemp("film") / "film.mp4", movie)


def start(film: Path, target: Path, memory: int = 0) -> subprocess.Popen[str]:
    paths = os.pathsep.join([environment()["PYTHONPATH"], str(Path(__file__).parents[1])])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(film), str(target), str(memory)],
        stdout=subprocess.PIPE, text=True, env={**environment(), "PYTHONPATH": paths},
    )  # fmt: skip


@pytest.mark.parametrize("victim", ["parent", "worker"])
def test_killed_in_the_middle_leaves_no_half_video(film: Path, tmp_path: Path, victim: str) -> None:
    target = tmp_path / "blurred.mp4"
    with start(film, target) as process:
        assert process.stdout is not None
        while float(process.stdout.readline()) < 2.0:
            pass
        family = psutil.Process(process.pid).children(recursive=True)
        if victim == "parent":
            process.send_signal(signal.SIGKILL)
        else:
            max(family, key=lambda p: p.cpu_times().user).kill()
        lines = process.stdout.read().splitlines()
        process.wait(60)
    if victim == "worker":  # it is tried again
        assert json.loads(lines[-1]) == {"said": []}
        assert probe(target).duration == pytest.approx(20.0, abs=0.1)
    else:
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
        assert not target.exists()
        assert all(path.name.startswith(TEMP_PREFIX) or path.name == "cache" for path in tmp_path.iterdir())
        sweep(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(TEMP_PREFIX)]


def test_memory_that_does_not_suffice_is_said(tmp_path: Path) -> None:
    large = make(tmp_path / "large.mp4", Movie(width=3840, height=2160, frames=12, options=(("preset", "ultrafast"),)))
    target = tmp_path / "out" / "blurred.mp4"
    with start(large, target, 420) as process:
        assert process.stdout is not None
        last = json.loads(process.stdout.read().splitlines()[-1])
    assert last["error"] == "memory"
    assert "--max-memory" in last["text"]
    assert not target.exists()


def test_a_film_that_breaks_off_is_made_as_far_as_it_goes(film: Path, tmp_path: Path) -> None:
    with av.open(str(film)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = bytearray(film.read_bytes())
    data[places[250] : places[250] + 3000] = bytes(3000)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    target = tmp_path / "blurred.mp4"
    with start(broken, target) as process:
        assert process.stdout is not None
        last = json.loads(process.stdout.read().splitlines()[-1])
    assert len(last["said"]) == 1
    assert "could not be decoded" in last["said"][0]
    assert probe(target).duration == pytest.approx(20.0, abs=0.2)


def test_a_small_film_without_faces_is_a_video_too(tmp_path: Path) -> None:
    small = make(tmp_path / "small.mp4", Movie(width=34, height=22, frames=3, picture=moving_picture))
    target = tmp_path / "blurred.mp4"
    with start(small, target) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.read().splitlines()[-1]) == {"said": []}
    assert (probe(target).width, probe(target).height) == (34, 22)
