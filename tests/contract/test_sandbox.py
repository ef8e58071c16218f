"""What the sandbox promises to well-behaved tasks: values, errors, progress, order of life and clean ends."""

import gc
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest

from stills.cancel import CancelToken
from stills.errors import CorruptVideoError, StillsError, UsageError, WorkerError
from stills.media.sandbox import Limits, Pool, Task, report

TASKS = "faults.sandbox_tasks:"
GENEROUS = Limits(wall_s=60)


@pytest.fixture(scope="module")
def pool():
    with Pool(2, GENEROUS) as pool:
        yield pool


def call(pool, function, *args, **options):
    (result,) = pool.run([Task("key", TASKS + function, args, path="film.mp4")], **options)
    return result


def test_values_come_back_with_their_keys(pool):
    results = list(pool.run(Task(n, TASKS + "add", (n, 1)) for n in range(20)))
    assert {r.key: r.value for r in results} == {n: n + 1 for n in range(20)}
    assert all(r.ok and r.error is None for r in results)


def test_tasks_are_pulled_as_workers_become_free(pool):
    pulled = []

    def tasks():
        for n in range(100):
            pulled.append(n)
            yield Task(n, TASKS + "add", (n, 1))

    for taken, _ in enumerate(pool.run(tasks()), 1):
        assert len(pulled) <= taken + 2 * pool.workers
    assert len(pulled) == 100


def test_large_arrays_and_bytes_cross_both_ways(pool):
    value = call(pool, "ramp", 30_000_000).value
    assert np.array_equal(value["array"], np.arange(30_000_000, dtype=np.uint8))
    assert value["empty"].shape == (0,)
    data = os.urandom(20_000_000)
    assert call(pool, "echo_bytes", data).value == data


def test_many_large_results_at_once_do_not_block_each_other(pool):
    results = list(pool.run(Task(n, TASKS + "ramp", (5_000_000 + n,)) for n in range(12)))
    assert sorted(len(r.value["array"]) for r in results) == [5_000_000 + n for n in range(12)]


def test_typed_errors_come_back_as_themselves(pool):
    error = call(pool, "raise_typed", "a\nb.mp4").error
    assert type(error) is CorruptVideoError
    assert (error.message, error.path, error.remedy) == ("bad data", "a\nb.mp4", "get another copy")
    assert "in raise_typed" in error.details


def test_unexpected_errors_carry_the_traceback_but_not_in_their_line(pool):
    result = call(pool, "raise_value_error")
    assert type(result.error) is WorkerError
    assert result.error.path == "film.mp4"
    assert "ValueError" in str(result.error)
    assert "what went wrong" in str(result.error)
    assert "Traceback" in result.error.details
    assert "\n" not in str(result.error)
    with pytest.raises(WorkerError):
        result.unwrap()


@pytest.mark.parametrize("function", ["raise_system_exit", "unpicklable"])
def test_odd_ends_of_a_task_are_errors(pool, function):
    assert type(call(pool, function).error) is WorkerError
    assert call(pool, "add", 1, 2).unwrap() == 3


@pytest.mark.parametrize("path", ["no-colon", "faults.sandbox_tasks:missing", "no.such.module:function"])
def test_a_function_that_is_not_there(pool, path):
    (result,) = pool.run([Task(1, path)])
    assert isinstance(result.error, StillsError)


def test_arguments_that_do_not_pickle_fail_only_their_task(pool):
    bad, good = Task("bad", TASKS + "add", (threading.Lock(), 1)), Task("good", TASKS + "add", (1, 1))
    results = {r.key: r for r in pool.run([bad, good])}
    assert isinstance(results["bad"].error, WorkerError)
    assert results["good"].value == 2


def test_progress_is_reported_and_the_last_value_is_exact(pool):
    seen = []
    result = call(pool, "count_up", 50_000, on_progress=lambda key, value: seen.append((key, value)))
    assert result.last_progress == 49_999
    assert seen[-1] == ("key", 49_999)
    values = [value for _, value in seen]
    assert values == sorted(values)


def test_progress_of_an_earlier_task_is_not_that_of_the_next():
    with Pool(1, GENEROUS) as pool:
        assert call(pool, "count_up", 3).last_progress == 2
        assert call(pool, "add", 1, 2).last_progress is None


def test_report_is_cheap_harmless_outside_and_small(pool):
    assert call(pool, "time_report", 20_000).value < 25e-6  # about 0.7 µs where nothing else runs
    assert isinstance(call(pool, "report_too_much").error, UsageError)
    report("nobody listens")


def test_prints_spoil_nothing_and_stdin_is_empty(pool, capfd):
    assert call(pool, "print_all_over").value == ""
    assert capfd.readouterr() == ("", "")


def test_a_worker_leads_a_group_and_ignores_ctrl_c(pool):
    facts = call(pool, "process_facts").value
    assert facts["pid"] == facts["group"] == facts["session"] != os.getpid()
    assert facts["sigint"] == signal.SIG_IGN
    assert facts["main"] is None  # nothing of the caller's main script
    assert facts["threads"] == 1


def test_preload_and_initializer():
    with Pool(1, GENEROUS, preload=["decimal"], initializer=TASKS + "get_ready", initargs=(5,)) as pool:
        assert call(pool, "how_ready").value == [5]
        assert call(pool, "process_facts").value["modules"]


def test_an_initializer_s_error_ends_the_run_as_itself():
    with Pool(2, GENEROUS, initializer=TASKS + "not_ready") as pool:
        for _ in range(2):
            with pytest.raises(CorruptVideoError, match="no weights") as caught:
                call(pool, "add", 1, 2)
            assert caught.value.path == "weights.onnx"


def test_workers_live_on_from_task_to_task_and_from_run_to_run():
    with Pool(1, GENEROUS) as pool:
        assert len({call(pool, "pid").value for _ in range(3)}) == 1


def test_prestart_forks_before_there_are_tasks():
    with Pool(2, GENEROUS).prestart() as pool:
        assert {r.value for r in pool.run(Task(n, TASKS + "add", (n, n)) for n in range(2))} == {0, 2}


def test_runs_of_one_thread_go_side_by_side(pool):
    first = pool.run(Task(n, TASKS + "add", (n, n)) for n in range(3))
    taken = [next(first)]
    assert [r.value for r in pool.run([Task(0, TASKS + "add", (40, 2))])] == [42]
    assert sorted(r.value for r in [*taken, *first]) == [0, 2, 4]
    assert list(pool.run([])) == []


def test_cancel_before_the_start():
    token = CancelToken()
    token.cancel()
    with Pool(1) as pool, pytest.raises(StillsError) as caught:
        call(pool, "add", 1, 2, cancel=token)
    assert caught.value.exit_code == 130


def test_from_another_thread():
    values = []

    def work():
        with Pool(1, GENEROUS) as pool:
            values.append(call(pool, "add", 1, 2).value)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert values == [3]


def test_limits_and_sizes_are_checked():
    with pytest.raises(UsageError):
        Limits(memory_mb=0)
    with pytest.raises(UsageError):
        Pool(0)


def test_no_descriptor_and_no_process_is_left():
    with Pool(2, GENEROUS) as pool:
        call(pool, "add", 1, 2)
    before = len(os.listdir("/dev/fd")), len(psutil.Process().children(recursive=True)), threading.active_count()
    for _ in range(3):
        with Pool(2, GENEROUS).prestart() as pool:
            call(pool, "segfault")
            call(pool, "add", 1, 2)
    after = len(os.listdir("/dev/fd")), len(psutil.Process().children(recursive=True)), threading.active_count()
    assert after == before


def test_a_forgotten_pool_ends_with_its_last_reference():
    before = len(psutil.Process().children(recursive=True)), threading.active_count()
    pool = Pool(2, GENEROUS)
    assert call(pool, "add", 1, 2).value == 3
    del pool
    gc.collect()
    assert (len(psutil.Process().children(recursive=True)), threading.active_count()) == before


def test_a_closed_pool_can_be_started_again():
    pool = Pool(1, GENEROUS)
    for _ in range(2):
        assert call(pool, "add", 1, 2).value == 3
        pool.close()
        pool.close()


def test_keys_have_to_be_hashable(pool):
    with pytest.raises(TypeError):
        list(pool.run([Task([], TASKS + "add", (1, 2))]))
    assert call(pool, "add", 1, 2).value == 3


def test_replaced_workers_leave_no_descriptor(pool):
    def once():
        return [r.ok for r in pool.run([Task(1, TASKS + "exit_now", (1,)), Task(2, TASKS + "add", (1, 2))])]

    once()
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        assert sorted(once()) == [False, True]
    assert len(os.listdir("/dev/fd")) <= before + 3  # the replacement may or may not be started yet: three a worker


UNGUARDED = """
import sys
print("main")
from stills.media.sandbox import Limits, Pool, Task
pool = Pool(2, Limits(wall_s=60)).prestart()
for result in pool.run([Task(n, "operator:add", (n, 1)) for n in range(3)]):
    assert result.ok, result.error
print("done")
"""


def test_a_script_without_guard_that_never_closes_its_pool(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False, env=environment()
    )
    assert (run.stdout, run.stderr, run.returncode) == ("main\ndone\n", "", 0)


def test_with_standard_descriptors_closed(tmp_path):
    report_file = tmp_path / "report"
    code = f"{UNGUARDED}\nopen({str(report_file)!r}, 'w').write('fine')".replace('print("main")', "").replace(
        'print("done")', ""
    )
    shell = 'exec "$0" -c "$1" <&- >&- 2>&-'
    run = subprocess.run(["/bin/sh", "-c", shell, sys.executable, code], timeout=60, check=False, env=environment())
    assert run.returncode == 0
    assert report_file.read_text() == "fine"


def environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
