"""Results on disk: ``OUT/<stem>/<recipe>.json`` and the pictures in ``OUT/<stem>/<recipe>/``, all of them or none.

A result lists its ``files``, so a later run and ``stills forget`` know which pictures are ours, however they are named.
While old pictures give way to new ones there is no JSON, but ``<recipe>.unfinished`` lists both: what a killed run
leaves behind is still known to be ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from stills.errors import CorruptVideoError, printable
from stills.files import atomic_write, ensure_folder, move, move_all, remove_file, staging, sweep
from stills.render.documents import Document, to_json, write_json
from stills.render.fit import Rgb
from stills.render.metadata import PictureMetadata
from stills.render.names import folded, stem_of, time_name
from stills.render.pictures import OutputOptions, encode

_Job = TypeVar("_Job")

MAX_ENCODERS = 8
"""Pictures that are encoded at once at most; fewer where there are fewer cores, or the pictures are large."""

UNFINISHED = ".unfinished"
"""Ends the name of what lists the files of a result while they are replaced."""

_OURS = re.compile(r"person_\d{2,}(_\d+)?(_face)?\.(jpg|png|webp)")
"""Names in the folder ``people`` that only stills gives: its first results listed no files."""


def write_result(
    out_dir: Path,
    stem: str,
    document: Document,
    stage_files: Callable[[Path], Iterator[str]],
    *,
    total: int,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write a result with its files; returns the paths, the JSON last.

    ``stage_files`` writes the files into the folder it is given, yields their names and completes ``document``. When
    it is done, they are moved to ``OUT/<stem>/<recipe>/``. Everything is prepared before the first old file is touched,
    and the JSON goes first and comes last: where it is, its pictures are complete. What an earlier run wrote and this
    one does not is removed; the user's own files stay. ``on_picture`` is called with how many files are prepared, and
    of how many; what it raises ends the call. Raises :class:`stills.errors.OutputError` where a file cannot be written.
    """
    recipe = recipe_of(document)
    folder = ensure_folder(out_dir / stem)
    shown = ensure_folder(folder / recipe)
    with staging(folder) as stage:
        names: list[str] = []
        for name in stage_files(stage):
            names.append(name)
            if on_picture is not None:
                on_picture(len(names), total)
        document["files"] = sorted(f"{recipe}/{name}" for name in names)
        prepared = atomic_write(stage / f"{recipe}.json", lambda file: write_json(file, document))
        return replace_files(folder, document, prepared, lambda: move_all(stage, shown, names))


def replace_files(folder: Path, document: Document, prepared: Path, move_new: Callable[[], list[Path]]) -> list[Path]:
    """Put the ``files`` of ``document`` into ``folder`` in the place of an earlier result's; the paths, the JSON last.

    ``prepared`` is the new JSON file, on the same disk; ``move_new`` moves the others to where they belong.
    """
    recipe = recipe_of(document)
    target, journal = folder / f"{recipe}.json", folder / f"{recipe}{UNFINISHED}"
    old = files_of(folder, recipe)
    both = sorted(old.union(document["files"]))
    atomic_write(journal, to_json({"schema": document["schema"], "files": both}))
    remove_file(target)
    written = move_new()
    fresh = {folded(name) for name in document["files"]}
    for gone in old:
        if folded(gone) not in fresh:  # where case does not count, the old file is the new one
            remove_file(folder / gone)
    written.append(move(prepared, target))
    remove_file(journal)
    return written


def erase_results(folder: Path) -> None:
    """Remove the results in ``OUT/<stem>`` with their files, and the folders that are empty then.

    Files that stills did not write stay where they are. Raises ``OutputError`` where something cannot be removed.
    """
    for document in [*folder.glob("*.json"), *folder.glob(f"*{UNFINISHED}")]:
        recipe = document.stem
        if _read(document, recipe) is None:
            continue
        files = files_of(folder, recipe)
        remove_file(document)
        for name in files:
            remove_file(folder / name)
        pictures = folder / recipe
        if pictures.is_dir() and not pictures.is_symlink():
            sweep(pictures)
            with contextlib.suppress(OSError):  # the user's own files are in it
                pictures.rmdir()
    sweep(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def recipe_of(document: Mapping[str, Any]) -> str:
    """``people`` for the schema ``stills/people/1``."""
    return str(document["schema"]).split("/")[1]


def encode_all(
    jobs: Iterable[tuple[int, _Job]],
    pictures: Mapping[int, Rgb],
    encode_one: Callable[[_Job, Rgb], list[str]],
    on_missing: Callable[[_Job], None],
    *,
    waiting_bytes: int,
) -> Iterator[str]:
    """Call ``encode_one`` for every job (with the pts of its picture, in rising order), several at once.

    Each picture is asked for once, in the caller's thread; those at work and waiting for it take ``waiting_bytes`` of
    pixels at most, or are a single one. ``on_missing`` is called
    for a job whose picture is not there or cannot be decoded; where that is so for every job, ``CorruptVideoError`` is
    raised. Yields what the calls return, in the order of the jobs.
    """
    encoders = min(MAX_ENCODERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(encoders) as threads:
        running: deque[tuple[Future[list[str]], int]] = deque()
        waiting = 0
        rgb: Rgb | None = None
        current: int | None = None
        failure: CorruptVideoError | None = None
        had = False
        try:
            for pts, job in jobs:
                if pts != current:
                    current = pts
                    try:
                        rgb = pictures.get(pts)
                    except CorruptVideoError as error:
                        rgb, failure = None, error
                if rgb is None:
                    on_missing(job)
                    continue
                had = True
                running.append((threads.submit(encode_one, job, rgb), rgb.nbytes))
                waiting += rgb.nbytes
                while len(running) > encoders or (running and waiting > waiting_bytes):
                    done, size = running.popleft()
                    waiting -= size
                    yield from done.result()
            while running:
                yield from running.popleft()[0].result()
            if failure is not None and not had:
                raise failure
        finally:  # after an error nothing more is begun
            for future, _ in running:
                future.cancel()


def write_picture(path: Path, rgb: Rgb, options: OutputOptions, about: PictureMetadata) -> None:
    """Encode ``rgb`` as ``options`` say and write it."""
    data = encode(
        rgb, options.format, options.quality, about, compression=options.compression, lossless=options.lossless
    )
    atomic_write(path, data)


def name_values(
    document: Document, values: Document, *, number: int, rank: int | None, person: int = 0
) -> dict[str, object]:
    """What a name template may name of a picture (:data:`stills.name_fields.FIELDS`); the cover's time is ``cover``."""
    time = values["time"]
    if "shot" in values or time is None:
        shot = values.get("shot")
    else:
        shot = shot_number([shot["start"] for shot in document["shots"]], time)
    return {
        "stem": stem_of(document["video"]["path"]),
        "recipe": recipe_of(document),
        "number": number,
        "rank": number if rank is None else rank,
        "time": "cover" if time is None else time_name(time),
        "pts": 0 if time is None else values["pts"],
        "shot": shot or 0,
        "score": values["score"],
        "person": person,
    }


def shot_number(starts: Sequence[float], time: float) -> int:
    """Which of the shots with these ``starts`` (seconds) the moment ``time`` is in, from 1; 0 where there are none."""
    return max(1, bisect_right(starts, time)) if starts else 0


def files_of(folder: Path, recipe: str) -> set[str]:
    """What results of ``recipe`` in ``folder`` say they wrote, as names relative to it, and what bears our names."""
    listed: set[str] = set()
    for path in (folder / f"{recipe}.json", folder / f"{recipe}{UNFINISHED}"):
        document = _read(path, recipe)
        files = document.get("files") if document is not None else None
        listed.update(name for name in (files if isinstance(files, list) else ()) if _is_inside(name, recipe))
    if recipe == "people" and (folder / recipe).is_dir():
        listed.update(f"{recipe}/{file.name}" for file in (folder / recipe).iterdir() if _OURS.fullmatch(file.name))
    return {name for name in listed if not (folder / name).is_dir()}


def _is_inside(name: object, recipe: str) -> bool:
    """Whether ``name`` is that of a file in the result's own folder, or beside its JSON: a list may be forged."""
    if not isinstance(name, str) or set(name) & {"\0", "\\", ":"}:
        return False
    *folders, file = name.split("/")
    return folders in ([], [recipe]) and file not in ("", ".", "..")


def _read(path: Path, recipe: str) -> Document | None:
    """The result of ``recipe`` in ``path``; None where it is none of stills."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not str(document.get("schema", "")).startswith(f"stills/{recipe}/"):
        return None
    return document


def missing(document: Document, what: str, time: float | None) -> str:
    """Note in ``document`` that a chosen picture could not be had; the message, for the log."""
    when = "the cover picture" if time is None else f"the frame at {time} s"
    message = f"{when}, chosen {what}, could not be decoded"
    document["fallbacks"].append({"code": "picture-missing", "message": message})
    return f"{printable(document['video']['path'])}: {message}"
