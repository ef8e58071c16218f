"""The Lambda function behind AWS' own runtime interface client, with a bucket that speaks S3's protocol.

Sealed in, where that is allowed: nothing but 512 MB in /tmp can be written, and there is no shared memory.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from films import empty_film, face_film
from lambda_runtime import Function, Reply, created, deployed, models_folder, queued, sealing
from s3_server import SECRET, S3Server, s3_serving
from stills.render.results import people_schema

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_serving() as server:
        yield server


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return face_film(tmp_path_factory.mktemp("films") / "film.mp4", seconds=4.0).read_bytes()


@pytest.fixture(scope="module")
def tall(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return face_film(tmp_path_factory.mktemp("films") / "tall.mp4", seconds=2.0, width=360, height=640).read_bytes()


def environment(s3: S3Server, **more: str) -> dict[str, str]:
    return {**s3.environment(), "STILLS_MODELS_DIR": str(models_folder()), **more}


@pytest.fixture(scope="module")
def function(s3: S3Server) -> Iterator[Function]:
    """A function that stays warm for many tests."""
    with deployed(environment(s3), wrapper=sealing() or ()) as found:
        yield found
        assert SECRET not in found.log


def document(s3: S3Server, bucket: str, answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(s3.get(bucket, answer["result"]))
    return found


def ok(reply: Reply) -> dict[str, Any]:
    assert reply.error is None, reply.error
    value: dict[str, Any] = reply.value
    assert value["error"] is None, value["error"]
    return value


def test_people_of_a_film_by_name(s3: S3Server, film: bytes, function: Function) -> None:
    s3.put("films", "in/My film.mp4", film)
    s3.reset()
    answer = ok(function.invoke({"bucket": "films", "key": "in/My film.mp4"}))
    assert answer["status"] == "done"
    assert answer["people"] == 1
    assert answer["pictures"] == ["processed/My film.mp4/person_1.jpg"]
    assert answer["object_bytes"] == len(film)
    assert answer["bytes_read"] <= s3.given <= answer["bytes_read"] + 40_000  # and what is asked of earlier results
    assert answer["effort"] == "exhaustive"  # it is short
    with Image.open(io.BytesIO(s3.get("films", answer["pictures"][0]))) as picture:
        assert picture.size == (1920, 1080)
    found = document(s3, "films", answer)
    Draft202012Validator(people_schema()).validate(found)
    assert found["video"]["path"] == "s3://films/in/My film.mp4"
    assert found["people"][0]["still"]["file"] == "person_1.jpg"
    assert found["files"] == ["person_1.jpg"]
    assert found["partial"] is False
    assert function.lines()[-1] == answer  # the log has it too


def test_a_tall_film_gives_tall_pictures(s3: S3Server, tall: bytes, function: Function) -> None:
    s3.put("films", "tall.mp4", tall)
    answer = ok(function.invoke({"bucket": "films", "key": "tall.mp4"}))
    with Image.open(io.BytesIO(s3.get("films", answer["pictures"][0]))) as picture:
        assert picture.size == (1080, 1920)


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("new/a+b c.mp4", "new/a%2Bb+c.mp4"),
        ("new/ü#?&映画 100%.mp4", "new/%C3%BC%23%3F%26%E6%98%A0%E7%94%BB+100%25.mp4"),
    ],
)
def test_notifications(key: str, written: str, s3: S3Server, film: bytes, function: Function) -> None:
    s3.put("films", key, film)
    reply = function.invoke(created("films", written))
    assert reply.error is None, reply.error
    (answer,) = reply.value["films"]
    assert answer["status"] == "done"
    assert answer["key"] == key
    assert answer["pictures"] == [f"processed/{key.rpartition('/')[2]}/person_1.jpg"]
    assert s3.get("films", answer["pictures"][0])


def test_it_never_looks_at_what_it_wrote(s3: S3Server, function: Function) -> None:
    s3.put("films", "processed/x.mp4/clip.mp4", b"what ever")
    s3.put("films", "notes.txt", b"what ever")
    s3.reset()
    for key in ("processed/x.mp4/clip.mp4", "notes.txt", "folder/"):
        (answer,) = function.invoke(created("films", key)).value["films"]
        assert answer["status"] == "skipped"
        assert answer["reasons"]
    assert ok(function.invoke({"bucket": "films", "key": "processed/x.mp4/clip.mp4"}))["status"] == "skipped"
    assert s3.asked == 0


def test_delivered_again_it_is_told_again(s3: S3Server, film: bytes, function: Function) -> None:
    s3.put("again", "film.mp4", film)
    first = ok(function.invoke({"bucket": "again", "key": "film.mp4"}))
    before = {key: s3.get("again", key) for key in s3.keys("again")}
    s3.reset()
    second = ok(function.invoke({"bucket": "again", "key": "film.mp4"}))
    assert second["repeated"]
    assert not first["repeated"]
    assert {name: first[name] for name in ("status", "people", "pictures", "result", "effort", "coverage")} == {
        name: second[name] for name in ("status", "people", "pictures", "result", "effort", "coverage")
    }
    assert second["bytes_read"] == 0
    assert before == {key: s3.get("again", key) for key in s3.keys("again")}
    forced = ok(function.invoke({"bucket": "again", "key": "film.mp4", "force": True}))
    assert not forced["repeated"]
    other = ok(function.invoke({"bucket": "again", "key": "film.mp4", "effort": "fast"}))
    assert (other["repeated"], other["effort"]) == (False, "fast")


def test_another_film_under_the_same_key_is_done_anew(
    s3: S3Server, film: bytes, tall: bytes, function: Function
) -> None:
    s3.put("changed", "film.mp4", film)
    ok(function.invoke({"bucket": "changed", "key": "film.mp4"}))
    s3.put("changed", "film.mp4", tall)
    answer = ok(function.invoke({"bucket": "changed", "key": "film.mp4"}))
    assert not answer["repeated"]
    with Image.open(io.BytesIO(s3.get("changed", answer["pictures"][0]))) as picture:
        assert picture.size == (1080, 1920)


def test_two_films_of_one_name_stay_apart(s3: S3Server, film: bytes, tall: bytes, function: Function) -> None:
    s3.put("same", "a/film.mp4", film)
    s3.put("same", "b/film.mp4", tall)
    one, other = (ok(function.invoke({"bucket": "same", "key": f"{name}/film.mp4"})) for name in "ab")
    assert one["output"] == "s3://same/processed/film.mp4/"
    assert other["output"].startswith("s3://same/processed/film-")
    assert document(s3, "same", one)["video"]["width"] == 640
    assert document(s3, "same", other)["video"]["width"] == 360
    assert ok(function.invoke({"bucket": "same", "key": "b/film.mp4"}))["output"] == other["output"]


def test_nobody_in_it_is_an_answer(s3: S3Server, tmp_path: Path, function: Function) -> None:
    s3.put("films", "empty.mp4", empty_film(tmp_path / "empty.mp4").read_bytes())
    answer = ok(function.invoke({"bucket": "films", "key": "empty.mp4"}))
    assert (answer["status"], answer["people"], answer["pictures"]) == ("nobody", 0, [])
    assert document(s3, "films", answer)["people"] == []


def test_failures_are_told_to_who_asked(s3: S3Server, function: Function) -> None:
    s3.put("films", "text.mp4", b"some words\n" * 50)
    s3.put("films", "nothing.mp4", b"")
    for key, code in {"text.mp4": "not-a-video", "nothing.mp4": "not-a-video", "gone.mp4": "download"}.items():
        value = function.invoke({"bucket": "films", "key": key}).value
        assert value["status"] == "failed"
        assert value["error"]["code"] == code
        assert value["error"]["remedy"]
        assert value["error"]["path"] == f"s3://films/{key}"
        reply = function.invoke(created("films", key))
        assert reply.error is not None
        assert reply.error["errorType"] == "FilmsFailedError"
        assert code in reply.error["errorMessage"]
        assert f"processed/{key}/people.json" not in s3.keys("films")
    assert function.invoke({"bucket": "films"}).value["error"]["code"] == "usage"
    refused = function.invoke({"Records": [{"eventSource": "aws:kinesis"}]})
    assert refused.error is not None
    assert refused.error["errorType"] == "UsageError"


def test_a_refused_bucket_is_said(s3: S3Server, film: bytes, function: Function) -> None:
    s3.put("closed", "film.mp4", film)
    s3.refused.add("closed")
    try:
        value = function.invoke({"bucket": "closed", "key": "film.mp4"}).value
    finally:
        s3.refused.clear()
    assert value["status"] == "failed"
    assert "access is refused" in value["error"]["message"]


def test_a_queue_gets_back_what_failed(s3: S3Server, film: bytes, tall: bytes, function: Function) -> None:
    s3.put("queue", "1.mp4", film)
    s3.put("queue", "2.mp4", tall)
    s3.put("queue", "text.mp4", b"some words\n" * 50)
    batch = queued(
        created("queue", "1.mp4"),
        created("queue", "text.mp4"),
        "no JSON",
        {"bucket": "queue", "key": "2.mp4", "effort": "fast"},
        created("queue", "processed/1.mp4/person_1.jpg"),
    )
    reply = function.invoke(batch)
    assert reply.error is None
    assert reply.value == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}
    assert {"processed/1.mp4/people.json", "processed/2.mp4/people.json"} < set(s3.keys("queue"))
    assert function.invoke(queued(created("queue", "1.mp4"))).value == {"batchItemFailures": []}


def test_what_there_is_no_time_for_in_a_batch_comes_again(
    s3: S3Server, film: bytes, tmp_path: Path, function: Function
) -> None:
    s3.put("late", "1.mp4", film)
    s3.put("late", "2.mp4", long_film(tmp_path / "long.mp4", tmp_path, 20.0))
    second = {"bucket": "late", "key": "2.mp4", "effort": "exhaustive"}
    reply = function.invoke(queued(created("late", "1.mp4"), second), timeout=90.0)
    assert reply.error is None, reply.error
    assert reply.value == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert function.lines()[-1]["error"]["code"] == "postponed"
    assert function.lines()[-1]["error"]["retryable"] is True
    assert "processed/2.mp4/people.json" not in s3.keys("late")


def test_the_disk_is_left_as_it_was(s3: S3Server, film: bytes, function: Function) -> None:
    s3.put("films", "disk.mp4", film)
    ok(function.invoke({"bucket": "films", "key": "disk.mp4", "force": True}))
    room = Path(f"/proc/{function.process.pid}/root/tmp/stills")
    assert not list(room.glob("pictures-*"))
    assert not list((room / "index").iterdir())
    assert list((room / "models" / "compiled").iterdir()) or not sealing()


def long_film(path: Path, tmp_path: Path, minutes: float) -> bytes:
    """The same ten seconds over and over."""
    part = face_film(tmp_path / "part.mp4", seconds=10.0)
    with av.open(str(path), "w") as target:
        copy = None
        for number in range(round(minutes * 6)):
            with av.open(str(part)) as source:
                stream = source.streams.video[0]
                copy = copy or target.add_stream_from_template(stream)
                length = int(10 / stream.time_base)  # type: ignore[operator]
                for packet in source.demux(stream):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + number * length, packet.dts + number * length
                        packet.stream = copy
                        target.mux(packet)
    return path.read_bytes()


def test_short_of_time_it_gives_a_part_and_says_so(s3: S3Server, tmp_path: Path) -> None:
    film = long_film(tmp_path / "long.mp4", tmp_path, 20.0)
    s3.put("long", "long.mp4", film)
    s3.reset()
    s3.most = (2 << 20) + len(film) // 40  # then the bucket falls silent: no machine gets to the end of it
    event = {"bucket": "long", "key": "long.mp4", "effort": "exhaustive"}
    try:
        with deployed(environment(s3, STILLS_AWS__RESERVE="15"), wrapper=sealing() or ()) as function:
            answer = ok(function.invoke(event, timeout=35.0))
    finally:
        s3.go_on()
    assert answer["status"] == "partial"
    assert answer["partial"]
    assert (answer["effort_wanted"], answer["effort"]) == ("exhaustive", "fast")
    assert any("stopped after" in said for said in answer["reasons"])
    assert any("rather than exhaustive" in said for said in answer["reasons"])
    assert answer["people"] == 1
    assert 0 < answer["bytes_read"] < len(film)
    found = document(s3, "long", answer)
    Draft202012Validator(people_schema()).validate(found)
    assert found["partial"] is True
    assert {one["code"] for one in found["fallbacks"]} >= {"effort-lowered"}
    with deployed(environment(s3, STILLS_AWS__RESERVE="15"), wrapper=sealing() or ()) as function:
        assert ok(function.invoke(event, timeout=35.0))["repeated"]  # there is no more time than before
        value = function.invoke({**event, "force": True}, timeout=10.0).value
        assert value["error"]["code"] == "timeout"  # less than is kept for pictures
    with deployed(environment(s3, STILLS_STRICT="true"), wrapper=sealing() or ()) as function:
        value = function.invoke({**event, "force": True}, timeout=60.0).value
        assert value["error"]["code"] == "strict"


def test_too_little_memory_is_said(s3: S3Server, film: bytes) -> None:
    s3.put("films", "memory.mp4", film)
    with deployed(environment(s3), wrapper=sealing() or (), memory_mb=256) as function:
        value = function.invoke({"bucket": "films", "key": "memory.mp4"}).value
        assert value["error"]["code"] == "memory"


def test_a_setting_that_is_none_is_said(s3: S3Server) -> None:
    with deployed(environment(s3, STILLS_EFORT="fast")) as function:
        value = function.invoke({"bucket": "films", "key": "film.mp4"}).value
        assert value["error"]["code"] == "settings"
        reply = function.invoke(created("films", "film.mp4"))
        assert reply.error is not None
        assert reply.error["errorType"] == "SettingsError"
