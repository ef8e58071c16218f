"""Writes docs/cli.md from the commands and the settings, so that it says what the code does. `make docs` calls it."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import click

from stills.cli.app import COMMANDS, cli
from stills.settings import KEYS, Settings

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"

HEAD = """# The command line

*This page is written by `make docs` from the code; a test holds it to it.*

    stills COMMAND [OPTIONS] …

INPUT is a file, a folder (searched with its subfolders for known video endings; hidden files and folders that stills
wrote are left out) or a glob. A name that starts with a dash goes after `--`.

| exit code | meaning |
| --- | --- |
| 0 | all done |
| 1 | failed |
| 2 | the call or a setting is wrong; nothing was started |
| 3 | some inputs failed or were left for later, the others are done |
| 4 | everything worked, but nothing in it qualifies |
| 130 | interrupted (Ctrl-C or SIGTERM); what was finished stays, the same command goes on from there |

Results go to standard output; progress, notes and logs to standard error. An error is one line, `error: …`.
"""

BEFORE = """
Before the command there may be:

| option | |
| --- | --- |
"""

EVENTS = """
## Events (`--json`)

One JSON object a line on standard output. Every event has `event` and `time` (seconds since the start); those about an
input have `input`.

| event | further fields |
| --- | --- |
| `started` | |
| `progress` | `number`, `of`, `stage`, `position`, `duration`, `fraction`, `speed` |
| `fallback` | `code`, `message`: something was done otherwise than asked or than would be best |
| `result` | `found`, `files`, and what the command is about, as `people`, `video`, `model` |
| `error` | `code`, `message`, `remedy`, `retryable` |
| `summary` | `inputs`, `done`, `nothing`, `failed`, `interrupted`, `exit_code`, `report` |
| `status` | what `stills status` says: counts by state, `rate`, `time_left_s`, `runs`, `under_way`, `failures` |
| `serving` | `address`, `data`, `database`: `stills serve` can be asked now |

`progress` comes at most four times a second: input `number` out of `of`; `stage` is `probe`, `scan`, `select`, `render`
or `done`; `position` and `duration` are seconds of video, `speed` is × real time. With `--remote` there are also
`upload`, of which these are bytes, `queued` and `fetch` (the server gets the video).

On [many videos](libraries.md) several are under way at once, so their events mix, and there is more to say:

| event | further fields |
| --- | --- |
| `again` | `code`, `message`, `error_class`, `attempt`, `retry_in`: this try failed, another one follows |
| `left` | `message`: left for later, by somebody else or the next run |
| `result` | `kept`: done before, not again; `what`: `new`, `changed`, `resume`, …; `reasons` for `changed`; `attempt` |
| `error` | `status`: `failed` or `quarantined`; `error_class`; `attempt`; `kept`: failed before, not tried again |
| `summary` | `quarantined` (of those `failed`), `kept`, `left`; `library`: how many videos it has by state |

With `--dry-run` a `result` has `what`, `reasons`, `cached`, `duration`, `seconds` and `bytes` (the estimate) and `out`,
the `summary` their sums, and `measured`: whether the estimate goes by earlier results.
"""

SETTINGS = """
## Settings

A setting comes from, in rising order: its default, the settings file (`-c`, or the one that `STILLS_CONFIG` names; YAML
or TOML), the environment, a flag. In the environment the levels are joined by `__`; `none` takes a limit away. Unknown
keys and variables are refused.

    # settings.yaml                      # the same in the environment
    scan: {effort: fast, workers: 4}     STILLS_SCAN__EFFORT=fast STILLS_SCAN__WORKERS=4
    people: {min_face: 3%}               STILLS_PEOPLE__MIN_FACE=3%

| key | default | meaning |
| --- | --- | --- |
"""


def reference() -> str:
    """The whole page."""
    context = click.Context(cli, info_name="stills")
    parts = [HEAD, BEFORE, _options(cli, context)]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is None:
            raise LookupError(name)
        parts.append(_command(command, click.Context(command, info_name=name, parent=context)))
    parts.append(EVENTS)
    parts.append(SETTINGS + "".join(_setting(key) for key in KEYS))
    return "".join(parts)


def _command(command: click.Command, context: click.Context, level: int = 2) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    name = context.command_path
    text = f"\n{'#' * level} {name}\n\n    {name} {usage}\n\n{_prose(command.help or '')}\n"
    if isinstance(command, click.Group):
        inner = (
            _command(c, click.Context(c, info_name=n, parent=context), level + 1) for n, c in command.commands.items()
        )
        return text + "".join(inner)
    table = _options(command, context)
    return f"{text}\n| option | |\n| --- | --- |\n{table}" if table else text


def _options(command: click.Command, context: click.Context) -> str:
    """The rows of a table of options."""
    rows = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
    return "".join(f"| `{_cell(row[0])}` | {_cell(row[1])} |\n" for row in rows if row is not None)


def _prose(text: str) -> str:
    """Click's help as Markdown: a paragraph that starts with a backspace is an example."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            paragraphs.append("\n".join(f"    {line.strip()}" for line in paragraph.splitlines()[1:]))
        else:
            paragraphs.append(" ".join(paragraph.split()))
    return "\n\n".join(paragraphs)


def _setting(key: str) -> str:
    section, _, leaf = key.rpartition(".")
    model = type(getattr(Settings(), section)) if section else Settings
    field = model.model_fields[leaf]
    default = _default(field.get_default(call_default_factory=True))
    return f"| `{key}` | {default} | {_cell(' '.join((field.description or '').split()))} |\n"


def _default(value: Any) -> str:
    """A default as one writes it into a file or a variable."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{name}={number:g}" for name, number in value.items()) or "none"
    if isinstance(value, tuple):
        return ",".join(value) or "none"
    return "none" if value in {None, ""} else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page; with ``--check`` only say whether it is current."""
    page = reference()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.exists() and TARGET.read_text(encoding="utf-8") == page else 1
    TARGET.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
