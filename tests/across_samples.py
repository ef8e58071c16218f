"""Made-up libraries: output folders with results of films of which the tests know who is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from index_samples import identity, make_index, track
from stills.api.people import people
from stills.index.store import IndexStore
from stills.settings import Settings, change_settings, load_settings

Cast = Sequence[tuple[int, float, float]]
"""Who is on screen, from when to when in seconds."""


class Library:
    """An output folder with results, and the cache with the indexes behind them."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.settings: Settings = change_settings(load_settings(), cache_dir=folder / "cache")
        self.videos = folder / "videos"
        self.out.mkdir(parents=True)
        self.videos.mkdir()

    def add(self, name: str, cast: Cast, *, noise: float = 0.3, embedder: str = "sface", seed: int = 0) -> str:
        """Have a film ``name`` with ``cast`` been through `stills people`; its content id."""
        rows = [
            row
            for number, (person, start, end) in enumerate(cast)
            for row in track(number, person, start, end, noise=noise, x=40.0 + 90 * number)
        ]
        if seed:
            for number, row in enumerate(rows):
                if row["embedding"] is not None:
                    person = cast[row["track"]][0]
                    row["embedding"] = identity(person, noise=noise, seed=seed * 1000 + number).tolist()
        content = name.encode().hex().rjust(32, "0")
        index = make_index(rows, content=content)
        video = replace(index.video, path=str(self.videos / f"{name}.mp4"))
        parameters = {**index.parameters, "embedder": embedder}
        index = replace(index, video=video, parameters=parameters, models={embedder: "1" * 64})
        store = IndexStore(self.settings.cache_folder)
        store.forget(content)
        store.save(index)
        document = people(index, settings=self.settings).to_json()
        folder = self.out / name
        (folder / "people").mkdir(parents=True, exist_ok=True)
        for person in document["people"]:
            file = f"people/person_{person['id']:02d}.jpg"
            Image.new("RGB", (64, 36), (person["id"] * 40 % 256, 90, 90)).save(folder / file)
            for still in (person["still"], *person["stills"]):
                still.update(file=file, face=[8.0, 6.0, 20.0, 24.0])
        (folder / "people.json").write_text(json.dumps(document), encoding="utf-8")
        return content

    @property
    def result(self) -> dict[str, Any]:
        """``across.json``."""
        value: dict[str, Any] = json.loads((self.out / "across.json").read_text(encoding="utf-8"))
        return value

    def who(self) -> dict[int, list[str]]:
        """The folders of the videos that each person is in."""
        return where(self.result)


def where(document: Mapping[str, Any]) -> dict[int, list[str]]:
    """The folders of the videos of each person of ``across.json``."""
    videos = [video["folder"] for video in document["videos"]]
    return {p["id"]: sorted(videos[a["video"]] for a in p["appearances"]) for p in document["people"]}
