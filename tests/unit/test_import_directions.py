"""Imports go one way, and the light modules stay light."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "av",
    "cv2",
    "numpy",
    "openvino",
    "onnx",
    "onnxruntime",
    "pyarrow",
    "pydantic",
    "scipy",
    "PIL",
    "rich",
    "jinja2",
}


def imported(code: str) -> set[str]:
    """Top-level packages in memory after ``code`` ran in a new interpreter."""
    text = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")}
    )
    return set(done.stdout.split())


def test_the_layers_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(lint), "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import stills",
        "import stills.types, stills.errors, stills.cancel, stills.log",
        "import stills.cli.app, stills.cli.options, stills.cli.inputs, stills.cli.say, stills.cli.events",
        "from stills.cli import main; main(['people', '--help'])",
    ],
)
def test_what_help_needs_loads_nothing_heavy(code: str) -> None:
    assert not imported(code) & HEAVY


def test_a_selection_loads_no_decoder_and_no_runtime() -> None:
    assert not imported("import pkgutil, importlib, stills.select as s\n"
                        "for m in pkgutil.iter_modules(s.__path__): importlib.import_module(f'stills.select.{m.name}')"
                        ) & {"av", "openvino", "onnxruntime", "onnx"}  # fmt: skip
