"""``stills token``: a token for a client of the service, and the key that its webhooks are signed with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stills.cli import options

if TYPE_CHECKING:
    from stills.service.auth import Scope

SCOPES = ("read", "jobs", "metrics", "admin")


@click.command("token")
@click.argument("name", required=False)
@options.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), show_default="jobs",
    help="What it lets one do: read (look at one's own jobs), jobs (make jobs), metrics (/metrics), admin (all). "
    "As often as needed.",
)  # fmt: skip
@options.option(
    "-f", "--file", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Add its line to this file, which is made where it is not there; then only the token is said.",
)  # fmt: skip
@options.option("--webhook", is_flag=True, help="A key for signing webhooks (STILLS_SERVICE__WEBHOOK_SECRET) instead.")
def command(name: str | None, scopes: tuple[Scope, ...], file: Path | None, webhook: bool) -> int:
    """Make a token for the client NAME of `stills serve`. It is said once; the line for the tokens' file has its hash.

    \b
    stills token editors --file tokens        say the token, and add its line
    stills serve --tokens tokens
    curl -H "Authorization: Bearer stills_…" http://127.0.0.1:8000/v1/jobs
    """  # noqa: D301 - click reads \b
    from stills.service.auth import new_token, new_webhook_secret, token_line

    if webhook:
        if name is not None or scopes or file is not None:
            raise click.UsageError("--webhook goes with nothing else: webhooks have one key.")
        click.echo(new_webhook_secret())
        return 0
    if name is None:
        raise click.UsageError("Missing argument 'NAME': say who the token is for.")
    token = new_token()
    line = token_line(name, token, [scope for scope in SCOPES if scope in (scopes or ("jobs",))])
    if file is None:
        click.echo(f"token  {token}\nline   {line}")
    else:
        _add(file, line)
        click.echo(token)
    return 0


def _add(file: Path, line: str) -> None:
    """Add ``line`` to ``file``, which nobody else may read. Raises ``OutputError``."""
    from stills.files import output_error

    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)
        with open(descriptor, "r+b", buffering=0) as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - 1))
            begin = "\n" if size and opened.read(1) != b"\n" else ""
            opened.write(f"{begin}{line}\n".encode())
    except OSError as error:
        raise output_error(error, file) from error
