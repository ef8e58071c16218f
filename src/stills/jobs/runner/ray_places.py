"""Files that tasks name by path, as this machine sees them and as the node of a cluster does where a task runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stills.addresses import is_address
from stills.errors import InputError, OutputError
from stills.media.sandbox_tasks import Task
from stills.scan.parameters import ScanParameters, models_of
from stills.scan.plan import SegmentTask
from stills.types import Layer

_SHARE = "keep it on a file system that every node of the cluster mounts at the same place"


@dataclass(frozen=True, slots=True)
class Places:
    """What a task reads and writes by path.

    ``video`` is a file with its size in bytes, ``spill`` and ``target`` folders with their numbers (inodes): one that
    has the same number on both sides is the same folder.
    """

    video: tuple[str, int] | None = None
    spill: tuple[str, int] | None = None
    target: tuple[str, int] | None = None


def places_of(task: Task) -> Places:
    """What ``task`` reads and writes, as this machine sees it; what is not here is left out."""
    video = spill = None
    if task.path is not None and not is_address(task.path) and (about := _stat(task.path)) is not None:
        video = task.path, about.st_size
    for arg in task.args:
        if isinstance(arg, SegmentTask) and arg.spill is not None:
            spill = _folder(Path(arg.spill).parent)
    return Places(video, spill, _target(task))


def check_places(places: Places, node: str) -> None:
    """See that what a task needs is on this node, too.

    Raises ``InputError`` where its video is missing or another one, ``OutputError`` where the folder to write into is.
    """
    if places.video is not None:
        path, size = places.video
        about = _stat(path)
        if about is None:
            remedy = f"{_SHARE}, or give an address such as s3://…"
            raise InputError(f"this file cannot be seen on node {node} of the Ray cluster", path=path, remedy=remedy)
        if about.st_size != size:
            what = f"on node {node} of the Ray cluster this is another file: {about.st_size} bytes instead of {size}"
            raise InputError(what, path=path, remedy=_SHARE)
    if places.target is not None and _folder(Path(places.target[0])) != places.target:
        what = f"this folder cannot be seen on node {node} of the Ray cluster, which was to write into it"
        raise OutputError(what, path=places.target[0], remedy=_SHARE)


def without_spill(args: tuple[Any, ...], places: Places) -> tuple[Any, ...]:
    """``args`` without folders for frames that are not shared: there they would stay, and nobody look."""
    if places.spill is None or _folder(Path(places.spill[0])) != places.spill:
        return tuple(replace(arg, spill=None, previews=None) if isinstance(arg, SegmentTask) else arg for arg in args)
    return args


def models_for(args: tuple[Any, ...]) -> tuple[str, ...]:
    """Names of the models that a task with ``args`` runs."""
    parameters, layers = None, set[Layer]()
    for arg in args:
        if isinstance(arg, SegmentTask):
            return models_of(arg.layers, arg.parameters)
        if isinstance(arg, ScanParameters):
            parameters = arg
        elif isinstance(arg, frozenset | tuple):
            layers.update(arg)
    return () if parameters is None else models_of(layers | {"faces"}, parameters)


def _target(task: Task) -> tuple[str, int] | None:
    """The folder that ``task`` writes into."""
    match task.function:
        case "stills.scan.annotate:annotate_video":
            return _folder(Path(task.args[0].target).parent)
        case "stills.api.plain_worker:write_frames":
            return _folder(Path(task.args[0].stage))
    return None


def _folder(path: Path) -> tuple[str, int] | None:
    about = _stat(path)
    return None if about is None else (str(path), about.st_ino)


def _stat(path: str | Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None
