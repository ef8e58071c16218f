"""The index of an MP4 goes to the front, and everything is found where it says."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import pytest

from media_factory import Movie, jpeg, make
from stills.errors import CorruptVideoError
from stills.media import faststart
from stills.media.faststart import index_first


def kinds(path: Path) -> list[bytes]:
    data, at, found = path.read_bytes(), 0, []
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append(kind)
        at += size
    return found


def content(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.stream.index, bytes(packet)) for packet in container.demux() if packet.size]


@pytest.mark.parametrize("chunk", [1 << 10, 1 << 23])
def test_the_index_goes_first_and_every_packet_stays(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faststart, "CHUNK", chunk)
    path = make(tmp_path / "film.mp4", Movie(frames=60, sound=True))
    assert kinds(path).index(b"moov") > kinds(path).index(b"mdat")
    before, steps = content(path), []
    assert index_first(path, lambda: steps.append(1))
    assert kinds(path).index(b"moov") < kinds(path).index(b"mdat")
    assert content(path) == before
    assert len(steps) >= path.stat().st_size // chunk // 2
    assert not index_first(path, lambda: None)  # it is there
    assert content(path) == before


def test_what_is_no_mp4_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.mp4"
    path.write_bytes(jpeg())
    with pytest.raises(CorruptVideoError):
        index_first(path, lambda: None)
