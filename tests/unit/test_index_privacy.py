"""Embeddings dropped: gone from memory and disk, and the people stay the same."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from index_samples import make_index, track
from stills.index.index import Index
from stills.index.privacy import without_embeddings
from stills.index.store import IndexStore
from stills.select.people import PeopleOptions, select_people


@pytest.fixture
def index() -> Index:
    rows = [*track(0, 1, 0.0, 3.0), *track(1, 2, 3.0, 5.0, x=300.0), *track(2, 1, 6.0, 7.0), *track(3, 4, 8.0, 8.25)]
    return make_index([{**r, "score": 0.6} if r["track"] == 3 else r for r in rows])


def test_a_kept_index_loses_its_embeddings_on_disk(tmp_path: Path, index: Index):
    store = IndexStore(tmp_path)
    kept = store.save(index)
    dropped = without_embeddings(kept, select_people(kept), tmp_path)
    assert dropped.faces["embedding"].null_count == len(dropped.faces)
    (file,) = tmp_path.rglob("faces.parquet")
    assert pq.read_table(file)["embedding"].null_count == len(dropped.faces)


def test_later_selections_find_the_same_people(tmp_path: Path, index: Index):
    store = IndexStore(tmp_path)
    kept = store.save(index)
    before = select_people(kept)
    without_embeddings(kept, before, tmp_path)
    again = store.load(index.content, index.parameters)
    assert again is not None
    assert select_people(again).people == before.people
    strict = PeopleOptions(similarity=0.99)
    assert select_people(again, strict).people == before.people, "they can no longer be told apart otherwise"


def test_faces_of_nobody_stay_nobodys(tmp_path: Path, index: Index):
    dropped = without_embeddings(index, select_people(index), tmp_path)
    assert {r["person"] for r in dropped.faces.to_pylist() if r["track"] == 3} == {None}
    assert [p.tracks for p in select_people(dropped).people] == [p.tracks for p in select_people(index).people]


def test_an_index_that_was_never_kept_is_not_written(tmp_path: Path, index: Index):
    without_embeddings(index, select_people(index), tmp_path)
    assert not list(tmp_path.iterdir())


def test_dropping_twice_changes_nothing(tmp_path: Path, index: Index):
    once = without_embeddings(index, select_people(index), tmp_path)
    assert without_embeddings(once, select_people(once, PeopleOptions(max_people=1)), tmp_path) is once
