"""A gallery follows the results in its folder, and keeps numbers and decisions."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

import stills
from across_samples import Library
from index_samples import identity
from stills.api.people import keep_or_drop_embeddings
from stills.errors import IndexFormatError, InputError, UsageError
from stills.index.gallery import gallery_folder, load_gallery
from stills.index.store import IndexStore
from stills.jobs.across.edit import merge, rename, split, unname
from stills.jobs.across.photos import Photo
from stills.jobs.across.update import update
from stills.render.across import across_schema
from stills.settings import change_settings


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path)
    made.add("one", [(0, 0, 3), (1, 4, 8)])
    made.add("two", [(1, 0, 3), (2, 4, 8)])
    made.add("three", [(0, 0, 3), (2, 4, 6), (3, 7, 9)])
    return made


def test_people_are_the_same_in_several_videos(library: Library) -> None:
    done = update(library.out, library.settings)
    assert sorted(library.who().values()) == [["one", "three"], ["one", "two"], ["three"], ["three", "two"]]
    assert done.added == 3
    assert not done.fallbacks
    document = library.result
    jsonschema.validate(document, across_schema())
    assert all((library.out / name).is_file() for name in document["files"])
    rows = pq.read_table(library.out / "across" / "appearances.parquet").to_pylist()
    assert len(rows) == 7
    assert {row["folder"] for row in rows} == {"one", "two", "three"}
    assert all(row["spans"][0]["start"] == row["first_seen"] for row in rows)


def test_a_video_more_keeps_the_numbers_and_reads_no_other(library: Library) -> None:
    update(library.out, library.settings)
    before = library.who()
    library.add("four", [(3, 0, 3), (4, 4, 8)])
    done = update(library.out, library.settings)
    assert done.added == 1
    after = library.who()
    assert {n: [v for v in videos if v != "four"] for n, videos in after.items() if n in before} == before
    assert sorted(set(after) - set(before)) == [max(before) + 1]
    assert sum("four" in videos for videos in after.values()) == 2
    assert update(library.out, library.settings).added == 0
    assert library.who() == after


def test_a_rebuild_finds_the_same_people_and_keeps_their_numbers(library: Library) -> None:
    update(library.out, library.settings)
    library.add("four", [(3, 0, 3), (4, 4, 8)])
    update(library.out, library.settings)
    before = library.who()
    update(library.out, library.settings, anew=True)
    assert library.who() == before


def test_a_video_scanned_again_keeps_numbers_and_decisions(library: Library) -> None:
    update(library.out, library.settings)
    alone = next(number for number, videos in library.who().items() if videos == ["three"])
    rename(library.out, str(alone), "Ada")
    # Tracks get other numbers, cuts and embeddings, as they do with another effort.
    library.add("three", [(3, 7, 8), (3, 8.25, 9), (0, 0, 3), (2, 4, 6)], seed=5)
    done = update(library.out, library.settings)
    assert done.added == 1
    assert done.gallery.names == {alone: "Ada"}
    assert library.who()[alone] == ["three"]
    assert not [c for c in done.gallery.tracks["content"].to_pylist() if c.startswith("\0")]


def test_a_result_that_is_gone_leaves_the_gallery(library: Library) -> None:
    update(library.out, library.settings)
    shutil.rmtree(library.out / "three")
    update(library.out, library.settings)
    assert all("three" not in videos for videos in library.who().values())
    assert not list((library.out / "across").glob("*/three.jpg"))


def test_merge_rename_and_split_are_kept(library: Library) -> None:
    update(library.out, library.settings)
    a, b = sorted(library.who())[:2]
    everywhere = {*library.who()[a], *library.who()[b]}
    rename(library.out, str(b), "Ada")
    both = merge(library.out, [str(a), "Ada"])
    assert both.identity == a
    assert both.gallery.names == {a: "Ada"}
    assert both.gallery.aliases == {b: a}
    for anew in (False, True):
        update(library.out, library.settings, anew=anew)
        assert set(library.who()[a]) == everywhere
        assert b not in library.who()
    parted = split(library.out, "Ada", ["two"])
    assert parted.identity not in (a, b)
    for anew in (False, True):
        update(library.out, library.settings, anew=anew)
        who = library.who()
        assert "two" not in who[a]
        assert who[parted.identity] == ["two"]


def test_a_split_survives_although_they_look_alike_and_a_merge_takes_it_back(library: Library) -> None:
    update(library.out, library.settings)
    number = next(n for n, videos in library.who().items() if videos == ["one", "three"])
    parted = split(library.out, str(number), ["three"])
    for anew in (False, True):
        update(library.out, library.settings, anew=anew)
        assert library.who()[number] == ["one"]
        assert library.who()[parted.identity] == ["three"]
    merge(library.out, [str(number), str(parted.identity)])
    update(library.out, library.settings, anew=True)
    assert library.who()[number] == ["one", "three"]


def test_split_at_a_moment_takes_only_whom_one_sees_there(library: Library) -> None:
    library.add("again", [(0, 0, 2), (0, 5, 7)])
    update(library.out, library.settings)
    number = next(n for n, videos in library.who().items() if "again" in videos)
    parted = split(library.out, str(number), ["again@6"])
    row = next(p for p in library.result["people"] if p["id"] == parted.identity)
    (appearance,) = row["appearances"]
    assert appearance["first_seen"] > 4
    assert library.who()[number] == ["again", "one", "three"]


def test_people_of_different_names_are_never_joined(library: Library) -> None:
    update(library.out, library.settings)
    number = next(n for n, videos in library.who().items() if videos == ["one", "three"])
    parted = split(library.out, str(number), ["three"])
    rename(library.out, str(number), "Ada")
    rename(library.out, str(parted.identity), "Bea")
    with pytest.raises(UsageError, match="is called Ada already"):
        rename(library.out, str(parted.identity), "Ada")
    update(library.out, library.settings, anew=True)
    assert load_gallery(library.out).names == {number: "Ada", parted.identity: "Bea"}
    assert (library.out / "across" / f"Ada_{number:04d}" / "one.jpg").is_file()
    unname(library.out, "Ada")
    assert load_gallery(library.out).names == {parted.identity: "Bea"}
    assert not (library.out / "across" / f"Ada_{number:04d}").exists()


def test_a_photo_names_who_is_like_it_now_or_later(library: Library) -> None:
    face = Photo("Ada", identity(0, noise=0.4, seed=9), "sface")
    nobody = Photo("Bea", identity(50, noise=0.4, seed=9), "sface")
    done = update(library.out, library.settings, photos=[face, nobody])
    assert done.met is not None
    assert done.met["Bea"] is None
    number = done.met["Ada"]
    assert number is not None
    assert library.who()[number] == ["one", "three"]
    library.add("late", [(50, 0, 4)])
    late = update(library.out, library.settings)
    assert "Bea" in late.gallery.names.values()
    unname(library.out, "Bea")
    assert not any("photo" in d and d["name"] == "Bea" for d in load_gallery(library.out).decisions)


def test_forget_erases_a_video_from_the_gallery(library: Library) -> None:
    content = library.add("secret", [(7, 0, 4), (0, 5, 8)])
    update(library.out, library.settings)
    rename(library.out, str(next(n for n, v in library.who().items() if v == ["secret"])), "Zoe")
    stills.forget(library.videos / "secret.mp4", out=library.out, settings=library.settings)
    gallery = load_gallery(library.out)
    for table in (gallery.videos, gallery.people, gallery.tracks, gallery.together):
        assert content not in table["content"].to_pylist()
    left = b"".join(p.read_bytes() for p in [*gallery_folder(library.out).glob("*.json"), library.out / "across.json"])
    assert content.encode() not in left
    assert b"Zoe" not in left
    assert not list((library.out / "across").rglob("secret*"))


def test_no_embeddings_is_refused_with_the_reason(library: Library) -> None:
    with pytest.raises(UsageError, match="--no-embeddings"):
        update(library.out, change_settings(library.settings, embeddings=False))


def test_a_video_without_embeddings_is_left_out_and_said(library: Library) -> None:
    store = IndexStore(library.settings.cache_folder)
    content = library.add("bare", [(1, 0, 3)])
    (meta,) = (store.root / content).glob("*/meta.json")
    loaded = store.load(content, json.loads(meta.read_text())["parameters"])
    assert loaded is not None
    keep_or_drop_embeddings(loaded, change_settings(library.settings, embeddings=False))
    done = update(library.out, library.settings)
    assert [f.code for f in done.fallbacks] == ["not-compared"]
    assert "no face embeddings" in done.fallbacks[0].message
    assert all("bare" not in videos for videos in library.who().values())


def test_videos_of_another_embedder_are_left_out_and_said(library: Library) -> None:
    update(library.out, library.settings)
    library.add("other", [(0, 0, 3)], embedder="arcface")
    done = update(library.out, library.settings)
    assert [f.code for f in done.fallbacks] == ["other-embedder"]


def test_videos_that_are_gone_stay_compared_and_new_ones_need_their_index(library: Library) -> None:
    update(library.out, library.settings)
    before = library.who()
    shutil.rmtree(library.settings.cache_folder)
    assert update(library.out, library.settings).added == 0
    assert library.who() == before
    (library.out / "five").mkdir()
    shutil.copy(library.out / "one" / "people.json", library.out / "five" / "people.json")
    done = update(library.out, library.settings)
    assert [f.code for f in done.fallbacks] == ["not-compared"]
    assert "index is gone" in done.fallbacks[0].message


def test_a_copy_of_a_video_is_said(library: Library) -> None:
    (library.out / "copy").mkdir()
    shutil.copy(library.out / "one" / "people.json", library.out / "copy" / "people.json")
    done = update(library.out, library.settings)
    assert [f.code for f in done.fallbacks] == ["same-video"]


def test_a_damaged_gallery_is_refused_and_made_anew_with_its_decisions(library: Library) -> None:
    update(library.out, library.settings)
    rename(library.out, str(next(n for n, v in library.who().items() if v == ["one", "three"])), "Ada")
    (tracks,) = gallery_folder(library.out).glob("tracks-*.parquet")
    data = bytearray(tracks.read_bytes())
    data[len(data) // 2] ^= 0xFF
    tracks.write_bytes(bytes(data[: len(data) - 10]))
    with pytest.raises(IndexFormatError, match="rebuild"):
        update(library.out, library.settings)
    done = update(library.out, library.settings, anew=True)
    assert [f.code for f in done.fallbacks] == ["gallery-damaged"]
    assert set(done.gallery.names.values()) == {"Ada"}


@pytest.mark.parametrize(
    ("file", "text", "match"),
    [
        ("gallery.json", '{"format": 99}', "newer stills"),
        ("gallery.json", "[1, 2]", "damaged"),
        ("gallery.json", "{", "cannot be read"),
        ("gallery.json", '{"format": 1}', "damaged"),
        ("decisions.json", "{", "decided"),
        ("decisions.json", '{"format": 1, "decisions": [{"kind": "name", "groups": [[{"content": 3}]]}]}', "decided"),
    ],
)
def test_foreign_files_in_the_gallery_are_refused(library: Library, file: str, text: str, match: str) -> None:
    update(library.out, library.settings)
    (gallery_folder(library.out) / file).write_text(text)
    with pytest.raises(IndexFormatError, match=match):
        update(library.out, library.settings)


def test_damaged_results_are_left_out(library: Library) -> None:
    for name, text in (("bad", "{"), ("odd", '{"schema": "stills/people/1", "people": [{}]}'), ("list", "[]")):
        (library.out / name).mkdir()
        (library.out / name / "people.json").write_text(text)
    update(library.out, library.settings)
    assert len(library.result["videos"]) == 3


def test_an_empty_folder_has_nobody(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no results"):
        update(tmp_path, Library(tmp_path / "x").settings)
    with pytest.raises(InputError, match="not told apart"):
        rename(tmp_path, "1", "Ada")


def test_who_is_not_there_is_said(library: Library) -> None:
    update(library.out, library.settings)
    with pytest.raises(InputError, match="nobody called"):
        rename(library.out, "99", "Ada")
    with pytest.raises(UsageError, match="not a name"):
        rename(library.out, "1", "  ")
    with pytest.raises(UsageError, match="is a number"):
        rename(library.out, "1", "7")
    with pytest.raises(UsageError, match="two different"):
        merge(library.out, ["1", "1"])
    with pytest.raises(UsageError, match="does not appear"):
        split(library.out, "1", ["nowhere"])
    with pytest.raises(UsageError, match="everything would leave"):
        split(library.out, "1", library.who()[1])


def test_a_report_shows_who_is_in_several_videos(library: Library) -> None:
    update(library.out, library.settings)
    rename(library.out, "1", "Ada <b>")
    page = stills.render_report(library.out).read_text(encoding="utf-8")
    assert "The same people in several videos" in page
    assert "Ada &lt;b&gt;" in page
    (library.out / "across.json").write_text("{")
    page = stills.render_report(library.out).read_text(encoding="utf-8")
    assert "The same people in several videos" not in page
    assert "across.json" in page


def test_what_a_killed_run_left_is_still_known_to_be_ours(library: Library) -> None:
    update(library.out, library.settings)
    stray = library.out / "across" / "person_0099" / "one.jpg"
    stray.parent.mkdir()
    stray.write_bytes(b"half a run")
    (gallery_folder(library.out) / "files.json").write_text(json.dumps({"files": ["across/person_0099/one.jpg"]}))
    own = library.out / "across" / "notes.txt"
    own.write_text("mine")
    update(library.out, library.settings)
    assert not stray.parent.exists()
    assert own.read_text() == "mine"


def test_embeddings_are_not_in_what_is_shown(library: Library) -> None:
    update(library.out, library.settings)
    names = pq.read_schema(library.out / "across" / "appearances.parquet").names
    assert "vector" not in names
    assert not any(isinstance(value, list) and len(value) == 128 for value in library.result.values())
    assert np.isclose(load_gallery(library.out).similarity, 0.55)
