"""The examples of docs/across.md run, each where its library is installed."""

import contextlib
import importlib
import io
import re
from pathlib import Path

import pytest

from across_samples import Library
from stills.jobs.across.edit import rename
from stills.jobs.across.update import update

PAGE = Path(__file__).parents[2] / "docs" / "across.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_there_is_one_for_each() -> None:
    assert [re.findall(r"import (\w+)", code)[0] for code in EXAMPLES] == ["duckdb", "pandas", "polars", "stills"]


@pytest.mark.parametrize(
    ("place", "module", "said"),
    [(0, "duckdb", "Ada"), (1, "pandas", "id_x"), (2, "polars", "seconds"), (3, "stills", "Ada")],
)
def test_examples_run(place: int, module: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(module)
    importlib.import_module(module)
    library = Library(tmp_path)
    library.add("one", [(0, 0, 3), (1, 4, 8)])
    library.add("two", [(1, 0, 3), (2, 4, 8)])
    update(library.out, library.settings)
    rename(library.out, "2", "Ada")
    monkeypatch.chdir(library.out)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(EXAMPLES[place], {})  # noqa: S102 - our own page
    assert said in printed.getvalue()
