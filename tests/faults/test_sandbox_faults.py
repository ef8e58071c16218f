"""Tasks that crash, hang, hoard or lose their parent: each costs itself, and nothing stays behind."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest

from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    DecoderCrashError,
    DecoderKilledError,
    DecodeTimeoutError,
    MemoryLimitError,
    StillsError,
    WorkerError,
    WorkersLostError,
)
from stills.media.sandbox import Limits, Pool, Task

pytestmark = pytest.mark.slow

TASKS = "faults.sandbox_tasks:"
SOON = 20.0  # seconds; what is waited for takes milliseconds


@pytest.fixture(scope="module")
def pool():
    with Pool(2, Limits(wall_s=60), max_crashes=3) as pool:
        yield pool


@pytest.fixture
def line(tmp_path):
    """A listening socket: processes connect to it, and their connections end when they do."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "line"))
        listener.listen()
        listener.settimeout(SOON)
        yield listener


def address(listener):
    return os.path.abspath(listener.getsockname())


def answer(listener):
    """The next process that connects: its connection, and what it said."""
    connection, _ = listener.accept()
    connection.settimeout(SOON)
    return connection, connection.recv(100).decode().strip()


def is_gone(connection):
    """Waits for the end of the process behind ``connection``."""
    with connection:
        connection.settimeout(SOON)
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


def call(pool, function, *args, **options):
    (result,) = pool.run([Task("key", TASKS + function, args, path="film.mp4")], **options)
    return result


def in_thread(run):
    """Collects the results of ``run``, or the error that ended it, in another thread."""
    outcome = []

    def collect():
        try:
            outcome.extend(run)
        except StillsError as error:
            outcome.append(error)

    thread = threading.Thread(target=collect)
    thread.start()
    return outcome, thread


def test_a_segfault_names_the_signal_and_the_last_progress(pool):
    result = call(pool, "segfault", 1234)
    assert type(result.error) is DecoderCrashError
    assert result.last_progress == 1234
    assert "SIGSEGV" in str(result.error)
    assert "1234" in str(result.error)
    assert str(result.error).startswith("film.mp4: ")
    assert "[h264] last words" in result.error.details
    assert "in segfault" in result.error.details  # the Python stack of the crash


@pytest.mark.parametrize("name", ["SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGKILL", "SIGTERM"])
def test_death_by_any_signal_is_a_crash(pool, name):
    error = call(pool, "kill_self", name).error
    outside = name in {"SIGKILL", "SIGTERM"}  # no decoder does that to itself
    assert type(error) is (DecoderKilledError if outside else DecoderCrashError)
    assert error.retryable == outside
    assert name in str(error)


@pytest.mark.parametrize("code", [0, 1, 9])
def test_leaving_without_a_result_is_a_crash(pool, code):
    error = call(pool, "exit_now", code).error
    assert type(error) is DecoderCrashError
    assert f"exit status {code}" in str(error)


def test_others_are_not_affected(pool):
    bad = {"segv": Task("segv", TASKS + "segfault"), "exit": Task("exit", TASKS + "exit_now", (1,))}
    good = [Task(n, TASKS + "add", (n, n)) for n in range(20)]
    results = {r.key: r for r in pool.run([*good[:5], bad["segv"], *good[5:10], bad["exit"], *good[10:]])}
    assert len(results) == 22
    assert all(results[n].value == 2 * n for n in range(20))
    assert all(type(results[key].error) is DecoderCrashError for key in bad)


def test_a_crash_loop_ends(pool):
    taken = []
    with pytest.raises(WorkerError, match="gave up after 4 workers"):
        taken.extend(pool.run(Task(n, TASKS + "segfault") for n in range(1000)))
    assert call(pool, "add", 1, 2).value == 3


def test_memory_is_watched():
    with Pool(1, Limits(memory_mb=200, wall_s=60)) as pool:
        result = call(pool, "allocate_without_end")
        assert type(result.error) is MemoryLimitError
        assert "200 MiB" in str(result.error)
        assert result.error.path == "film.mp4"
        assert result.last_progress == "allocating"
        assert result.peak_mb > 200
        assert call(pool, "add", 1, 2).value == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what is mapped in RLIMIT_DATA")
def test_memory_that_is_only_reserved_has_a_limit_too():
    with Pool(1, Limits(memory_mb=200, wall_s=60)) as pool:
        assert type(call(pool, "reserve_too_much", 4000).error) is MemoryLimitError
        assert call(pool, "reserve_too_much", 40).value == 40 << 20


def test_native_code_that_aborts_for_memory(pool):
    assert type(call(pool, "abort_for_memory").error) is MemoryLimitError


def test_a_worker_that_kept_memory_is_replaced_before_the_next_task():
    with Pool(1, Limits(memory_mb=300, wall_s=60)) as pool:
        hoarder = call(pool, "keep_memory", 230).value
        assert call(pool, "pid").value != hoarder
        modest = call(pool, "keep_memory", 10).value
        assert call(pool, "pid").value == modest


def test_processor_time_is_limited_per_task():
    with Pool(1, Limits(cpu_s=1, wall_s=60)) as pool:
        for _ in range(2):
            result = call(pool, "spin")
            assert type(result.error) is DecodeTimeoutError
            assert "processor time" in str(result.error)
            assert result.last_progress == "spinning"


@pytest.mark.parametrize("function", ["spin", "wait_forever"])
def test_wall_time_is_limited(function):
    with Pool(1, Limits(wall_s=0.3)) as pool:
        result = call(pool, function)
        assert type(result.error) is DecodeTimeoutError
        assert "longer than 0.3 s" in str(result.error)
        assert result.seconds < SOON


def test_the_watchdog_bites_those_who_are_quiet_only():
    with Pool(2, Limits(no_progress_s=0.5, wall_s=60)) as pool:
        tasks = [Task("quiet", TASKS + "wait_forever"), Task("alive", TASKS + "heartbeat_for", (1.5,))]
        results = {r.key: r for r in pool.run(tasks)}
    assert type(results["quiet"].error) is DecodeTimeoutError
    assert "no progress for 0.5 s" in str(results["quiet"].error)
    assert results["quiet"].last_progress == "waiting"
    assert results["alive"].value == "alive"


def test_open_files_are_limited():
    with Pool(1, Limits(open_files=64, wall_s=60)) as pool:
        assert call(pool, "open_files", 20).ok
        assert "Too many open files" in str(call(pool, "open_files", 100).error)


@pytest.mark.parametrize("then", ["wait", "segfault"])
def test_grandchildren_die_with_their_worker(line, then):
    with Pool(1, Limits(wall_s=60, no_progress_s=None)) as pool:
        token = CancelToken()
        outcome, thread = in_thread(
            pool.run([Task(1, TASKS + "leave_grandchild", (address(line), then))], cancel=token)
        )
        grandchild, _ = line.accept()
        if then == "wait":
            token.cancel()
        assert is_gone(grandchild)
        thread.join(SOON)
        (end,) = outcome
        assert type(end if then == "wait" else end.error) is (CancelledError if then == "wait" else DecoderCrashError)


def test_cancel_kills_what_runs_and_the_pool_goes_on(line):
    with Pool(2, Limits(wall_s=60)) as pool:
        token = CancelToken()
        tasks = [Task(n, TASKS + "tell_and_wait", (address(line),)) for n in range(5)]
        outcome, thread = in_thread(pool.run(tasks, cancel=token))
        told = [answer(line) for _ in range(2)]
        token.cancel()
        assert all(is_gone(connection) for connection, _ in told)
        thread.join(SOON)
        assert [type(end) for end in outcome] == [CancelledError]
        assert not any(psutil.pid_exists(int(pid)) for _, pid in told)
        assert call(pool, "add", 1, 2).value == 3


def test_leaving_the_loop_kills_what_runs(line):
    with Pool(2, Limits(wall_s=60)) as pool:
        run = pool.run([Task(1, TASKS + "tell_and_wait", (address(line),)), Task(2, TASKS + "add", (1, 2))])
        assert next(run).value == 3
        connection, _ = answer(line)
        run.close()
        assert is_gone(connection)


def test_closing_the_pool_kills_what_runs(line):
    pool = Pool(1, Limits(wall_s=60))
    run = pool.run([Task(1, TASKS + "tell_and_wait", (address(line),))])
    outcome, thread = in_thread(run)
    connection, _ = answer(line)
    pool.close()
    assert is_gone(connection)
    thread.join(SOON)
    assert [type(end) for end in outcome] == [CancelledError]


PARENT = """
import os, signal, sys
from stills.media.sandbox import Pool, Task
with Pool(2) as pool:
    for _ in pool.run([Task(n, "faults.sandbox_tasks:tell_and_wait", (sys.argv[1],)) for n in range(2)]):
        pass
"""


def parent_of(line):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen([sys.executable, "-c", PARENT, address(line)], env=environment, stderr=subprocess.DEVNULL)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_child_outlives_its_parent(line, number):
    with parent_of(line) as parent:
        told = [answer(line) for _ in range(2)]
        server = end_of(psutil.Process(int(told[0][1])).ppid())
        parent.send_signal(number)
        assert all(is_gone(connection) for connection, _ in told)
        parent.wait(SOON)
        with server:
            assert select.select([server], [], [], SOON)[0]


def end_of(pid):
    """A file that becomes readable when the process ends, reaped or not."""
    return open(os.pidfd_open(pid), "rb", buffering=0)


def test_the_server_s_death_fails_its_tasks_and_a_new_one_takes_over(line):
    with Pool(1, Limits(wall_s=60)) as pool:
        run = pool.run([Task(1, TASKS + "tell_and_wait", (address(line),)), Task(2, TASKS + "add", (1, 2))])
        outcome, thread = in_thread(run)
        connection, pid = answer(line)
        psutil.Process(psutil.Process(int(pid)).ppid()).kill()
        assert is_gone(connection)
        thread.join(SOON)
        assert type(outcome[0].error) is WorkersLostError
        assert outcome[1].value == 3


def test_an_import_error_of_the_server_is_told_at_once():
    with Pool(1, preload=["no_such_module"]) as pool, pytest.raises(WorkerError, match="no_such_module") as caught:
        call(pool, "add", 1, 2)
    assert "Traceback" in caught.value.details


def test_workers_that_die_while_starting_end_the_run():
    with Pool(2, initializer=TASKS + "die_at_once") as pool, pytest.raises(WorkerError, match="exit status 7"):
        call(pool, "add", 1, 2)


def test_workers_that_never_get_ready_end_the_run():
    limits = Limits(start_s=1.0)
    with Pool(1, limits, initializer=TASKS + "wait_forever") as pool, pytest.raises(WorkerError, match="not ready"):
        call(pool, "add", 1, 2)


def test_a_server_that_may_not_fork_safely_says_so():
    with Pool(1, preload=["faults.sandbox_thread"]) as pool, pytest.raises(WorkerError, match="started threads"):
        call(pool, "add", 1, 2)
