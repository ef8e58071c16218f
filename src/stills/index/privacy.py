"""Dropping face embeddings from an index once people were told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from stills.index.index import Index
from stills.index.schema import FACES
from stills.index.store import IndexStore
from stills.types import PeopleSelection


def without_embeddings(index: Index, selection: PeopleSelection, cache_dir: Path) -> Index:
    """``index`` with a person's number on each face in place of embeddings; saved where it was kept.

    Later selections find the same people; they can no longer tell them apart by another similarity. Indexes of the same
    video that were made with other parameters are erased, as they hold embeddings too. Raises ``OutputError``.
    """
    if not index.faces["embedding"].is_valid().to_pylist().count(True):
        return index
    person = {track: p.id for p in selection.people for track in p.tracks}
    numbers = pa.array([person.get(t) for t in index.faces["track"].to_pylist()], pa.int32())
    nothing = pa.nulls(len(index.faces), FACES.field("embedding").type)
    faces = index.faces
    for name, values in (("person", numbers), ("embedding", nothing)):
        faces = faces.set_column(FACES.get_field_index(name), FACES.field(name), values)
    changed = replace(index, faces=faces)
    if index.folder is None:
        return changed
    store = IndexStore(cache_dir)
    saved = store.save(changed)
    store.drop_others(index.content, index.parameters)
    return saved
