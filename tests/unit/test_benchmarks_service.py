"""What the benchmark of the service measures with, and how it tells films from each other."""

import subprocess
from pathlib import Path

import av
import httpx
import psutil
import pytest
from benchmarks.errors import BenchmarkError
from benchmarks.measure import python
from benchmarks.service_hostile import _disk
from benchmarks.service_load import _alternating
from benchmarks.service_server import Pulse, Service, percentile
from PIL import Image

from http_server import Server
from load_films import HUES, frames_of, hue_of, load_film


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 0.99)) == (51.0, 96.0, 100.0)
    assert percentile([3.0], 0.99) == 3.0


def test_questions_of_all_kinds_come_by_turns() -> None:
    asked = [{"recipe": "a", "n": 1}, {"recipe": "a", "n": 2}, {"recipe": "a", "n": 3}, {"recipe": "b", "n": 4}]
    assert [one["n"] for one in _alternating(asked)] == [1, 4, 2, 3]


def test_a_pulse_that_stops_is_no_short_time(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        (tmp_path / "healthz").write_text("ok")
        pulse = Pulse(f"http://{server.host}")
        while len(pulse.taken) < 3:
            assert not pulse.failed
        assert 0 < pulse.stop()[0] < 60
        (tmp_path / "healthz").unlink()
        pulse = Pulse(f"http://{server.host}")
        while not pulse.failed:
            assert not pulse.taken
        with pytest.raises(BenchmarkError, match="none"):
            pulse.stop()
    finally:
        server.close()


@pytest.mark.slow
def test_time_until_workers_rest_is_that_of_their_work() -> None:
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    busy = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.7: pass\ntime.sleep(60)"
    with subprocess.Popen(python("-c", work, busy)) as process, httpx.Client() as client:
        family = psutil.Process(process.pid)
        while not family.children():
            pass
        assert Service("", client, family, Path()).wait_idle() >= 0.5
        for child in family.children():
            child.kill()


def test_each_film_can_be_told_from_the_others(tmp_path: Path) -> None:
    assert len({frames_of(number) for number in range(HUES)}) == HUES
    for number in (0, 7, HUES - 1):
        path = load_film(tmp_path / f"{number}.mp4", number, 200_000)
        assert abs(path.stat().st_size - 200_000) < 1000
        with av.open(str(path)) as film:
            frames = list(film.decode(video=0))
        assert len(frames) == frames_of(number)
        for frame in (frames[0], frames[-1]):
            frame.to_image().save(tmp_path / "picture.jpg", quality=60)
            assert hue_of((tmp_path / "picture.jpg").read_bytes()) == number
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "red.jpg")
    assert hue_of((tmp_path / "red.jpg").read_bytes()) == 0


def test_the_database_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / ".stills").mkdir()
    (tmp_path / ".stills" / "state.db").write_bytes(bytes(500))
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "x").write_bytes(bytes(70))
    assert _disk(tmp_path) == 70
