"""A replica of a service in a process of its own, for tests that kill it. Its argument is JSON."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import stills
from stills.service.jobs import JobLimits, JobRunner, open_jobs


def main() -> None:
    """Work until standard input ends."""
    given = json.loads(sys.argv[1])
    settings = stills.load_settings(env={}, options=given["options"])
    limits = JobLimits(**given["limits"])
    store = open_jobs(Path(given["data"]), given["url"], settings=settings, limits=limits)
    runner = JobRunner(store, settings)

    def report() -> None:
        """Say how many jobs have ended, whenever one does."""
        last = -1
        ended = threading.Event()
        store.hub.on_change(lambda _what: ended.set())
        while True:
            ended.wait(0.1)
            ended.clear()
            done = store.counts().done
            if done != last:
                print(f"done {done}", flush=True)
                last = done

    runner.start()
    threading.Thread(target=report, daemon=True).start()
    sys.stdin.read()
    runner.stop()
    store.close()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
