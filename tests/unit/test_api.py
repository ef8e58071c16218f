"""The public API: light to import, complete, and typed; what it answers from an index, with no video near."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import stills
from command import SOURCE
from index_samples import face, identity, make_index, track
from stills.errors import InputError, NotAVideoError, SettingsError, StrictError
from stills.index.index import Index
from stills.index.store import IndexStore
from stills.settings import Settings
from stills.types import Fallback

HEAVY = ("numpy", "av", "cv2", "openvino", "onnx", "pyarrow", "scipy", "PIL", "pydantic", "jinja2", "rich", "click")


@pytest.fixture
def index() -> Index:
    rows = [*track(0, 1, 0.0, 3.75), *track(1, 2, 4.0, 6.75), face(2, 5.0, identity(3), x=400.0)]
    return make_index(rows, duration=9.0, cuts=(4.0,))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may start a process to look at a video."""

    def refuse(settings: Settings) -> None:
        raise AssertionError("a worker process was started")

    monkeypatch.setattr(import_module("stills.scan.workers"), "start_workers", refuse)


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SOURCE)}
    )
    return done.stdout.strip()


def test_importing_stills_is_light():
    loaded = in_a_new_process("import sys, stills; print(*{m.partition('.')[0] for m in sys.modules})").split()
    assert not set(HEAVY) & set(loaded)


def test_every_public_name_is_there_and_no_other():
    assert sorted(stills.__all__) == dir(stills)
    for name in stills.__all__:
        assert getattr(stills, name) is not None
    code = "from stills import *; print(*(n for n in dir() if not n.startswith('__') or n == '__version__'))"
    assert sorted(in_a_new_process(code).split()) == sorted(stills.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'persons'"):
        stills.persons  # noqa: B018


@pytest.mark.parametrize("first", ["stills.Scanner", "import_module('stills.scan.scanner')", "stills.scan", "None"])
def test_scan_is_a_verb_whatever_was_loaded_before(first: str):
    code = f"import stills; from importlib import import_module; {first}; print(callable(stills.scan))"
    assert in_a_new_process(code) == "True"


def test_an_index_answers_without_the_video(index: Index, cache: Path):
    result = stills.people(index)
    assert [p.tracks for p in result.people] == [(0,), (1,), (2,)]
    assert result.video is index.video
    assert result.scan is index.report
    assert len(result.shots) == 2
    assert not result.partial
    assert not cache.exists()


@pytest.mark.parametrize(
    ("options", "people"),
    [
        ({}, 3),
        ({"max_people": 2}, 2),
        ({"min_screen_time": 1}, 2),
        ({"min_face": 61}, 0),
        ({"min_face": "17%"}, 0),
        ({"min_face": "16%"}, 3),
        ({"people": {"max_people": 1}}, None),
    ],
)
def test_options_are_settings_by_name(index: Index, options: dict[str, Any], people: int | None):
    if people is None:
        with pytest.raises(SettingsError):
            stills.people(index, **options)
    else:
        assert len(stills.people(index, **options).people) == people


def test_pictures_a_person_and_runners_up(index: Index):
    (first, *_) = stills.people(index, per_person=2, runners_up=1).people
    assert (len(first.stills), len(first.runners_up)) == (2, 1)


@pytest.mark.parametrize("options", [{"min_fase": 3}, {"max_people": 0}, {"similarity": 2}, {"effort": "slow"}])
def test_a_wrong_option_is_refused(index: Index, options: dict[str, Any]):
    with pytest.raises(SettingsError) as caught:
        stills.people(index, **options)
    assert next(iter(options)).partition("_")[0] in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_settings_come_from_the_environment_unless_given(index: Index, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLS_PEOPLE__MAX_PEOPLE", "1")
    assert len(stills.people(index).people) == 1
    assert len(stills.people(index, max_people=2).people) == 2
    assert len(stills.people(index, settings=Settings()).people) == 3


def test_strict_refuses_what_was_done_otherwise(index: Index):
    odd = make_index([], fallbacks=(Fallback("device", "no GPU here"),))
    assert stills.people(odd).fallbacks == (Fallback("device", "no GPU here"),)
    with pytest.raises(StrictError, match="no GPU here"):
        stills.people(odd, strict=True)
    assert stills.people(index, strict=True).people


def test_the_result_is_json_as_published(index: Index):
    schema = json.loads((resources.files("stills.render") / "schemas" / "people.schema.json").read_text())
    for made in (index, make_index([])):
        document = json.loads(json.dumps(stills.people(made, per_person=2).to_json()))
        jsonschema.Draft202012Validator(schema).validate(document)
        assert document["schema"] == "stills/people/1"


def test_dropped_embeddings_take_nobody_away(index: Index, cache: Path):
    """Whoever the first answer leaves out can still be asked for."""
    kept = IndexStore(cache).save(index)
    before = stills.people(kept).people
    result = stills.people(kept, embeddings=False, max_people=1, min_screen_time=3.5)
    assert len(result.people) == 1
    loaded = IndexStore(cache).load(index.content, index.parameters)
    assert loaded is not None
    assert loaded.faces["embedding"].null_count == len(loaded.faces)
    assert stills.people(loaded).people == before


def test_forgetting_what_was_never_known(tmp_path: Path, cache: Path):
    video = tmp_path / "film.mp4"
    video.write_bytes(b"x")
    assert stills.forget(video) == []
    assert stills.forget(tmp_path / "gone.mp4") == []
    assert video.exists()


@pytest.mark.parametrize("call", [stills.scan, stills.people, stills.probe, stills.is_scanned])
def test_files_that_are_none_are_refused_before_any_process_starts(call: Any, tmp_path: Path, cache: Path):
    with pytest.raises(InputError, match="no such file"):
        call(tmp_path / "missing.mp4")
    with pytest.raises(InputError, match="folder"):
        call(tmp_path)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(NotAVideoError, match="empty"):
        call(str(tmp_path / "empty.mp4"))
    assert not cache.exists()


def test_every_public_callable_is_documented():
    for name in stills.__all__:
        value = getattr(stills, name)
        assert not callable(value) or value.__doc__, name
