"""Which folder of the output folder belongs to which source: given once, and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select

from stills.jobs.store.runs import lock_library
from stills.jobs.store.session import Session
from stills.jobs.store.tables import FolderRow


def folders(at: Session, keys: Sequence[str]) -> dict[str, str]:
    """The folders of those sources that have one, by key."""
    which = (FolderRow.library_id == at.library, FolderRow.key.in_(keys))
    found = at.connection.execute(select(FolderRow.key, FolderRow.name).where(*which))
    return {row.key: row.name for row in found}


def take(at: Session, wanted: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Give each source the folder it wants (its name, and that as it is compared), unless it has one or that is taken.

    The folders of those that have one now, by key.
    """
    lock_library(at)
    have = folders(at, list(wanted))
    asked = {key: both for key, both in wanted.items() if key not in have}
    names = [folded for _, folded in asked.values()]
    which = (FolderRow.library_id == at.library, FolderRow.folded.in_(names))
    taken = set(at.connection.execute(select(FolderRow.folded).where(*which)).scalars())
    fresh = []
    for key, (name, folded) in asked.items():
        if folded not in taken:
            taken.add(folded)
            have[key] = name
            fresh.append({"library_id": at.library, "key": key, "name": name, "folded": folded})
    if fresh:
        at.connection.execute(insert(FolderRow), fresh)
    return have
