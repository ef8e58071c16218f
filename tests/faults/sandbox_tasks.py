"""What the sandbox's tests run in its workers: well-behaved tasks, and all kinds of bad ones."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np

from stills.errors import CorruptVideoError
from stills.media.sandbox import report

_ready: list[object] = []


def add(a, b):
    return a + b


def pid():
    return os.getpid()


def process_facts():
    return {
        "pid": os.getpid(),
        "group": os.getpgrp(),
        "session": os.getsid(0),
        "sigint": signal.getsignal(signal.SIGINT),
        "main": getattr(sys.modules["__main__"], "__file__", None),
        "fds": len(os.listdir("/dev/fd")),
        "threads": threading.active_count(),
        "modules": "decimal" in sys.modules,
    }


def get_ready(value):
    _ready.append(value)


def how_ready():
    return list(_ready)


def not_ready():
    raise CorruptVideoError("no weights", path="weights.onnx", remedy="pull them")


def die_at_once():
    os._exit(7)


def echo_bytes(data):
    return data


def ramp(count):
    return {"array": np.arange(count, dtype=np.uint8), "name": "ramp", "empty": np.zeros(0)}


def count_up(steps):
    for step in range(steps):
        report(step)
    return steps


def report_too_much():
    report("x" * 10_000)


def time_report(calls):
    start = time.perf_counter()
    for call in range(calls):
        report((call, 0.5))
    return (time.perf_counter() - start) / calls


def raise_typed(path):
    raise CorruptVideoError("bad data", path=path, remedy="get another copy")


def raise_value_error():
    raise ValueError("what went wrong")


def raise_system_exit():
    raise SystemExit(3)


def unpicklable():
    return threading.Lock()


def print_all_over():
    print("text on stdout")
    os.write(1, b"bytes on stdout\n")
    os.write(2, b"bytes on stderr\n")
    return sys.stdin.read()


def segfault(progress=None):
    if progress is not None:
        report(progress)
    os.write(2, b"[h264] last words\n")
    ctypes.string_at(0)


def kill_self(name):
    os.kill(os.getpid(), getattr(signal, name))
    wait_forever()


def abort_for_memory():
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def exit_now(code):
    os._exit(code)


def allocate_without_end():
    report("allocating")
    hoard = []
    while True:
        hoard.append(np.ones(4 << 17))  # 4 MiB, touched


def reserve_too_much(megabytes):
    return len(bytearray(megabytes << 20))


def keep_memory(megabytes):
    _ready.append(np.ones(megabytes << 17))
    return os.getpid()


def spin():
    report("spinning")
    while True:
        pass


def wait_forever():
    report("waiting")
    threading.Event().wait()


def tell_and_wait(address):
    """Connects to ``address`` and holds the connection: it closes when this process is gone."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        line.sendall(b"%d\n" % os.getpid())
        wait_forever()


def leave_grandchild(address, then):
    """A grandchild holds a connection to ``address`` while this process does ``then``."""
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(flush=True); s.recv(1)"
    process = subprocess.Popen([sys.executable, "-c", code, address], stdout=subprocess.PIPE)
    process.stdout.readline()
    if then == "segfault":
        segfault()
    wait_forever()


def open_files(count):
    return len([os.open(os.devnull, os.O_RDONLY) for _ in range(count)])


def heartbeat_for(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        report(round(end - time.monotonic(), 3))
    return "alive"


def answer_when_told(address, value):
    """Connects to ``address``, says ``value`` and gives it back once it is told to go on."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        line.sendall(f"{value}\n".encode())
        line.recv(1)
    return value


def count_for(name, steps):
    """Reports ``(name, step)`` for each step; all of them come back as the name."""
    for step in range(steps):
        report((name, step))
    return name


def span_of_work(rounds):
    """When some work began and when it ended, by the clock of the whole system."""
    begun = time.monotonic()
    sum(range(rounds))
    return begun, time.monotonic()


def refuse_when_told(address):
    """Connects to ``address``, and fails once it is told to go on."""
    answer_when_told(address, "starting")
    not_ready()
