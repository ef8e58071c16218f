"""The time that is left to an invocation, and how it is shared out: looking, pictures, upload, the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from stills.cancel import CancelToken
from stills.errors import OutputError

ANSWER_S = 1.5
"""What is always kept: to end the workers and to answer."""

RESERVE_SHARE = 0.15
RESERVE_S = (5.0, 75.0)
"""Of the time there is, what is kept for pictures and their upload: a share of it, but so many seconds."""

UPLOAD_S = 0.15
"""A picture's upload, about: 0.6 MB to S3 from the same region takes 0.1 s."""


class Context(Protocol):
    """What Lambda hands to a handler, as far as we need it."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        ...


class Clock:
    """How much time is left, in seconds."""

    def __init__(self, context: Context) -> None:
        """It runs since the function was called."""
        self._context = context
        self.total = self.left()

    def left(self) -> float:
        """Seconds until there must be an answer."""
        return self._context.get_remaining_time_in_millis() / 1000 - ANSWER_S

    def reserve(self, given: float | None) -> float:
        """Seconds to keep for pictures and their upload; ``given`` is what the settings say."""
        if given is not None:
            return given
        least, most = RESERVE_S
        return min(most, max(least, RESERVE_SHARE * self.left()))

    def pause(self, seconds: float) -> None:
        """Wait before something is tried again. Raises ``OutputError`` where there is no time for that."""
        if self.left() <= seconds + UPLOAD_S:
            raise OutputError("the time is up while the store does not answer", remedy="call the function again")
        time.sleep(seconds)


class Deadline(CancelToken):
    """Cancels what it is handed to once no more than ``keep`` seconds are left."""

    __slots__ = ("_keep", "_left")

    def __init__(self, left: Callable[[], float], keep: float) -> None:
        """``left`` tells the seconds that are left."""
        super().__init__()
        self._left, self._keep = left, keep

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        if self._left() <= self._keep:
            self.cancel()
        return self.cancelled

    def check(self) -> None:
        """Raise ``CancelledError`` where it is too late."""
        if not self.passed:
            return
        super().check()

    def wait(self, seconds: float) -> bool:
        """Wait, but not beyond the end."""
        return super().wait(max(0.0, min(seconds, self._left() - self._keep))) or self.passed
