"""Films to be uploaded many at a time, each of which can be told from the others by all that comes of it."""

from __future__ import annotations

import colorsys
import io
import json
import secrets
import struct
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from media_factory import Movie, make

HUES = 20
"""Films that can be told from each other."""
RATE = 25


def frames_of(number: int) -> int:
    """How many frames a film has: each another number."""
    return 30 + 5 * number


def load_film(path: Path, number: int, size: int) -> Path:
    """Film ``number``, of about ``size`` bytes: a colour of its own, and after the film bytes that nobody else has."""

    def picture(index: int, width: int, height: int) -> NDArray[np.uint8]:
        light = 0.95 if index < frames_of(number) // 2 else 0.6  # a cut
        painted = np.full((height, width, 3), [255 * part for part in colour(number, light)], np.uint8)
        left = 3 * index % (width - 30)
        painted[20 + index % 40 : 50 + index % 40, left : left + 30] //= 2
        return painted

    make(path, Movie(width=160, height=120, frames=frames_of(number), gop=25, b_frames=0, picture=picture))
    with path.open("ab") as file:
        missing = max(8, size - file.tell())
        file.write(struct.pack(">I4s", missing, b"free"))
        for start in range(8, missing, 1 << 20):
            file.write(secrets.token_bytes(min(1 << 20, missing - start)))
    return path


def colour(number: int, light: float = 0.9) -> tuple[float, float, float]:
    """Red, green and blue of a film, 0…1."""
    return colorsys.hsv_to_rgb(number / HUES, 0.9, light)


def hue_of(jpeg: bytes) -> int:
    """The number of the film that a picture is from, by its colour."""
    red, green, blue = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).reshape(-1, 3).mean(0) / 255
    hue, _, _ = colorsys.rgb_to_hsv(float(red), float(green), float(blue))
    return round(hue * HUES) % HUES


def send_all(url: str, films: Sequence[Path], *, timeout: float) -> dict[int, Any]:
    """Upload all at once, by connections of their own; the job of each. Raises ``AssertionError``."""
    jobs: dict[int, Any] = {}
    wrong: list[str] = []
    start = threading.Barrier(len(films))

    def send(number: int, path: Path) -> None:
        with httpx.Client(base_url=url, timeout=timeout) as client, path.open("rb") as file:
            start.wait(timeout)
            try:
                answer = client.post(
                    "/v1/jobs", files={"file": (f"film {number}.mp4", file)}, data={"recipe": "keyframes"}
                )
            except httpx.HTTPError as error:
                wrong.append(f"film {number}: {error!r}")
                return
        if answer.status_code == 202:
            jobs[number] = answer.json()
        else:
            wrong.append(f"film {number}: {answer.status_code} {answer.text}")

    threads = [threading.Thread(target=send, args=one) for one in enumerate(films)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    return jobs


def mixed_up(client: httpx.Client, number: int, job: Mapping[str, Any]) -> list[str]:
    """What is wrong with a job that is done, if film ``number`` is what was sent."""
    found = []
    document = json.loads(client.get(job["links"]["result"]).raise_for_status().content)
    name, duration = document["video"]["path"], document["video"]["duration"]
    if name != f"film {number}.mp4" or job["name"] != name:
        found.append(f"film {number} is called {name!r} and {job['name']!r}")
    if abs(duration - frames_of(number) / RATE) > 0.5 / RATE:
        found.append(f"film {number} lasts {duration} s")
    pictures = [one for one in job["artifacts"] if one["kind"] == "picture"]
    if len(pictures) != len(document["frames"]) or not pictures:
        found.append(f"film {number} has {len(pictures)} pictures")
    for one in pictures:
        hue = hue_of(client.get(one["url"]).raise_for_status().content)
        if hue != number:
            found.append(f"{one['name']} of film {number} is of film {hue}")
    return found
