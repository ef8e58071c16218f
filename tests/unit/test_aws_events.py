"""What the Lambda function is called with, in every form that AWS gives it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_runtime import created, queued
from stills.aws.events import Film, read_event
from stills.errors import UsageError


def films(event: Any) -> list[tuple[str, str]]:
    return [(film.bucket, film.key) for message in read_event(event).messages for film in message.films]


def test_a_film_by_name() -> None:
    request = read_event({"bucket": "b", "key": "a+b %20.mp4", "effort": "fast", "force": True})
    assert request.kind == "direct"
    assert request.messages[0].films == (Film("b", "a+b %20.mp4", "fast", True),)  # as it is: nobody encoded it


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"bucket": "b"}, "names no key"),
        ({"bucket": "", "key": "k"}, "names no bucket"),
        ({"bucket": "b", "key": 7}, "names no key"),
        ({"bucket": "b/c", "key": "k"}, "no name of a bucket"),
        ({"bucket": "b", "key": "a::b.mp4"}, "cannot be read"),
        ({"bucket": "b", "key": "k", "efort": "fast"}, "unknown key 'efort'"),
        ({"bucket": "b", "key": "k", "effort": "slow"}, "no effort 'slow'"),
        ({"bucket": "b", "key": "k", "force": "yes"}, "force is"),
        ({"hello": 1}, "none that is known"),
        ([], "none that is known"),
        (None, "none that is known"),
        ({"Records": [{"eventSource": "aws:dynamodb"}]}, "none that is known"),
        ({"Records": [7]}, "none that is known"),
        ({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {}}]}, "names no"),
        ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "no messageId"),
    ],
)
def test_what_is_wrong_is_said(event: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        read_event(event)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("in/film.mp4", "in/film.mp4"),
        ("my+film.mp4", "my film.mp4"),
        ("a%2Bb.mp4", "a+b.mp4"),
        ("100%25.mp4", "100%.mp4"),
        ("%C3%BCber/%E6%98%A0%E7%94%BB.mp4", "über/映画.mp4"),
    ],
)
def test_notifications_encode_names(written: str, key: str) -> None:
    request = read_event(created("films", written))
    assert request.kind == "notification"
    assert films(created("films", written)) == [("films", key)]
    assert request.messages[0].films[0].notified


def test_what_was_deleted_is_nothing_to_do() -> None:
    event = created("films", "film.mp4")
    event["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    assert films(event) == []


def test_the_test_event_is_nothing_to_do() -> None:
    said = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "films"}
    assert films(said) == []
    assert films(queued(said)) == []


def test_eventbridge_does_not_encode_names() -> None:
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "films"}, "object": {"key": "a+b.mp4"}},
    }
    assert films(event) == [("films", "a+b.mp4")]
    assert films({**event, "detail-type": "Object Deleted"}) == []


def test_a_topic_in_between() -> None:
    inner = json.dumps(created("films", "my+film.mp4"))
    direct = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": inner}}]}
    assert films(direct) == [("films", "my film.mp4")]
    assert films(queued({"Type": "Notification", "Message": inner})) == [("films", "my film.mp4")]
    for _ in range(4):
        inner = json.dumps({"Message": inner})
    with pytest.raises(UsageError):
        read_event({"Message": inner})


def test_messages_of_a_queue_fail_alone() -> None:
    request = read_event(
        queued({"bucket": "b", "key": "1.mp4"}, "not JSON", created("b", "2.mp4"), {"what": 1}, {"bucket": "b"})
    )
    assert request.kind == "queue"
    assert [message.id for message in request.messages] == ["m0", "m1", "m2", "m3", "m4"]
    assert [bool(message.error) for message in request.messages] == [False, True, False, True, True]
    assert films(queued(created("b", "x.mp4"))) == [("b", "x.mp4")]


def test_long_values_are_not_repeated_whole() -> None:
    with pytest.raises(UsageError) as caught:
        read_event({"bucket": "b", "key": {"x" * 10_000: 1}})
    assert len(str(caught.value)) < 400
