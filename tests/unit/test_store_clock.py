"""The store's clock: steady on one machine, agreed on among several, moved by no change of a machine's time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from databases import KINDS, Clock, backend, elsewhere
from stills.jobs.store import Store, VideoRow
from stills.jobs.store.opening import open_database_store


def opened(folder: Path, clock: Clock, place: str = "here") -> Store:
    return open_database_store(folder, None, clock=clock, place=elsewhere(place))


@pytest.mark.parametrize("jump", [-10 * 365 * 86400.0, 10 * 365 * 86400.0])
def test_a_jump_of_the_machines_time_ends_no_lease_and_makes_none_longer(tmp_path: Path, jump: float) -> None:
    clock = Clock()
    with opened(tmp_path, clock) as store:
        run = store.begin_run("stills", lease_s=60)
        store.add_videos(run, [VideoRow("/v/a.mp4", "people")])
        (claim,) = store.claim(run)
        clock.said += jump
        with opened(tmp_path, clock) as other:  # another process, begun after the jump
            assert other.claim(run) == []
            assert other.active_run() == run
            clock.now += 59
            assert other.claim(run) == []
            clock.now += 2
            assert [again.token for again in other.claim(run)] == [claim.token + 1]


@pytest.mark.parametrize("kind", KINDS)
def test_no_lease_depends_on_the_time_of_the_process_that_took_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with backend(kind, tmp_path) as database:
        store = database.open()
        run = store.begin_run("stills")
        store.add_videos(run, [VideoRow("/v/a.mp4", "people")])
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 1e9)
        (claim,) = store.claim(run, lease_s=60)
        assert store.heartbeat(run, [claim]) == []
        monkeypatch.setattr(time, "time", lambda: real() - 1e9)
        assert database.open().claim(run) == []
        database.pass_time(61)
        assert len(store.claim(run)) == 1


def test_machines_that_share_a_file_agree_on_the_time(tmp_path: Path) -> None:
    """Each has its own steady clock, which began at another moment, and its own idea of the time."""
    first, second = Clock("boot-1", now=1_000.0), Clock("boot-2", now=77.0, said=1.9e9)
    with opened(tmp_path, first, "one") as one, opened(tmp_path, second, "two") as two:
        run = one.begin_run("stills", lease_s=60, shared=True)
        other = two.begin_run("stills", lease_s=60, shared=True)
        one.add_videos(run, [VideoRow(f"/v/{i}.mp4", "people") for i in range(2)])
        (mine,) = one.claim(run)
        (theirs,) = two.claim(other)
        for _ in range(3):
            first.now += 40
            second.now += 40
            assert one.heartbeat(run, [mine]) == []
            assert two.claim(other, limit=9) == []
            assert two.heartbeat(other, [theirs]) == []
        first.now += 61
        second.now += 61
        assert {claim.video for claim in two.claim(other, limit=9)} == {mine.video, theirs.video}


def test_time_goes_on_after_a_boot_although_the_steady_clock_begins_anew(tmp_path: Path) -> None:
    with opened(tmp_path, Clock("boot-1", now=900_000.0)) as store:
        run = store.begin_run("stills", lease_s=60, shared=True)
        store.add_videos(run, [VideoRow("/v/a.mp4", "people")])
        (claim,) = store.claim(run)
    booted = Clock("boot-2", now=3.0, said=1.0)
    with opened(tmp_path, booted, "again") as store:
        assert store.claim(run) == []
        booted.now += 61
        assert [again.token for again in store.claim(run)] == [claim.token + 1]
