"""``python -m benchmarks.annotate_film FILM OUT``: everybody marked, from the index in the cache or a scan.

Prints what it said and how much of the time went into the video itself.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from stills.scan.annotate import plan_annotation
from stills.scan.scanner import Scanner
from stills.select.people import select_people
from stills.settings import load_settings


def main() -> None:
    """Annotate the film that the command line names."""
    film, target = sys.argv[1], Path(sys.argv[2])
    settings = load_settings(options={"cast.annotate": True})
    with Scanner(settings) as scanner:
        index = scanner.scan(film)
        plan = plan_annotation(index, select_people(index), settings)
        assert plan is not None
        start = time.perf_counter()
        said = scanner.annotate(index, plan, target)
        took = time.perf_counter() - start
    print(json.dumps({"seconds": took, "warnings": said, "marks": len(plan.marks), "bytes": target.stat().st_size}))


if __name__ == "__main__":
    main()
