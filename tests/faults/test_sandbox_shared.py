"""Several threads on one pool: whatever one run does, meets or leaves behind, the others do not notice."""

import os
import random
import socket
import threading

import psutil
import pytest

from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    CorruptVideoError,
    DecoderCrashError,
    MemoryLimitError,
    StillsError,
    WorkerError,
    WorkersLostError,
)
from stills.media.sandbox import Limits, Pool, Task
from stills.media.sandbox_memory import memory_of

TASKS = "faults.sandbox_tasks:"
SOON = 30.0  # seconds; what is waited for takes milliseconds


@pytest.fixture
def line(tmp_path):
    """A listening socket: tasks connect to it, and their connections end when they do."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "line"))
        listener.listen()
        listener.settimeout(SOON)
        yield listener


def address(listener):
    return os.path.abspath(listener.getsockname())


def answer(listener):
    """The next task that connects: its connection, and what it said."""
    connection, _ = listener.accept()
    connection.settimeout(SOON)
    return connection, connection.recv(100).decode().strip()


def told(line, name):
    """A task that says ``name`` and goes on when it is told to."""
    return Task(name, TASKS + "answer_when_told", (address(line), name))


def go_on(connection):
    with connection:
        connection.sendall(b"!")


def is_gone(connection):
    with connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


class Caller:
    """Collects the results of a run in a thread of its own; ``handed`` is set once the pool has all of its tasks."""

    def __init__(self, pool, tasks, **options):
        self.results, self.error, self.handed = [], None, threading.Event()
        self._run = pool.run(self._tasks(tasks), **options)
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _tasks(self, tasks):
        yield from tasks
        self.handed.set()

    def _collect(self):
        try:
            for result in self._run:
                self.results.append(result)
        except StillsError as error:
            self.error = error

    def join(self):
        self._thread.join(SOON)
        assert not self._thread.is_alive()
        return self

    @property
    def values(self):
        return [result.value for result in self.results]


def test_a_single_task_does_not_wait_for_a_hundred(line):
    with Pool(2, Limits(wall_s=60)) as pool:
        many = Caller(pool, (told(line, f"long {n}") for n in range(100)))
        working = [answer(line)[0] for _ in range(2)]
        one = Caller(pool, [told(line, "short")])
        assert one.handed.wait(SOON)
        go_on(working.pop())
        connection, name = answer(line)
        assert name == "short", "the next worker that is free is its"
        go_on(connection)
        assert one.join().values == ["short"]
        assert len(many.results) <= 1
        go_on(working.pop())
        for _ in range(98):
            go_on(answer(line)[0])
        assert len(many.join().values) == 100


def test_runs_that_come_and_go_do_not_keep_a_long_one_waiting(line):
    with Pool(1, Limits(wall_s=60)) as pool:
        long = Caller(pool, [told(line, f"long {n}") for n in range(2)])
        working, name = answer(line)
        assert name == "long 0"
        served = []
        for n in range(4):
            short = Caller(pool, [told(line, f"short {n}")])
            assert short.handed.wait(SOON)
            go_on(working)
            working, name = answer(line)
            served.append(name)
        go_on(working)
        while len(served) < 5:
            connection, name = answer(line)
            served.append(name)
            go_on(connection)
        assert "long 1" in served[:2], served
        assert long.join().values == ["long 0", "long 1"]


def test_cancelling_one_run_kills_its_tasks_and_no_other(line):
    with Pool(2, Limits(wall_s=60)) as pool:
        token = CancelToken()
        stays = Caller(pool, [told(line, "stays")])
        kept, _ = answer(line)
        goes = Caller(pool, [told(line, "goes"), told(line, "never")], cancel=token)
        lost, name = answer(line)
        assert name == "goes"
        token.cancel()
        assert is_gone(lost)
        assert type(goes.join().error) is CancelledError
        go_on(kept)
        assert stays.join().values == ["stays"]


def test_one_run_s_crashes_do_not_count_for_another(line):
    with Pool(2, Limits(wall_s=60), max_crashes=3) as pool:
        stays = Caller(pool, [told(line, "stays"), *(Task(n, TASKS + "segfault") for n in range(3))])
        kept, _ = answer(line)
        with pytest.raises(WorkerError, match="gave up after 4 workers"):
            list(pool.run(Task(n, TASKS + "segfault") for n in range(50)))
        go_on(kept)
        stays.join()
        assert stays.error is None
        assert sorted(type(r.error).__name__ for r in stays.results) == ["DecoderCrashError"] * 3 + ["NoneType"]


def test_a_hog_goes_and_the_other_run_stays(line):
    ours = memory_of(os.getpid()) / (1 << 20)
    with Pool(2, Limits(total_mb=ours + 400, wall_s=60)) as pool:
        modest = Caller(pool, [told(line, "modest")])
        kept, _ = answer(line)
        (hog,) = pool.run([Task("hog", TASKS + "allocate_without_end")])
        assert type(hog.error) is MemoryLimitError
        go_on(kept)
        assert modest.join().values == ["modest"]


def test_a_run_can_end_while_workers_are_starting(line):
    with Pool(1, Limits(wall_s=60), initializer=TASKS + "answer_when_told", initargs=(address(line), "up")) as pool:
        token = CancelToken()
        goes = Caller(pool, [Task(1, TASKS + "add", (1, 1))], cancel=token)
        starting, _ = answer(line)
        token.cancel()
        assert type(goes.join().error) is CancelledError, "it does not wait for the worker"
        comes = Caller(pool, [Task(2, TASKS + "add", (2, 2))])
        assert comes.handed.wait(SOON)
        go_on(starting)
        assert comes.join().values == [4], "the worker that was starting is used"


def test_an_initializer_s_error_ends_every_run_with_an_error_of_its_own(line):
    with Pool(1, Limits(wall_s=60), initializer=TASKS + "refuse_when_told", initargs=(address(line),)) as pool:
        callers = [Caller(pool, [Task(n, TASKS + "add", (n, n))]) for n in range(2)]
        starting, _ = answer(line)
        assert all(caller.handed.wait(SOON) for caller in callers)
        go_on(starting)
        errors = [caller.join().error for caller in callers]
    assert [(type(e), e.message, e.path) for e in errors] == [(CorruptVideoError, "no weights", "weights.onnx")] * 2
    assert errors[0] is not errors[1]


def test_closing_ends_all_runs_and_leaves_no_process(line):
    before = len(psutil.Process().children(recursive=True)), threading.active_count()
    pool = Pool(2, Limits(wall_s=60))
    callers = [Caller(pool, [told(line, n), told(line, f"{n} again")]) for n in range(3)]
    working = [answer(line)[0] for _ in range(2)]
    pool.close(for_good=True)
    assert all(is_gone(connection) for connection in working)
    assert [type(caller.join().error) for caller in callers] == [CancelledError] * 3
    assert (len(psutil.Process().children(recursive=True)), threading.active_count()) == before
    with pytest.raises(CancelledError):
        list(pool.run([Task(1, TASKS + "add", (1, 1))]))
    with pytest.raises(CancelledError):
        pool.start()


def test_the_server_s_death_fails_what_runs_and_the_runs_go_on(line):
    others = set(psutil.Process().children())  # of pools that other tests of this process keep
    with Pool(2, Limits(wall_s=60)) as pool:
        callers = [Caller(pool, [told(line, n), Task("after", TASKS + "add", (n, n))]) for n in range(2)]
        working = [answer(line)[0] for _ in range(2)]
        (server,) = set(psutil.Process().children()) - others
        server.kill()
        assert all(is_gone(connection) for connection in working)
        for number, caller in enumerate(callers):
            first, second = caller.join().results
            assert type(first.error) is WorkersLostError
            assert second.value == 2 * number


def engines():
    return {thread for thread in threading.enumerate() if thread.name == "stills-sandbox"}


def test_threads_may_start_the_pool_together():
    others = engines()
    pool = Pool(2, Limits(wall_s=60))
    callers = [Caller(pool, [Task(n, TASKS + "add", (n, n))]) for n in range(8)]
    try:
        assert [caller.join().values for caller in callers] == [[2 * n] for n in range(8)]
        assert len(engines() - others) == 1
    finally:
        pool.close()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_runs_do_each_gets_its_own(seed):
    """Runs of all kinds at once: finished, left half-way, cancelled, with crashes and errors among the tasks."""
    problems = []

    def check(result, name, kinds):
        key, kind = result.key, kinds[result.key]
        if kind == "fine":
            assert result.value == name + str(key), (result.value, name, key)
        else:
            assert type(result.error) is {"crash": DecoderCrashError, "error": CorruptVideoError}[kind]

    def caller(pool, number):
        chance = random.Random(f"{seed} {number}")
        try:
            for turn in range(4):
                name = f"{number}.{turn}."
                kinds = [chance.choices(("fine", "error", "crash"), (20, 3, 1))[0] for _ in range(chance.randrange(25))]
                calls = {
                    "fine": lambda key, name=name: ("add", (name, str(key))),
                    "error": lambda _: ("raise_typed", ("film.mp4",)),
                    "crash": lambda _: ("segfault", ()),
                }
                tasks = []
                for key, kind in enumerate(kinds):
                    function, args = calls[kind](key)
                    tasks.append(Task(key, TASKS + function, args))
                stop, token = chance.choice((None, chance.randrange(1, 9))), CancelToken()
                cancels = chance.random() < 0.5
                run = pool.run(tasks, cancel=token, at_once=chance.choice((None, 1, 2)))
                seen = set()
                try:
                    for result in run:
                        check(result, name, kinds)
                        assert result.key not in seen
                        seen.add(result.key)
                        if len(seen) == stop and cancels:
                            token.cancel()
                        elif len(seen) == stop:
                            run.close()
                    complete = stop is None or len(kinds) < stop
                    assert not complete or len(seen) == len(kinds)
                except CancelledError:
                    assert token.cancelled
        except BaseException as error:
            problems.append(error)
            raise

    with Pool(3, Limits(wall_s=60)) as pool:
        threads = [threading.Thread(target=caller, args=(pool, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * SOON)
            assert not thread.is_alive()
        assert not problems
        assert [r.value for r in pool.run([Task(0, TASKS + "add", (1, 2))])] == [3]
