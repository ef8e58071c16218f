"""Server-sent events of a job: read as they come, resumed where a connection broke, asked for where none come."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.client.errors import NotThereError, RemoteError, UnreachableError, not_understood
from stills.client.types import RemoteEvent, RemoteJob, job_of
from stills.retry import backoff

if TYPE_CHECKING:
    import httpx

    from stills.cancel import CancelToken
    from stills.client.wire import Wire

SILENCE_S = 45.0
"""Longest time without a byte: servers send a comment every 15 s."""
FEW = 2
"""Streams in a row that may give nothing; then the job is asked for instead."""
POLL_S = 2.0
"""Longest pause between two of these questions; the first ones come sooner."""
_LOOK_S = 0.1
"""How often it is looked whether the caller cancelled."""
_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Message:
    """One event of a stream."""

    id: str
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class _End:
    """A stream has ended; ``error`` is what it ended with."""

    error: Exception | None = None


def messages(lines: Iterator[str]) -> Iterator[Message]:
    """The events in the lines of a stream, by the rules of the HTML standard ("Interpreting an event stream")."""
    last_id, name, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Message(last_id, name or "message", "\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            last_id = value


def follow(wire: Wire, job: str, last: str | None, cancel: CancelToken | None) -> Iterator[RemoteEvent]:
    """Every event of a job from the one after ``last`` on, up to its end.

    Raises ``NotThereError`` where there is no such job (any more), ``UnreachableError`` where the server is gone for
    longer than the wire waits, ``CancelledError``.
    """
    empty = 0
    while empty < FEW:
        heard = False
        try:
            for event in _stream(wire, job, last, cancel):
                last, heard = event.id or last, True
                yield event
                if event.job.ended:
                    return
        except _NoEventsError:
            break
        except UnreachableError:
            pass  # broken off, or silent: the wire has its own patience for a server that is gone
        empty = 0 if heard else empty + 1
        _rest(backoff(0, _RETRY_S), cancel)
    yield from _poll(wire, job, last, cancel)


class _NoEventsError(Exception):
    """This server, or what stands before it, gives no events."""


def _stream(wire: Wire, job: str, last: str | None, cancel: CancelToken | None) -> Iterator[RemoteEvent]:
    """The events of one connection."""
    headers = {"Accept": "text/event-stream", **({} if last is None else {"Last-Event-ID": last})}
    path = f"/v1/jobs/{job}/events"
    try:
        opened = wire.open(lambda: wire.request("GET", path, headers=headers, timeout=SILENCE_S), cancel=cancel)
        with opened as answer:
            if "text/event-stream" not in answer.headers.get("content-type", ""):
                raise _NoEventsError
            for message in _pumped(wire, answer, cancel):
                yield RemoteEvent(message.id, message.name, _job(wire, message.data))
    except NotThereError as error:
        if error.status in {405, 406, 501}:
            raise _NoEventsError from error
        raise
    except RemoteError as error:
        if error.status in {406, 501}:
            raise _NoEventsError from error
        raise


def _pumped(wire: Wire, answer: httpx.Response, cancel: CancelToken | None) -> Iterator[Message]:
    """The events of an answer, read in a thread of their own: a caller who cancels is not kept waiting for the next."""
    if cancel is None:
        with _as_unreachable(wire):
            yield from messages(answer.iter_lines())
        return
    read: queue.SimpleQueue[Message | _End] = queue.SimpleQueue()

    def pump() -> None:
        try:
            for message in messages(answer.iter_lines()):
                read.put(message)
            read.put(_End())
        except Exception as error:  # noqa: BLE001 - raised where the events are read
            read.put(_End(error))

    thread = threading.Thread(target=pump, name="stills-events", daemon=True)
    thread.start()
    try:
        while True:
            cancel.check()
            try:
                item = read.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(item, Message):
                yield item
                continue
            with _as_unreachable(wire):
                if item.error is not None:
                    raise item.error
            return
    finally:
        _interrupt(answer)
        thread.join(SILENCE_S)


@contextlib.contextmanager
def _as_unreachable(wire: Wire) -> Iterator[None]:
    import httpx

    try:
        yield
    except (httpx.TransportError, httpx.StreamError) as error:
        raise wire.unreachable(error) from error


def _interrupt(answer: httpx.Response) -> None:
    """End whatever waits for more of an answer."""
    network = answer.extensions.get("network_stream")
    link = None if network is None else network.get_extra_info("socket")
    if isinstance(link, socket.socket):
        with contextlib.suppress(OSError):  # it has ended already
            link.shutdown(socket.SHUT_RDWR)


def _poll(wire: Wire, job: str, last: str | None, cancel: CancelToken | None) -> Iterator[RemoteEvent]:
    """The same by asking for the job again and again: an event for each change."""
    before: RemoteJob | None = None
    pause = POLL_S / 8
    while True:
        now = _understood(wire, wire.ask("GET", f"/v1/jobs/{job}", cancel=cancel))
        if now != before:
            yield RemoteEvent(last or "", now.state if now.ended else "progress", now)
            if now.ended:
                return
            pause = POLL_S / 8
        before, pause = now, min(POLL_S, pause * 1.5)
        _rest(pause, cancel)


def _job(wire: Wire, data: str) -> RemoteJob:
    try:
        return _understood(wire, json.loads(data))
    except ValueError as error:
        raise not_understood(wire.address, "an event was no JSON") from error


def _understood(wire: Wire, values: Any) -> RemoteJob:
    try:
        return job_of(values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood(wire.address, "a job was told in another form") from error


def _rest(seconds: float, cancel: CancelToken | None) -> None:
    if cancel is None:
        time.sleep(seconds)
    else:
        cancel.wait(seconds)
        cancel.check()
