"""The settings of the Lambda function: what the environment says, and what suits Lambda where it says nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stills.aws.configure import ROOM, configure, place_models
from stills.errors import SettingsError
from stills.settings import load_settings

LAMBDA = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048", "AWS_LAMBDA_FUNCTION_NAME": "stills"}


def test_what_suits_lambda() -> None:
    found = configure(LAMBDA)
    settings = found.settings
    assert (found.memory_mb, found.effort) == (2048, None)
    assert settings.output.fit == "1080p"
    assert settings.cache_folder == ROOM
    assert settings.limits.max_memory is not None
    assert 1300 <= settings.limits.max_memory <= 1500
    assert settings.scan.workers in {1, 2}
    assert settings.aws.output_prefix == "processed/"


def test_the_environment_counts_more() -> None:
    env = {
        "STILLS_OUTPUT__FIT": "source",
        "STILLS_SCAN__EFFORT": "balanced",  # the default: it is said all the same
        "STILLS_SCAN__WORKERS": "1",
        "STILLS_LIMITS__MAX_MEMORY": "700",
        "STILLS_CACHE_DIR": "/tmp/elsewhere",
        "STILLS_AWS__OUTPUT_PREFIX": "people",
        "STILLS_PEOPLE__MAX_PEOPLE": "5",
    }
    found = configure({**LAMBDA, **env})
    settings = found.settings
    assert found.effort == "balanced"
    assert settings.output.fit == "source"
    assert settings.scan.workers == 1
    assert settings.limits.max_memory == 700
    assert settings.cache_folder == Path("/tmp/elsewhere")
    assert settings.aws.output_prefix == "people"
    assert settings.people.max_people == 5


def test_more_memory_more_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stills.aws.configure.cores", lambda: 6)
    workers = {
        mb: configure({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(mb)}).settings.scan.workers for mb in (512, 10_240)
    }
    assert workers == {512: 1, 10_240: 6}
    assert configure({}).settings.scan.workers == 2
    assert configure({}).settings.limits.max_memory is None


@pytest.mark.parametrize("prefix", ["", "/", "//"])
def test_outputs_need_a_place_of_their_own(prefix: str) -> None:
    env = {**LAMBDA, "STILLS_AWS__OUTPUT_PREFIX": prefix or "/"}
    with pytest.raises(SettingsError, match="own outputs"):
        configure(env)


def test_what_is_no_setting_is_said() -> None:
    with pytest.raises(SettingsError, match="STILLS_EFORT"):
        configure({**LAMBDA, "STILLS_EFORT": "fast"})
    with pytest.raises(SettingsError, match="no number"):
        configure({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2 GB"})


def test_models_that_cannot_be_written_get_a_place_that_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, room = tmp_path / "models", tmp_path / "room"
    for name in ("files", "prepared", "compiled"):
        (models / name).mkdir(parents=True)
    (models / "prepared" / "one.onnx").write_bytes(b"graph")
    monkeypatch.setenv("STILLS_MODELS_DIR", str(models))
    place_models(load_settings(), room=room)
    assert os.environ["STILLS_MODELS_DIR"] == str(models)  # they can be written
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != models and real(path, mode))
    for _ in range(2):
        monkeypatch.setenv("STILLS_MODELS_DIR", str(models))
        place_models(load_settings(), room=room)
        shown = Path(os.environ["STILLS_MODELS_DIR"])
        assert shown == room / "models"
        assert (shown / "prepared" / "one.onnx").read_bytes() == b"graph"
        assert not (shown / "compiled").exists()  # what was compiled for another machine
    place_models(load_settings(), room=room)  # warm: it stays
    assert os.environ["STILLS_MODELS_DIR"] == str(shown)
