"""What tests have the workers of a Ray cluster do, beyond what the sandbox's tests do in theirs."""

from __future__ import annotations

import os
import signal

import psutil

from stills.media.sandbox import report


def actor() -> psutil.Process:
    """The process of Ray's around the sandbox: it started the server that forked this one."""
    server = psutil.Process().parent()
    assert server is not None
    parent = server.parent()
    assert parent is not None
    return parent


def kill_actor() -> None:
    report("killing")
    actor().send_signal(signal.SIGKILL)
    signal.pause()


def kill_actor_once(marker: str) -> str:
    """Kills the actor the first time, by a file that says that there was one."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "done"
    kill_actor()
    return "never"


def whose() -> tuple[int, int]:
    """Process ids of the actor and of the process in its sandbox."""
    return actor().pid, os.getpid()


def folder() -> str:
    return os.getcwd()


def environment(name: str) -> str | None:
    return os.environ.get(name)
