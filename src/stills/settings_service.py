"""The settings of the service: where it listens, who may ask it, what it takes, and what it reaches out to."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from stills.settings_section import Section
from stills.settings_values import read_duration, read_listed, read_size

_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?")
_PORT = re.compile(r":\d{1,5}$")
_BRACKETS = re.compile(r"\[[0-9a-f:.]+\]")
_PREFIX = re.compile(r"(?P<scheme>https?|s3)://(?P<host>[^/?#@\\\s]+)(?P<path>/[^?#\\\s]*)")
_ORIGIN = re.compile(r"https?://[^/?#@\\\s*]+")
_MARK = "whsec_"
_KEY_BYTES = range(24, 65)
"""Lengths of signing keys that the Standard Webhooks specification recommends."""


def _host(text: str) -> str:
    whole = text.strip().lower()
    found = _PORT.search(whole)
    name = whole if found is None else whole[: found.start()]
    if not (_HOST.fullmatch(name) or _BRACKETS.fullmatch(name)):
        raise ValueError(f"{text!r} is no host such as media.example.org, *.example.org or localhost:9000")
    return name.rstrip(".") + ("" if found is None else found[0])


def _source(text: str) -> str:
    if "://" not in text:
        return _host(text)
    match = _PREFIX.fullmatch(text.strip())
    if match is None or not match["path"].endswith("/"):
        raise ValueError(
            f"{text!r} is no prefix such as https://example.org/films/ or s3://bucket/, with a / at its end"
        )
    return f"{match['scheme']}://{match['host'].lower()}{match['path']}"


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text.strip().lower()):
        raise ValueError(f"{text!r} is no origin such as https://app.example.org")
    return text.strip().lower()


def _base_path(text: str) -> str:
    path = text.strip().rstrip("/")
    if path and not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", path):
        raise ValueError("must be a path such as /stills")
    return path


def _signing_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(_MARK), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_MARK) or len(key) not in _KEY_BYTES:
        # Nothing of it may be said: it stands in logs then.
        raise ValueError("must be whsec_ and 24 to 64 random bytes as Base64; stills token --webhook makes one")
    return secret


_Listed = BeforeValidator(read_listed)
_Bytes = Annotated[int, BeforeValidator(read_size), Field(ge=1)]
_Seconds = Annotated[float, BeforeValidator(read_duration), Field(gt=0)]


def _text(default: str) -> Any:
    """A default as people write it; what the setting has is the number."""
    return Field(default=default, validate_default=True)


class ServiceSettings(Section):
    """The service: where it listens, who may ask, and what it may be asked."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address at which it listens: this machine only; 0.0.0.0 or :: for others, which needs tokens."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port at which it listens; 0 takes a free one."""
    data: Path = Path("stills-service")
    """Folder for uploads, results and the state."""
    tokens: Path | None = None
    """File with a line for each client: a name, its token or the token's hash, and scopes; `stills token` makes one."""
    tokens_text: SecretStr | None = None
    """The same lines themselves, for the environment: between line ends or semicolons."""
    no_auth: bool = False
    """Ask for no token although others can reach the service, as behind a proxy that does."""
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], _Listed] = ()
    """Names by which clients call it; others are refused. By default, bound to this machine, only its own names."""
    base_path: Annotated[str, AfterValidator(_base_path)] = ""
    """Path below which a proxy has the service, such as /stills."""
    proxies: Annotated[tuple[str, ...], _Listed] = ("127.0.0.1",)
    """Addresses or networks of proxies that are believed when they say who asks."""
    cors: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], _Listed] = ()
    """Origins whose pages may use the API from a browser, such as https://app.example.org."""

    upload_limit: _Bytes = _text("2GB")
    """Largest video that is taken, uploaded or fetched."""
    legacy_upload_limit: _Bytes = _text("100MB")
    """Largest video that POST /upload-video/ takes."""
    legacy_wait: _Seconds = _text("60s")
    """How long POST /upload-video/ waits for its thumbnails before it answers that they are to come."""
    upload_idle: _Seconds = _text("30s")
    """An upload of which nothing comes for so long is dropped."""
    uploads_at_once: int = Field(default=32, ge=1, le=10000)
    """Uploads that are received at the same time."""

    sources: Annotated[tuple[Annotated[str, AfterValidator(_source)], ...], _Listed] = ()
    """Where videos may be fetched from: hosts (media.example.org, *.example.org), prefixes (https://…/, s3://bucket/)."""
    private_sources: bool = False
    """Let these and webhooks lead to private addresses, as in an intranet."""
    fetch_timeout: _Seconds = _text("1h")
    """Longest time for fetching one video."""
    webhooks: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], _Listed] = ()
    """Hosts that may be told how a job ended (hooks.example.org, *.example.org)."""
    webhook_secret: Annotated[SecretStr, AfterValidator(_signing_secret)] | None = None
    """Key that webhooks are signed with, whsec_…; `stills token --webhook` makes one."""

    at_once: int = Field(default=2, ge=1, le=256)
    """Jobs under way at the same time."""
    per_client: int = Field(default=20, ge=1)
    """Jobs of one client that are queued or under way."""
    queue: int = Field(default=200, ge=1)
    """Jobs of all clients that are queued."""
    rate: int = Field(default=600, ge=0)
    """Requests that one client may make a minute, pictures not counted; 0 for any number."""
    ttl: _Seconds = _text("24h")
    """How long a job is kept after its end, with all that there is of it."""
    keep_sources: bool = False
    """Keep videos as long as their jobs, instead of until they were looked at."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.webhooks and self.webhook_secret is None:
            raise ValueError("webhooks need a webhook_secret to be signed with; stills token --webhook makes one")
        return self
