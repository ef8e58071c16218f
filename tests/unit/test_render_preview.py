from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from render_samples import picture
from stills.errors import UsageError
from stills.render.preview import PreviewKind, preview, write_preview

SCENES = [picture(640, 360, n) for n in range(4)]
KINDS: tuple[PreviewKind, ...] = ("webp", "gif")


def frames_of(data: bytes) -> tuple[list[NDArray[np.uint8]], list[int], Image.Image]:
    """Pictures, durations in milliseconds, and the opened file."""
    image = Image.open(io.BytesIO(data))
    pictures, durations = [], []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        image.load()
        pictures.append(np.asarray(image.convert("RGB")))
        durations.append(int(image.info["duration"]))
    return pictures, durations, image


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_moments_and_fades_have_their_durations(kind: PreviewKind) -> None:
    pictures, durations, image = frames_of(preview(SCENES, kind))
    assert image.format == kind.upper()
    assert durations == [990, 70, 70, 70] * 4
    assert image.info["loop"] == 0
    assert {p.shape for p in pictures} == {(270, 480, 3)}
    wanted = np.asarray(Image.fromarray(SCENES[2]).resize((480, 270))).astype(int)
    assert np.abs(pictures[8] - wanted).mean() < 6
    halfway = (pictures[0].astype(int) + pictures[4]) / 2
    assert np.abs(pictures[2] - halfway).mean() < 6


@pytest.mark.parametrize("kind", KINDS)
def test_without_fades_there_is_a_frame_a_moment(kind: PreviewKind) -> None:
    _, durations, _ = frames_of(preview(SCENES, kind, seconds_per=0.5, fade=False))
    assert durations == [500] * 4
    pictures, _, _ = frames_of(preview(SCENES[:1], kind))
    assert len(pictures) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_pictures_give_the_same_bytes(kind: PreviewKind) -> None:
    once = preview(SCENES[:2], kind, edge=160)
    assert preview(iter(SCENES[:2]), kind, edge=160) == once
    assert preview([s.astype(np.uint16) * 257 for s in SCENES[:2]], kind, edge=160) == once


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_large_ones_are_made_smaller(kind: PreviewKind) -> None:
    noise = [np.random.default_rng(n).integers(0, 255, (135, 240, 3), np.uint8) for n in range(2)]
    full = preview(noise, kind, max_bytes=1 << 30)
    unfaded = preview(noise, kind, fade=False, max_bytes=1 << 30)
    assert preview(noise, kind, max_bytes=len(full) - 1) == unfaded
    smaller = preview(noise, kind, max_bytes=len(unfaded) - 1)
    assert len(smaller) < len(unfaded)
    assert frames_of(smaller)[0][0].shape == (101, 180, 3)
    assert frames_of(preview(noise, kind, max_bytes=1))[0][0].shape == (74, 132, 3)


@pytest.mark.slow
def test_a_film_of_many_moments_stays_small() -> None:
    assert len(preview([picture(1280, 720, n) for n in range(12)], "gif")) <= 2_000_000


def test_odd_shapes_are_cut_or_letterboxed_to_the_first() -> None:
    upright = np.full((360, 100, 3), 200, np.uint8)
    nearly = np.full((360, 600, 3), 200, np.uint8)
    pictures, _, _ = frames_of(preview([SCENES[0], upright, nearly], "webp", fade=False))
    assert {p.shape for p in pictures} == {(270, 480, 3)}
    assert pictures[1][:, :100].max() < 20
    assert pictures[1][135, 240].min() > 180
    assert pictures[2].min() > 180


def test_small_pictures_are_not_enlarged() -> None:
    assert frames_of(preview([picture(64, 36)], "webp"))[0][0].shape == (36, 64, 3)
    assert frames_of(preview([np.zeros((1, 1, 3), np.uint8)] * 2, "gif"))[0][0].shape == (1, 1, 3)


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(UsageError, match="no picture"):
        preview([], "webp")
    with pytest.raises(UsageError, match="use webp or gif"):
        preview(SCENES, "mp4")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="out of range"):
        preview(SCENES, "gif", seconds_per=0)


def test_it_is_written_whole(tmp_path: Path) -> None:
    path = write_preview(tmp_path / "preview.gif", SCENES[:1], "gif")
    assert path.read_bytes() == preview(SCENES[:1], "gif")
    assert [p.name for p in tmp_path.iterdir()] == ["preview.gif"]
