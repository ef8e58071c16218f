"""Delays before another attempt: they grow, they differ, and they end."""

from hypothesis import given
from hypothesis import strategies as st

from stills.retry import LONGEST, backoff


@given(attempt=st.integers(0, 10_000), delay=st.floats(0.001, 3600))
def test_a_delay_is_between_half_and_all_of_what_doubles(attempt: int, delay: float) -> None:
    full = min(delay * 2.0 ** min(attempt, 32), max(delay, LONGEST))
    assert full / 2 <= backoff(attempt, delay) <= full


def test_those_that_failed_together_do_not_come_back_together() -> None:
    assert len({backoff(3, 1.0) for _ in range(20)}) > 10


def test_no_delay_is_none() -> None:
    assert backoff(7, 0.0) == 0.0
