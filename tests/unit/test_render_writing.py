"""Which files are ours: what a result lists, what a killed run leaves, what somebody else put there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from render_samples import person, picture, report, selection, video
from render_samples import pick as still
from stills.errors import UsageError
from stills.name_fields import FIELDS
from stills.render import writing
from stills.render.documents import json_values, result_head
from stills.render.frames import keyframes_document, write_frames
from stills.render.names import MAX_NAME_BYTES, NameGiver, folded, keyframe_file, thumbnail_file, time_name
from stills.render.pictures import OutputOptions
from stills.render.results import people_document, write_people
from stills.render.writing import encode_all, erase_results, shot_number, write_result
from stills.types import Box, KeyframesSelection, Pick

FACE: Box = (60.0, 20.0, 30.0, 40.0)


def keyframes(*seconds: float) -> dict[str, Any]:
    picks = tuple(Pick(round(s * 30000), s, 0.5, {}, rank=i) for i, s in enumerate(seconds, 1))
    return keyframes_document(video(), KeyframesSelection(picks, (), 0.9, 9, {}), report(), {}, {}, [])


def write(out: Path, document: dict[str, Any], template: str | None = None, **options: Any) -> list[Path]:
    pictures = {frame["pts"]: picture(32, 18) for frame in document["frames"]}
    return write_frames(out, "film", document, pictures, OutputOptions(name_template=template, **options))


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_pictures_of_any_name_are_replaced_and_the_users_stay(tmp_path: Path) -> None:
    write(tmp_path, keyframes(1, 2, 3), "{stem} {number}")
    folder = tmp_path / "film" / "keyframes"
    (folder / "film 9.jpg").write_bytes(b"the user's")
    (folder / "keyframe_0009_00-00-00.000.jpg").write_bytes(b"the user's")
    write(tmp_path, keyframes(1, 2), "{stem} {number}")
    assert listing(folder) == ["film 1.jpg", "film 2.jpg", "film 9.jpg", "keyframe_0009_00-00-00.000.jpg"]
    write(tmp_path, keyframes(4))
    assert listing(folder) == ["film 9.jpg", "keyframe_0001_00-00-04.000.jpg", "keyframe_0009_00-00-00.000.jpg"]


def test_people_with_a_template(tmp_path: Path) -> None:
    document = people_document(
        video(), selection(person(1, [(1, 2)], [still(1.0, box=FACE), still(2.0, box=FACE)])), report(), {}, {}, []
    )
    pictures = {s["pts"]: picture() for s in document["people"][0]["stills"]}
    options = OutputOptions(name_template="{person:03}-{rank}-{time}", crops=True)
    write_people(tmp_path, "film", document, pictures, options)
    folder = tmp_path / "film" / "people"
    first = [f"001-{n}-00-00-0{n}.000{end}.jpg" for n in (1, 2) for end in ("", "_face")]
    assert listing(folder) == sorted(first)
    saved = json.loads((tmp_path / "film" / "people.json").read_text())
    assert saved["files"] == sorted(f"people/{name}" for name in first)
    assert saved["people"][0]["still"]["crop"] == "people/001-1-00-00-01.000_face.jpg"
    write_people(tmp_path, "film", document, pictures)
    assert listing(folder) == ["person_01.jpg", "person_01_2.jpg"]
    erase_results(tmp_path / "film")
    assert not (tmp_path / "film").exists()


def test_erasing_takes_everything_that_is_ours(tmp_path: Path) -> None:
    write(tmp_path, keyframes(1, 2), "{number} {time}", sheet=(2, 1), preview="webp")
    (tmp_path / "film" / "keyframes" / "1 mine.jpg").write_bytes(b"mine")
    (tmp_path / "film" / "notes.json").write_text("{}")
    erase_results(tmp_path / "film")
    assert listing(tmp_path / "film") == ["keyframes/1 mine.jpg", "notes.json"]


def test_what_a_killed_run_leaves_is_known_to_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, keyframes(1, 2), "old {number}")
    original = writing.remove_file

    def killed(path: Path) -> None:
        if path.name == "old 1.jpg":
            raise KeyboardInterrupt
        original(path)

    for way in ("again", "erase"):
        with monkeypatch.context() as patch:
            patch.setattr(writing, "remove_file", killed)
            with pytest.raises(KeyboardInterrupt):
                write(tmp_path, keyframes(3, 4), "new {number}")
        assert "keyframes/old 1.jpg" in listing(tmp_path / "film")
        assert "keyframes/new 1.jpg" in listing(tmp_path / "film")
        assert not (tmp_path / "film" / "keyframes.json").exists()
        if way == "again":
            write(tmp_path, keyframes(5), "old {number}")
            assert listing(tmp_path / "film") == ["keyframes.json", "keyframes/old 1.jpg"]
        else:
            erase_results(tmp_path / "film")
            assert not (tmp_path / "film").exists()


def test_a_forged_list_names_nothing_outside(tmp_path: Path) -> None:
    victims = [tmp_path / "victim.jpg", tmp_path / "film" / "other" / "victim.jpg"]
    for victim in victims:
        victim.parent.mkdir(parents=True, exist_ok=True)
        victim.write_bytes(b"mine")
    (tmp_path / "film" / "keyframes" / "folder").mkdir(parents=True)
    forged = [
        "../victim.jpg", "keyframes/../../victim.jpg", str(victims[0]), "other/victim.jpg", "keyframes/folder",
        "keyframes//x", ".", "..", "", "keyframes/..", "keyframes/folder/../../../victim.jpg", 7, None, "a\0b",
    ]  # fmt: skip
    document = {**keyframes(1), "files": forged}
    for recover in (lambda: erase_results(tmp_path / "film"), lambda: write(tmp_path, keyframes(1)) and None):
        (tmp_path / "film" / "keyframes.json").write_text(json.dumps(document))
        recover()
        assert all(victim.read_bytes() == b"mine" for victim in victims)
        assert (tmp_path / "film" / "keyframes" / "folder").is_dir()


def test_results_before_there_were_lists(tmp_path: Path) -> None:
    folder = tmp_path / "film" / "people"
    folder.mkdir(parents=True)
    for name in ("person_01.jpg", "person_01_2_face.webp", "person_1.jpg"):
        (folder / name).write_bytes(b"x")
    (tmp_path / "film" / "people.json").write_text('{"schema": "stills/people/1", "people": []}')
    erase_results(tmp_path / "film")
    assert listing(tmp_path / "film") == ["people/person_1.jpg"]


def test_names_that_differ_in_case_only_do_not_erase_each_other(tmp_path: Path) -> None:
    write(tmp_path, keyframes(1), "FILM {number}")
    write(tmp_path, keyframes(1), "film {number}")
    assert "keyframes/film 1.jpg" in listing(tmp_path / "film")


def test_files_are_named_in_the_order_of_jobs_whatever_takes_longest() -> None:
    wanted = [(1, "a"), (1, "b"), (2, "c"), (3, "d"), (9, "e")]
    asked: list[int] = []

    class Asked(dict[int, Any]):
        def get(self, key: int, default: Any = None) -> Any:
            asked.append(key)
            return super().get(key, default)

    pictures = Asked({pts: np.zeros((4, 4, 3), np.uint8) for pts in (1, 2, 3)})
    missing: list[str] = []
    for limit in (0, 1 << 30):
        asked.clear()
        missing.clear()
        done = encode_all(wanted, pictures, lambda job, rgb: [job, job * 2], missing.append, waiting_bytes=limit)
        assert list(done) == ["a", "aa", "b", "bb", "c", "cc", "d", "dd"]
        assert asked == [1, 2, 3, 9]
        assert missing == ["e"]


def test_an_error_of_an_encoder_ends_the_call(tmp_path: Path) -> None:
    def fail(job: int, rgb: Any) -> list[str]:
        if job == 3:
            raise UsageError("no")
        return [str(job)]

    pictures = {n: np.zeros((4, 4, 3), np.uint8) for n in range(50)}
    with pytest.raises(UsageError):
        list(encode_all(((n, n) for n in range(50)), pictures, fail, lambda job: None, waiting_bytes=0))
    head = result_head("keyframes", video(), report(), {}, {}, [])
    with pytest.raises(UsageError):
        write_result(
            tmp_path, "film", head,
            lambda stage: encode_all([(3, 3)], pictures, fail, lambda job: None, waiting_bytes=0), total=1,
        )  # fmt: skip
    assert listing(tmp_path) == []


@given(st.floats(-1e6, 1e7, allow_nan=False))
def test_times_in_names_are_right_and_never_negative(seconds: float) -> None:
    name = time_name(seconds)
    hours, minutes, rest = name.split("-")
    assert len(hours) >= 2
    assert int(hours) * 3600 + int(minutes) * 60 + float(rest) == pytest.approx(max(0.0, seconds), abs=0.00051)
    assert int(minutes) < 60
    assert float(rest) < 60
    assert len(rest) == 6


@given(st.lists(st.floats(0, 359_999), min_size=2, max_size=20))
def test_names_of_times_sort_as_the_times_do(times: list[float]) -> None:
    assert sorted(map(time_name, times)) == [time_name(t) for t in sorted(times)]


def test_usual_names() -> None:
    assert keyframe_file(3, 72.48, "jpeg") == "keyframe_0003_00-01-12.480.jpg"
    assert keyframe_file(12345, 3 * 3600 + 59 * 60 + 59.9996, "avif") == "keyframe_12345_04-00-00.000.avif"
    assert keyframe_file(1, -0.0004, "png") == "keyframe_0001_00-00-00.000.png"
    assert thumbnail_file(1, "webp") == "thumbnail_1.webp"
    assert time_name(100 * 3600) == "100-00-00.000"


nasty = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("/\\.:-_ \u200d\u0301\0CONaux")), max_size=200)


@given(
    st.lists(nasty, min_size=1, max_size=12), st.sampled_from(["{stem}{number}", "{number}{stem}", ".{stem}/{rank}"])
)
def test_any_template_gives_harmless_names_that_differ(stems: list[str], template: str) -> None:
    giver = NameGiver("jpeg", template, taken=["sheet.jpg"])
    values = dict.fromkeys(FIELDS, 1)
    names = [giver.name("usual.jpg", {**values, "stem": stem}) for stem in stems]
    names += [giver.beside(name, "_face") for name in names]
    assert len({folded(name) for name in names}) == len(names)
    assert "sheet.jpg" not in {folded(name) for name in names}
    for name in names:
        assert name.endswith(".jpg")
        assert not set(name) & set('/\\<>:"|?*\0\n')
        assert not name.startswith((".", "-", " "))
        assert len(name.encode()) <= MAX_NAME_BYTES + len("_face-99.jpg")


def test_collisions_count_up_and_long_names_keep_room() -> None:
    giver = NameGiver("png", "{score:.0f}x{number}", taken=["preview.gif"])
    values: dict[str, object] = dict.fromkeys(FIELDS, 1)
    assert [giver.name("", values) for _ in range(3)] == ["1x1.png", "1x1-2.png", "1x1-3.png"]
    long = NameGiver("png", "{stem}{number}")
    several = [long.name("", {**values, "stem": "é" * 200, "number": n}) for n in range(3)]
    assert [name[-6:] for name in several] == ["éé.png", "-2.png", "-3.png"]


@pytest.mark.parametrize(
    "template",
    ["{title}{number}", "frame", "{number", "a/{number}", "{number:d}{stem:d}", "{number.real}", "{0}{number}"],
)
def test_templates_that_cannot_be_are_refused_before_any_work(template: str) -> None:
    with pytest.raises(UsageError):
        OutputOptions(name_template=template)


def test_a_template_that_one_value_does_not_fit() -> None:
    giver = NameGiver("png", "{number:d}")
    with pytest.raises(UsageError, match="cannot be filled in"):
        giver.name("", {"number": 1.5})


def test_shots_are_numbered_from_one() -> None:
    assert [shot_number([0.0, 10.0, 20.0], t) for t in (0.0, 9.999, 10.0, 25.0, -1.0)] == [1, 1, 2, 3, 1]
    assert shot_number([], 3.0) == 0


def test_only_json_values_get_into_results() -> None:
    assert json_values({"a": {3, 1}, "b": np.int64(4), "c": (Path("x"), True, None)}) == {
        "a": [1, 3], "b": 4, "c": ["x", True, None],
    }  # fmt: skip
    with pytest.raises(TypeError, match="object"):
        json_values({"a": object()})
    assert os.fspath(Path("x")) == "x"
