"""The cancel token."""

import threading

import pytest

from stills.cancel import CancelToken
from stills.errors import CancelledError


def test_nothing_happens_until_somebody_cancels() -> None:
    token = CancelToken()
    token.check()
    assert not token.cancelled
    token.cancel()
    token.cancel()
    assert token.cancelled
    with pytest.raises(CancelledError) as caught:
        token.check()
    assert caught.value.exit_code == 130


def test_a_wait_ends_when_another_thread_cancels() -> None:
    token = CancelToken()
    threading.Thread(target=token.cancel).start()
    assert token.wait(60)
    assert not CancelToken().wait(0)
