"""Settings: layers count in order, and every mistake names where it was made."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stills.errors import SettingsError
from stills.settings import KEYS, OPTIONS, FaceSize, change_settings, load_settings


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_each_layer_counts_more_than_the_one_below(tmp_path: Path) -> None:
    file = write(tmp_path, "s.yaml", "scan: {effort: fast, threads: 2, segment_seconds: 10}\noutput: {quality: 70}\n")
    env = {"STILLS_SCAN__EFFORT": "exhaustive", "STILLS_SCAN__THREADS": "3"}
    settings = load_settings(file, env=env, options={"effort": "balanced"})
    assert settings.scan.effort == "balanced"
    assert settings.scan.threads == 3
    assert settings.scan.segment_seconds == 10
    assert settings.output.quality == 70
    assert settings.output.format == "jpeg"


def test_yaml_and_toml_say_the_same(tmp_path: Path) -> None:
    yaml = write(tmp_path, "a.yml", "strict: true\npeople: {min_face: 3%, max_people: 5}\nlimits: {max_memory: null}\n")
    toml = write(tmp_path, "a.toml", 'strict = true\n[people]\nmin_face = "3%"\nmax_people = 5\n')
    assert load_settings(yaml, env={}).people == load_settings(toml, env={}).people
    assert load_settings(yaml, env={}).strict
    assert load_settings(yaml, env={}).limits.max_memory is None


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, "s.toml", "[scan]\nworkers = 7\n")
    assert load_settings(env={"STILLS_CONFIG": str(file)}).scan.workers == 7


def test_none_in_a_variable_takes_a_limit_away() -> None:
    assert load_settings(env={"STILLS_LIMITS__FRAME_TIMEOUT": "none"}).limits.frame_timeout is None


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STILLS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STILLS_OUTPUT__FORMAT", "webp")
    assert load_settings().output.format == "webp"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scan: {efort: fast}", ["scan.efort", "did you mean", "effort"]),
        ("effort: fast", ["'effort'", "did you mean scan.effort?"]),
        ("scan: fast", ["scan is a section"]),
        ("scan: {effort: slow}", ["scan.effort", "'slow'", "balanced"]),
        ("output: {quality: 101}", ["output.quality", "101", "100"]),
        ("output: {fit: 12}", ["output.fit", "12", "WIDTHxHEIGHT"]),
        ("people: {min_face: huge}", ["people.min_face", "huge", "3%"]),
        ("people: {min_face: 300%}", ["people.min_face", "100%"]),
        ("[1, 2]", ["keys and values"]),
        ("scan: [", ["not YAML"]),
        ("scan: {threads: 1.5}", ["scan.threads", "1.5"]),
        ("limits: {video_timeout: .inf}", ["limits.video_timeout", "finite"]),
        ("3: x", ["'3'"]),
    ],
)
def test_a_mistake_in_a_file_names_the_file_and_the_key(tmp_path: Path, text: str, says: list[str]) -> None:
    file = write(tmp_path, "my settings.yaml", text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file, env={})
    for words in [str(file), *says]:
        assert words in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("s.ini", b"", ".yaml, .yml or .toml"),
        ("s.toml", b"a = = 1", "not TOML"),
        ("s.yaml", b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_is_no_settings_file(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(says)):
        load_settings(tmp_path / name, env={})


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.yaml", env={})


def test_a_mistake_in_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingsError, match=r"STILLS_SCAN__EFORT.*STILLS_SCAN__EFFORT"):
        load_settings(env={"STILLS_SCAN__EFORT": "fast"})
    with pytest.raises(SettingsError, match=r"STILLS_SCAN__WORKERS = 'many'"):
        load_settings(env={"STILLS_SCAN__WORKERS": "many"})


def test_a_mistake_in_an_option_names_the_option() -> None:
    with pytest.raises(SettingsError, match=r"'max_peple'.*max_people"):
        load_settings(env={}, options={"max_peple": 3})
    with pytest.raises(SettingsError, match="option similarity = 2"):
        load_settings(env={}, options={"similarity": 2}, section="people")


def test_a_name_that_recipes_share_means_the_one_that_is_asked() -> None:
    with pytest.raises(SettingsError, match=r"people\.similarity or keyframes\.similarity"):
        load_settings(env={}, options={"similarity": 0.5})
    settings = load_settings(env={}, options={"similarity": 0.5, "people.similarity": 0.4}, section="keyframes")
    assert (settings.keyframes.similarity, settings.people.similarity) == (0.5, 0.4)
    assert change_settings(settings, "people", similarity=0.3).people.similarity == 0.3


def test_options_are_short_names_of_one_setting_each() -> None:
    leaves = [key.rpartition(".")[2] for key in KEYS if not key.startswith(("portrait.", "service."))]
    several = {leaf for leaf in leaves if leaves.count(leaf) > 1}
    assert set(leaves) - OPTIONS.keys() == several == {"similarity", "weights"}


def test_a_portrait_takes_no_short_name_from_what_had_it_before() -> None:
    assert (OPTIONS["effort"], OPTIONS["min_face"], OPTIONS["cover"]) == (
        "scan.effort",
        "people.min_face",
        "thumbnails.cover",
    )
    assert OPTIONS["if_none"] == "portrait.if_none"
    settings = load_settings(env={}, options={"effort": "exhaustive", "min_face": "20%"}, section="portrait")
    assert (settings.portrait.effort, settings.portrait.min_face) == ("exhaustive", "20%")
    assert (settings.scan.effort, settings.people.min_face) == ("balanced", "24")


def test_changing_settings_makes_new_ones() -> None:
    before = load_settings(env={}, options={"quality": 50})
    after = change_settings(before, effort="fast", min_face=40)
    assert (after.scan.effort, after.output.quality, after.people.min_face) == ("fast", 50, "40")
    assert before.scan.effort == "balanced"
    with pytest.raises(SettingsError, match="per_person"):
        change_settings(before, per_person=0)


@pytest.mark.parametrize(
    ("text", "size"),
    [("source", "source"), ("1080p", "1080p"), ("1280x720", (1280, 720)), ("720X1280", (720, 1280))],
)
def test_fit_is_read(text: str, size: object) -> None:
    assert load_settings(env={}, options={"fit": text}).output.fit_size == size


@given(pixels=st.integers(0, 5000), width=st.integers(1, 10000), height=st.integers(1, 10000))
def test_a_face_size_in_pixels_does_not_depend_on_the_picture(pixels: int, width: int, height: int) -> None:
    assert FaceSize.parse(str(pixels)).pixels(width, height) == pixels
    assert FaceSize.parse(f"{pixels}px") == FaceSize.parse(str(pixels))


@given(percent=st.integers(0, 100), width=st.integers(1, 10000), height=st.integers(1, 10000))
def test_a_share_is_of_the_shorter_side(percent: int, width: int, height: int) -> None:
    assert FaceSize.parse(f"{percent}%").pixels(width, height) == pytest.approx(percent / 100 * min(width, height))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("upload_limit", "2GB", 2_000_000_000), ("upload_limit", "1.5 GiB", 3 << 29), ("upload_limit", "300k", 300_000),
        ("upload_limit", 12345, 12345), ("upload_limit", "7", 7), ("ttl", "24h", 86400.0), ("ttl", "90", 90.0),
        ("ttl", "1.5m", 90.0), ("ttl", "15 min", 900.0), ("ttl", "7d", 604800.0), ("ttl", 30, 30.0),
        ("cors", "https://App.example.org,http://localhost:3000", ("https://app.example.org", "http://localhost:3000")),
        ("sources", "A.example.org., *.b.example:81", ("a.example.org", "*.b.example:81")),
        ("sources", "HTTPS://x/", None), ("sources", "https://X.example/A/, s3://b/", ("https://x.example/A/", "s3://b/")),
        ("base_path", "/a/b/", "/a/b"), ("base_path", "/", ""), ("base_path", "a", None), ("base_path", "/a?b", None),
        ("upload_limit", "2 G B", None), ("upload_limit", "0", None), ("upload_limit", "-1MB", None),
        ("ttl", "0s", None), ("ttl", "1w", None), ("ttl", "inf", None), ("cors", "*", None),
        ("cors", "https://x/y", None),
        ("webhooks", "https://x/", None), ("port", 65536, None), ("hosts", "a/b", None),
    ],
)  # fmt: skip
def test_settings_of_the_service_are_read_as_people_write_them(key: str, text: object, value: object) -> None:
    if value is None:
        with pytest.raises(SettingsError, match=key):
            load_settings(env={}, options={f"service.{key}": text})
        return
    for settings in (
        load_settings(env={}, options={f"service.{key}": text}),
        load_settings(env={f"STILLS_SERVICE__{key.upper()}": str(text)}),
    ):
        assert getattr(settings.service, key) == value
        assert getattr(change_settings(settings, quality=50).service, key) == value, "set again, it is another one"


def test_a_service_takes_no_short_name_from_others() -> None:
    assert (OPTIONS["at_once"], OPTIONS["upload_limit"]) == ("jobs.at_once", "service.upload_limit")
    assert load_settings(env={}, options={"at_once": 3}, section="service").service.at_once == 3
