"""What a section of the benchmark hands back: tables, checks against targets, remarks; as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from stills.errors import UsageError


@dataclass(frozen=True, slots=True)
class Table:
    """Text in columns; ``note`` is a line above it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse rows of another length: a shifted figure is a wrong figure."""
        if odd := [row for row in self.rows if len(row) != len(self.columns)]:
            raise UsageError(f"a row has {len(odd[0])} cells, the table {len(self.columns)} columns: {odd[0]}")

    def markdown(self) -> str:
        """The table in GitHub's Markdown."""
        lines = [_row(self.columns), _row(["---"] * len(self.columns)), *map(_row, self.rows)]
        return "\n".join(([self.note, ""] if self.note else []) + lines)


@dataclass(frozen=True, slots=True)
class Check:
    """A figure to reach, and the one that was measured."""

    name: str
    measured: str
    target: str
    met: bool

    @property
    def word(self) -> str:
        """``met`` or ``**missed**``."""
        return "met" if self.met else "**missed**"


@dataclass(frozen=True, slots=True)
class Section:
    """The outcome of one part of the benchmark.

    ``data`` holds everything measured, for machines; it stays out of what is published. ``circumstances`` says when,
    on what, with which commit and how busy the machine was.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    checks: tuple[Check, ...] = ()
    remarks: tuple[str, ...] = ()
    circumstances: Mapping[str, str] = field(default_factory=dict)
    data: Any = None

    def markdown(self) -> str:
        """Heading, tables, remarks and circumstances."""
        parts = [f"## {self.title}"]
        parts += [table.markdown() for table in self.tables]
        if self.remarks:
            parts.append("\n".join(f"- {remark}" for remark in self.remarks))
        if self.circumstances:
            parts.append("*" + "; ".join(f"{name}: {value}" for name, value in self.circumstances.items()) + "*")
        return "\n\n".join(parts)

    def to_json(self, *, data: bool = True) -> dict[str, Any]:
        """As JSON values; without ``data`` just what :meth:`markdown` shows."""
        values = asdict(self)
        if not data:
            del values["data"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The section that :meth:`to_json` gave."""
        tables = tuple(
            Table(tuple(table["columns"]), tuple(map(tuple, table["rows"])), table["note"])
            for table in values["tables"]
        )
        checks = tuple(Check(**check) for check in values["checks"])
        return cls(
            values["name"], values["title"], tables, checks, tuple(values["remarks"]), dict(values["circumstances"]),
            values.get("data"),
        )  # fmt: skip


def targets_markdown(sections: Sequence[Section]) -> str:
    """All checks of all sections in one table."""
    rows = tuple((c.name, c.measured, c.target, c.word) for section in sections for c in section.checks)
    if not rows:
        return "Nothing measured has a target."
    return Table(("figure", "measured", "target", ""), rows).markdown()


def replace_between(text: str, marker: str, content: str) -> str:
    """``text`` with ``content`` between ``<!-- marker -->`` and ``<!-- /marker -->``.

    Raises ``UsageError`` where the two markers are not there once each, in this order.
    """
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(end) < text.index(start):
        raise UsageError(f"the text needs {start} and then {end}, once each")
    head, _, rest = text.partition(start)
    tail = rest.partition(end)[2]
    return f"{head}{start}\n{content}\n{end}{tail}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
