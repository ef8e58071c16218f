"""Who shares the screen with whom, and for how long: exact, from spans of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stills.types import Person


def together(people: Sequence[Person]) -> tuple[tuple[float, ...], ...]:
    """Seconds that each two of ``people`` share the screen, in their order; each one's own screen time on the diagonal.

    The spans of one person do not overlap. Time O(m log m + Σ k²) for m spans and k people on screen at once.
    """
    seconds = np.zeros((len(people), len(people)))
    events = sorted(
        event
        for place, person in enumerate(people)
        for start, end in person.spans
        for event in ((start, 1, place), (end, 0, place))  # at one moment, who leaves does not meet who comes
    )
    here: set[int] = set()
    since = 0.0
    for time, comes, place in events:
        if time > since and len(here) > 1:
            now = sorted(here)
            seconds[np.ix_(now, now)] += time - since
        since = time
        if comes:
            here.add(place)
        else:
            here.discard(place)
    own = np.array([p.screen_time for p in people])
    shared = np.minimum(np.round(seconds, 6), np.minimum.outer(own, own)) if len(people) else seconds
    np.fill_diagonal(shared, own)
    return tuple(tuple(float(v) for v in row) for row in shared)
