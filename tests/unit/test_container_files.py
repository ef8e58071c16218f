"""Dockerfiles and compose.yaml: linted, in step with each other, and naming only what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dockerfiles import Stage, let_through, pairs, read_dockerfile, settings_of

ROOT = Path(__file__).parents[2]
FILES = ("Dockerfile", "Dockerfile.lambda")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return found


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).with_name("hadolint")
    linter = str(beside) if beside.exists() else shutil.which("hadolint")
    assert linter is not None, "hadolint is not installed: pip install -e '.[dev]'"
    command = [linter, "--no-color", "--failure-threshold", "style", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", FILES)
def test_the_linter_has_nothing_to_say(name: str) -> None:
    done = lint(ROOT / name)
    assert done.returncode == 0, done.stdout
    assert not done.stdout


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /tmp && pip install numpy\n")
    assert "DL3006" in lint(bad).stdout


@pytest.mark.parametrize("name", FILES)
def test_an_image_is_not_run_by_root_and_has_nothing_of_its_build(name: str) -> None:
    stages = read_dockerfile(ROOT / name)
    assert len(stages) == 2
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", settings_of(stages)["user"])
    copied = [step.words[0] for step in stages[-1].steps if step.name == "COPY"]
    assert copied == ["/opt/stills", "/opt/models"]
    assert not [step for step in stages[-1].steps if step.name == "RUN" and "pip" in step.rest]
    assert {stage.base for stage in stages} == {"python:3.11-slim-bookworm"}


def test_the_service_says_whether_it_is_well() -> None:
    health = settings_of(read_dockerfile(ROOT / "Dockerfile"))["health"]
    assert "/healthz" in health[-1]
    compile(health[-1], "health", "exec")


def test_both_images_are_built_in_one_way() -> None:
    """What one learns about building them must not be forgotten in the other."""

    def steps(stage: Stage) -> list[tuple[str, str]]:
        return [(step.name, step.rest) for step in stage.steps if step.name != "ARG"]  # which says the extras

    service, function = (read_dockerfile(ROOT / name)[0] for name in FILES)
    assert steps(service) == steps(function)


def test_nothing_but_the_package_goes_to_a_builder() -> None:
    tops = {path.parts[0] for path in let_through(ROOT)}
    assert tops == {"LICENSE", "NOTICE", "README.md", "constraints.txt", "pyproject.toml", "src"}
    assert not [path for path in let_through(ROOT) if path.suffix == ".pyc"]


def test_extras_are_those_of_the_package(compose: dict[str, Any]) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = set(project["optional-dependencies"])
    asked = {compose["services"]["stills"]["build"]["args"]["EXTRAS"]}
    for name in FILES:
        for step in read_dockerfile(ROOT / name)[0].steps:
            if step.name == "ARG":
                asked |= {pairs(step, {})["EXTRAS"]}
    assert {extra for extras in asked for extra in extras.split(",")} <= known


def test_settings_are_settings(compose: dict[str, Any]) -> None:
    from stills.settings import KEYS

    given = [name for service in compose["services"].values() for name in service.get("environment", {})]
    for name in FILES:
        given += settings_of(read_dockerfile(ROOT / name))["env"]
    keys = [name.removeprefix("STILLS_").lower().replace("__", ".") for name in given if name.startswith("STILLS_")]
    assert keys
    assert set(keys) <= set(KEYS)


def test_compose_refers_to_what_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert {"stills", "postgres", "ray", "prometheus", "grafana"} <= set(services)
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"], (name, source)
        for kind in ("networks", "secrets"):
            assert set(service.get(kind, [])) <= set(compose[kind]), name
        assert {one["source"] for one in service.get("configs", [])} <= set(compose["configs"]), name
        assert set(service.get("depends_on", [])) <= set(services), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"{name} is open to everybody"
        assert service["image"].rpartition(":")[2] not in {"", service["image"]}, f"{name} has no version"
    used = {one["source"] for service in services.values() for one in service.get("configs", [])}
    assert used == set(compose["configs"])


def test_compose_is_wired_to_the_service(compose: dict[str, Any]) -> None:
    port = next(step.rest for step in read_dockerfile(ROOT / "Dockerfile")[-1].steps if step.name == "EXPOSE")
    scraped = yaml.safe_load(compose["configs"]["prometheus"]["content"])
    assert scraped["scrape_configs"][0]["static_configs"][0]["targets"] == [f"stills:{port}"]
    assert scraped["rule_files"] == ["/etc/prometheus/alerts.yml"]
    source = yaml.safe_load(compose["configs"]["datasource"]["content"])["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    provider = yaml.safe_load(compose["configs"]["dashboards"]["content"])["providers"][0]
    mounted = [volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]]
    assert any(path.startswith(provider["options"]["path"]) for path in mounted)
    dashboard = json.loads((ROOT / "docs/operations/dashboard.json").read_text(encoding="utf-8"))
    assert dashboard["templating"]["list"][0]["query"] == source["type"]
    service = compose["services"]["stills"]
    assert f"--port {port}" in service["command"][0]
    assert service["environment"]["STILLS_JOBS__DATABASE"].endswith("@postgres/stills")


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "TOKEN" in name:
                assert str(value).startswith(("${", "/run/secrets/")), name
    assert {"/tokens", "/metrics-token", "/.env"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").split())
