"""``--remote URL``: whether a server does the work, which one, and which options mean anything to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from stills.cli.say import note
from stills.errors import UsageError

if TYPE_CHECKING:
    from stills.cli.session import Session
    from stills.client import Client
    from stills.settings import Settings

META = "stills.remote"
"""Where the group's options wait in click's context until a recipe asks for them."""
NOWHERE = "none"
"""``--remote none``: this machine, whatever the settings say."""
RECIPES = ("people", "cast", "keyframes", "thumbnails", "portrait")
"""Commands that a server can do."""

_HERE = frozenset({
    "inputs", "include", "exclude", "column", "posters", "out", "explain", "dry_run", "config", "json_events", "quiet",
    "log_level", "log_format", "log_file", "retries", "retry_delay",
})  # fmt: skip
"""Options that say what is sent, where results go and how it is told; and how often what failed is tried again."""
_ALSO = ("scan.effort", "strict", "embeddings")
_NOT_SENT = ("detector", "embedder", "attributes_model")
"""Settings of the scan that change results, and are the server's own."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server that does the work. With ``keep`` jobs stay there after their results were fetched."""

    url: str
    token: str | None = field(repr=False)
    keep: bool = False

    def client(self) -> Client:
        """A client for it. Raises ``UsageError`` where the address or the token is none."""
        from stills.client import Client

        return Client(self.url, self.token)


def note_remote(context: click.Context, remote: str | None, keep: bool) -> None:
    """Keep the group's options until a recipe asks for them. Raises for commands that only this machine can do."""
    command = context.invoked_subcommand
    if command not in RECIPES and ((remote is not None and remote != NOWHERE) or keep):
        given = "--keep-remote" if remote is None else "--remote"
        raise click.UsageError(f"{given} is for {', '.join(RECIPES)}; {command} works on this machine", context)
    context.meta[META] = (remote, keep)


def server_of(session: Session, recipe: str) -> Server | None:
    """The server that is to do the work of the command under way; ``None`` where this machine is.

    Raises ``UsageError`` for an option that means nothing there.
    """
    context = click.get_current_context(silent=True)
    flag, keep = (None, False) if context is None else context.find_root().meta.get(META, (None, False))
    url = flag if flag is not None else session.settings.remote
    if not url or url == NOWHERE:
        if keep:
            raise UsageError("--keep-remote says nothing where this machine works", remedy="name a server by --remote")
        return None
    if context is not None:
        _check_flags(context, recipe, named=flag is not None)
    token = session.settings.remote_token
    if not session.quiet:
        _say_what_stays(session.settings)
        if token is not None:
            _say_who_listens(url)
    return Server(url, None if token is None else token.get_secret_value(), keep)


def options_for(settings: Settings, recipe: str) -> dict[str, Any]:
    """What was given of the settings that a server takes, in their sections: by flag, in a file or the environment."""
    from stills.settings import BASES

    found: dict[str, Any] = {}
    for section in (recipe, *BASES.get(recipe, ()), "output"):
        values = getattr(settings, section)
        if given := values.model_dump(mode="json", include=values.model_fields_set):
            found[section] = given
    if "effort" in settings.scan.model_fields_set:
        found["scan"] = {"effort": settings.scan.effort}
    also = {name: getattr(settings, name) for name in _ALSO if name in settings.model_fields_set}
    return {**found, **also}


def _check_flags(context: click.Context, recipe: str, *, named: bool) -> None:
    """Raise ``UsageError`` for the first flag that is about the machine which works."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE or name in _HERE:
            continue
        if not any(key in _sent_keys(recipe) for key in _keys(recipe, name)):
            flag = max(parameter.opts, key=len)
            remedy = "leave it out" if named else "leave it out, or say stills --remote none …"
            raise UsageError(f"{flag} is about work on this machine, and a server is to do it", remedy=remedy)


def _keys(recipe: str, name: str) -> Iterator[str]:
    """The settings that an option may mean, the recipe's own first."""
    from stills.settings import ALIASES, BASES, OPTIONS

    name = ALIASES.get(name, name)
    yield from (f"{section}.{name}" for section in (recipe, *BASES.get(recipe, ())))
    yield OPTIONS.get(name, name)


def _sent_keys(recipe: str) -> frozenset[str]:
    """All settings that a server takes."""
    from stills.settings import BASES, KEYS

    sections = (recipe, *BASES.get(recipe, ()), "output")
    return frozenset(key for key in KEYS if key.partition(".")[0] in sections or key in _ALSO)


def _say_what_stays(settings: Settings) -> None:
    """Say which settings would change the result, and are not sent."""
    given = [f"scan.{name}" for name in _NOT_SENT if name in settings.scan.model_fields_set]
    if given:
        note(f"note: {', '.join(given)} of the settings: the server has its own")


def _say_who_listens(url: str) -> None:
    """Say that a token can be read on its way, where it can."""
    import ipaddress
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost" or host.endswith(".localhost")
    if parts.scheme.lower() == "http" and not here:
        note(f"note: the token and the video go to {host} unencrypted; https:// would not let others read them")
