"""What a Lambda function is called with: one film, notifications of S3, or messages of a queue that hold either."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import unquote_plus

from stills.errors import StillsError, UsageError
from stills.types import Effort

Kind: TypeAlias = Literal["direct", "notification", "queue"]

_DIRECT = frozenset({"bucket", "key", "effort", "force"})
_EFFORTS: tuple[Effort, ...] = get_args(Effort)
_DEEPEST = 3
"""Envelopes around a notification at most: a queue, and a topic."""

_SHOWN = 80
_REMEDY = 'call it with {"bucket": "…", "key": "…"}, or connect it to notifications of S3 or to a queue of them'


@dataclass(frozen=True, slots=True)
class Film:
    """An object to look at. ``effort`` is the most to take, ``force`` to do it though there is a result."""

    bucket: str
    key: str
    effort: Effort | None = None
    force: bool = False
    notified: bool = False
    """Whether it was named by a notification and not by a person: then it may well be no video, or our own output."""

    @property
    def address(self) -> str:
        """Where it is."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Message:
    """What came together: the films of one message. ``error`` is what is wrong with it, where it cannot be read."""

    films: tuple[Film, ...]
    id: str | None = None
    error: StillsError | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the function."""

    kind: Kind
    messages: tuple[Message, ...]


def read_event(event: Any) -> Request:
    """What ``event`` asks for. Raises ``UsageError`` where it is none that is known.

    A message of a queue that cannot be read is an entry with an error: the others of its batch are not its fault.
    """
    if isinstance(event, dict) and "bucket" in event:
        return Request("direct", (Message((_direct(event),)),))
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and records and all(_source(record) == "aws:sqs" for record in records):
        return Request("queue", tuple(map(_queued, records)))
    return Request("notification", (Message(tuple(_notified(event, 0))),))


def _direct(event: Mapping[str, Any], *, notified: bool = False) -> Film:
    if unknown := sorted(set(event) - _DIRECT):
        raise UsageError(
            f"the event has an unknown key {unknown[0]!r}", remedy=f"known are {', '.join(sorted(_DIRECT))}"
        )
    effort, force = event.get("effort"), event.get("force", False)
    if effort is not None and effort not in _EFFORTS:
        raise UsageError(f"there is no effort {_short(effort)}", remedy=f"use {', '.join(_EFFORTS)}")
    if not isinstance(force, bool):
        raise UsageError(f"force is {_short(force)}", remedy="use true or false")
    return _film(event.get("bucket"), event.get("key"), effort, force=force, notified=notified)


def _queued(record: Mapping[str, Any]) -> Message:
    """One message of a queue."""
    name = record.get("messageId")
    if not isinstance(name, str) or not name:  # nothing can be said about it to the queue
        raise UsageError("a message of the queue has no messageId", remedy=_REMEDY)
    try:
        return Message(tuple(_notified(_parsed(record.get("body")), 1)), name)
    except UsageError as error:
        return Message((), name, error)


def _notified(event: Any, depth: int) -> Iterator[Film]:
    """The films that a notification is about: of S3, of EventBridge, or inside of one of SNS."""
    if not isinstance(event, dict) or depth > _DEEPEST:
        raise UsageError(f"the event is none that is known: {_short(event)}", remedy=_REMEDY)
    if "bucket" in event:
        yield _direct(event)
    elif event.get("Event") == "s3:TestEvent":  # said once, when notifications are set up
        return
    elif event.get("source") == "aws.s3" and isinstance(event.get("detail"), dict):
        if event.get("detail-type") == "Object Created":
            detail = event["detail"]
            yield _film(_named(detail, "bucket", "name"), _named(detail, "object", "key"), notified=True)
    elif isinstance(event.get("Message"), str):
        yield from _notified(_parsed(event["Message"]), depth + 1)
    elif isinstance(event.get("Records"), list):
        for record in event["Records"]:
            yield from _recorded(record, depth)
    else:
        raise UsageError(f"the event is none that is known: {_short(event)}", remedy=_REMEDY)


def _recorded(record: Any, depth: int) -> Iterator[Film]:
    """What one of the records of a notification is about; that something was deleted is nothing to do."""
    if _source(record) == "aws:sns":
        yield from _notified(record.get("Sns"), depth + 1)
        return
    if _source(record) != "aws:s3":
        raise UsageError(f"a record of the event is none that is known: {_short(record)}", remedy=_REMEDY)
    if not str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated"):
        return
    key = _named(record.get("s3"), "object", "key")
    plain = unquote_plus(key, errors="strict") if isinstance(key, str) else key
    yield _film(_named(record.get("s3"), "bucket", "name"), plain, notified=True)


def _film(bucket: Any, key: Any, effort: Effort | None = None, *, force: bool = False, notified: bool = False) -> Film:
    for what, value in (("bucket", bucket), ("key", key)):
        if not isinstance(value, str) or not value:
            raise UsageError(f"the event names no {what}: {_short(value)}", remedy=_REMEDY)
    if "/" in bucket or "::" in bucket + key:
        said = "is no name of a bucket" if "/" in bucket else "has :: in its name, which cannot be read"
        raise UsageError(f"{_short(bucket if '/' in bucket else key)} {said}", remedy="copy it to another name")
    return Film(bucket, key, effort, force, notified)


def _named(values: Any, *path: str) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _source(record: Any) -> str:
    """``aws:sqs``; topics of SNS write the name with a capital letter."""
    return str(record.get("eventSource") or record.get("EventSource") or "") if isinstance(record, dict) else ""


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise UsageError(f"the message is not JSON: {_short(text)}", remedy=_REMEDY) from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
