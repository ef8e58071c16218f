"""The service does what its OpenAPI document says: Schemathesis asks for everything in it, and for what is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media_factory import Movie, make
from service_server import LONG, ServerProcess, serving_process

pytestmark = pytest.mark.slow
PATIENCE_S = 300.0
PROGRAM = "from schemathesis.cli import schemathesis; schemathesis()"
ARGUMENTS = (
    "--phases", "examples,coverage,fuzzing,stateful",
    "--max-examples", "10",
    "--generation-deterministic",  # the same requests each time
    "--workers", "1",
    "--continue-on-failure",
    # What a document says of a request is not all there is to it: cursors that nobody gave, addresses that lead to this
    # machine and files that are no videos are refused, with a documented status.
    "--exclude-checks", "positive_data_acceptance",
    "--no-color",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("service")
    options = ("--per-client", "9999", "--queue", "9999", "--upload-idle", "5s", "--legacy-wait", "1s")
    with serving_process(folder, *options) as running:
        yield running


@pytest.fixture(scope="module")
def done(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Any:
    film = make(tmp_path_factory.mktemp("film") / "film.mp4", Movie(width=64, height=48, frames=12, b_frames=0))
    return server.finished(server.upload(film, recipe="keyframes"))


def test_no_answer_is_other_than_the_document_says(server: ServerProcess, done: Any, tmp_path: Path) -> None:
    result = server.client.get(done["links"]["result"]).raise_for_status().json()
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(f"""
[parameters]
"path.id" = "{done["id"]}"
"path.name" = "keyframes.json"
"path.pts" = {result["frames"][0]["pts"]}

[[operations]]
include-operation-id = "eraseJob"
parameters = {{ "path.id" = "{"0" * 32}" }}

[[operations]]
include-path-regex = "^/upload-video/.+"
parameters = {{ "path.task_id" = "{done["id"]}" }}
""")
    asked = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--config-file", settings, "run", f"{server.url}/openapi.json", *ARGUMENTS],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout[-6000:] + asked.stderr[-2000:]
    assert "No issues found" in asked.stdout or " passed" in asked.stdout
    assert server.client.get("/healthz", timeout=LONG).json()["status"] == "ok"
    assert server.client.get(done["links"]["self"]).json()["state"] == "done", "what nobody erased is there"
    assert not [line for line in server.said if "Traceback" in line or " error " in line], server.said
