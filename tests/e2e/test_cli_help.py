"""Help: complete, true and quick."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from stills.cli import main
from stills.cli.app import COMMANDS, cli
from stills.settings import KEYS, OPTIONS, load_settings

ROOT = Path(__file__).parents[2]


def all_commands() -> list[tuple[str, click.Command]]:
    found = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", sub) for inner, sub in command.commands.items()]
        else:
            found.append((name, command))
    return found


HEAVY = {
    "av", "cv2", "fastapi", "httpx", "numpy", "onnx", "openvino", "PIL", "pyarrow", "pydantic", "ray", "scipy",
    "sqlalchemy", "starlette", "uvicorn",
}  # fmt: skip
"""What takes long to load; a page of help needs none of it, and so comes in a tenth of a second."""


@pytest.mark.parametrize("args", [["--help"], ["people", "--help"], ["models", "pull", "--help"], ["serve", "--help"]])
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    env = {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-X", "importtime", "-m", "stills", *args]
    done = subprocess.run(command, capture_output=True, check=True, env=env, text=True)
    assert done.stdout.startswith("Usage: ")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_every_command_explains_itself(name: str, command: click.Command) -> None:
    assert command.help
    assert command.callback is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"
            assert parameter.help.endswith("."), f"{name} {parameter.opts[0]}"


def test_the_table_of_commands_says_what_they_say() -> None:
    for name in COMMANDS:
        assert cli.get_command(click.Context(cli), name) is not None


WORDS = {
    "workers": "one a core", "max_people": "all", "similarity": "as measured", "video_timeout": "none",
    "resume": "resume", "crops": "no-crops", "embeddings": "embeddings", "max_memory": "none",
    "lossless": "no-lossless", "name_template": "by recipe", "sheet": "none", "target": "none", "per_shot": "any",
    "window": "the preset's", "start": "the start", "end": "the end", "every": "none", "expression": "expression",
    "emotions": "happy=1,surprise=0.6", "aspect": "as it is", "avoid_edges": "no-avoid-edges", "cover": "cover",
    "preview": "none", "attributes": "none", "annotate": "no-annotate", "blur": "none", "pickle": "no-pickle",
    "poster_distance": "by embedder; sface 0.525", "weights": "as measured", "prefer": "nothing",
    "keyframes.similarity": "0.95", "across_similarity": "as measured", "database": "OUT/.stills",
    "ray_address": "a local one", "at_once": "workers and one", "metrics_port": "none", "metrics_file": "none",
    "serve database": "in --data",
}  # fmt: skip
"""Defaults that the help says in words."""
SECTIONS = {"serve": "service"}
"""Sections of settings that are not called like their command."""


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_the_defaults_in_the_help_are_those_of_the_settings(name: str, command: click.Command) -> None:
    settings = load_settings(env={})
    for option in command.params:
        own = f"{SECTIONS.get(name, name)}.{option.name}"
        key = own if own in KEYS else OPTIONS.get(option.name or "", "")
        if not isinstance(option, click.Option) or not key or option.name in {"strict", "all", "wait", "share"}:
            continue  # a flag that can only be given
        section, _, leaf = key.rpartition(".")
        value = getattr(getattr(settings, section), leaf) if section else getattr(settings, leaf)
        if section == "service":
            check_service_default(option, key, value)
            continue
        said = f"{value:g}" if isinstance(value, float) else str(value)
        said = WORDS.get(f"{name} {leaf}", WORDS.get(key, WORDS.get(leaf, said)))
        assert option.show_default == said, option.name
        assert option.default is None or option.default is not False, "a flag that is not given must not count"


def check_service_default(option: click.Option, key: str, value: object) -> None:
    """What the help says is a way to write the default, or a word for nothing."""
    said = option.show_default
    if value in (None, (), "", False):
        assert said in {None, "none", "no", "its own"}, option.name
    else:
        given = load_settings(env={}, options={key: said})
        assert getattr(given.service, key.rpartition(".")[2]) == value, option.name


def test_defaults_in_words_are_true() -> None:
    settings = load_settings(env={})
    assert settings.thumbnails.emotions == {"happy": 1.0, "surprise": 0.6}
    unset = [
        settings.keyframes.model_dump()[name] for name in ("target", "per_shot", "window", "start", "end", "every")
    ]
    unset += [settings.output.name_template, settings.output.sheet, settings.thumbnails.aspect]
    assert unset == [None] * 9
    assert settings.limits.max_memory is settings.thumbnails.preview is settings.cast.blur is None
    assert (settings.cast.attributes, settings.cast.annotate) == ((), False)
    thumbnails = settings.thumbnails
    assert (thumbnails.expression, thumbnails.cover, thumbnails.avoid_edges) == (True, True, False)
    portrait = settings.portrait
    assert (portrait.cover, portrait.weights, portrait.prefer) == (True, {}, {})
    assert settings.keyframes.weights == thumbnails.weights == {}
    unset = [getattr(settings.jobs, name) for name in ("database", "ray_address", "at_once", "metrics_port")]
    assert [*unset, settings.jobs.metrics_file, settings.people.across_similarity] == [None] * 6


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"stills \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["peple"], "people"),
        (["people"], "INPUT"),
        (["people", "--efort", "fast", "x"], "--effort"),
        (["people", "--effort", "slow", "x"], "balanced"),
        (["people", "--quality", "101", "x"], "101"),
        (["people", "--fit", "huge", "x"], "1080p"),
        (["people", "--min-face", "big", "x"], "3%"),
        (["people", "--gpu", "--device", "cpu", "x"], "contradict"),
        (["people", "--lease", "1", "x"], "5"),
        (["people", "--at-once", "0", "x"], "1"),
        (["people", "--runner", "slurm", "x"], "ray"),
        (["people", "-c", "none.yaml", "x"], "none.yaml"),
        (["keyframes", "--all", "--target", "3", "x"], "all and target contradict"),
        (["keyframes", "--every", "2s", "--similarity", "0.9", "x"], "every and similarity contradict"),
        (["keyframes", "--all", "--every", "2s", "x"], "all and every contradict"),
        (["keyframes", "--all", "--min-gap", "1", "x"], "all and min-gap contradict"),
        (["keyframes", "--every", "2s", "--explain", "x"], "--explain"),
        (["keyframes", "--from", "1:10", "--to", "70", "x"], "not before"),
        (["keyframes", "--from", "soon", "x"], "1:12.5"),
        (["keyframes", "--target", "0", "x"], "0"),
        (["keyframes", "--target", "-3", "x"], "-3"),
        (["keyframes", "--every", "0s", "x"], "2s"),
        (["keyframes", "--every", "1.5f", "x"], "10f"),
        (["keyframes", "--weights", "charm=1", "x"], "sharpness"),
        (["keyframes", "--weights", "sharpness", "x"], "NAME=NUMBER"),
        (["keyframes", "--weights", "sharpness=-1", "x"], "0"),
        (["keyframes", "--sheet", "4", "x"], "4x5"),
        (["keyframes", "--name-template", "{stem}", "x"], "{number}"),
        (["keyframes", "--name-template", "{number}/{time}", "x"], "folder"),
        (["keyframes", "--lossless", "x"], "lossless"),
        (["keyframes", "--bit-depth", "16", "x"], "png"),
        (["keyframes", "--bit-depth", "12", "x"], "16"),
        (["keyframes", "--format", "bmp", "x"], "avif"),
        (["keyframes", "--format", "avif", "--lossless", "x"], "lossless"),
        (["keyframes", "--compression", "10", "x"], "9"),
        (["keyframes", "--max-memory", "100", "x"], "128"),
        (["keyframes", "--buffer-size", "0", "x"], "1"),
        (["people", "--lossless", "--format", "jpeg", "x"], "lossless"),
        (["thumbnails", "-k", "0", "x"], "1"),
        (["thumbnails", "--emotions", "joy=1", "x"], "happy"),
        (["thumbnails", "--emotions", "happy=2", "x"], "1"),
        (["thumbnails", "--no-expression", "--emotions", "happy=1", "x"], "contradict"),
        (["thumbnails", "--weights", "charm=1", "x"], "faces"),
        (["thumbnails", "--aspect", "16", "x"], "16:9"),
        (["thumbnails", "--aspect", "9:16", "--fit", "1920x1080", "x"], "--aspect"),
        (["thumbnails", "--preview", "png", "x"], "gif"),
        (["portrait", "--prefer", "charm=1", "x"], "centred"),
        (["portrait", "--prefer", "smile=2", "x"], "1"),
        (["portrait", "--weights", "charm=1", "x"], "sharpness"),
        (["portrait", "--weights", "size=-1", "x"], "0"),
        (["portrait", "--min-face", "120%", "x"], "100%"),
        (["portrait", "--if-none", "guess", "x"], "skip"),
        (["portrait", "--lossless", "x"], "lossless"),
        (["cast", "--attributes", "age,shoe-size", "x"], "'ethnicity' or 'emotion'"),
        (["cast", "--attributes", "age,age", "x"], "twice"),
        (["cast", "--min-area", "0.5", "--max-area", "0.1", "x"], "min_area"),
        (["cast", "--blur", "everybody", "x"], "others"),
        (["cast", "--poster", "none.jpg", "x"], "none.jpg: there is no such poster"),
        (["cast", "--poster", "none*.jpg", "x"], "there is no such poster"),
        (["cast", "--poster", ".", "x"], "folder"),
        (["cast", "--poster", "https://host/p.jpg", "x"], "stills batch"),
        (["cast", "--poster", __file__, "x", "y"], "stills batch"),
        (["cast", "--poster", __file__, "a.jpg"], "no video"),
        (["cast", "--detector", "sauron", "x"], "yunet"),
        (["cast", "--embedder", "sauron", "x"], "sface"),
        (["cast", "--attributes-model", "sauron", "x"], "default"),
        (["cast", "--cluster", "guessing", "x"], "chinese-whispers"),
        (["people", "--cluster-threshold", "1.5", "x"], "1.5"),
        (["scan", "--layers", "signals,sound", "x"], "sound"),
        (["models", "pul"], "pul"),
        (["--nothing"], "--nothing"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(
    argv: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert not list(tmp_path.iterdir())


def test_an_unknown_variable_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLS_SCAN__EFORT", "fast")
    assert main(["people", "x.mp4"]) == 2
    assert "STILLS_SCAN__EFFORT" in capsys.readouterr().err
