"""Timelines of shots, line by line: numbers worked out by hand, files read by other people's programs."""

from __future__ import annotations

import csv
import io
import re
from fractions import Fraction

import opentimelineio as otio
import pytest

from index_samples import make_index
from shot_samples import shot_film
from stills.render.timelines import FORMATS, ShotList
from stills.render.timelines.edl import reel_name
from stills.render.timelines.otio import media_url
from stills.render.timelines.shotlist import counting_rate, shot_rows
from stills.render.timelines.timecode import is_drop_frame, timecode

PAL, FILM, NTSC, NTSC_FILM, NTSC_60 = (Fraction(r) for r in ("25", "24", "30000/1001", "24000/1001", "60000/1001"))


@pytest.mark.parametrize(
    ("frame", "rate", "code"),
    [
        (0, PAL, "00:00:00:00"),
        (24, PAL, "00:00:00:24"),
        (25, PAL, "00:00:01:00"),
        (25 * 3661 + 7, PAL, "01:01:01:07"),
        (24 * 86400, FILM, "00:00:00:00"),  # a day is all there is
        (23, NTSC_FILM, "00:00:00:23"),
        (24 * 60, NTSC_FILM, "00:01:00:00"),  # 23.976 is never drop-frame
        # Drop-frame: 1800 numbers to the first minute, then ;02; no drop in minute 10.
        (1799, NTSC, "00:00:59;29"),
        (1800, NTSC, "00:01:00;02"),
        (1801, NTSC, "00:01:00;03"),
        (3597, NTSC, "00:01:59;29"),
        (3598, NTSC, "00:02:00;02"),
        (17981, NTSC, "00:09:59;29"),
        (17982, NTSC, "00:10:00;00"),
        (17982 + 1800, NTSC, "00:11:00;02"),
        (107892, NTSC, "01:00:00;00"),  # an hour of time code: 3600.0 s of clock, to 4 ms
        (3599, NTSC_60, "00:00:59;59"),
        (3600, NTSC_60, "00:01:00;04"),
        (35964, NTSC_60, "00:10:00;00"),
        (215784, NTSC_60, "01:00:00;00"),
        (14, Fraction(15), "00:00:00:14"),
        (119, Fraction(120), "00:00:00:119"),
        (13, Fraction(25, 2), "00:00:01:00"),  # 12.5 a second are counted as 13
    ],
)
def test_time_code(frame: int, rate: Fraction, code: str):
    assert timecode(frame, rate) == code


@pytest.mark.parametrize(
    ("rate", "drop"),
    [("30000/1001", 1), ("29.97", 1), ("60000/1001", 1), ("120000/1001", 1), ("30", 0), ("60", 0), ("24000/1001", 0),
     ("29.9", 0), ("25", 0), ("1/2", 0)],
)  # fmt: skip
def test_drop_frame_is_for_thirty_less_a_thousandth(rate: str, drop: int):
    assert is_drop_frame(Fraction(rate)) == bool(drop)


@pytest.mark.parametrize("rate", [NTSC, NTSC_60])
def test_drop_frame_code_stays_with_the_clock_and_never_repeats(rate: Fraction):
    codes = [timecode(frame, rate) for frame in range(0, 200_000, 7)]
    assert len(set(codes)) == len(codes)
    assert codes == sorted(codes)
    for frame, code in zip(range(0, 200_000, 7), codes, strict=True):
        h, m, s, f = (int(part) for part in re.split("[:;]", code))
        assert abs(h * 3600 + m * 60 + s + f / float(round(rate)) - float(frame / rate)) < 0.07
        assert m % 10 == 0 or s or f >= round(rate) // 15


def test_time_code_has_no_negative_frames():
    with pytest.raises(ValueError, match="-1"):
        timecode(-1, PAL)


def write(name: str, shots: ShotList) -> str:
    return FORMATS[name].render(shots).decode()


def test_edl_of_cuts_and_a_dissolve():
    film = shot_film([2.0, 5.5], duration=9.0, dissolves={5.5: (5.0, 6.0)}, frame_rate=PAL, path="/films/My Däy 2.mp4")
    assert write("edl", film).split("\r\n") == [
        "TITLE: My D?y 2",
        "FCM: NON-DROP FRAME",
        "* SOURCE FILE: /films/My D?y 2.mp4",
        "* FRAME RATE: 25",
        "001  MY_DAY_2 V     C        00:00:00:00 00:00:02:00 00:00:00:00 00:00:02:00",
        "* FROM CLIP NAME: My D?y 2.mp4",
        "002  MY_DAY_2 V     C        00:00:02:00 00:00:05:00 00:00:02:00 00:00:05:00",
        "* FROM CLIP NAME: My D?y 2.mp4",
        "003  MY_DAY_2 V     C        00:00:05:00 00:00:05:00 00:00:05:00 00:00:05:00",
        # 12.5 frames on either side of the border at 5.5 s, 137.5 frames, which is counted as 138: from 125 to 150.
        "003  MY_DAY_2 V     D    025 00:00:05:00 00:00:09:00 00:00:05:00 00:00:09:00",
        "* FROM CLIP NAME: My D?y 2.mp4",
        "* TO CLIP NAME: My D?y 2.mp4",
        "",
    ]


def test_edl_of_ntsc_is_drop_frame():
    lines = write("edl", shot_film([1800 * 1001 / 30000], duration=61.0, frame_rate=NTSC)).split("\r\n")
    assert "FCM: DROP FRAME" in lines
    assert lines[4].endswith("00:00:00;00 00:01:00;02 00:00:00;00 00:01:00;02")


def test_edl_says_what_it_cannot_hold():
    varying = shot_film([1.0], duration=3.0, variable_frame_rate=True, frame_rate=Fraction("24.4"))
    text = write("edl", varying)
    assert "* VARIABLE FRAME RATE, 24.400 ON AVERAGE: TIMES ARE ROUNDED TO FRAMES" in text
    assert "* FRAME RATE: 24\r\n" in text
    assert FORMATS["edl"].notes(varying) == ["shots.edl counts 24 frames a second, the video's frame rate varies"]
    many = shot_film([n / 10 for n in range(1, 1200)], duration=120.0, frame_rate=PAL)
    text = write("edl", many)
    assert "* 1200 EVENTS: SOME PROGRAMS READ NO MORE THAN 999" in text
    assert "\r\n1200  FILM " in text
    assert len(FORMATS["edl"].notes(many)) == 1
    fast = write("edl", shot_film([1.0], duration=2.0, frame_rate=Fraction(240)))
    assert "* TIME CODE COUNTS ONE IN 4 FRAMES" in fast
    assert "00:00:01:00 00:00:02:00" in fast
    assert "UNKNOWN" in write("edl", shot_film([], duration=1.0, frame_rate=None))
    assert "* FADE" in write("edl", shot_film([1.0], duration=2.0, dissolves={1.0: (0.5, 1.5)}, fades=[1.0]))
    assert not FORMATS["edl"].notes(shot_film([1.0], duration=2.0))


@pytest.mark.parametrize(
    ("path", "reel"),
    [
        ("/a/film.mp4", "FILM"),
        ("a long name.mov", "A_LONG_N"),
        ("été.mkv", "ETE"),
        ("漢字.mkv", "AX"),
        ("bl.mp4", "BL_"),
        ("--x--.mp4", "X"),
        ("seven77 b.mp4", "SEVEN77"),
        ("https://example.org/a/Clip-9.mp4?x=1", "CLIP_9"),
    ],
)
def test_reels_are_names_that_tape_machines_knew(path: str, reel: str):
    assert reel_name(path) == reel


def test_csv():
    rows = list(
        csv.DictReader(
            io.StringIO(
                write("csv", shot_film([2.5], duration=5.0, dissolves={2.5: (2.0, 3.0)}, frame_rate=PAL)), newline=""
            )
        )
    )
    assert rows[0] | {"number": "1"} == rows[0]
    assert rows[1] == {
        "number": "2", "start": "2.500000", "end": "5.000000", "length": "2.500000",
        "start_pts": "226800", "end_pts": "451800", "start_frame": "63", "end_frame": "125",
        "start_timecode": "00:00:02:13", "end_timecode": "00:00:05:00",
        "transition_in": "dissolve", "transition_start": "2.000000", "transition_end": "3.000000",
    }  # fmt: skip
    varying = list(csv.DictReader(io.StringIO(write("csv", shot_film([1.0], duration=2.0, variable_frame_rate=True)))))
    assert {row["start_frame"] + row["end_timecode"] for row in varying} == {""}


def test_web_vtt():
    text = write("vtt", shot_film([61.0004, 61.0006, 3723.5], duration=4000.0))
    assert text.split("\n\n") == [
        "WEBVTT",
        "1\n00:00:00.000 --> 00:01:01.000\nShot 1",
        "2\n00:01:01.000 --> 00:01:01.001\nShot 2",
        "3\n00:01:01.001 --> 01:02:03.500\nShot 3",
        "4\n01:02:03.500 --> 01:06:40.000\nShot 4\n",
    ]
    assert "Shot 2" not in write("vtt", shot_film([1.0, 1.0001], duration=2.0))


def test_otio_is_read_by_its_library():
    film = shot_film([2.0, 5.5], duration=9.009, dissolves={5.5: (5.0, 6.0)}, frame_rate=NTSC, path="/films/a b#é.mp4")
    timeline = otio.adapters.read_from_string(write("otio", film), "otio_json")
    (track,) = timeline.video_tracks()
    clips = [child for child in track if isinstance(child, otio.schema.Clip)]
    (dissolve,) = [child for child in track if isinstance(child, otio.schema.Transition)]
    assert [clip.name for clip in clips] == ["Shot 1", "Shot 2", "Shot 3"]
    rate = 30000 / 1001
    # 2 s are frame 59.94, 5.5 s are 164.8, 9.009 s are 270.
    expected = [(0, 60), (60, 105), (165, 105)]
    for clip, (start, length) in zip(clips, expected, strict=True):
        assert clip.source_range == otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate)
        )
        assert clip.media_reference.target_url == "file:///films/a%20b%23%C3%A9.mp4"
        assert clip.media_reference.available_range.duration.value == 270
        assert track.range_of_child(clip).start_time.value == start
    assert dissolve.transition_type == otio.schema.TransitionTypes.SMPTE_Dissolve
    assert (dissolve.in_offset.value, dissolve.out_offset.value) == (15, 15)  # frames 150 to 180
    assert track.neighbors_of(dissolve) == (clips[1], clips[2])
    assert timeline.duration().value == 270


def test_otio_of_a_variable_rate_counts_exact_ticks():
    film = shot_film([1.234567], duration=3.0, dissolves={1.234567: (1.0, 1.5)}, variable_frame_rate=True)
    timeline = otio.adapters.read_from_string(write("otio", film), "otio_json")
    first, change, second = timeline.video_tracks()[0]
    assert first.source_range.duration.rate == 90000
    assert first.source_range.duration.value == second.source_range.start_time.value == round(1.234567 * 90000)
    assert (change.in_offset.value, change.out_offset.value) == (111111 - 90000, 135000 - 111111)


def test_addresses_of_media(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert media_url("film.mp4") == f"file://{tmp_path}/film.mp4"
    assert media_url("/x/\udcff.mp4") == "file:///x/%FF.mp4"
    assert media_url("s3://bucket/a b.mp4") == "s3://bucket/a b.mp4"


@pytest.mark.parametrize(
    ("rate", "counted"),
    [("24.4", "24"), ("29.9", "30000/1001"), ("57", "60000/1001"), ("11", "24000/1001"), ("400", "120")],
)
def test_varying_rates_are_counted_at_the_nearest_usual_one(rate: str, counted: str):
    film = shot_film([], duration=1.0, variable_frame_rate=True, frame_rate=Fraction(rate))
    assert counting_rate(film.video) == Fraction(counted)
    even = shot_film([], duration=1.0, frame_rate=Fraction(rate))
    assert counting_rate(even.video) == Fraction(rate)


def test_rows_have_the_pts_of_the_frames_that_are_there():
    index = make_index([], duration=10.0, cuts=[2.5, 7.1239], analysed=[0.0, 2.5, 5.0, 7.25])
    rows = shot_rows(index)
    assert [(r.number, r.start_pts, r.end_pts) for r in rows] == [(1, 0, 2500), (2, 2500, 7124), (3, 7124, 10000)]


def test_a_single_frame_is_one_shot():
    (row,) = shot_rows(make_index([], duration=0.0, analysed=[0.0], shots=make_index([]).shots.slice(0, 0)))
    assert (row.number, row.start, row.end, row.transition_in) == (1, 0.0, 0.0, "none")
