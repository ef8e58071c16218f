"""What a worker keeps between tasks of different videos, and what the parent need not look at again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from media_factory import Movie, make
from scan_samples import film, packets
from stills.errors import ModelError
from stills.media.packets import PacketIndex
from stills.media.probe import probe
from stills.scan import worker
from stills.scan.needs import ModelsHere
from stills.types import VideoInfo

INDEX = packets(100, [0])
VIDEO = film(INDEX, width=640, height=360)


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    worker._listed.clear()
    yield
    worker._listed.clear()


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths whose packets were listed, in order; all have the same."""
    listed: list[str] = []

    def packets_of(path: str, video: VideoInfo) -> PacketIndex:
        listed.append(Path(path).name)
        return INDEX

    monkeypatch.setattr(worker, "packets_of", packets_of)
    return listed


def files(folder: Path, count: int) -> list[str]:
    paths = [folder / f"{number}.mp4" for number in range(count)]
    for path in paths:
        path.write_bytes(b"film")
    return [str(path) for path in paths]


def test_going_from_one_video_to_another_lists_each_once(tmp_path: Path, listings: list[str]) -> None:
    some = files(tmp_path, worker.LISTED_VIDEOS)
    for _ in range(3):
        for path in some:
            assert worker._packets(path, VIDEO) is INDEX
    assert len(listings) == worker.LISTED_VIDEOS


def test_the_one_that_was_not_asked_for_the_longest_gives_way(tmp_path: Path, listings: list[str]) -> None:
    *some, another = files(tmp_path, worker.LISTED_VIDEOS + 1)
    for path in (*some, some[0], another):
        worker._packets(path, VIDEO)
    listings.clear()
    for path in (some[0], another, some[1]):
        worker._packets(path, VIDEO)
    assert listings == ["1.mp4"]


def test_long_films_do_not_pile_up(tmp_path: Path, listings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LISTED_PACKETS", 250)
    for path in files(tmp_path, 4):
        worker._packets(path, VIDEO)
    assert len(worker._listed) == 2
    monkeypatch.setattr(worker, "LISTED_PACKETS", 50)
    worker._packets(str(tmp_path / "0.mp4"), VIDEO)
    assert len(worker._listed) == 1, "the newest stays however long it is"


def test_a_file_that_changed_is_listed_again(tmp_path: Path, listings: list[str]) -> None:
    (path,) = files(tmp_path, 1)
    worker._packets(path, VIDEO)
    Path(path).write_bytes(b"another film")
    worker._packets(path, VIDEO)
    assert len(listings) == 2


def test_pictures_of_two_videos_in_turn(tmp_path: Path) -> None:
    """The packets that are kept are those of the right video."""
    paths = [make(tmp_path / f"{n}.mp4", Movie(frames=30, gop=10 + 5 * n)) for n in range(2)]
    for _ in range(2):
        for path in paths:
            video = probe(str(path))
            pictures = worker.decode_pictures(str(path), video, [video.start_pts], 1, "cpu")
            assert list(pictures) == [video.start_pts]
    assert [len(index) for index in worker._listed.values()] == [30, 30]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The models whose hash was looked at; each is a file in the folder, unless its name is ``gone``."""
    names: list[str] = []

    def model_path(name: str) -> Path:
        names.append(name)
        if name == "gone":
            raise ModelError("gone cannot be had", remedy="connect")
        path = tmp_path / name
        if not path.exists():
            path.write_bytes(b"weights")
        return path

    monkeypatch.setattr("stills.models.model_path", model_path)
    return names


def test_a_model_is_checked_once_for_all_videos(checked: list[str], tmp_path: Path) -> None:
    models = ModelsHere()
    for number in range(3):
        models.ensure(f"{number}.mp4", ["one", "two"])
    assert checked == ["one", "two"]
    about = (tmp_path / "one").stat()
    os.utime(tmp_path / "one", ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    (tmp_path / "two").unlink()
    models.ensure("3.mp4", ["one", "two"])
    assert checked == ["one", "two"] * 2


def test_what_cannot_be_had_is_asked_for_once(checked: list[str]) -> None:
    models = ModelsHere()
    with pytest.raises(ModelError, match="gone cannot be had"):
        models.ensure("a.mp4", ["gone"])
    with pytest.raises(ModelError, match="as said above") as caught:
        models.ensure("b.mp4", ["gone"])
    assert caught.value.path == "b.mp4"
    assert caught.value.remedy == "connect"
    assert checked == ["gone"]
    with pytest.raises(ModelError, match="gone cannot be had"):
        models.ensure("a.mp4", ["gone"])  # the same video again: somebody may have seen to it
