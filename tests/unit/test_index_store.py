"""Indexes on disk: what was written is read, and what is damaged is known as damaged."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_samples import face, faces_table, frames_table, identity, make_index, track
from stills.errors import IndexFormatError, OutputError
from stills.index.index import Index
from stills.index.schema import FACES, FORMAT, FRAMES, SHOTS
from stills.index.store import IndexStore, SegmentRows, parameters_key, table_bytes, table_from_bytes
from stills.types import Fallback, Shot


@pytest.fixture
def store(tmp_path: Path) -> IndexStore:
    return IndexStore(tmp_path)


@pytest.fixture
def index() -> Index:
    return make_index(
        [*track(0, 1, 0.0, 2.0), *track(1, 2, 3.0, 4.0)],
        cuts=(2.5,),
        fallbacks=(Fallback("device", "there is no such device"),),
        warnings=("3 packets could not be decoded",),
        partial=True,
    )


def saved(store: IndexStore, index: Index) -> Path:
    folder = store.save(index).folder
    assert folder is not None
    return Path(folder)


def rows_of_a_segment(number: int = 0) -> SegmentRows:
    notes = {"frames_decoded": 3, "errors": 0, "first_error": None, "changes": [["cut", 1.0, 1.0, 0.9]]}
    return SegmentRows(number, frames_table([0.0, 0.5]), faces_table([face(0, 0.5, identity(1))]), notes)


def test_what_was_saved_is_loaded(store: IndexStore, index: Index):
    kept = store.save(index)
    loaded = store.load(index.content, index.parameters)
    assert loaded is not None
    for table, schema in ((loaded.frames, FRAMES), (loaded.shots, SHOTS), (loaded.faces, FACES)):
        assert table.schema == schema
    assert loaded == replace(kept, report=replace(index.report, cached=True))
    assert loaded.shot_list() == (Shot(0.0, 2.5, "none"), Shot(2.5, 10.0, "cut"))


def test_a_film_without_anybody_is_kept_too(store: IndexStore):
    store.save(make_index([]))
    loaded = store.load("0" * 32, make_index([]).parameters)
    assert loaded is not None
    assert len(loaded.faces) == 0


def test_an_index_is_found_by_content_and_parameters_only(store: IndexStore, index: Index):
    store.save(index)
    assert store.load("1" * 32, index.parameters) is None
    assert store.load(index.content, {**index.parameters, "effort": "fast"}) is None
    assert store.load(index.content, dict(reversed(index.parameters.items()))) is not None


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), min_size=1), st.data())
def test_keys_depend_on_values_not_on_order(parameters: dict[str, Any], data: st.DataObject):
    shuffled = dict(data.draw(st.permutations(list(parameters.items()))))
    assert parameters_key(shuffled) == parameters_key(parameters)
    name = data.draw(st.sampled_from(sorted(parameters)))
    assert parameters_key({**parameters, name: [parameters[name]]}) != parameters_key(parameters)


def test_names_that_are_no_text_survive(store: IndexStore, index: Index):
    path = os.fsdecode(b"caf\xe9 \xf0\x9f\x8e\xac.mp4")
    store.save(replace(index, video=replace(index.video, path=path)))
    loaded = store.load(index.content, index.parameters)
    assert loaded is not None
    assert loaded.video.path == path


@pytest.mark.parametrize("cut", [0, 1, 0.5, -2])
def test_a_torn_meta_file_is_damage(store: IndexStore, index: Index, cut: float):
    meta = saved(store, index) / "meta.json"
    data = meta.read_bytes()
    meta.write_bytes(data[: int(cut * len(data)) if 0 < cut < 1 else int(cut)])
    with pytest.raises(IndexFormatError, match="forget"):
        store.load(index.content, index.parameters)


@pytest.mark.parametrize("name", ["video", "report", "models", "layers", "content", "partial"])
def test_a_meta_file_that_lacks_something_is_damage(store: IndexStore, index: Index, name: str):
    meta = saved(store, index) / "meta.json"
    values = json.loads(meta.read_text())
    del values[name]
    meta.write_text(json.dumps(values))
    with pytest.raises(IndexFormatError):
        store.load(index.content, index.parameters)


@pytest.mark.parametrize("text", ["[]", "7", "null", '"x"', "[" * 100_000, '{"format": 3, "video": []}'])
def test_a_meta_file_that_is_something_else_is_damage(store: IndexStore, index: Index, text: str):
    (saved(store, index) / "meta.json").write_text(text)
    with pytest.raises(IndexFormatError):
        store.load(index.content, index.parameters)


@pytest.mark.parametrize("table", ["frames", "shots", "faces"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "head", "other"])
def test_a_damaged_table_is_damage(store: IndexStore, index: Index, table: str, damage: str):
    file = saved(store, index) / f"{table}.parquet"
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        other = (file.parent / f"{'shots' if table != 'shots' else 'faces'}.parquet").read_bytes()
        file.write_bytes({"empty": b"", "cut": data[:-9], "head": b"\0" * 64 + data[64:], "other": other}[damage])
    with pytest.raises(IndexFormatError):
        store.load(index.content, index.parameters)


@pytest.mark.parametrize("table", ["frames", "shots", "faces"])
def test_flipped_bits_in_a_table_are_noticed_wherever_they_matter(store: IndexStore, index: Index, table: str):
    file = saved(store, index) / f"{table}.parquet"
    data = file.read_bytes()
    noticed = 0
    for place in range(0, len(data), 41):
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :])
        try:
            loaded = store.load(index.content, index.parameters)
        except IndexFormatError:
            noticed += 1
        else:
            assert loaded is not None
            assert getattr(loaded, table) == getattr(index, table)
    assert noticed


def test_rows_that_only_the_footer_lacks_are_noticed(store: IndexStore, index: Index):
    file = saved(store, index) / "frames.parquet"
    data = file.read_bytes()
    rows = len(index.frames)
    assert rows == pq.read_metadata(file).num_rows < 64  # so that a byte holds it, doubled (Thrift's zigzag)
    noticed = 0
    for place in [place for place, byte in enumerate(data) if byte == 2 * rows]:
        file.write_bytes(data[:place] + bytes([2 * rows - 20]) + data[place + 1 :])
        try:
            loaded = store.load(index.content, index.parameters)
        except IndexFormatError:
            noticed += 1
        else:
            assert loaded is not None
            assert loaded.frames == index.frames
    assert noticed >= 2  # of the file, of its row group


def test_an_index_of_another_version_is_none(store: IndexStore, index: Index):
    meta = saved(store, index) / "meta.json"
    values = {**json.loads(meta.read_text()), "format": FORMAT + 1}
    meta.write_text(json.dumps(values))
    assert store.load(index.content, index.parameters) is None


def test_saving_again_replaces(store: IndexStore, index: Index):
    store.save(index)
    store.save(replace(index, warnings=("other",)))
    loaded = store.load(index.content, index.parameters)
    assert loaded is not None
    assert loaded.warnings == ("other",)


def test_nothing_but_the_index_is_left_behind(store: IndexStore, index: Index):
    store.save_segment(index.content, index.parameters, rows_of_a_segment())
    folder = saved(store, index)
    assert sorted(f.name for f in folder.iterdir()) == ["faces.parquet", "frames.parquet", "meta.json", "shots.parquet"]


def test_forgetting_erases_every_index_of_a_video(store: IndexStore, index: Index):
    store.save(index)
    fast = replace(index, parameters={**index.parameters, "effort": "fast"})
    store.save(fast)
    other = replace(index, content="1" * 32)
    store.save(other)
    assert store.forget(index.content)
    assert not (store.root / index.content).exists()
    assert not store.forget(index.content)
    assert store.load(other.content, other.parameters) is not None


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, index: Index):
    (tmp_path / "file").write_text("in the way")
    store = IndexStore(tmp_path / "file")
    with pytest.raises(OutputError, match="STILLS_CACHE_DIR"):
        store.save(index)
    with pytest.raises(OutputError):
        store.prepare(index.content, index.parameters)
    with pytest.raises(OutputError):
        store.save_segment(index.content, index.parameters, rows_of_a_segment())
    assert store.load(index.content, index.parameters) is None


def test_segments_wait_until_the_index_is_whole(store: IndexStore):
    where: tuple[str, dict[str, Any]] = ("0" * 32, {"effort": "fast"})
    rows = rows_of_a_segment(3)
    store.save_segment(*where, rows)
    assert store.load_segment(*where, 3) == rows
    assert store.load_segment(*where, 4) is None
    assert store.load_segment("0" * 32, {"effort": "balanced"}, 3) is None
    assert store.load(*where) is None
    store.drop_segments(*where)
    assert store.load_segment(*where, 3) is None


@pytest.mark.parametrize("name", ["000003.json", "000003.faces.arrow", "000003.frames.arrow"])
@pytest.mark.parametrize("size", [None, 0, 0.3, 0.9])
def test_a_half_written_segment_counts_as_not_there(store: IndexStore, name: str, size: float | None):
    where: tuple[str, dict[str, Any]] = ("0" * 32, {})
    store.save_segment(*where, rows_of_a_segment(3))
    file = store.folder(*where) / "segments" / name
    data = file.read_bytes()
    if size is None:
        file.unlink()
    else:
        file.write_bytes(data[: int(size * len(data))])
    assert store.load_segment(*where, 3) is None


def test_rows_of_no_segment_of_ours_count_as_not_there(store: IndexStore):
    where: tuple[str, dict[str, Any]] = ("0" * 32, {})
    store.save_segment(*where, rows_of_a_segment(0))
    folder = store.folder(*where) / "segments"
    (folder / "000000.faces.arrow").write_bytes(table_bytes(pa.table({"other": [1, 2]})))
    assert store.load_segment(*where, 0) is None
    store.save_segment(*where, rows_of_a_segment(0))
    (folder / "000000.json").write_text("[]")
    assert store.load_segment(*where, 0) is None


def test_tables_as_bytes():
    table = rows_of_a_segment().faces
    assert table_from_bytes(table_bytes(table)) == table
