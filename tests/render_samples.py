"""Made-up results and pictures for the tests of ``render``."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stills.types import Box, PeopleSelection, Person, Pick, ScanReport, Shot, VideoInfo

ASTRONAUT_FACE: Box = (170.0, 65.0, 105.0, 145.0)
"""The face in scikit-image's ``astronaut``, pixels."""

REASONS = {"sharpness": 0.91, "frontal": 0.88, "eyes open": 0.97, "exposure": 0.8, "size": 0.55}


def video(path: str = "film.mp4", **changes: object) -> VideoInfo:
    values: dict[str, object] = {
        "path": path,
        "container": "mov,mp4,m4a,3gp,3g2,mj2",
        "codec": "h264",
        "pixel_format": "yuv420p",
        "bit_depth": 8,
        "coded_width": 1280,
        "coded_height": 720,
        "width": 1280,
        "height": 720,
        "sample_aspect_ratio": Fraction(1),
        "rotation": 0,
        "mirrored": False,
        "frame_rate": Fraction(30000, 1001),
        "variable_frame_rate": False,
        "time_base": Fraction(1, 30000),
        "start_pts": 0,
        "duration": 225.25,
        "frame_count": 6751,
        "hdr": "none",
        "color_space": "bt709",
        "color_range": "limited",
        "stream_index": 0,
        "video_streams": 1,
        "cover_streams": (),
        "has_audio": True,
        "bit_rate": 2_400_000,
        "file_size": 67_500_000,
    }
    return VideoInfo(**{**values, **changes})  # type: ignore[arg-type]


def pick(seconds: float, score: float = 0.87, box: Box | None = ASTRONAUT_FACE) -> Pick:
    return Pick(round(seconds * 30000), seconds, score, REASONS, box)


def person(
    number: int, spans: Sequence[tuple[float, float]], stills: Sequence[Pick], runners_up: Sequence[Pick] = ()
) -> Person:
    return Person(
        id=number,
        stills=tuple(stills),
        runners_up=tuple(runners_up),
        faces=40,
        tracks=(number, number + 10),
        screen_time=sum(end - start for start, end in spans),
        spans=tuple(spans),
        area=0.0412,
        first_seen=spans[0][0],
        last_seen=spans[-1][1],
    )


def selection(*people: Person, duration: float = 225.25, shots: int = 12) -> PeopleSelection:
    edges = np.linspace(0, duration, shots + 1)
    return PeopleSelection(
        people=people,
        shots=tuple(Shot(float(a), float(b), "none" if a == 0 else "cut") for a, b in pairwise(edges)),
        settings={"similarity": 0.45},
        dropped={"false detections": 3},
    )


def report(**changes: object) -> ScanReport:
    values: dict[str, object] = {
        "effort": "balanced",
        "frames_total": 6751,
        "frames_decoded": 2310,
        "frames_analysed": 1155,
        "coverage": 0.9871234,
        "seconds": 21.98765,
    }
    return ScanReport(**{**values, **changes})  # type: ignore[arg-type]


def picture(width: int = 160, height: int = 90, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth gradient with a bright disc: neighbouring pixels are alike, as in film."""
    y, x = np.mgrid[0:height, 0:width]
    disc = 80 * np.exp(-(((x - width / 2) / width) ** 2 + ((y - height / 2) / height) ** 2) * 12)
    planes = [
        (x * 120 / width + 30 * seed) % 160 + disc,
        y * 120 / height + disc,
        (x + y) * 60 / (width + height) + disc,
    ]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
