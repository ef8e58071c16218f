"""What a video is: geometry, timing, colours, the right stream."""

import json
import os
import subprocess
import sys
import tarfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_factory import Movie, make, moving_picture
from stills.errors import CorruptVideoError, LimitError
from stills.media.decode import decode
from stills.media.probe import probe, probe_with_packets

CORPUS = Path(os.environ.get("STILLS_CORPUS", Path(__file__).parents[2].parent / "shared/corpus/dev"))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_and_mirror_are_undone(tmp_path, rotation, mirrored):
    path = make(tmp_path / "a.mp4", Movie(frames=3, rotation=rotation, mirrored=mirrored))
    info = probe(path)
    assert (info.rotation, info.mirrored) == (rotation, mirrored)
    assert (info.width, info.height) == ((96, 128) if rotation in {90, 270} else (128, 96))
    picture = next(iter(decode(path, info))).picture()
    expected = moving_picture(0, info.width, info.height)
    assert np.abs(picture.astype(int) - expected).mean() < 8


def test_sample_aspect_ratio_scales_the_width(tmp_path):
    path = make(tmp_path / "a.mkv", Movie(frames=3, aspect=Fraction(4, 3)))
    info = probe(path)
    assert (info.width, info.height, info.coded_width) == (171, 96, 128)
    assert next(iter(decode(path, info))).picture().shape == (96, 171, 3)


def test_turned_anamorphic_video(tmp_path):
    info = probe(make(tmp_path / "a.mp4", Movie(frames=3, aspect=Fraction(3, 2), rotation=90)))
    assert (info.width, info.height) == (96, 192)


@pytest.mark.parametrize(
    ("steps", "variable"),
    [([512] * 40, False), ([512, 512, 1024, 512] * 10, True), ([512] * 39 + [1024], False), ([512, 640] * 20, False)],
)
def test_variable_frame_rate_rule(tmp_path, steps, variable):
    pts = np.cumsum([0, *steps]).tolist()
    info, packets = probe_with_packets(make(tmp_path / "a.mp4", Movie(pts=pts)))
    assert info.variable_frame_rate is variable
    assert packets.presentation_pts.tolist() == pts


def test_rounded_milliseconds_are_no_variable_frame_rate(tmp_path):
    pts = [round(index * 1000 / 240) for index in range(60)]
    info = probe(make(tmp_path / "a.mkv", Movie(pts=pts, timescale=1000)))
    assert info.variable_frame_rate is False
    assert abs(float(info.frame_rate or 0) - 240) < 3


def test_timing(tmp_path):
    info, packets = probe_with_packets(make(tmp_path / "a.mp4", Movie(frames=50)))
    assert info.frame_rate == 25
    assert info.duration == pytest.approx(2.0, abs=1e-6)
    assert info.frame_count == len(packets) == 50
    assert probe(info.path) == info


def test_duration_counts_from_the_first_frame(tmp_path):
    path = make(tmp_path / "a.ts", Movie(frames=25, pts=[6400 + 512 * index for index in range(25)]))
    info, packets = probe_with_packets(path)
    assert info.start_pts == packets.presentation_pts[0] > 0
    assert info.duration == pytest.approx(1.0, abs=0.001)
    assert next(iter(decode(path, info))).time == 0.0


def test_discarded_preroll_is_not_shown(tmp_path):
    """An edit list that begins inside a group: the frames before it are decoded, but not shown."""
    path = make(tmp_path / "a.mp4", Movie(frames=30, b_frames=0, gop=30, pts=[(i - 5) * 512 for i in range(30)]))
    info, packets = probe_with_packets(path)
    frames = list(decode(path, info, packets=packets))
    assert frames[0].pts == info.start_pts
    assert [frame.pts for frame in frames] == packets.presentation_pts.tolist()


@pytest.mark.parametrize(("transfer", "name"), [(16, "pq"), (18, "hlg"), (1, "none")])
def test_hdr_is_told_from_the_transfer(tmp_path, transfer, name):
    movie = Movie(frames=2, codec="libx264", pixel_format="yuv420p10le", transfer=transfer, matrix=9)
    info = probe(make(tmp_path / "a.mkv", movie))
    assert (info.hdr, info.bit_depth, info.color_space) == (name, 10, "bt2020")


def test_cover_is_never_the_video(tmp_path):
    info = probe(make(tmp_path / "a.mp4", Movie(frames=3, cover=True, sound=True)))
    assert info.has_cover_art
    assert info.stream_index not in info.cover_streams
    assert (info.width, info.video_streams, info.has_audio) == (128, 1, True)


def test_larger_of_two_videos_is_chosen(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        for width in (64, 160):
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, 64, "yuv420p"
        for index in range(3):
            for stream in container.streams.video:
                frame = av.VideoFrame.from_ndarray(moving_picture(index, stream.width, 64), format="rgb24")
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
        for stream in container.streams.video:
            container.mux(stream.encode(None))
    info = probe(path)
    assert (info.width, info.video_streams) == (160, 2)


def test_too_many_pixels_are_refused_before_decoding(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=2))
    assert probe(path, max_pixels=128 * 96).width == 128
    with pytest.raises(LimitError, match="128×96"):
        probe(path, max_pixels=128 * 96 - 1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_is_missing_at_the_end_is_said(tmp_path, suffix):
    options = (("movflags", "+faststart"),) if suffix == "mp4" else ()
    path = make(tmp_path / f"a.{suffix}", Movie(frames=100, container_options=options))
    assert probe(path).missing_end == 0
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    info = probe(path)
    assert info.duration + info.missing_end == pytest.approx(4.0, abs=0.05)
    assert info.missing_end > 1
    assert any("too early" in warning for warning in info.warnings)


def test_nothing_decodable_is_corrupt(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=20, container_options=(("movflags", "+faststart"),)))
    data = bytearray(path.read_bytes())
    body = data.index(b"mdat") + 4
    data[body:] = b"\xa5" * (len(data) - body)
    path.write_bytes(data)
    with pytest.raises(CorruptVideoError):
        probe(path)


READ_EDGE = """
import json, sys
from stills.errors import StillsError
from stills.media.decode import DecodePlan, DecodeStats, decode
from stills.media.probe import probe_with_packets
for path in sys.argv[1:]:
    try:
        info, packets = probe_with_packets(path)
        frames = 0
        for frame in decode(path, info, DecodePlan(), packets):
            frames += 1
            if frames == 1:
                assert frame.pts == info.start_pts and frame.picture().shape[:2] == (info.height, info.width)
            if frames == 20:
                break
        print(json.dumps({"rotation": info.rotation, "display_size": [info.width, info.height], "frames": frames,
            "variable_frame_rate": info.variable_frame_rate, "hdr": info.hdr != "none",
            "has_cover_art": info.has_cover_art}))
    except StillsError as error:
        print(json.dumps({"error": type(error).__name__, "text": str(error)}))
    sys.stdout.flush()
"""


@pytest.mark.slow
@pytest.mark.skipif(not (CORPUS / "edge.tar").is_file(), reason="the evaluation corpus is not here")
def test_every_edge_file_is_told_right(tmp_path):
    """In a child process, as a decoder may die: each line of it answers for one file."""
    with tarfile.open(CORPUS / "edge.tar") as archive:
        archive.extractall(tmp_path, filter="tar")
    expected = json.loads((CORPUS / "edge-expect.json").read_text())
    paths = [str(tmp_path / "edge" / each["file"]) for each in expected]
    run = subprocess.run(
        [sys.executable, "-c", READ_EDGE, *paths], capture_output=True, text=True, timeout=300, check=False
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, run.stderr[-2000:]
    wrong = []
    for want, got in zip(expected, answers, strict=True):
        if want["expect"] == "any":
            continue
        if (want["expect"] == "ok") != (got.get("frames", 0) > 0):
            wrong.append((want["file"], got))
            continue
        for key in ("rotation", "variable_frame_rate", "hdr", "has_cover_art"):
            if "frames" in got and want.get(key) is not None and want[key] != got[key]:
                wrong.append((want["file"], key, got[key]))
        if "frames" in got and want.get("display_size"):
            size = zip(want["display_size"], got["display_size"], strict=True)
            if max(abs(a - b) for a, b in size) > 1:
                wrong.append((want["file"], got["display_size"]))
    assert wrong == []
