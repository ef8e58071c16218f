"""The Lambda function's clock, and what effort it leaves."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from stills.aws.clock import ANSWER_S, Clock, Deadline
from stills.aws.effort import COST, Pace, TooSlowError, cores_of, estimate, plan_effort, wanted_effort
from stills.aws.pictures import InTime, affordable
from stills.errors import CancelledError, OutputError
from stills.settings_model import AwsSettings
from stills.types import Progress, VideoInfo


class Context:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@pytest.fixture
def video() -> VideoInfo:
    return VideoInfo(
        path="s3://b/k.mp4", container="mp4", codec="h264", pixel_format="yuv420p", bit_depth=8, coded_width=1280,
        coded_height=720, width=1280, height=720, sample_aspect_ratio=Fraction(1), rotation=0, mirrored=False,
        frame_rate=Fraction(25), variable_frame_rate=False, time_base=Fraction(1, 12800), start_pts=0, duration=1800.0,
        frame_count=45_000, hdr="none", color_space="bt709", color_range="limited", stream_index=0, video_streams=1,
        cover_streams=(), has_audio=False, bit_rate=None, file_size=1,
    )  # fmt: skip


def test_the_length_chooses_where_nobody_did() -> None:
    tiers = AwsSettings()
    assert [wanted_effort(s, None, tiers) for s in (30, 60, 61, 3600, 3601)] == [
        "exhaustive", "exhaustive", "balanced", "balanced", "fast",
    ]  # fmt: skip
    assert wanted_effort(30, "fast", tiers) == "fast"
    assert wanted_effort(9000, "exhaustive", tiers) == "exhaustive"
    assert wanted_effort(30, None, AwsSettings(exhaustive_up_to=0, balanced_up_to=0)) == "fast"


def test_the_clock_lowers_it(video: VideoInfo) -> None:
    needs = estimate(video, "balanced", 1.0)
    assert estimate(video, "balanced", 2.0) == needs / 2
    assert estimate(replace(video, coded_width=1920, coded_height=1080), "balanced", 1.0) > needs
    plan = plan_effort(video, "balanced", needs + 1, 1.0)
    assert (plan.effort, plan.fits) == ("balanced", True)
    plan = plan_effort(video, "balanced", needs - 1, 1.0)
    assert (plan.effort, plan.wanted, plan.fits) == ("fast", "balanced", True)
    plan = plan_effort(video, "exhaustive", 1.0, 1.0)
    assert (plan.effort, plan.fits) == ("fast", False)
    assert plan_effort(video, "fast", 1e9, 1.0).effort == "fast"  # never more than is wanted


def test_a_small_function_has_a_part_of_a_processor() -> None:
    assert cores_of(1769, 2) == 1.0
    assert cores_of(10_240, 2) == 2.0
    assert cores_of(None, 2) == 2.0


def at(elapsed: float, position: float, stage: str = "scan") -> Progress:
    return Progress(stage, "film", position, 1000.0, elapsed)  # type: ignore[arg-type]


def test_a_scan_that_is_too_slow_is_begun_anew() -> None:
    pace = Pace("balanced", 100.0)
    pace(at(1.0, 1.0))  # too early to tell
    pace(at(10.0, 0.0))
    pace(at(10.0, 100.0))
    pace(at(10.0, 95.0))  # a little late is no reason
    pace(at(50.0, 1.0, "render"))
    with pytest.raises(TooSlowError) as caught:
        pace(at(10.0, 50.0))
    assert caught.value.effort == "fast"
    Pace("fast", 100.0)(at(10.0, 1.0))  # there is nothing less


def test_it_is_not_begun_anew_where_that_wins_nothing() -> None:
    pace = Pace("balanced", 100.0)
    with pytest.raises(TooSlowError):
        pace(at(20.0, 100.0))  # half of it would be seen, with less effort all
    pace(at(75.0, 600.0))  # what is left would not do for all of it again


def test_exhaustive_goes_down_by_what_the_time_does_for() -> None:
    with pytest.raises(TooSlowError) as caught:
        Pace("exhaustive", 100.0)(at(10.0, 30.0))  # 333 s needed: balanced takes 48
    assert caught.value.effort == "balanced"
    with pytest.raises(TooSlowError) as caught:
        Pace("exhaustive", 100.0)(at(10.0, 5.0))  # 2000 s: balanced takes 286, fast 114, more than the rest
    assert caught.value.effort == "fast"
    assert COST["fast"] < COST["balanced"] < COST["exhaustive"]


def test_what_is_kept_for_pictures() -> None:
    assert Clock(Context(900)).reserve(None) == 75.0
    assert Clock(Context(101.5)).reserve(None) == pytest.approx(15.0)
    assert Clock(Context(10)).reserve(None) == 5.0
    assert Clock(Context(10)).reserve(3.0) == 3.0
    assert Clock(Context(10)).left() == 10 - ANSWER_S


def test_a_deadline_cancels_when_it_is_near() -> None:
    context = Context(10)
    deadline = Deadline(Clock(context).left, 5.0)
    deadline.check()
    assert not deadline.passed
    context.seconds = 6.0
    with pytest.raises(CancelledError):
        deadline.check()
    context.seconds = 60.0
    assert deadline.passed  # once and for good
    assert deadline.wait(3600.0)


def test_nothing_is_tried_again_when_the_time_is_up() -> None:
    context = Context(3600)
    clock = Clock(context)
    clock.pause(0.0)
    context.seconds = 2.0
    with pytest.raises(OutputError, match="time is up"):
        clock.pause(1.0)


def test_pictures_end_with_the_time() -> None:
    context = Context(10)
    deadline = Deadline(Clock(context).left, 2.0)
    pictures = InTime({1: "a", 2: "b"}, deadline)  # type: ignore[dict-item]
    assert pictures.get(1) == "a"
    assert pictures.get(7) is None
    pictures.late.clear()
    context.seconds = 3.0
    assert pictures.get(2) is None
    assert pictures.late == {2}
    assert list(pictures) == [1, 2]


def test_somebody_gets_a_picture_always() -> None:
    assert affordable(0.0, 1) == 1
    assert affordable(60.0, 1) > 4 * affordable(10.0, 1)
    assert affordable(60.0, 3) < affordable(60.0, 1)
