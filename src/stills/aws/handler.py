"""What Lambda calls: ``stills.aws.handler.handler``.

How failures come back depends on who called. Whoever named a film gets its answer, ``"status": "failed"`` with the
error in it. A notification raises, so that Lambda tries again, counts an error, and hands it to the destination for
failures. A queue gets back the messages that failed, and only those.
"""

from __future__ import annotations

import logging
from typing import Any

from stills.aws.answer import Answer, error_json
from stills.aws.clock import Clock, Context
from stills.aws.configure import configure, place_models
from stills.aws.events import Message, Request, read_event
from stills.aws.film import Workshop
from stills.errors import StillsError

_log = logging.getLogger("stills.aws")


class FilmsFailedError(Exception):
    """Films of a notification failed; what happened to each is said in the message."""


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Look at the films that ``event`` names. See the module, and ``docs/lambda.md``."""
    if _log.level == logging.NOTSET:
        _log.setLevel(logging.INFO)  # Lambda's own default would keep answers out of the log
    clock = Clock(context)
    try:
        request = read_event(event)
    except StillsError as error:
        return _refused(event, error)
    try:
        configured = configure()
        place_models(configured.settings)
    except StillsError as error:
        if request.kind == "direct":
            return _refused(event, error)
        raise
    shop = Workshop(configured, clock)
    try:
        answers = _do_all(request, shop)
    finally:
        shop.close()
    return _answered(request, answers)


def _do_all(request: Request, shop: Workshop) -> list[list[Answer]]:
    """The answers for the films of each message, in order."""
    answers: list[list[Answer]] = []
    first = True
    for message in request.messages:
        if message.error is not None:
            _log.error("message %s: %s", message.id, message.error)
        answers.append([])
        for film in message.films:
            answers[-1].append(shop.do(film, first=first))
            first = first and answers[-1][-1].status == "skipped"
    return answers


def _answered(request: Request, answers: list[list[Answer]]) -> dict[str, Any]:
    if request.kind == "direct":
        return answers[0][0].to_json()
    if request.kind == "queue":
        pairs = zip(request.messages, answers, strict=True)
        return {"batchItemFailures": [{"itemIdentifier": m.id} for m, films in pairs if _has_failed(m, films)]}
    films = [answer for message in answers for answer in message]
    failed = [answer for answer in films if answer.error is not None]
    if failed:
        raise FilmsFailedError("; ".join(map(_said, failed)))
    return {"films": [answer.to_json() for answer in films]}


def _has_failed(message: Message, films: list[Answer]) -> bool:
    return message.error is not None or any(answer.error is not None for answer in films)


def _said(answer: Answer) -> str:
    error = answer.error or {}
    remedy = f" — {error['remedy']}" if error.get("remedy") else ""
    return f"{answer.film.address}: {error.get('message')}{remedy} ({error.get('code')})"


def _refused(event: Any, error: StillsError) -> dict[str, Any]:
    """The answer to a call of a person that cannot be begun; raises for all others, whose caller reads no answers."""
    if not isinstance(event, dict) or "Records" in event or "detail" in event or "Message" in event:
        raise error
    _log.error("%s", error)
    named = {name: event.get(name) if isinstance(event.get(name), str) else None for name in ("bucket", "key")}
    return {"status": "failed", **named, "error": error_json(error)}
