"""Writing what has to be written, also where the database is away for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from stills.errors import StateUnavailableError
from stills.retry import backoff

PATIENCE_S = 60.0
"""How long it is tried again."""
_ENDING_S = 5.0
"""The same while the service ends."""
_FIRST_PAUSE_S = 0.3
_LONGEST_PAUSE_S = 3.0

_log = logging.getLogger(__name__)


def patiently(do: Callable[[], None], stopping: threading.Event) -> None:
    """Call ``do`` until the database answers. Raises what it raises, ``StateUnavailableError`` only after a while."""
    began, attempt = time.monotonic(), 0
    while True:
        try:
            do()
        except StateUnavailableError as error:
            if time.monotonic() - began > (_ENDING_S if stopping.is_set() else PATIENCE_S):
                raise
            pause = min(_LONGEST_PAUSE_S, backoff(attempt, _FIRST_PAUSE_S))
            _log.info("%s; trying again in %.1f s", error, pause)
            time.sleep(pause)
            attempt += 1
        else:
            return
