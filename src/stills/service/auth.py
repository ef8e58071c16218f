"""Who asks: bearer tokens (RFC 6750), of which the service keeps nothing but hashes.

A line of the tokens' file is one of

    NAME TOKEN [SCOPES]
    NAME sha256:HEX [SCOPES]
    TOKEN

with ``#`` before comments. Scopes are joined by commas: ``jobs`` (make jobs and do what one likes with one's own; what
a line without scopes has), ``read`` (look at one's own), ``metrics`` (see how much is done) and ``admin`` (all of
everybody). Lines with the same name are tokens of the same client, so that a token can be replaced while the old one
still holds.

Tokens are random and long, so a plain SHA-256 of them can be neither guessed nor reversed; passwords would need more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import logging
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from stills.errors import InputError, SettingsError, StillsError

if TYPE_CHECKING:
    from stills.settings_model import Settings
    from stills.settings_service import ServiceSettings

Scope: TypeAlias = Literal["read", "jobs", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

LEAST_TOKEN = 20
"""Characters that a token has at least: random letters and digits of 119 bits."""
_MOST_TOKEN = 512
_PREFIX = "stills_"
_HASHED = "sha256:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{LEAST_TOKEN},{_MOST_TOKEN}}}")
"""What RFC 6750 lets a token have."""
_HASH = re.compile(r"[0-9a-f]{64}")
_LOOK_S = 1.0
"""How often it is looked whether the file has changed: for so long a token that was taken out still holds."""
_MOST_BYTES = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what they may do."""

    name: str
    """The name in the token's line, which is the owner of jobs; empty where nobody has to say who they are."""
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether ``scope`` is theirs: ``admin`` has all, ``jobs`` has ``read``."""
        has = self.scopes
        return scope in has or "admin" in has or (scope == "read" and "jobs" in has)

    @property
    def sees(self) -> str | None:
        """Whose jobs they see, as :class:`~stills.service.jobs.JobStore` wants it; ``None`` is everybody's."""
        return None if "admin" in self.scopes else self.name


ANYBODY = Principal("", frozenset({"admin"}))
"""Who asks where no tokens are wanted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the tokens' file."""

    principal: Principal
    digest: bytes
    plain: bool
    """Whether the token itself stands there, rather than its hash."""


class Tokens:
    """The tokens there are. A file that changes is read again; a new version that is wrong changes nothing."""

    def __init__(self, fixed: Sequence[Entry], path: Path | None) -> None:
        """``fixed`` are always there, those in ``path`` too. Raises ``InputError``, ``SettingsError``."""
        self._fixed = tuple(fixed)
        self._path = path
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._version = _version(path)
        self._entries = (*self._fixed, *(_read(path) if path is not None else ()))
        if (fixed or path is not None) and not self._entries:
            raise SettingsError("there is no token", path=_shown(path), remedy="stills token NAME makes one")

    @classmethod
    def load(cls, settings: Settings) -> Tokens:
        """The tokens of the settings; none, where none are wanted.

        Raises ``InputError`` where the file cannot be read, ``SettingsError`` for a line that is wrong, and where the
        service could be reached by others without a token.
        """
        service = settings.service
        fixed = (
            () if service.tokens_text is None else tuple(parse(service.tokens_text.get_secret_value(), "tokens_text"))
        )
        path = None if service.tokens is None else service.tokens.expanduser()
        tokens = cls(fixed, path)
        check_open(service, tokens)
        return tokens

    @property
    def wanted(self) -> bool:
        """Whether one has to have a token."""
        return bool(self._fixed) or self._path is not None

    def check(self, header: str | None) -> Principal | None:
        """Who has sent this ``Authorization`` header; ``None`` where it is no token of ours. Takes as long for all."""
        if not self.wanted:
            return ANYBODY
        scheme, _, token = (header or "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).digest()
        found: Principal | None = None
        for entry in self._now():
            if hmac.compare_digest(entry.digest, digest):
                found = entry.principal
        return found

    def _now(self) -> tuple[Entry, ...]:
        with self._lock:
            if self._path is not None and time.monotonic() - self._looked >= _LOOK_S:
                self._looked = time.monotonic()
                self._look(self._path)
            return self._entries

    def _look(self, path: Path) -> None:
        version = _version(path)
        if version == self._version:
            return
        self._version = version
        try:
            self._entries = (*self._fixed, *_read(path))
            _log.info("the tokens were read again: there are %d", len(self._entries))
        except StillsError as error:
            _log.error("the new tokens are not taken, the old ones hold: %s", error)


def check_open(service: ServiceSettings, tokens: Tokens) -> None:
    """Raise ``SettingsError`` where others could reach the service, and nobody asks them for a token."""
    if service.no_auth and tokens.wanted:
        raise SettingsError("there are tokens, and no_auth says that none is wanted", remedy="leave out one of them")
    if is_loopback(service.host) or tokens.wanted:
        return
    if not service.no_auth:
        said = f"bound to {service.host}, the service could be used by everybody who reaches this machine"
        remedy = "make a token (stills token NAME --file tokens; --tokens tokens), or say --no-auth"
        raise SettingsError(said, remedy=remedy)
    _log.warning("everybody who reaches %s may use the service: no token is asked for", service.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is bound to ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parse(text: str, where: str) -> Iterator[Entry]:
    """The tokens in ``text``, one a line or between semicolons; errors say ``where`` and in which line, no more.

    Raises ``SettingsError``.
    """
    for number, line in enumerate(re.split(r"[\n;]", text.removeprefix("\ufeff")), 1):
        words = line.partition("#")[0].split()
        if words:
            yield _entry(words, f"{where}, line {number}")


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(32)


def new_webhook_secret() -> str:
    """A key for signing webhooks, as ``service.webhook_secret`` wants it: 256 random bits."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode('ascii')}"


def token_line(name: str, token: str, scopes: Sequence[Scope] = ("jobs",)) -> str:
    """The line for the tokens' file; it does not give the token away. Raises ``SettingsError`` for a wrong name."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name!r} is no name: letters, digits and . _ @ - (at most 64)")
    return f"{name} {_HASHED}{hashlib.sha256(token.encode()).hexdigest()} {','.join(scopes)}"


def _entry(words: Sequence[str], where: str) -> Entry:
    remedy = "NAME TOKEN [SCOPES], NAME sha256:HEX [SCOPES], or a token alone; stills token NAME makes a line"
    if len(words) > 3:
        raise SettingsError(f"{where}: there are {len(words)} words", remedy=remedy)
    text = words[0] if len(words) == 1 else words[1]
    if text.startswith(_HASHED):
        hexadecimal = text.removeprefix(_HASHED).lower()
        if not _HASH.fullmatch(hexadecimal):
            raise SettingsError(f"{where}: a SHA-256 has 64 hexadecimal digits", remedy=remedy)
        digest = bytes.fromhex(hexadecimal)
    elif _TOKEN.fullmatch(text):
        digest = hashlib.sha256(text.encode()).digest()
    else:
        said = f"{where}: a token has {LEAST_TOKEN} to {_MOST_TOKEN} letters, digits and . _ ~ + / = -"
        raise SettingsError(said, remedy=remedy)
    name = words[0] if len(words) > 1 else f"token-{digest.hex()[:8]}"
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: a name has letters, digits and . _ @ - (at most 64)", remedy=remedy)
    scopes = words[2].split(",") if len(words) > 2 else ["jobs"]
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise SettingsError(f"{where}: there is no scope {unknown[0]!r}", remedy=f"scopes are {', '.join(SCOPES)}")
    known = frozenset(scope for scope in SCOPES if scope in scopes)
    return Entry(Principal(name, known), digest, not text.startswith(_HASHED))


def _read(path: Path) -> tuple[Entry, ...]:
    """The tokens in a file. Raises ``InputError``, ``SettingsError``."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                raise InputError("this is no file of tokens", path=_shown(path), remedy="name a small regular file")
            text = file.read(_MOST_BYTES).decode("utf-8")
    except OSError as error:
        if isinstance(error, StillsError):
            raise
        said = f"the tokens cannot be read: {error.strerror}"
        raise InputError(said, path=_shown(path), remedy="check the path and who may read it") from None
    except UnicodeDecodeError:
        raise InputError("the tokens are not UTF-8 text", path=_shown(path)) from None
    if status.st_mode & stat.S_IWOTH:
        said = "everybody on this machine may write this file, and so let themselves in"
        raise SettingsError(said, path=_shown(path), remedy=f"chmod o-w {path}")
    entries = tuple(parse(text, path.name))
    if not entries:
        raise SettingsError("there is no token in this file", path=_shown(path), remedy="stills token NAME makes one")
    if status.st_mode & stat.S_IROTH and any(entry.plain for entry in entries):
        _log.warning("everybody on this machine may read the tokens in %s: chmod 600 it, or keep hashes", path)
    return entries


def _version(path: Path | None) -> tuple[int, ...]:
    """What is another value where the file is another one."""
    try:
        about = None if path is None else os.stat(path)
    except OSError:
        return (-1,)
    return () if about is None else (about.st_mtime_ns, about.st_size, about.st_ino)


def _shown(path: Path | None) -> str | None:
    return None if path is None else str(path)
