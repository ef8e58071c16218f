"""The corpus of odd and broken files: each gives frames and the right facts, or one clear line."""

import json
import os
import tarfile
from pathlib import Path

import pytest

from stills.errors import DecoderCrashError, WorkerError
from stills.media.sandbox import Limits, Pool, Task

CORPUS = Path(os.environ.get("STILLS_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus" / "dev")
LIMITS = Limits(memory_mb=1500, cpu_s=120, wall_s=120, no_progress_s=60)
PRELOAD = ["av", "cv2", "stills.media.decode", "stills.media.probe"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CORPUS / "edge.tar").exists(), reason="the corpus is not here (STILLS_CORPUS)"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("edge")
    with tarfile.open(CORPUS / "edge.tar") as archive:
        archive.extractall(target, filter="tar")  # "data" would refuse the dangling link, which is one of the cases
    return next(target.rglob("expect.json")).parent


@pytest.fixture(scope="module")
def results(folder):
    paths = [str(folder / name) for name in sorted(os.listdir(folder)) if name != "expect.json"]
    with Pool(2, LIMITS, preload=PRELOAD) as pool:
        tasks = [Task(os.path.basename(path), "e2e.edge_tasks:look", (path,), path=path) for path in paths]
        return {result.key: result for result in pool.run(tasks)}


@pytest.fixture(scope="module")
def expected(folder):
    return {row["file"]: row for row in json.loads((folder / "expect.json").read_text())}


def test_every_file_has_a_result_and_none_crashes(results, expected):
    assert results.keys() == expected.keys()
    assert not [r for r in results.values() if isinstance(r.error, DecoderCrashError | WorkerError)]


def test_who_opens_and_who_does_not(results, expected):
    wrong = {
        name: str(results[name].error)
        for name, row in expected.items()
        if row["expect"] != "any" and results[name].ok != (row["expect"] == "ok")
    }
    assert not wrong


def test_errors_are_one_line_that_names_the_file(results):
    for name, result in results.items():
        if not result.ok:
            assert os.path.basename(result.error.path) == name
            assert str(result.error).isprintable()
            assert len(result.error.message) > 10


@pytest.mark.parametrize("fact", ["rotation", "display_size", "variable_frame_rate", "hdr", "has_cover_art"])
def test_facts(results, expected, fact):
    wrong = {}
    for name, result in results.items():
        want = expected[name][fact]
        if result.ok and want is not None and not agrees(fact, result.value[fact], want):
            wrong[name] = (result.value[fact], want)
    assert not wrong


def agrees(fact, found, want):
    if fact == "display_size":
        return all(abs(a - b) <= 1 for a, b in zip(found, want, strict=True))
    return found == want


def test_pictures_have_the_size_that_was_promised(results):
    assert not [name for name, r in results.items() if r.ok and r.value["shown"] != r.value["display_size"]]


def test_traps_were_not_followed(folder):
    assert not [path for path in (folder / "pwned", Path("pwned")) if path.exists()]
