"""Who may be at work beside whom: a video that ran out of memory is tried again with nothing else under way."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.media.sandbox_tasks import Limits, Runner, Stopper, Task, TaskResult

_LOOK_S = 0.1


class Gate:
    """Lets many in, or one alone. One that waits to be alone keeps others out, so it gets its turn."""

    def __init__(self) -> None:
        """Nobody is in."""
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = 0

    @contextlib.contextmanager
    def enter(self, token: CancelToken, *, alone: bool = False) -> Iterator[None]:
        """Be inside, once that can be. Raises ``CancelledError``."""
        with self._changed:
            self._alone += alone
            try:
                while self._inside if alone else self._alone:
                    token.check()
                    self._changed.wait(_LOOK_S)
                token.check()
            except BaseException:
                self._alone -= alone
                self._changed.notify_all()
                raise
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._alone -= alone
                self._changed.notify_all()


class Contents:
    """One scan of a content at a time: a second one waits, and finds it in the index then."""

    def __init__(self) -> None:
        """Nothing is being scanned."""
        self._changed = threading.Condition()
        self._busy: Counter[str] = Counter()

    @contextlib.contextmanager
    def only(self, content: str, token: CancelToken) -> Iterator[None]:
        """Be the only one at work on ``content``. Raises ``CancelledError``."""
        with self._changed:
            while self._busy[content]:
                token.check()
                self._changed.wait(_LOOK_S)
            self._busy[content] = 1
        try:
            yield
        finally:
            with self._changed:
                del self._busy[content]
                self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class OneWorker:
    """A runner of which one worker is used."""

    runner: Runner
    workers: int = 1

    @property
    def limits(self) -> Limits:
        """Those of the runner."""
        return self.runner.limits

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
        at_once: int | None = None,
    ) -> Iterator[TaskResult]:
        """Run tasks one after another."""
        return self.runner.run(tasks, on_progress=on_progress, cancel=cancel, at_once=1)

    def close(self) -> None:
        """The runner is somebody else's."""
