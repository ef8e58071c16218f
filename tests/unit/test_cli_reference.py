"""docs/cli.md says what the code does."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "cli_reference.py"), "--check"],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, f"run `make docs`\n{done.stderr}"


def test_every_command_is_in_the_readme_or_the_docs() -> None:
    from stills.cli.app import COMMANDS

    told = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert all(f"stills {name}" in told for name in COMMANDS)


def test_every_error_code_is_explained() -> None:
    from stills import errors

    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.StillsError)]
    codes = {kind.code for kind in kinds} - {"error"}
    assert len(codes) > 10
    assert not [code for code in sorted(codes) if f"`{code}`" not in page]


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken
