"""Any order of everything that can happen to a few videos, against a model of what may come of it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from databases import Clock, elsewhere
from stills.errors import FencedError
from stills.jobs.store import Claim, Fingerprint, VideoRow
from stills.jobs.store.opening import open_database_store

pytestmark = pytest.mark.slow

LEASE = 60.0


class Library(RuleBasedStateMachine):
    """Two runs that share the work; the model knows each video's newest token, and until when it is leased."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.stores = [
            open_database_store(self.folder, None, clock=self.clock, place=elsewhere(name)) for name in ("one", "two")
        ]
        self.sizes: dict[str, int] = {}
        self.tokens: dict[int, int] = {}
        self.leases: dict[int, tuple[int, float]] = {}
        """Video: the token that may write, and until when nobody else can have it."""
        self.finished: dict[int, int] = {}

    @initialize()
    def begin(self) -> None:
        self.runs = [store.begin_run("stills", lease_s=1e9, shared=True) for store in self.stores]

    @rule(who=st.integers(0, 1), name=st.sampled_from("abc"), size=st.integers(1, 2))
    def add(self, who: int, name: str, size: int) -> None:
        row = VideoRow(f"/v/{name}.mp4", "people", Fingerprint(size=size))
        (decision,) = self.stores[who].add_videos(self.runs[who], [row])
        known = self.sizes.get(name)
        assert (decision.what == "new") == (known is None)
        assert (decision.what == "changed") == (known is not None and known != size)
        self.sizes[name] = size
        assert decision.video is not None
        if decision.what == "changed":
            self.leases.pop(decision.video, None)
            self.finished.pop(decision.video, None)

    @rule(target=claims, who=st.integers(0, 1), limit=st.integers(1, 3))
    def claim(self, who: int, limit: int) -> object:
        claims = self.stores[who].claim(self.runs[who], LEASE, limit)
        for claim in claims:
            assert claim.token > self.tokens.get(claim.video, 0)
            assert claim.video not in self.finished
            assert self.leases.get(claim.video, (0, -1.0))[1] <= self.clock.now
            self.tokens[claim.video] = claim.token
            self.leases[claim.video] = (claim.token, self.clock.now + LEASE)
        return multiple(*claims)

    @rule(claim=claims, who=st.integers(0, 1))
    def heartbeat(self, claim: Claim, who: int) -> None:
        lost = self.stores[who].heartbeat(self.runs[who], [claim])
        assert (lost == []) == self.holds(claim)
        if not lost:
            self.leases[claim.video] = (claim.token, self.clock.now + LEASE)

    @rule(claim=consumes(claims), how=st.sampled_from(["finish", "retry", "quarantine", "release"]))
    def end(self, claim: Claim, how: str) -> None:
        store = self.stores[0]
        may = self.holds(claim)
        try:
            if how == "finish":
                store.finish(claim, "done", {"token": claim.token})
            elif how == "release":
                store.release(claim)
            else:
                wait = 1.0 if how == "retry" else None
                store.fail(claim, error_class="x", code="x", message="x", retry_in=wait, quarantine=True)
        except FencedError:
            assert not may
            return
        assert may
        del self.leases[claim.video]
        if how == "finish":
            self.finished[claim.video] = claim.token

    @rule(claim=claims, number=st.integers(0, 2))
    def segment(self, claim: Claim, number: int) -> None:
        if self.holds(claim):
            self.stores[1].segment_done(claim, number)
        else:
            with pytest.raises(FencedError):
                self.stores[1].segment_done(claim, number)

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(jump=st.sampled_from([-1e8, 1e8]))
    def jump(self, jump: float) -> None:
        self.clock.said += jump

    @rule()
    def clear_quarantine(self) -> None:
        self.stores[1].quarantine_clear()

    @invariant()
    def what_is_seen_is_what_was_finished(self) -> None:
        assert {result.video: result.result["token"] for result in self.stores[0].results()} == self.finished
        counts = self.stores[1].counts()
        assert counts.done == len(self.finished)
        assert counts.running == len(self.leases)
        assert counts.total == len(self.sizes)

    def holds(self, claim: Claim) -> bool:
        return self.leases.get(claim.video, (None, 0))[0] == claim.token

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)


Library.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLibrary = Library.TestCase
