"""The images: every step of their Dockerfiles run as it is written, then started, without a container engine.

A step runs after a change of root into a file system over this machine's own, which stands for the base image. That
takes the rights to mount; where they are missing, nothing of this can be tried.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dockerfiles import read_dockerfile, settings_of
from films import face_film
from lambda_runtime import deployed, sealing
from s3_server import s3_serving

ROOT = Path(__file__).parents[2]
BUILDER = ROOT / "tests" / "image_builder.py"
SITE = "opt/stills/lib/python3.11/site-packages"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sealing() is None, reason="file systems cannot be mounted here"),
    pytest.mark.skipif(sysconfig.get_python_version() != "3.11", reason="the images have Python 3.11"),
]


@dataclass(frozen=True)
class Built:
    """An image: what its steps changed lies in ``work``."""

    dockerfile: Path
    work: Path

    def command(self, *words: str, read_only: bool = False) -> list[str]:
        """What starts it, or runs ``words`` in it."""
        options = ["--read-only"] if read_only else []
        line = ["unshare", "--mount", "--", sys.executable, str(BUILDER), "start"]
        more = ["--", *words] if words else []
        return [*line, str(self.dockerfile), str(ROOT), str(self.work), *options, *more]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), capture_output=True, text=True, check=False, timeout=120)

    @property
    def files(self) -> Path:
        """What the last stage put over its base."""
        return self.work / self.dockerfile.name / str(len(read_dockerfile(self.dockerfile)) - 1) / "system-changes"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Built]]:
    """Both images, gone afterwards: they begin with the same steps, which are run once."""
    work = tmp_path_factory.mktemp("images")
    files = [ROOT / name for name in ("Dockerfile", "Dockerfile.lambda")]
    line = ["unshare", "--mount", "--", sys.executable, str(BUILDER), "build", ",".join(map(str, files)), str(ROOT)]
    done = subprocess.run([*line, str(work)], capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    yield {file.name: Built(file, work) for file in files}
    shutil.rmtree(work)  # some gigabytes


@pytest.fixture(scope="module")
def function(images: dict[str, Built]) -> Built:
    return images["Dockerfile.lambda"]


@pytest.fixture(scope="module")
def service(images: dict[str, Built]) -> Built:
    return images["Dockerfile"]


def size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def holds(image: Built) -> None:
    """What every image has to be."""
    assert size(image.files) < 1000e6
    assert not (image.files / "src").exists()
    assert not (image.files / SITE / "pip").exists()
    assert list((image.files / SITE / "stills").rglob("*.pyc")), "nothing could be compiled later: it is read-only"
    said = image.run("python", "-c", "import os, sys; print(os.getuid(), sys.prefix)")
    assert said.stdout.split() == [
        settings_of(read_dockerfile(image.dockerfile))["user"].partition(":")[0],
        "/opt/stills",
    ]
    verified = image.run("stills", "models", "verify")
    assert verified.returncode == 0, verified.stderr
    missing = image.run("python", "-c", _LINKED.format(site=f"/{SITE}"))
    assert missing.stdout.strip() == "[]", f"the base image has no {missing.stdout}"


_LINKED = """
import pathlib, re, subprocess
base = re.compile(r"lib(c|m|dl|rt|pthread|util|gcc_s|stdc\\+\\+|z|crypt|mvec|resolv)[.\\d]*so|linux-vdso|ld-")
found, ours = set(), {{path.name for path in pathlib.Path("{site}").rglob("*.so*")}}
for path in pathlib.Path("{site}").rglob("*.so*"):
    said = subprocess.run(["ldd", str(path)], capture_output=True, text=True).stdout
    for line in said.splitlines():
        name, _, where = line.strip().partition(" => ")
        if where and "/opt/stills/" not in where and not base.match(name) and "/usr/local/lib/libpython" not in where:
            found.add(name)
print(sorted(found - ours - {{"libOpenCL.so.1"}}))
"""
"""Libraries that ours want and that do not come with them, but for those of every Debian (and of OpenVINO on a GPU)."""


def test_the_function_is_built_and_does_its_work(function: Built, tmp_path: Path) -> None:
    holds(function)
    film = face_film(tmp_path / "film.mp4", seconds=2.0).read_bytes()
    with s3_serving() as s3:
        s3.put("films", "film.mp4", film)
        command = function.command(read_only=True)
        with deployed(s3.environment(), command=command, prefix="IMAGE_") as running:
            reply = running.invoke({"bucket": "films", "key": "film.mp4"})
            assert reply.error is None, reply.error
            assert reply.value["status"] == "done", reply.value
            assert reply.value["people"] == 1
        assert "processed/film.mp4/person_1.jpg" in s3.keys("films")


def test_the_service_is_built(service: Built) -> None:
    holds(service)
    assert service.run("stills", "--version").stdout.startswith("stills")
    written = service.run(
        "python", "-c", "open('/data/x', 'w'), open('/opt/models/compiled/x', 'w'), open('/opt/x', 'w')"
    )
    assert "PermissionError" in written.stderr
    assert "/opt/x" in written.stderr  # and nowhere before


@pytest.fixture
def running(service: Built) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "IMAGE_STILLS_SERVICE__TOKENS_TEXT": f"web {secrets.token_hex(32)}"}
    process = subprocess.Popen(service.command(), env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
        assert process.returncode in {0, 143, -15}, said


def test_the_service_starts_and_is_well(service: Built, running: subprocess.Popen[str]) -> None:
    said = settings_of(read_dockerfile(service.dockerfile))
    inside = ["nsenter", f"--target={running.pid}", "--mount", "--root", "--wd", "--", *said["health"]]
    until = time.monotonic() + 60
    while subprocess.run(inside, env=said["env"], check=False).returncode:
        assert running.poll() is None, "the service ended"
        assert time.monotonic() < until, "the service is not well"
