"""The corpus of odd and broken files through the real command: all in one call, every file with its answer."""

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from command import Done, leftovers, one_clear_line, stills

CORPUS = Path(os.environ.get("STILLS_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus" / "dev")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CORPUS / "edge.tar").exists(), reason="the corpus is not here (STILLS_CORPUS)"),
]

Expected = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("edge")
    with tarfile.open(CORPUS / "edge.tar") as archive:
        archive.extractall(target, filter="tar")  # "data" would refuse the dangling link, which is one of the cases
    return next(target.rglob("expect.json")).parent


@pytest.fixture(scope="module")
def expected(folder: Path) -> Expected:
    """What is known of each file, by its path."""
    return {str(folder / row["file"]): row for row in json.loads((folder / "expect.json").read_text())}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def people(expected: Expected, work: Path) -> Done:
    env = {"STILLS_CACHE_DIR": str(work / "cache")}
    return stills("people", "--json", "-o", work / "out", "--fit", "320x180", "--", *expected, env=env)


@pytest.fixture(scope="module")
def probed(expected: Expected) -> Expected:
    done = stills("probe", "--json", "--", *expected)
    return {event["input"]: event["video"] for event in done.events if event["event"] == "result"}


def answers(done: Done) -> Expected:
    """The answer about each input; two about one would be an error of its own."""
    found: Expected = {}
    for event in done.events:
        if event["event"] in {"result", "error"}:
            assert event["input"] not in found
            found[event["input"]] = event
    return found


def test_every_file_has_one_answer_and_it_is_the_right_one(people: Done, expected: Expected) -> None:
    found = answers(people)
    assert found.keys() == expected.keys()
    wrong = {
        path: found[path].get("message")
        for path, row in expected.items()
        if row["expect"] != "any" and (found[path]["event"] == "result") != (row["expect"] == "ok")
    }
    assert not wrong
    assert people.code == 3
    assert people.events[-1]["failed"] == sum(event["event"] == "error" for event in found.values())


def test_each_failure_is_one_clear_line_and_no_crash(people: Done, expected: Expected) -> None:
    failed = {path: event for path, event in answers(people).items() if event["event"] == "error"}
    assert not [path for path, event in failed.items() if event["code"] in {"decoder-crash", "worker", "internal"}]
    assert len(people.errors) == len(failed)
    assert all(one_clear_line(line) for line in people.lines)
    assert {line.partition(": ")[0] for line in people.lines} == {"error", "warning"}


def test_whoever_opens_is_told_by_probe_with_the_right_facts(
    people: Done, probed: Expected, expected: Expected
) -> None:
    assert probed.keys() >= {path for path, event in answers(people).items() if event["event"] == "result"}
    wrong = []
    for path, video in probed.items():
        facts = {
            "rotation": video["rotation"],
            "variable_frame_rate": video["variable_frame_rate"],
            "hdr": video["hdr"] != "none",
            "has_cover_art": bool(video["cover_streams"]),
        }
        wrong += [(path, fact, is_) for fact, is_ in facts.items() if expected[path][fact] not in (None, is_)]
        size = expected[path]["display_size"]
        if size and max(abs(video["width"] - size[0]), abs(video["height"] - size[1])) > 1:
            wrong.append((path, "display_size", [video["width"], video["height"]]))
    assert not wrong


def test_what_was_cut_off_is_said_and_nothing_else_is(people: Done, expected: Expected) -> None:
    """The corpus names its damaged files; a warning about any other would be a false one."""
    damaged = ("truncated", "flipped", "corrupt", "invalid", "junk", "no_timescale")
    found = answers(people)
    partial = {Path(path).name for path, event in found.items() if event.get("partial")}
    assert {"truncated_50.mp4", "truncated_95.mp4", "flipped_200.mp4"} <= partial
    assert not [name for name in partial if not any(word in name for word in damaged)]


def test_nothing_was_left_and_no_trap_was_followed(people: Done, folder: Path, work: Path) -> None:
    assert not leftovers(work)
    assert sorted(path.name for path in (work / "out").iterdir() if path.suffix == ".html") == ["report.html"]
    results = [event for event in answers(people).values() if event["event"] == "result"]
    assert all(Path(event["files"][-1]).is_relative_to(work / "out") for event in results)
    assert not [path for path in (folder / "pwned", Path("pwned")) if path.exists()]
