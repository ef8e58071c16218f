"""A way to stop a long call from another thread or from a signal handler."""

from __future__ import annotations

import threading

from stills.errors import CancelledError


class CancelToken:
    """Handed to a long call; whoever holds it can :meth:`cancel` the call, once and for good.

    Safe to use from any thread and from signal handlers. Work in progress is finished or dropped at the next
    :meth:`check`; what was finished stays on disk.
    """

    __slots__ = ("_event",)

    def __init__(self) -> None:
        """A token that nobody has cancelled yet."""
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop. Calling it again changes nothing."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise :class:`~stills.errors.CancelledError` where somebody asked to stop; else do nothing."""
        if self._event.is_set():
            raise CancelledError("cancelled")

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for a cancel, and say whether it came: a sleep that can be interrupted."""
        return self._event.wait(seconds)
