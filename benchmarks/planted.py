"""Films made to be judged: clean shots with spoiled ones planted between them, and acted emotions in a row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

WIDTH, HEIGHT = 640, 360
RATE = 25
SECONDS = 2.0
"""Length of a shot."""

CLEAN = "clean"
COPIES = "copy"
"""Kinds of parts that may be chosen: a shot, and the same shot again later, once more in another order."""

PICTURES = ("astronaut", "coffee", "rocket", "chelsea", "motorcycle_left", "retina", "hubble_deep_field")
"""Openly licensed pictures of scikit-image, one a clean shot."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a film in seconds; ``kind`` is what was done to it, ``name`` what it shows."""

    start: float
    end: float
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A film and what it is made of."""

    name: str
    path: Path
    parts: tuple[Part, ...]

    def at(self, time: float) -> Part:
        """The part that is shown at ``time``; the last one from its start on."""
        return next((part for part in self.parts if part.start <= time < part.end), self.parts[-1])


class _Cutter:
    """Writes parts one after the other and notes them."""

    def __init__(self, name: str, path: Path, write: Callable[[Rgb], None]) -> None:
        self._write, self._frames = write, 0
        self.name, self.path, self.parts = name, path, list[Part]()

    def add(self, kind: str, name: str, frames: Sequence[Rgb] | Iterator[Rgb]) -> None:
        start = self._frames
        for frame in frames:
            self._write(frame)
            self._frames += 1
        self.parts.append(Part(start / RATE, self._frames / RATE, kind, name))

    def planted(self) -> Planted:
        return Planted(self.name, self.path, tuple(self.parts))


def spoiled_film(path: Path, seed: int) -> Planted:
    """A film of 7 clean shots and 9 planted parts, in an order and strength that ``seed`` decides.

    It begins with a black leader. Then, shuffled: the clean shots; one of them blurred, one overexposed, one too dark;
    subtitles on black, twice; a white part; two shots again as copies; a dissolve of a second between two of the shots,
    which stands at the end with its own shots before and after, half-way through it nothing but a mixture.
    """
    from stills.media.encode import write_video

    random = np.random.default_rng(seed)
    names = [str(name) for name in random.permutation(PICTURES)]
    shots = {name: _shot(_picture(name), random) for name in names}
    parts: list[tuple[str, str, list[Rgb]]] = [(CLEAN, name, shots[name]) for name in names]
    sigma, gain = random.uniform(5, 10), random.uniform(3.5, 5)
    parts.append(("blurred", names[0], [_blurred(frame, sigma) for frame in shots[names[0]]]))
    parts.append(("overexposed", names[1], [_brightened(frame, gain) for frame in shots[names[1]]]))
    parts.append(("underexposed", names[2], [np.asarray(frame // 10, np.uint8) for frame in shots[names[2]]]))
    parts += [("subtitles", text, _subtitles(text)) for text in ("PREVIOUSLY", "Three years later")]
    parts.append(("white", "white", _flat(250)))
    parts += [(COPIES, name, shots[name]) for name in names[3:5]]
    order = random.permutation(len(parts))
    with write_video(path, WIDTH, HEIGHT, Fraction(RATE)) as writer:
        cutter = _Cutter(f"planted {seed}", path, writer.write)
        cutter.add("black", "leader", _flat(0))
        for n in order:
            cutter.add(*parts[n])
        first, second = names[5], names[6]
        cutter.add(COPIES, first, shots[first][: RATE // 2])
        cutter.add("dissolve", f"{first}, {second}", _mixed(shots[first], shots[second]))
        cutter.add(COPIES, second, shots[second][-RATE // 2 :])
    return cutter.planted()


def emotion_films(faces: Path, folder: Path) -> list[Planted]:
    """A film of each actor of the corpus' acted clips, one part an emotion; the parts' names are the emotions."""
    from stills.media.encode import write_video

    with (faces / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["emotion"] and row["kind"] in {"mead", "faceapi"}]
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(_actor(row["file"]), []).append(row)
    films = []
    for actor, own in sorted(groups.items()):
        if len(own) < 3 or not any(row["emotion"] == "happy" for row in own):
            continue
        path = folder / f"{actor}.mp4"
        with write_video(path, WIDTH, HEIGHT, Fraction(RATE)) as writer:
            cutter = _Cutter(actor, path, writer.write)
            for row in own:
                cutter.add(CLEAN, row["emotion"], _frames(faces / row["file"]))
        films.append(cutter.planted())
    return films


def _actor(file: str) -> str:
    """Whose clips go together: one actor's, all single clips of others, all photos."""
    name = Path(file).stem
    if file.startswith("faceapi/"):
        return "photos"
    parts = name.split("_")
    return parts[2] if parts[1] == "dreamtalk" else "others"


def _frames(file: Path) -> Iterator[Rgb]:
    """The frames of a clip, or a photo for two seconds, whole in the frame."""
    if file.suffix.lower() in {".jpg", ".jpeg", ".png"}:
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
        yield from [_fitted(np.asarray(picture, np.uint8))] * round(SECONDS * RATE)
        return
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            yield _fitted(frame.to_ndarray(format="rgb24"))


def _fitted(picture: NDArray[Any]) -> Rgb:
    rows, columns = picture.shape[:2]
    scale = min(WIDTH / columns, HEIGHT / rows)
    width, height = round(columns * scale), round(rows * scale)
    page = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    x, y = (WIDTH - width) // 2, (HEIGHT - height) // 2
    page[y : y + height, x : x + width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return page


def _picture(name: str) -> Rgb:
    import skimage.data  # type: ignore[import-untyped,unused-ignore]
    from skimage.io import imread  # type: ignore[import-untyped,unused-ignore]

    folder = Path(skimage.data.__file__).parent
    file = next(file for file in folder.iterdir() if file.stem == name)
    return np.asarray(imread(file), np.uint8)[..., :3]


def _shot(picture: Rgb, random: np.random.Generator) -> list[Rgb]:
    """A slow push in, as steady as a camera on rails."""
    rows, columns = picture.shape[:2]
    across = min(columns, rows * WIDTH / HEIGHT)
    ratio = random.uniform(0.88, 0.95)
    x = columns / 2 + random.uniform(-0.5, 0.5) * (columns - across)
    y = min(max(rows * 0.4, across * HEIGHT / WIDTH / 2), rows - across * HEIGHT / WIDTH / 2)
    frames = []
    for n in range(round(SECONDS * RATE)):
        scale = WIDTH / (across * (1 + (ratio - 1) * n / (SECONDS * RATE)))
        matrix = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])
        frame = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
        frames.append(np.asarray(frame, np.uint8))
    return frames


def _blurred(frame: Rgb, sigma: float) -> Rgb:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8)


def _brightened(frame: Rgb, gain: float) -> Rgb:
    return np.asarray(np.clip(frame * gain + 60, 0, 255), np.uint8)


def _flat(value: int) -> list[Rgb]:
    return [np.full((HEIGHT, WIDTH, 3), value, np.uint8)] * round(SECONDS * RATE)


def _subtitles(text: str) -> list[Rgb]:
    page = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.2, 2)
    place = ((WIDTH - width) // 2, HEIGHT - 50)
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (235, 235, 235), 2, cv2.LINE_AA)
    return [page] * round(SECONDS * RATE)


def _mixed(first: list[Rgb], second: list[Rgb]) -> list[Rgb]:
    """A second of dissolve: the end of one shot with the start of the other, never less than a tenth of either."""
    steps = np.linspace(0.1, 0.9, RATE)
    pairs = zip(first[-RATE:], second[:RATE], steps, strict=True)
    return [np.asarray(cv2.addWeighted(a, 1 - t, b, t, 0), np.uint8) for a, b, t in pairs]
