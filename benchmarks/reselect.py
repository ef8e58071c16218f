"""Asking again: ``python -m benchmarks.reselect FILM [MOST]`` on a film whose index is in the cache folder.

Prints the seconds of many selections from one loaded index, and, of every target from 1 to MOST, how many frames came
and whether they hold those of the target before. All through the Python API, without a picture being written.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

SIMILARITIES = (0.8, 0.9, 0.95, 0.98)
TARGETS = (5, 20, 100)


def timed(call: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Select from the index of the film that the command line names."""
    import stills

    film, most = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    start = time.perf_counter()
    index = stills.scan(film, layers=("signals",))
    loaded = time.perf_counter() - start
    options: list[dict[str, Any]] = [{"similarity": s} for s in SIMILARITIES] + [{"target": n} for n in TARGETS]
    # the first call imports and reads columns: it is reported on its own
    seconds = [timed(partial(stills.keyframes, index)) for _ in range(2)]
    seconds += [timed(partial(stills.keyframes, index, **one)) for one in options]
    counts, nested, before = [], True, set[int]()
    distinct = stills.keyframes(index).selection.distinct
    for target in range(1, most + 1):
        now = {frame.pts for frame in stills.keyframes(index, target=target).frames}
        counts.append(len(now))
        nested = nested and before <= now
        before = now
    print(
        json.dumps(
            {
                "cached": index.report.cached,
                "load": loaded,
                "first": seconds[0],
                "seconds": seconds[1:],
                "distinct": distinct,
                "counts": counts,
                "nested": nested,
            }
        )
    )


if __name__ == "__main__":
    main()
