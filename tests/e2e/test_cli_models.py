"""`stills models` and `stills doctor`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stills.cli import main
from stills.models.store import pull

pytestmark = pytest.mark.slow

Lines = list[dict]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "models"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


@pytest.fixture
def events(capsys: pytest.CaptureFixture[str]) -> Callable[[], Lines]:
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def damage(models: Path, name: str) -> None:
    (path,) = models.glob(f"prepared/{name}-*.onnx")
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")


def test_list_says_what_is_here_and_under_which_licence(models: Path, events: Callable[[], Lines]) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = {row["model"]: row for row in events()}
    assert rows["yunet"]["licence"] == "MIT"
    assert rows["yunet"]["default"]
    assert not rows["age"]["default"]
    assert {row["state"] for row in rows.values()} == {"missing"}
    pull(["yunet"])
    assert main(["models", "list", "--json"]) == 0
    assert {row["model"]: row["state"] for row in events()}["yunet"] == "ok"


def test_list_for_people_is_a_table(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert str(models) in lines[0]
    assert lines[1].split()[:5] == ["name", "task", "licence", "size", "state"]
    assert any(line.startswith("sface") and "Apache-2.0" in line and "missing" in line for line in lines)
    assert main(["models", "list", "-q"]) == 0
    assert capsys.readouterr().out == ""


def test_pull_fetches_what_is_missing_or_damaged(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "yunet"]) == 0
    assert "yunet: fetched and verified" in capsys.readouterr().out
    assert main(["models", "pull", "yunet"]) == 0
    assert "yunet: here and whole" in capsys.readouterr().out
    damage(models, "yunet")
    assert main(["models", "verify", "yunet"]) == 1
    assert "stills models pull" in capsys.readouterr().err
    assert main(["models", "pull", "yunet"]) == 0
    assert "yunet: fetched and verified" in capsys.readouterr().out
    assert main(["models", "verify", "yunet"]) == 0


@pytest.mark.usefixtures("offline")
def test_pull_without_network_names_the_file_and_the_hash(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "yunet", "emotion"]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10" in errors[0]
    assert "STILLS_MODELS_DIR" in errors[0]
    assert not list(models.rglob("*.onnx"))


def test_an_unknown_model_is_a_usage_error(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "yunett"]) == 2
    assert "did you mean 'yunet'?" in capsys.readouterr().err
    assert main(["models", "pull", "yunett"]) == 2


def test_verify_needs_the_default_models_only(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "-q"]) != 0
    assert "4 models missing or damaged" in capsys.readouterr().err
    pull()
    assert main(["models", "verify", "-q"]) == 0


def test_doctor_says_what_is_here(
    models: Path, events: Callable[[], Lines], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json"]) == 0
    rows = {(row["topic"], row["name"]): row for row in events()}
    assert rows["versions", "av"]["health"] == "ok"
    assert str(models) in rows["folders", "models"]["value"]
    assert {topic for topic, _ in rows} == {"versions", "machine", "devices", "models", "folders"}
    assert main(["doctor"]) == 0
    assert "not fetched yet" in capsys.readouterr().out


def test_doctor_fails_where_stills_cannot_work(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pull(["yunet"])
    damage(models, "yunet")
    assert main(["doctor"]) == 1
    captured = capsys.readouterr()
    assert "! yunet" in captured.out
    assert captured.err.startswith("error: 1 thing missing or broken: yunet")


def test_doctor_warns_of_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path / "file"))
    assert main(["doctor"]) == 0
    assert "? cache" in capsys.readouterr().out
