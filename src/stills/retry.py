"""How long to wait before a piece of work is tried again: longer each time, and for no two alike.

Exponential back-off with "equal jitter" (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015):
half of the delay is sure, so that whatever was in the way has time to pass, and half is drawn, so that many that failed
together do not come back together.
"""

from __future__ import annotations

import random

LONGEST = 60.0
"""Seconds that no delay grows beyond, where the first one is not longer itself."""


def backoff(attempt: int, delay: float) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 0), where the first delay is about ``delay``.

    Between half and all of ``delay * 2**attempt``, which stops growing at :data:`LONGEST`.
    """
    full = min(delay * 2.0 ** min(attempt, 32), max(delay, LONGEST))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secret
