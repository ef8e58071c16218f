"""The curl lines of the README and of the docs, run by bash as they stand, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import stills
from films import face_film
from service_server import LONG, RunningServer, serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "operations").glob("*.md"))
)
ADDRESS = "STILLS=http://127.0.0.1:8000"
"""The one line that is another here: the server of the test listens elsewhere."""


def blocks(page: str) -> list[str]:
    """What is between ```bash and ``` in a page, where there is curl in it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [block for block in re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", text, re.M | re.S) if "curl " in block]


def single_lines() -> list[tuple[str, str]]:
    """Lines of curl that stand for themselves, indented, with their page; those with a token are for show."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        lines = re.findall(r"^    (curl .*127\.0\.0\.1:8000.*)$", text, re.M)
        found += [(page, line) for line in lines if "…" not in line and "$TOKEN" not in line]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_film(tmp_path_factory.mktemp("film") / "film.mp4", seconds=1.0, width=320, height=180)


@pytest.fixture
def folder(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(film, tmp_path / "film.mp4")
    shutil.copy(ROOT / "docs" / "images" / "report.jpg", tmp_path / "poster.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _said(server: RunningServer) -> str:
    """What the newest job answers: curl shows nothing of a refusal."""
    (job,) = server.client.get("/v1/jobs", params={"limit": 1}).json()["jobs"]
    asked = [server.client.post(job["links"]["select"], json={"recipe": one}) for one in ("people", "keyframes")]
    return "".join(f"\n{answer.status_code} {answer.text[:600]}" for answer in asked)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_the_lines_run_as_they_stand(page: str, server: RunningServer, folder: Path) -> None:
    lines = "".join(blocks(page))
    assert lines.count(ADDRESS) == 1, f"{page} says once where the server is: {ADDRESS}"
    script = lines.replace(ADDRESS, f"STILLS={server.url}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, capture_output=True, text=True, timeout=2 * LONG, check=False, env={**os.environ, "no_proxy": "*"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout[-1000:] + _said(server)
    for path in folder.iterdir():
        if path.suffix == ".json":
            assert json.loads(path.read_text())
        elif path.suffix == ".zip":
            assert zipfile.ZipFile(path).testzip() is None
        elif path.suffix == ".jpg":
            assert path.read_bytes().startswith(b"\xff\xd8")
    assert '"state":"done"' in done.stdout
    assert "event: done" in done.stdout
    assert not server.client.get("/v1/jobs").json()["jobs"], "the lines end by erasing what they made"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize(("page", "line"), single_lines())
def test_a_line_by_itself_runs_as_it_stands(page: str, line: str, server: RunningServer, folder: Path) -> None:
    call = line.replace("http://127.0.0.1:8000", server.url).replace("curl ", "curl -sSf ", 1)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", call],
        cwd=folder, capture_output=True, text=True, timeout=2 * LONG, check=False, env={**os.environ, "no_proxy": "*"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout[-1000:]
    for job in server.client.get("/v1/jobs").json()["jobs"]:
        server.client.delete(job["links"]["self"]).raise_for_status()


def test_the_readme_and_the_page_of_clients_have_such_lines() -> None:
    assert len(blocks("README.md")) == 1
    assert len(blocks("docs/client.md")) == 2


def test_the_python_lines_run_as_they_stand(
    server: RunningServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "client.md").read_text(encoding="utf-8"), re.M | re.S
    )
    exec(compile(block.replace("http://127.0.0.1:8000", server.url), "docs/client.md", "exec"), {})  # noqa: S102
    assert (folder / "out" / "keyframes.json").is_file()
    assert list((folder / "out" / "keyframes").glob("*.jpg"))
    assert capsys.readouterr().out.splitlines()[-1].endswith(" 1")


def test_every_method_is_told_of() -> None:
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    methods = {name for name in vars(stills.Client) if not name.startswith("_")} - {"close", "url", "fetch_into"}
    assert not [name for name in sorted(methods) if f"`{name}(" not in page]
