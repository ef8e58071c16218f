"""The short videos that scaling is measured with are videos, and each is one of its own."""

from pathlib import Path

import av
import pytest
from benchmarks import scaling
from benchmarks.corpus import Film

from media_factory import Movie, make
from stills.media.source import content_id


def test_pieces_begin_at_sync_samples_and_are_long_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "VIDEOS", 5)
    monkeypatch.setattr(scaling, "LEAST_SECONDS", 1.0)
    film = make(tmp_path / "film.mp4", Movie(frames=100, gop=15, options=(("sc_threshold", "0"),)))
    pieces = sorted(scaling.cut(Film("film", film), tmp_path / "pieces").iterdir())
    counts = []
    for piece in pieces:
        with av.open(str(piece)) as opened:
            frames = list(opened.decode(video=0))
        assert frames[0].key_frame
        counts.append(len(frames))
    assert counts == [30, 30, 30, 10, 30], "the last one is from the start again"
    assert len({content_id(str(piece)) for piece in pieces}) == len(pieces)
