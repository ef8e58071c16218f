"""Names of the folders of sources in the output folder: given once, and the source's from then on.

The first source with a stem gets just that as its folder; a later one gets a short hash of its content behind it, and
so do all that come together. A folder that holds the results of another video is never given away.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from stills.addresses import is_address
from stills.jobs.library.ending import Patient
from stills.jobs.store import normalise_source, source_key
from stills.media.source import content_id
from stills.render.names import folded, is_reserved, short_key, stem_of
from stills.result_files import is_result_file


def folder_key(source: str) -> str:
    """What a source is called in the store's table of folders, whatever is asked of it."""
    return source_key(source, "")


def name_folders(state: Patient, out: Path, sources: Sequence[str]) -> list[str]:
    """The folder of each of ``sources`` (paths and addresses), in their order.

    Raises what the store raises.
    """
    by_key = {folder_key(source): source for source in sources}
    names = dict(state.ask(lambda store: store.folders(list(by_key))))
    fresh = {key: source for key, source in by_key.items() if key not in names}
    if fresh:
        stems = {key: stem_of(source) for key, source in fresh.items()}
        together = Counter(folded(stem) for stem in stems.values())
        plain = {
            key: stem
            for key, stem in stems.items()
            if together[folded(stem)] == 1 and not is_reserved(stem) and _free(out, stem, fresh[key])
        }
        names |= _take(state, plain)
        for key, source in fresh.items():
            if key not in names:
                names |= _hashed(state, out, key, source, stems[key])
    return [names[folder_key(source)] for source in sources]


def _hashed(state: Patient, out: Path, key: str, source: str, stem: str) -> dict[str, str]:
    """A folder for a source that has to be told apart from others with its ``stem``."""
    base = name = f"{stem}-{short_key(source, content_id)}"
    number = 1
    while True:
        if _free(out, name, source) and (taken := _take(state, {key: name})):
            return taken
        number += 1
        name = f"{base}-{number}"


def _take(state: Patient, wanted: Mapping[str, str]) -> dict[str, str]:
    if not wanted:
        return {}
    both = {key: (name, folded(name)) for key, name in wanted.items()}
    return state.ask(lambda store: store.take_folders(both))


def _free(out: Path, name: str, source: str) -> bool:
    """Whether no result of another video than ``source`` lies in the folder ``name``."""
    try:
        with os.scandir(out / name) as entries:
            results = [Path(entry.path) for entry in entries if entry.name.endswith(".json")]
    except OSError:
        return True
    return all(_is_about(path, source) for path in results)


def _is_about(result: Path, source: str) -> bool:
    """Whether a file is a result about ``source``, or none at all."""
    try:
        if not is_result_file(result):
            return True
        about = json.loads(result.read_text(encoding="utf-8"))["video"]["path"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return True
    if not isinstance(about, str) or "\0" in about:
        return True
    if normalise_source(about) == normalise_source(source):
        return True
    return not is_address(source) and os.path.realpath(about) == os.path.realpath(source)
