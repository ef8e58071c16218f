"""Decoding: every container and every plan gives the same frames, bit by bit, with the same times."""

import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from media_factory import Movie, frame_number, make
from stills.errors import CorruptVideoError
from stills.media.decode import DecodedFrame, DecodePlan, DecodeStats, decode
from stills.media.packets import PacketIndex
from stills.media.probe import probe_with_packets
from stills.types import VideoInfo

LONG = Movie(frames=90, gop=15, b_frames=3, options=(("sc_threshold", "0"),))
OPEN = (("sc_threshold", "0"), ("x264-params", "open-gop=1:bframes=3:b-pyramid=2"))
SOURCES: dict[str, Movie] = {
    "closed.mp4": LONG,
    "open.mkv": Movie(frames=90, gop=15, options=OPEN),
    "open.ts": Movie(frames=90, gop=15, options=OPEN),
    "closed.flv": LONG,
    "h264.avi": Movie(frames=90, gop=15, timescale=25),
    "mpeg4.avi": Movie(frames=90, gop=15, codec="mpeg4", timescale=25),
    "mpeg2.mpg": Movie(frames=88, gop=15, codec="mpeg2video", timescale=25),
    "hevc.mp4": Movie(frames=60, gop=15, codec="libx265", options=(("x265-params", "log-level=none"),)),
    "ten.mkv": Movie(frames=40, pixel_format="yuv420p10le"),
    "444.mkv": Movie(frames=40, pixel_format="yuv444p"),
    "vp9.webm": Movie(frames=40, codec="libvpx-vp9", gop=10),
    "av1.mp4": Movie(frames=40, codec="libsvtav1", gop=20, options=(("preset", "10"),)),
    "intra.mov": Movie(frames=30, codec="mjpeg", pixel_format="yuvj422p", full_range=True),
    "rgb.mov": Movie(frames=30, codec="png", pixel_format="rgb24"),
    "gray.mkv": Movie(frames=30, codec="ffv1", pixel_format="gray"),
    "animated.gif": Movie(frames=20, codec="gif", pixel_format="rgb8", timescale=100),
    "turned.mp4": Movie(frames=40, rotation=90, mirrored=True),
    "one.mp4": Movie(frames=1),
    "odd.mkv": Movie(frames=30, width=131, height=97, codec="ffv1"),
}


@dataclass
class Video:
    path: Path
    info: VideoInfo
    packets: PacketIndex
    pictures: dict[int, np.ndarray]

    def decode(self, **plan) -> list[DecodedFrame]:
        return list(decode(self.path, self.info, DecodePlan(**plan), self.packets))

    def same(self, frames: list[DecodedFrame]) -> bool:
        return all(np.array_equal(frame.picture(), self.pictures[frame.pts]) for frame in frames)


@pytest.fixture(scope="module", params=SOURCES)
def video(request, tmp_path_factory) -> Video:
    path = make(tmp_path_factory.mktemp("media") / request.param, SOURCES[request.param])
    info, packets = probe_with_packets(path)
    return Video(path, info, packets, {frame.pts: frame.picture() for frame in decode(path, info)})


def test_every_frame_comes_in_order_with_its_time(video):
    stats = DecodeStats()
    frames = list(decode(video.path, video.info, stats=stats))
    assert [frame.pts for frame in frames] == video.packets.presentation_pts.tolist()
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert (stats.frames, stats.errors, stats.dropped) == (len(frames), 0, 0)
    assert frames[0].pts == video.info.start_pts
    assert frames[0].time == 0.0
    for frame in frames:
        assert frame.time == video.info.seconds(frame.pts)
    if video.path.suffix != ".gif":  # eight colours are too few for the pattern
        assert [frame_number(frame.picture()) for frame in frames] == list(range(len(frames)))


def test_pictures_have_the_display_size(video):
    shape = (video.info.height, video.info.width, 3)
    assert all(picture.shape == shape and picture.dtype == np.uint8 for picture in video.pictures.values())


@pytest.mark.parametrize("threads", [1, 3])
def test_frames_at_given_times(video, threads):
    every = list(video.pictures)
    for seed in range(3):
        times = sorted(random.Random(seed).sample(every, min(len(every), 6)))
        frames = video.decode(times=tuple(reversed(times)), threads=threads)
        assert [frame.pts for frame in frames] == times
        assert video.same(frames)


def test_times_that_no_frame_has_give_nothing(video):
    after = max(video.pictures) + 1000
    assert video.decode(times=(after, video.info.start_pts - 1000)) == []
    assert video.decode(times=()) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_ranges_include_start_and_exclude_end(video, threads):
    every = list(video.pictures)
    start, end = every[len(every) // 3], every[-1 - len(every) // 4]
    frames = video.decode(start_pts=start, end_pts=end, threads=threads)
    assert [frame.pts for frame in frames] == [pts for pts in every if start <= pts < end]
    assert video.same(frames)


def test_segments_on_sync_samples_add_up_to_the_whole(video):
    borders = video.packets.keyframe_pts.tolist()[1:]
    found: list[DecodedFrame] = []
    for start, end in zip([None, *borders], [*borders, None], strict=True):
        found += video.decode(start_pts=start, end_pts=end)
    assert [frame.pts for frame in found] == list(video.pictures)
    assert video.same(found)


def test_reference_frames_are_some_of_all(video):
    frames = video.decode(mode="references")
    assert frames
    assert video.same(frames)


def test_sync_samples_alone(video):
    frames = video.decode(mode="keys")
    assert [frame.pts for frame in frames] == video.packets.keyframe_pts.tolist()
    assert video.same(frames)


def test_stored_frames_give_the_same_picture(video):
    for frame in video.decode()[::7]:
        restored = DecodedFrame.from_raw(frame.raw())
        assert np.array_equal(restored.picture(), video.pictures[frame.pts])
        assert (restored.pts, restored.time, restored.is_key) == (frame.pts, frame.time, frame.is_key)
        assert np.array_equal(restored.small_bgr(32, 24), frame.small_bgr(32, 24))


def test_crops_are_parts_of_the_picture(video):
    frame = video.decode(times=(video.info.start_pts,))[0]
    picture = video.pictures[frame.pts].astype(int)
    height, width = picture.shape[:2]
    for x, y, w, h in [(3, 5, 40, 30), (-10, -10, 30, 30), (width - 20, height - 15, 50, 50), (0, 0, width, height)]:
        left, top = max(0, x), max(0, y)
        expected = picture[top : y + h, left : x + w, ::-1]
        crop = frame.crop_bgr(x, y, w, h)
        assert crop.shape == expected.shape
        assert np.abs(crop - expected).max() <= 2
    assert frame.crop_bgr(width + 5, 0, 10, 10).size == 0


def test_small_pictures_look_like_the_picture(video):
    frame = video.decode(times=(list(video.pictures)[-1],))[0]
    picture = video.pictures[frame.pts].astype(float)
    small, luma = frame.small_bgr(16, 12), frame.small_luma(16, 12)
    assert small.shape == (12, 16, 3)
    assert luma.shape == (12, 16)
    assert np.abs(small.mean((0, 1))[::-1] - picture.mean((0, 1))).max() < 12
    corner = picture[: picture.shape[0] // 3, : picture.shape[1] // 3].mean()
    assert abs(small[:4, :5].mean() - corner) < 25  # upright: the corners differ by more than that
    assert luma.std() > 10


def test_an_early_stop_closes_the_file(video):
    before = len(os.listdir("/proc/self/fd"))
    stream = decode(video.path, video.info)
    next(stream)
    stream.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_the_packet_index_the_same_frames_come(video):
    middle = list(video.pictures)[len(video.pictures) // 2]
    (frame,) = decode(video.path, video.info, DecodePlan(times=(middle,)))
    assert frame.pts == middle
    assert video.same([frame])


def test_times_far_apart_are_reached_without_decoding_what_lies_between(tmp_path):
    path = make(tmp_path / "long.mp4", Movie(frames=900, width=64, height=48, gop=15, options=(("sc_threshold", "0"),)))
    info, packets = probe_with_packets(path)
    stats = DecodeStats()
    wanted = (packets.presentation_pts[3], packets.presentation_pts[880])
    frames = list(decode(path, info, DecodePlan(times=tuple(int(pts) for pts in wanted)), packets, stats))
    assert [frame.pts for frame in frames] == list(wanted)
    assert stats.packets < 60


def test_broken_packets_cost_only_themselves(tmp_path):
    path = make(tmp_path / "a.mp4", LONG)
    info, packets = probe_with_packets(path)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    offset = start + int(packets.size[:40].sum())
    data[offset : offset + int(packets.size[40])] = b"\xff" * int(packets.size[40])
    path.write_bytes(data)
    stats = DecodeStats()
    frames = list(decode(path, info, packets=packets, stats=stats))
    assert len(frames) >= 70
    assert stats.errors >= 1 or any(frame.is_corrupt for frame in frames)
    assert frames[-1].pts == packets.presentation_pts[-1]


def test_a_file_cut_short_gives_what_it_has(tmp_path):
    movie = Movie(frames=90, gop=15, container_options=(("movflags", "+faststart"),))
    path = make(tmp_path / "a.mp4", movie)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    info, packets = probe_with_packets(path)
    frames = list(decode(path, info, packets=packets))
    assert 30 < len(frames) < 90
    assert [frame_number(frame.picture()) for frame in frames[:25]] == list(range(25))


def test_a_file_that_changed_is_refused(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=5, cover=True))
    info, _ = probe_with_packets(path)
    make(path, Movie(frames=5))
    with pytest.raises(CorruptVideoError):
        list(decode(path, info if info.stream_index else _second_stream(info)))


def _second_stream(info: VideoInfo) -> VideoInfo:
    from dataclasses import replace

    return replace(info, stream_index=7)


def test_damaged_stored_frames_are_refused(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=1))
    info, _ = probe_with_packets(path)
    data = next(iter(decode(path, info))).raw()
    for broken in (b"", b"xx", data[:30], data[:-20], b"JUNK" + data[4:]):
        with pytest.raises(CorruptVideoError):
            DecodedFrame.from_raw(broken)


def test_hdr_becomes_sdr(tmp_path):
    def ramp(_index, width, height):
        return np.repeat(np.tile(np.linspace(0, 190, width).astype(np.uint8), (height, 1))[..., None], 3, 2)

    movie = Movie(frames=2, pixel_format="yuv420p10le", transfer=16, matrix=9, picture=ramp)
    path = make(tmp_path / "a.mkv", movie)
    info, packets = probe_with_packets(path)
    (frame,) = decode(path, info, DecodePlan(times=(info.start_pts,)), packets)
    row = frame.picture()[48].astype(int).mean(axis=1)
    assert row[0] <= 2
    assert row[-1] >= 250  # 190/255 of PQ is 1000 cd/m² and becomes white
    assert (np.diff(row) >= -3).all()
    quick = frame.small_bgr(128, 96)[48].astype(int).mean(axis=1)
    assert np.abs(quick - row).mean() < 12


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="the system has no classes of scheduling")
def test_films_of_tests_are_made_without_leaving_the_ordinary_class_of_processes(tmp_path: Path) -> None:
    make(tmp_path / "av1.mp4", SOURCES["av1.mp4"])
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
