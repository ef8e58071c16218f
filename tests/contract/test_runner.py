"""What every runner promises to those who share it: own results, own end, and the same answers as any other."""

import itertools
import threading

import pytest

from ray_clusters import needs_ray
from stills.cancel import CancelToken
from stills.errors import CancelledError, CorruptVideoError, DecoderCrashError, StillsError, UsageError, WorkerError
from stills.jobs.runner import RUNNERS, Runner, Task, open_runner
from stills.settings import Settings, change_settings, load_settings

TASKS = "faults.sandbox_tasks:"
SOON = 60.0  # seconds; what is waited for takes milliseconds


OTHERS = {"ray": [pytest.mark.slow, needs_ray]}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=OTHERS.get(name, ())) for name in RUNNERS])
def settings(request) -> Settings:
    """Two workers, for pictures without models: those start in a moment."""
    return change_settings(load_settings(env={}), runner=request.param, workers=2)


@pytest.fixture(scope="module")
def runner(settings):
    runner = open_runner(settings, ("signals",))
    yield runner
    runner.close()


def call(runner: Runner, function: str, *args: object, **options: object):
    (result,) = runner.run([Task("key", TASKS + function, args, path="film.mp4")], **options)
    return result


def in_threads(*calls):
    """What each of ``calls`` gave or raised, all made at one time."""
    outcomes: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def make(number, function):
        gate.wait(SOON)
        try:
            outcomes[number] = function()
        except StillsError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=make, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()
    return outcomes


def test_it_says_how_many_workers_it_has(runner):
    assert runner.workers == 2
    assert runner.limits.no_progress_s == Settings().limits.frame_timeout


def test_results_come_back_with_their_keys(runner):
    results = list(runner.run(Task(n, TASKS + "add", (n, 1)) for n in range(20)))
    assert {r.key: r.value for r in results} == {n: n + 1 for n in range(20)}
    assert all(r.ok for r in results)


def test_errors_come_back_as_themselves(runner):
    error = call(runner, "raise_typed", "film.mp4").error
    assert type(error) is CorruptVideoError
    assert (error.message, error.path, error.remedy) == ("bad data", "film.mp4", "get another copy")
    assert type(call(runner, "raise_value_error").error) is WorkerError


def test_a_crash_costs_its_task_and_says_how_far_it_was(runner):
    results = {r.key: r for r in runner.run([
        Task("bad", TASKS + "segfault", (77,), path="film.mp4"), *(Task(n, TASKS + "add", (n, n)) for n in range(6)),
    ])}  # fmt: skip
    assert type(results["bad"].error) is DecoderCrashError
    assert results["bad"].last_progress == 77
    assert all(results[n].value == 2 * n for n in range(6))


def test_progress_goes_to_the_caller_in_its_own_thread(runner):
    seen = []

    def progressed(key, value):
        seen.append((key, value, threading.get_ident()))

    result = call(runner, "count_up", 50_000, on_progress=progressed)
    assert result.last_progress == 49_999
    assert seen[-1] == ("key", 49_999, threading.get_ident())


def test_runs_at_one_time_do_not_mix(runner):
    """The same keys in each, so that whatever goes to the wrong one shows."""
    seen = {name: set() for name in "abcd"}

    def run(name):
        tasks = [Task(n, TASKS + "count_for", (name, 2_000)) for n in range(15)]
        return [
            (r.key, r.value, r.last_progress)
            for r in runner.run(tasks, on_progress=lambda _, value: seen[name].add(value[0]))
        ]

    outcomes = in_threads(*(lambda name=name: run(name) for name in "abcd"))
    for name, results in zip("abcd", outcomes, strict=True):
        assert sorted(results) == [(n, name, (name, 1_999)) for n in range(15)]
        assert seen[name] <= {name}


def test_one_that_is_cancelled_leaves_the_others(runner):
    token = CancelToken()

    def results():
        for number, result in enumerate(runner.run([Task(n, TASKS + "add", (n, 1)) for n in range(60)])):
            if number == 5:
                token.cancel()
            yield result.value

    # One at a time: who comes first may have all workers, and the others would wait until that counts as no progress.
    endless = [Task(n, TASKS + "wait_forever") for n in range(3)]
    ended, values = in_threads(lambda: list(runner.run(endless, cancel=token, at_once=1)), lambda: sorted(results()))
    assert type(ended) is CancelledError
    assert values == list(range(1, 61))


def test_leaving_the_loop_ends_only_that_run(runner):
    other = runner.run([Task(n, TASKS + "add", (n, n)) for n in range(5)])
    taken = [next(other).value]
    left = runner.run([Task(0, TASKS + "add", (1, 1)), Task(1, TASKS + "wait_forever")])
    assert next(left).value == 2
    left.close()
    assert sorted([*taken, *(r.value for r in other)]) == [0, 2, 4, 6, 8]


def test_no_more_at_once_than_asked(runner):
    spans = sorted(r.value for r in runner.run([Task(n, TASKS + "span_of_work", (200_000,)) for n in range(8)],
                                               at_once=1))  # fmt: skip
    assert len(spans) == 8
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    with pytest.raises(UsageError):
        list(runner.run([], at_once=0))


def test_closing_ends_what_runs_and_what_comes_after(settings):
    runner = open_runner(settings, ("signals",))
    begun = threading.Event()

    def wait(number):
        return list(runner.run([Task(number, TASKS + "wait_forever")], on_progress=lambda *_: begun.set()))

    def close():
        assert begun.wait(SOON)
        runner.close()

    *ended, _ = in_threads(lambda: wait(1), lambda: wait(2), close)
    assert [type(end) for end in ended] == [CancelledError, CancelledError]
    with pytest.raises(CancelledError):
        list(runner.run([Task(1, TASKS + "add", (1, 1))]))
    runner.close()


def test_a_runner_that_there_is_not(settings, monkeypatch):
    monkeypatch.setattr("stills.jobs.runner.RUNNERS", {"abacus": "no.such:thing"})
    with pytest.raises(UsageError, match="abacus"):
        open_runner(settings)
