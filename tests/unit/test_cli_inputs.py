"""What the user names becomes a list of videos."""

import json
import os
from pathlib import Path

import pytest

from stills.cli.inputs import expand, is_output, results_in
from stills.errors import InputError


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    for name in ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "sub/c.webm", ".git/d.mp4", "sub/deep/e.mov"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def names(items: list, root: Path) -> list[str]:
    return [os.path.relpath(item.path, root) for item in items]


def test_a_folder_gives_its_videos_in_order_without_hidden_ones(films: Path) -> None:
    assert names(expand([str(films)]), films) == ["a.MKV", "b.mp4", "sub/c.webm", "sub/deep/e.mov"]


def test_own_outputs_are_not_inputs(films: Path) -> None:
    out = films / "out"
    (out / "b" / "people").mkdir(parents=True)
    (out / "b" / "annotated.mp4").write_bytes(b"x")
    (out / "loose.mp4").write_bytes(b"x")
    (out / "b" / "people.json").write_text(json.dumps({"schema": "stills/people/1", "video": {}}, indent=2))
    assert is_output(out / "b")
    assert "out/b/annotated.mp4" not in names(expand([str(films)]), films)
    assert "out/loose.mp4" in names(expand([str(films)]), films)
    assert not [n for n in names(expand([str(films)], out=out), films) if n.startswith("out")]
    assert results_in(out) == [out / "b" / "people.json"]


def test_somebody_elses_json_is_no_output(films: Path) -> None:
    (films / "sub" / "meta.json").write_text('{"schema": "other/1"}')
    assert "sub/c.webm" in names(expand([str(films)]), films)


def test_a_glob_gives_its_matches(films: Path) -> None:
    assert names(expand([str(films / "*.mp4")]), films) == ["b.mp4"]
    assert names(expand([str(films / "**" / "*.mov")]), films) == ["sub/deep/e.mov"]


def test_a_name_that_looks_like_a_glob_is_taken_as_it_is(tmp_path: Path) -> None:
    odd = tmp_path / "film [2020]*.mp4"
    odd.write_bytes(b"x")
    (tmp_path / "film 2.mp4").write_bytes(b"x")
    assert names(expand([str(odd)]), tmp_path) == [odd.name]


def test_each_video_comes_once(films: Path) -> None:
    (films / "link.mp4").symlink_to(films / "b.mp4")
    assert names(expand([str(films / "b.mp4"), str(films), str(films / "link.mp4")]), films)[0] == "b.mp4"
    assert len(expand([str(films / "b.mp4"), str(films), str(films / "link.mp4")])) == 4


def test_what_cannot_be_used_is_an_entry_with_an_error(films: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    items = expand([str(empty), str(tmp_path / "no*.mp4"), str(films / "b.mp4")])
    assert [type(item.error) for item in items] == [InputError, InputError, type(None)]
    assert "no video" in str(items[0].error)
    assert "pattern" in str(items[1].error)


def test_a_missing_file_is_left_to_the_probe(tmp_path: Path) -> None:
    (item,) = expand([str(tmp_path / "missing.mp4")])
    assert item.error is None
