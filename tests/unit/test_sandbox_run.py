"""Whose turn it is, for any runs that come and go: nobody gets more than a share, nobody waits for ever."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stills.media.sandbox_run import Rota, Run
from stills.media.sandbox_tasks import Task


def run_with(rota: Rota, tasks: int) -> Run:
    run = Run()
    run.pending.extend(Task(n, "module:function") for n in range(tasks))
    rota.add(run)
    return run


def test_tasks_of_one_run_go_in_order() -> None:
    rota = Rota()
    run = run_with(rota, 3)
    taken = [rota.next(Counter()) for _ in range(4)]
    assert [None if one is None else (one[0], one[1].key) for one in taken] == [(run, 0), (run, 1), (run, 2), None]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 8))
def test_free_workers_are_shared_evenly(sizes: list[int], workers: int) -> None:
    rota = Rota()
    runs = [run_with(rota, size) for size in sizes]
    busy: Counter[Run] = Counter()
    for _ in range(workers):
        if (turn := rota.next(busy)) is not None:
            busy[turn[0]] += 1
    waiting = [run for run in runs if run.pending]
    assert sum(busy.values()) == min(workers, sum(sizes))
    for run in waiting:
        assert busy[run] >= max(busy.values()) - 1, "who waits has no fewer than others, but for one that is left over"


@given(st.lists(st.integers(1, 5), min_size=2, max_size=8))
def test_with_one_worker_everyone_is_served_in_turn(sizes: list[int]) -> None:
    rota = Rota()
    runs = [run_with(rota, size) for size in sizes]
    order = []
    while (turn := rota.next(Counter())) is not None:
        order.append(runs.index(turn[0]))
    assert order[: len(runs)] == list(range(len(runs)))
    assert Counter(order) == Counter(dict(enumerate(sizes)))
    for number, size in enumerate(sizes):
        places = [place for place, one in enumerate(order) if one == number]
        assert len(places) == size
        assert all(after - before <= len(runs) for before, after in itertools.pairwise(places))


@given(st.integers(1, 20))
def test_newcomers_do_not_push_in(count: int) -> None:
    """A run that waits is served before all that begin after it began to wait, as long as it has no worker."""
    rota = Rota()
    long = run_with(rota, 2)
    rota.next(Counter())
    waiting_since = run_with(rota, 1)
    newcomers = [run_with(rota, 1) for _ in range(count)]
    first = rota.next(Counter())
    second = rota.next(Counter())
    assert first is not None
    assert first[0] is long
    assert second is not None
    assert second[0] is waiting_since
    assert all(run.pending for run in newcomers)


def test_what_is_removed_is_forgotten() -> None:
    rota = Rota()
    one, other = run_with(rota, 5), run_with(rota, 1)
    assert rota.waiting == 6
    rota.remove(one)
    rota.remove(one)
    assert list(rota) == [other]
    assert one not in rota
    assert other in rota
    assert rota.waiting == 1
