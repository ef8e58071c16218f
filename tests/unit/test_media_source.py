"""Opening files as data: each wrong input gives its own clear error, and nothing a file names is followed."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

from media_factory import Movie, jpeg, make, make_sound
from stills.errors import CorruptVideoError, InputError, NotAVideoError
from stills.media.probe import probe
from stills.media.source import content_id, open_source


def refused(path: Path, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        probe(path)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_missing_folder_and_dangling_link(tmp_path):
    refused(tmp_path / "none.mp4", InputError, "no such file")
    refused(tmp_path, InputError, "folder")
    link = tmp_path / "link.mp4"
    link.symlink_to(tmp_path / "gone.mp4")
    refused(link, InputError, "link points to nothing")


def test_fifo_is_refused_without_waiting(tmp_path):
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    refused(pipe, InputError, "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=2))
    path.chmod(0)
    refused(path, InputError, "permission")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"just a few words\n" * 40, "text"),
        (b"#EXTM3U\n#EXTINF:1,\nfile.ts\n", "playlist"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "playlist"),
        (b"<?xml version='1.0'?><MPD></MPD>", "playlist"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "picture"),
        (b"fLaC" + bytes(100), "sound"),
        (bytes(range(256)) * 20, "no known video format"),
    ],
)
def test_other_content_is_not_a_video(tmp_path, content, words):
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    refused(path, NotAVideoError, words)


def test_picture_and_sound(tmp_path):
    (tmp_path / "a.mp4").write_bytes(jpeg())
    refused(tmp_path / "a.mp4", NotAVideoError, "picture")
    refused(make_sound(tmp_path / "s.mp4"), NotAVideoError, "only sound")


def test_video_without_its_index_is_corrupt(tmp_path):
    whole = make(tmp_path / "a.mp4", Movie(frames=20)).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])  # the index is at the end
    refused(cut, CorruptVideoError, "damaged or cut off")


def test_address_in_a_playlist_is_never_called(tmp_path):
    """Even a playlist that hides behind binary bytes leads nowhere: only the descriptor may be opened."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def listen():
            with contextlib.suppress(TimeoutError):
                calls.append(server.accept())

        listener = threading.Thread(target=listen)
        listener.start()
        path = tmp_path / "list.mp4"
        for head in (b"", b"\x01\x02"):
            path.write_bytes(head + b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:%d/a.ts\n" % server.getsockname()[1])
            with pytest.raises(NotAVideoError):
                probe(path)
        listener.join()
    assert calls == []


@pytest.mark.parametrize("name", ["-dash.mp4", "a'b\"c.mp4", "new\nline.mp4", "file:x.mp4", "🎬 späté.MP4", "noending"])
def test_odd_names_open(tmp_path, name):
    source = make(tmp_path / "plain.mp4", Movie(frames=2))
    assert probe(source.rename(tmp_path / name)).frame_count == 2


def test_name_that_is_not_text_opens(tmp_path):
    source = make(tmp_path / "plain.mp4", Movie(frames=2))
    assert probe(source.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mp4"))).width == 128


def test_suffix_does_not_matter(tmp_path):
    source = make(tmp_path / "plain.mkv", Movie(frames=2))
    assert probe(source.rename(tmp_path / "wrong.avi")).container.startswith("matroska")


def test_no_descriptor_stays_open(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=2))
    text = tmp_path / "text.mp4"
    text.write_bytes(b"\x00\x01\x02not a video" * 9)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with open_source(path):
            pass
        with pytest.raises(NotAVideoError):
            probe(text)
    assert len(os.listdir("/proc/self/fd")) == before


def test_content_id_follows_content_not_name(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"a" * 3_000_000)
    two.write_bytes(b"a" * 3_000_000)
    assert content_id(one) == content_id(two)
    assert len(content_id(one)) == 32
    for change in (b"b" + b"a" * 2_999_999, b"a" * 2_999_999 + b"b", b"a" * 3_000_001):
        two.write_bytes(change)
        assert content_id(one) != content_id(two)
    with pytest.raises(InputError):
        content_id(tmp_path / "none")
