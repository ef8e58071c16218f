"""Videos behind addresses: the same as local ones, with less read; and each way to fail in one clear line."""

from __future__ import annotations

import io
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import av
import fsspec
import numpy as np
import pytest

from media_factory import Movie, make
from range_server import RangeServer, range_serving
from stills.errors import ChangedError, DownloadError, DownloadInterruptedError, InputError, NotAVideoError
from stills.media import remote
from stills.media.boxes import Layout
from stills.media.cover import cover_picture
from stills.media.decode import DecodedFrame, DecodePlan, decode
from stills.media.packets import PacketIndex
from stills.media.probe import probe, probe_with_packets
from stills.media.source import content_id, file_version, open_source

pytestmark = pytest.mark.slow

SECRET = "s3cret"  # noqa: S105 - it opens nothing


def noise(index: int, width: int, height: int) -> np.ndarray:
    """Pictures that do not compress, so that a short film is long in bytes."""
    return np.random.default_rng(index).integers(0, 255, (height, width, 3), np.uint8)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test profits from what another one read, none waits for a server that will not come back."""
    remote._objects.clear()
    monkeypatch.setattr(remote, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(remote, "PATIENCE_S", 0.5)


def stored(path: Path) -> str:
    """The file in a store that speaks to nobody; its address."""
    address = f"memory://films/{path.name}"
    fsspec.filesystem("memory").pipe_file(f"/films/{path.name}", path.read_bytes())
    return address


def same(first: PacketIndex, second: PacketIndex) -> None:
    for name in ("pts", "dts", "duration", "size", "key", "discard", "position"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


FILMS = {
    "end.mp4": Movie(frames=100, sound=True),
    "front.mp4": Movie(frames=100, sound=True, container_options=(("movflags", "faststart"),)),
    "pieces.mp4": Movie(frames=100, container_options=(("movflags", "frag_keyframe+empty_moov"),)),
    "open.mov": Movie(frames=80, codec="mpeg4", b_frames=2),
    "film.mkv": Movie(frames=80),
    "film.avi": Movie(frames=60, codec="mpeg4", b_frames=0),
    "film.ts": Movie(frames=60),
    "turned.mp4": Movie(frames=30, rotation=90, cover=True),
}


@pytest.mark.parametrize("name", FILMS)
def test_a_remote_video_is_what_the_local_one_is(name: str, tmp_path: Path) -> None:
    path = make(tmp_path / name, FILMS[name])
    address = stored(path)
    info, packets = probe_with_packets(path)
    far, listed = probe_with_packets(address)
    same(packets, listed)
    for field in set(info.__dataclass_fields__) - {"path"}:
        assert getattr(info, field) == getattr(far, field), field
    assert far.path == address
    assert probe(address).duration == info.duration
    assert content_id(address) == content_id(path)
    assert cover_picture(address) == cover_picture(path)
    shown = packets.presentation_pts
    wanted = tuple(int(p) for p in shown[[0, 3, len(shown) // 2, -1]])
    for plan in (DecodePlan(times=wanted), DecodePlan(), DecodePlan("references", int(shown[9]), int(shown[20]))):
        near = [(f.pts, f.picture().tobytes()) for f in decode(path, info, plan, packets)]
        assert near == [(f.pts, f.picture().tobytes()) for f in decode(address, far, plan, listed)]
        assert near


@pytest.mark.parametrize("options", [(), (("movflags", "faststart"),)], ids=["index at the end", "at the front"])
def test_tables_are_read_without_samples_and_frames_without_their_neighbours(
    options: tuple[tuple[str, str], ...], tmp_path: Path
) -> None:
    path = make(tmp_path / "film.mp4", Movie(
        width=320, height=240, frames=150, gop=25, picture=noise, container_options=options,
        options=(("preset", "ultrafast"), ("crf", "20")),
    ))  # fmt: skip
    size = path.stat().st_size
    assert size > 4 << 20
    with range_serving(film=path.read_bytes()) as server:
        address = server.url("/film.mp4")
        info, packets = probe_with_packets(address)
        assert len(packets) == 150
        assert server.given < size * 0.1
        before = server.given
        wanted = tuple(int(p) for p in packets.keyframe_pts[[1, 4]])
        assert [f.pts for f in decode(address, info, DecodePlan(times=wanted), packets)] == list(wanted)
        keys = sum(int(packets.size[packets.pts == p][0]) for p in wanted)
        assert server.given - before < keys + 4096
        assert len(server.asked) < 14


def test_content_is_asked_for_once_until_it_changes(tmp_path: Path) -> None:
    data = random.Random(0).randbytes(5 << 20)
    (tmp_path / "film.mp4").write_bytes(data)
    with range_serving(film=data) as server:
        address = server.url("/film.mp4")
        first = content_id(address)
        assert first == content_id(tmp_path / "film.mp4")
        given, version = server.given, file_version(address)
        assert content_id(address) == first
        assert server.given - given <= 2
        server.replace("/film.mp4", data[::-1])
        assert content_id(address) != first
        assert file_version(address) != version


@pytest.fixture
def film(tmp_path: Path) -> bytes:
    movie = Movie(width=320, height=240, frames=60, picture=noise, options=(("preset", "ultrafast"), ("crf", "10")))
    data = make(tmp_path / "film.mp4", movie).read_bytes()
    assert len(data) > 4 << 20  # so that it is not here as a whole after the first requests
    return data


def numbers(address: str) -> int:
    return sum(1 for _ in decode(address, probe(address)))


def test_connections_that_drop_and_servers_that_are_busy_are_asked_again(film: bytes) -> None:
    with range_serving(film=film) as server:
        server.drops, server.failures = 3, 2
        assert numbers(server.url("/film.mp4")) == 60
        assert (server.drops, server.failures) == (0, 0)


def begun(address: str) -> Iterator[DecodedFrame]:
    """A decoding of which the first frame has come, and most of the bytes have not."""
    info = probe(address)
    remote._objects.clear()  # the probe has read much of so short a film
    frames = decode(address, info)
    next(frames)
    return frames


def fails(server: RangeServer, kind: type[Exception], words: str, path: str = "/film.mp4") -> InputError:
    with pytest.raises(InputError, match=words) as caught:
        probe(server.url(path))
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert server.host in str(caught.value)
    return caught.value


def test_each_failure_is_one_clear_line(film: bytes) -> None:
    with range_serving(film=film, empty=b"", text=b"words " * 100) as server:
        fails(server, DownloadError, "not there", "/gone.mp4")
        fails(server, NotAVideoError, "empty", "/empty.mp4")
        fails(server, NotAVideoError, "text file", "/text.mp4")
        server.status = 403
        fails(server, DownloadError, "refuses access")
        server.status = 503
        assert fails(server, DownloadInterruptedError, "cannot answer now").retryable
        server.status, server.ranges = None, False
        fails(server, DownloadError, "does not give parts of files")


def test_a_connection_that_is_lost_for_good_in_the_middle(film: bytes) -> None:
    with range_serving(film=film) as server:
        address = server.url("/film.mp4")
        frames = begun(address)
        server.status = 503
        with pytest.raises(DownloadInterruptedError):
            list(frames)


@pytest.mark.parametrize("tagged", [True, False])
def test_a_file_that_changes_while_it_is_read_is_an_error(tagged: bool, film: bytes) -> None:
    with range_serving(film=film) as server:
        server.tagged = tagged
        address = server.url("/film.mp4")
        frames = begun(address)
        server.replace("/film.mp4", film + b"\0" * 1000)
        with pytest.raises(ChangedError, match="changed while it was read"):
            list(frames)
        assert numbers(address) == 60  # the next one reads what is there now


def test_an_object_that_changes_in_a_store(film: bytes) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/films/film.mp4", film)
    frames = begun("memory://films/film.mp4")
    fs.pipe_file("/films/film.mp4", film + b"\0")
    with pytest.raises(ChangedError):
        list(frames)


def test_nothing_that_a_remote_file_names_is_followed(film: bytes, tmp_path: Path) -> None:
    with range_serving(film=film) as server:
        lists = {
            "/list.m3u8": f"#EXTM3U\n#EXTINF:2,\n{server.url('/film.mp4')}\n",
            "/list.txt": f"ffconcat version 1.0\nfile '{server.url('/film.mp4')}'\n",
        }
        for path, text in lists.items():
            server.files[path] = text.encode()
            with pytest.raises(NotAVideoError, match="playlist"):
                probe(server.url(path))
        # Even where the first bytes do not tell, the demuxer is not on the list.
        server.files["/odd.mp4"] = b"\0\0" + lists["/list.m3u8"].encode() + b"\0"
        with pytest.raises(InputError):
            probe(server.url("/odd.mp4"))
        assert not [asked for asked in server.asked if asked[0] == "/film.mp4"]
        with open_source(server.url("/film.mp4")) as container, pytest.raises((av.FFmpegError, ValueError)):
            av.open("file:/etc/hostname", options=dict(container.options))


def test_secrets_are_in_no_error_no_name_and_no_log(film: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="stills")
    with range_serving(film=film) as server:
        address = server.url("/film.mp4", user=f"me:{SECRET}", query=f"X-Amz-Signature={SECRET}")
        info = probe(address)
        assert info.path == server.url("/film.mp4", query="…")
        assert set(server.authorization) == {"Basic bWU6czNjcmV0"}
        said = [info.path]
        for status in (403, 404, 503, 412, 418):
            server.status = status
            with pytest.raises(InputError) as caught:
                content_id(address)
            said += [str(caught.value), repr(caught.value), caught.value.details]
        assert not [text for text in [*said, caplog.text] if SECRET in text]


def test_what_is_not_installed_is_said() -> None:
    with pytest.raises(InputError, match="package that is not installed") as caught:
        content_id("gs://bucket/film.mp4")
    assert "stills[remote-gcs]" in str(caught.value)
    with pytest.raises(InputError, match="nothing that can be fetched"):
        content_id("nonsense://bucket/film.mp4")


def test_missing_objects_and_folders_in_a_store() -> None:
    fsspec.filesystem("memory").pipe_file("/films/deep/film.mp4", b"x")
    with pytest.raises(DownloadError, match="not there"):
        content_id("memory://films/gone.mp4")
    with pytest.raises(InputError, match="folder"):
        content_id("memory://films/deep")


def test_boxes_of_all_sizes_and_what_is_none() -> None:
    def box(kind: bytes, size: int) -> bytes:
        return size.to_bytes(4, "big") + kind + bytes(size - 8)

    large = (1).to_bytes(4, "big") + b"mdat" + (40).to_bytes(8, "big") + bytes(24)
    data = box(b"ftyp", 16) + large + box(b"moov", 24) + (0).to_bytes(4, "big") + b"mdat" + bytes(10)
    layout = Layout.of(data, lambda start, stop: data[start:stop], len(data))
    assert layout is not None
    assert [(b.kind, b.start, b.end) for b in (layout.box_at(p) for p in (0, 20, 60, len(data) - 1))] == [
        (b"ftyp", 0, 16), (b"mdat", 16, 56), (b"moov", 56, 80), (b"mdat", 80, len(data)),
    ]  # fmt: skip
    assert layout.box_at(20).body == 32
    broken = box(b"ftyp", 16) + b"\0\0\0\3junk" + bytes(40)
    layout = Layout.of(broken, lambda start, stop: broken[start:stop], len(broken))
    assert layout is not None
    assert layout.box_at(30).kind == b""
    assert Layout.of(b"\x1a\x45\xdf\xa3" + bytes(8), lambda start, stop: b"", 12) is None


def test_it_is_a_file_for_others_too(film: bytes) -> None:
    with range_serving(film=film) as server, io.BufferedReader(remote.open_remote(server.url("/film.mp4"))) as file:
        assert file.read() == film
        file.seek(-10, 2)
        assert file.read() == film[-10:]
