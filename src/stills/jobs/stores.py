"""The objects in a store (``s3://``, ``gs://``, ``az://``, …) that an address stands for."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from typing import Any

from stills.addresses import public_name, scheme_of
from stills.errors import InputError, StillsError
from stills.jobs.sources import Search, Source
from stills.result_files import RESULT_START, is_result

_RESULTS = frozenset({"people.json", "keyframes.json", "thumbnails.json", "shots.json", "cast.json", "portrait.json"})


def remote_sources(address: str, search: Search) -> Iterator[Source]:
    """The videos at ``address``: an object, all below a prefix (ending with ``/``), or those that match a pattern.

    Behind ``http://`` and ``https://`` there is nothing to list: each is one video. Errors are entries.
    """
    from stills.media.transports import open_store, remedy_for, store_error, unsupported

    name = public_name(address)
    why = unsupported(address)
    if why is not None:
        yield Source(address, InputError(why, path=name, remedy=remedy_for(address)))
        return
    if not may_be_many(address, search.suffixes):
        yield Source(address)
        return
    try:
        fs, path = open_store(address)
        if glob.has_magic(path) and not fs.exists(path):
            found = sorted(fs.glob(path))
            if not found:
                yield Source(address, InputError("nothing matches this pattern", path=name, remedy="check it"))
            yield from (Source(_full(address, one)) for one in found if not search.leaves_out(one.rsplit("/", 1)[-1]))
        elif address.endswith("/") or fs.isdir(path):
            yield from _below(fs, path, address, search)
        else:
            yield Source(address)  # whether it is there is for the probe to say
    except StillsError as error:
        yield Source(address, error)
    except Exception as error:  # noqa: BLE001 - each store has errors of its own
        yield Source(address, store_error(error, address))


def may_be_many(address: str, suffixes: frozenset[str]) -> bool:
    """Whether ``address`` may stand for several videos: then the store has to be asked. Web servers have no lists."""
    from stills.media.transports import HTTP

    if scheme_of(address) in HTTP:
        return False
    last = address.partition("?")[0].rsplit("/", 1)[-1]
    if address.endswith("/") or glob.has_magic(address.partition("://")[2]):
        return True
    return f".{last.rpartition('.')[2].lower()}" not in suffixes


def _below(fs: Any, root: str, address: str, search: Search) -> Iterator[Source]:
    """The videos below the prefix ``root``, one folder of it after the other."""
    from stills.media.transports import store_error

    anything = False
    waiting = [root.rstrip("/")]
    while waiting:
        folder = waiting.pop()
        try:
            inside = sorted(fs.ls(folder, detail=True), key=lambda one: str(one["name"]))
        except Exception as error:  # noqa: BLE001 - each store has errors of its own
            anything = True
            place = _full(address, folder)
            yield Source(place, store_error(error, place))
            continue
        files = [one["name"] for one in inside if one["type"] != "directory"]
        if search.what == "video" and any(_is_result(fs, one) for one in files):
            continue
        deeper: list[str] = []
        for one in inside:
            path = str(one["name"]).rstrip("/")
            within = path.removeprefix(root.rstrip("/")).strip("/")
            if not within or path.rsplit("/", 1)[-1].startswith(".") or path == folder:
                continue
            if one["type"] == "directory":
                if not search.leaves_out(within) and not _is_out(_full(address, path), search):
                    deeper.append(path)
            elif search.takes(within):
                anything = True
                yield Source(_full(address, path))
        waiting += reversed(deeper)
    if not anything:
        yield search.nothing(address)


def _is_out(address: str, search: Search) -> bool:
    return search.out is not None and str(search.out).rstrip("/") == address


def _is_result(fs: Any, path: str) -> bool:
    if path.rsplit("/", 1)[-1] not in _RESULTS:
        return False
    try:
        return is_result(bytes(fs.cat_file(path, start=0, end=RESULT_START)))
    except Exception:  # noqa: BLE001 - what cannot be read says nothing about the folder
        return False


def _full(address: str, path: str) -> str:
    return f"{scheme_of(address)}://{path.lstrip('/') if '://' not in path else path.partition('://')[2]}"
