"""A process that works on a store; run as a script by ``test_store_processes.py``.

``store_tasks.py TASK OUT URL [N]``; it waits for a line on standard input before it begins, and says each step.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from stills.errors import FencedError, RunActiveError
from stills.jobs.store import Fingerprint, Store, VideoRow, open_store


def rows(number: int) -> list[VideoRow]:
    """The inputs of every process alike."""
    return [VideoRow(f"/v/{i}.mp4", "people", Fingerprint(size=i)) for i in range(number)]


def say(**values: object) -> None:
    """One line of JSON, at once."""
    print(json.dumps(values), flush=True)


def drain(store: Store, out: Path, number: int) -> None:
    """Work on all videos, together with others, a few at a time; whoever holds one puts a file there."""
    run = store.begin_run("drain", shared=True)
    store.add_videos(run, rows(number))
    while claims := store.claim(run, limit=1 + os.getpid() % 3):
        for claim in claims:
            mark = out / f"{claim.video}.{claim.token}"
            mark.touch(exist_ok=False)  # nobody else has, or ever had, this right
            store.segment_done(claim, 0)
            store.finish(claim, "done", {"token": claim.token, "pid": os.getpid()})
            say(video=claim.video, token=claim.token)
    say(end=True)


def hold(store: Store, out: Path, number: int) -> None:
    """Claim all videos and keep them."""
    run = store.begin_run("hold")
    store.add_videos(run, rows(number))
    claims = store.claim(run, limit=number)
    store.segment_done(claims[0], 0)
    say(tokens={claim.video: claim.token for claim in claims}, run=run.id)
    sys.stdin.readline()
    for claim in claims:
        try:
            store.finish(claim)
            say(finished=claim.video)
        except FencedError:
            say(fenced=claim.video)


def begin(store: Store, out: Path, number: int) -> None:
    """Begin a run of one's own."""
    try:
        say(run=store.begin_run("begin").id)
    except RunActiveError as error:
        say(busy=str(error))
    sys.stdin.readline()


if __name__ == "__main__":
    task, folder, url, count = sys.argv[1:]
    sys.stdin.readline()
    with open_store(Path(folder), url or None) as opened:
        {"drain": drain, "hold": hold, "begin": begin}[task](opened, Path(folder), int(count))
