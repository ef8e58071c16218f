"""The clock of a video: it is looked at while work waits to be tried again, and so is the cancel token."""

import threading
import time

import pytest

from stills.cancel import CancelToken
from stills.errors import CancelledError
from stills.scan.watch import OutOfTimeError, Watch


def test_nothing_is_in_the_way_of_work_without_limits() -> None:
    Watch(None, time.monotonic(), None).check()
    Watch(None, time.monotonic(), None).pause(0, 0.0)


def test_the_time_of_a_video_ends_a_pause() -> None:
    watch = Watch(None, time.monotonic(), 0.15)
    with pytest.raises(OutOfTimeError, match="--video-timeout"):
        watch.pause(0, 600.0)
    assert time.monotonic() - watch.started < 30


def test_a_cancel_ends_a_pause() -> None:
    token = CancelToken()
    threading.Timer(0.05, token.cancel).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        Watch(token, began, None).pause(5, 600.0)
    assert time.monotonic() - began < 30


def test_a_cancel_before_is_seen_at_once() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        Watch(token, time.monotonic(), None).check()
