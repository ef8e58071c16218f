"""A cancel token that also looks at the clock: the time that one video may take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from stills.cancel import CancelToken
from stills.errors import LimitError
from stills.retry import backoff

_LOOK_EVERY = 0.1
"""Seconds between two looks at the clock while waiting."""


class OutOfTimeError(LimitError):
    """The time for one video is up."""

    code = "timeout"


@dataclass(frozen=True, slots=True)
class Watch:
    """``started`` is of ``time.monotonic()``; ``seconds`` are what may pass since then (``None``: any)."""

    cancel: CancelToken | None
    started: float
    seconds: float | None

    def check(self) -> None:
        """Raise where somebody cancelled (``CancelledError``), or where the time is up (:class:`OutOfTimeError`)."""
        if self.cancel is not None:
            self.cancel.check()
        if self.seconds is not None and time.monotonic() - self.started > self.seconds:
            raise OutOfTimeError(f"stopped after {self.seconds:g} s (--video-timeout); the rest was not looked at")

    def pause(self, attempt: int, delay: float) -> None:
        """Wait before another attempt (see :func:`stills.retry.backoff`); raises what :meth:`check` raises."""
        token = self.cancel or CancelToken()
        until = time.monotonic() + backoff(attempt, delay)
        self.check()
        while (left := until - time.monotonic()) > 0:
            token.wait(min(left, _LOOK_EVERY))
            self.check()
