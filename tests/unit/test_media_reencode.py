"""A video made again: times, sound, orientation, sizes and colours stay; what is wrong in it is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from media_factory import Movie, frame_number, make, moving_picture
from stills.errors import CorruptVideoError, OutputError
from stills.media.color import yuv_to_rgb
from stills.media.decode import decode
from stills.media.probe import probe, probe_with_packets
from stills.media.reencode import Reencoded, Threads, reencode
from stills.media.upright import Upright, YuvPicture

pytestmark = pytest.mark.slow


def again(source: Path, edit: Any = None, **options: Any) -> tuple[Path, Reencoded]:
    target = source.with_name("again.mp4")
    return target, reencode(source, probe(source), target, edit, **options)


def times(path: Path) -> list[Fraction]:
    info, packets = probe_with_packets(path)
    return [int(pts) * info.time_base for pts in packets.presentation_pts]


def packets(path: Path, number: int = 0) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def pictures(path: Path) -> list[np.ndarray]:
    info = probe(path)
    return [frame.picture() for frame in decode(path, info)]


def sounding(
    path: Path, codec: str, *, rate: int = 48000, layout: str = "stereo", tracks: int = 1, start: int = 0
) -> Path:
    """Two seconds of pictures, and of a click each half second in all tracks; pictures begin ``start`` frames late."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds: list[Any] = [container.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(moving_picture(index, 64, 48), format="rgb24")
            frame.pts, frame.time_base = index + start, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        wave = np.zeros((1, 2 * rate), np.float32)
        for beat in range(4):
            wave[0, beat * rate // 2 : beat * rate // 2 + 480] = 0.5 * np.sin(np.arange(480) * 0.3)
        for sound in sounds:
            resampler = av.AudioResampler(format=sound.codec_context.format, layout=layout, rate=rate)
            for at in range(0, wave.shape[1], 1024):
                part: Any = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, at : at + 1024]), "fltp", "mono")
                part.sample_rate, part.pts, part.time_base = rate, at, Fraction(1, rate)
                for ready in resampler.resample(part):
                    container.mux(sound.encode(ready))
            container.mux(sound.encode(None))
    return path


def clicks(path: Path) -> list[float]:
    """Seconds at which clicks begin, from the first frame shown, as a player hears them."""
    info = probe(path)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        found: list[float] = []
        for frame in container.decode(stream):
            level = np.abs(frame.to_ndarray().astype(np.float64))
            level = level.max(axis=0) if frame.format.is_planar else level[0, :: frame.layout.nb_channels]
            loud = np.flatnonzero(level > 0.1 * (1 if frame.format.name.startswith("flt") else 32768))
            assert frame.time is not None
            for place in loud[:1]:
                time = frame.time + place / frame.sample_rate - float(info.start_pts * info.time_base)
                if not found or time > found[-1] + 0.2:
                    found.append(time)
    return found


@pytest.mark.parametrize(
    ("suffix", "movie"),
    [
        ("mp4", Movie(timescale=30000, pts=[0, 1001, 2002, 9009, 9010, 12345, 30000, 30030, 60001, 60002])),
        ("mkv", Movie(timescale=1000, pts=[0, 33, 67, 100, 900, 933, 967, 1001, 5000])),
        ("mp4", Movie(frames=30, b_frames=3)),
        ("avi", Movie(frames=20, codec="mpeg4", b_frames=0)),
    ],
    ids=["variable-mp4", "variable-mkv", "constant", "avi"],
)
def test_every_frame_keeps_its_time(tmp_path: Path, suffix: str, movie: Movie) -> None:
    source = make(tmp_path / f"film.{suffix}", movie)
    seen: list[float] = []
    target, done = again(source, lambda _, time: seen.append(time))
    assert times(target) == [time - times(source)[0] for time in times(source)]
    assert done.frames == len(seen) == len(times(source))
    assert probe(target).duration == pytest.approx(probe(source).duration, abs=0.002)


@pytest.mark.parametrize(
    "movie",
    [
        Movie(width=160, height=120, timescale=30000, pts=[n * n * 40 for n in range(36)], frames=36, sound=True),
        Movie(timescale=30000, pts=[0, 1001, 2002, 9009, 9010, 12345, 30000, 30030, 60001, 60002]),
        Movie(timescale=90000, pts=[n * 3000 + 40000 * (n > 250) for n in range(300)], frames=300, b_frames=3),
        Movie(frames=40, b_frames=3, sound=True),
    ],
    ids=["slower and slower", "irregular", "a gap late", "constant"],
)
def test_the_file_says_itself_how_long_it_is(tmp_path: Path, movie: Movie) -> None:
    """Players go by what its head says, which for an MP4 is the sum of what lies between frames as they are coded."""
    source = make(tmp_path / "film.mp4", movie)
    target, _ = again(source)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert container.duration is not None
        said, whole = float(stream.duration * stream.time_base), container.duration / 1e6
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
    assert all(packet.pts == packet.dts for packet in packets)
    assert said == pytest.approx(probe(source).duration, abs=0.002)
    assert whole >= said - 0.002


@pytest.mark.parametrize(
    "movie",
    [
        Movie(width=128, height=96, frames=12),
        Movie(width=128, height=96, frames=6, rotation=90),
        Movie(width=128, height=96, frames=6, rotation=180),
        Movie(width=128, height=96, frames=6, rotation=270, mirrored=True),
        Movie(width=131, height=97, frames=6, pixel_format="yuv444p"),
        Movie(width=131, height=97, frames=6, pixel_format="yuv444p", rotation=90),
        Movie(width=128, height=96, frames=6, aspect=Fraction(4, 3)),
        Movie(width=128, height=96, frames=6, pixel_format="yuv420p10le"),
        Movie(width=128, height=96, frames=6, pixel_format="yuv422p"),
        Movie(width=128, height=96, frames=6, codec="ffv1", pixel_format="gray"),
        Movie(width=128, height=96, frames=6, codec="libx264rgb", pixel_format="bgr24"),
        Movie(width=128, height=96, frames=6, full_range=True),
        Movie(width=128, height=96, frames=6, matrix=1),
        Movie(width=128, height=96, frames=6, pixel_format="yuv420p10le", transfer=16, matrix=9),
    ],
    ids=lambda m: (
        f"{m.width}-{m.codec}-{m.pixel_format}-{m.rotation}-{m.aspect}-{m.transfer}-{m.full_range}-{m.matrix}"
    ),
)
def test_pictures_look_as_before(tmp_path: Path, movie: Movie) -> None:
    source = make(tmp_path / ("film.mkv" if movie.codec == "ffv1" else "film.mp4"), movie)
    target, _ = again(source)
    before, after = pictures(source), pictures(target)
    info, made = probe(source), probe(target)
    assert (made.width, made.height) == (info.width + info.width % 2, info.height + info.height % 2)
    assert (made.pixel_format, made.bit_depth, made.rotation, made.mirrored, made.hdr) in {
        ("yuv420p", 8, 0, False, "none"),
        ("yuvj420p", 8, 0, False, "none"),
    }
    assert made.sample_aspect_ratio == 1
    assert len(before) == len(after)
    for number, (a, b) in enumerate(zip(before, after, strict=True)):
        assert frame_number(b[: a.shape[0], : a.shape[1]]) == number
        apart = np.abs(a.astype(int) - b[: a.shape[0], : a.shape[1]])
        assert apart.mean() < 6  # of 255: H.264 at its quality, and colour at half resolution
        assert np.abs(a.mean(axis=(0, 1)) - b.mean(axis=(0, 1))).max() < 2.5  # colours are not shifted


def test_what_is_drawn_is_where_it_was_drawn(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mp4", Movie(width=128, height=96, frames=5, rotation=90))

    def paint(picture: YuvPicture, _: float) -> None:
        assert (picture.width, picture.height) == (96, 128)
        y, u, v = picture.code((255, 255, 255))
        picture.y[:32, :32], picture.u[:16, :16], picture.v[:16, :16] = y, u, v

    target, _ = again(source, paint)
    for picture in pictures(target):
        assert picture[4:28, 4:28].min() > 235


@pytest.mark.parametrize(
    ("suffix", "codec", "bare"),
    [("mp4", "aac", 0), ("ts", "aac", 7), ("mkv", "libopus", 0), ("mp4", "libmp3lame", 0), ("mkv", "flac", 0)],
)
def test_sound_that_browsers_play_is_copied_bit_by_bit(tmp_path: Path, suffix: str, codec: str, bare: int) -> None:
    source = sounding(tmp_path / f"film.{suffix}", codec)
    target, done = again(source)
    assert (done.copied, done.converted, done.warnings) == (1, 0, [])
    assert packets(target) == [packet[bare:] for packet in packets(source)]  # a transport stream has headers of 7 bytes
    assert clicks(target) == pytest.approx(clicks(source), abs=0.001)


@pytest.mark.parametrize(
    ("suffix", "codec", "layout"), [("mkv", "ac3", "5.1"), ("mov", "pcm_s16le", "mono"), ("mkv", "mp2", "stereo")]
)
def test_other_sound_is_converted_and_that_is_said(tmp_path: Path, suffix: str, codec: str, layout: str) -> None:
    source = sounding(tmp_path / f"film.{suffix}", codec, layout=layout)
    target, done = again(source)
    assert (done.copied, done.converted) == (0, 1)
    assert done.warnings == [f"sound track 1 ({codec}) was converted to AAC: browsers do not play it"]
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == "aac"
        assert container.streams.audio[0].layout.name == layout
    assert clicks(target) == pytest.approx(clicks(source), abs=0.012)  # codecs smear a click over a block


def test_pictures_that_begin_late_stay_in_time_with_the_sound(tmp_path: Path) -> None:
    source = sounding(tmp_path / "film.mp4", "aac", start=10)
    target, _ = again(source)
    assert times(target) == times(source)
    assert times(target)[0] == Fraction(10, 25)
    assert clicks(target) == pytest.approx(clicks(source), abs=0.001)


def test_all_languages_are_kept(tmp_path: Path) -> None:
    source = sounding(tmp_path / "film.mp4", "aac", tracks=3)
    target, done = again(source)
    assert done.copied == 3
    for number in range(3):
        assert packets(target, number) == packets(source, number)


def test_a_silent_film_stays_silent(tmp_path: Path) -> None:
    target, done = again(make(tmp_path / "film.mp4", Movie(frames=10)))
    assert not probe(target).has_audio
    assert done.warnings == []


def test_damage_costs_what_it_hit_and_is_said(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mp4", Movie(frames=100, gop=10, sound=True))
    with av.open(str(source)) as container:
        places = [p.pos for p in container.demux(video=0) if p.size]
    data = bytearray(source.read_bytes())
    start = places[50]
    data[start : start + 400] = bytes(400)
    source.write_bytes(data)
    target, done = again(source)
    assert 80 <= done.frames < 100
    assert len(pictures(target)) == done.frames
    assert len(done.warnings) == 1
    assert "could not be decoded" in done.warnings[0]


def test_a_file_without_frames_is_corrupt(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mp4", Movie(frames=20, gop=20))
    info = probe(source)
    with av.open(str(source)) as container:
        spans = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(source.read_bytes())
    for at, size in spans:
        data[at : at + size] = bytes(size)
    source.write_bytes(data)
    with pytest.raises(CorruptVideoError, match="no frame"):
        reencode(source, info, tmp_path / "again.mp4", None)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mp4", Movie(frames=5))
    with pytest.raises(OutputError):
        reencode(source, probe(source), tmp_path / "nowhere" / "again.mp4", None)


def test_nothing_of_the_files_own_words_is_carried_over(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    with av.open(str(source), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata["location"] = "+48.8577+002.295/"
        container.metadata["title"] = "at home"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moving_picture(index, 64, 48), format="rgb24")))
        container.mux(stream.encode(None))
    target, _ = again(source, comment="made by a test")
    with av.open(str(target)) as container:
        assert container.metadata["comment"] == "made by a test"
        assert not {"location", "title"} & set(container.metadata)


def test_threads_change_nothing(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mp4", Movie(frames=40))
    one = pictures(again(source, threads=Threads(1, 1))[0])
    two = pictures(again(source, threads=Threads(3, 2))[0])
    assert len(one) == len(two)
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(one, two, strict=True)) < 2


@pytest.mark.parametrize("transfer", [16, 18], ids=["pq", "hlg"])
def test_tones_are_those_of_pictures(tmp_path: Path, transfer: int) -> None:
    source = make(
        tmp_path / "film.mp4",
        Movie(width=128, height=96, frames=3, pixel_format="yuv420p10le", transfer=transfer, matrix=9),
    )
    info = probe(source)
    upright = Upright(info, tmp_path)
    for frame in decode(source, info):
        _, picture = upright.frame(frame)
        large = [cv2.resize(plane, (128, 96), interpolation=cv2.INTER_CUBIC) for plane in (picture.u, picture.v)]
        rgb = yuv_to_rgb([picture.y, *large], "bt709", False)
        apart = np.abs(rgb.astype(int) - frame.picture())
        assert apart.mean() < 3  # most of it from colour at half resolution, at the edges of the test picture
        assert np.median(apart) <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
