"""``--json``: one JSON object a line on standard output, for programs that watch.

Every event has ``event``, ``time`` (seconds since the command started) and, where it is about one, ``input``. Kinds:
``started``, ``progress``, ``fallback``, ``again``, ``left``, ``result``, ``error``, ``summary``; ``status``, which
``stills status`` writes; and ``serving``, by which ``stills serve`` says where it is. Names that are not UTF-8 come
as lone surrogates, escaped, so every line is ASCII and valid JSON.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Literal, TypeAlias

from stills.cli.say import write_out
from stills.errors import StillsError

Kind: TypeAlias = Literal[
    "started", "progress", "fallback", "again", "left", "result", "error", "summary", "status", "serving"
]


class Events:
    """Writes events, or nothing where the user did not ask for them. Safe to use from several threads."""

    def __init__(self, *, enabled: bool) -> None:
        """``enabled`` is ``--json``."""
        self.enabled = enabled
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def emit(self, event: Kind, **fields: Any) -> None:
        """Write one event and flush, so that a reader sees it when it happens. Raises ``ReaderGoneError``."""
        if not self.enabled:
            return
        elapsed = round(time.monotonic() - self._started, 3)
        text = json.dumps({"event": event, "time": elapsed, **fields}, default=str)
        with self._lock:
            write_out(text)

    def error(self, error: StillsError | str, *, path: str | None, **more: Any) -> None:
        """An ``error`` event: a stable code, what happened and what to do, and ``more``."""
        if isinstance(error, StillsError):
            self.emit(
                "error", input=path, code=error.code, message=error.message, remedy=error.remedy,
                retryable=error.retryable, **more,
            )  # fmt: skip
        else:
            self.emit("error", input=path, code="internal", message=error, remedy=None, retryable=False, **more)
