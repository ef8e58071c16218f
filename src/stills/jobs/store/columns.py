"""Column types: text that every database takes, and that never holds a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Dialect, Text, types

from stills.jobs.addresses import clean

_ESCAPED = "\x01"


class PathText(types.TypeDecorator[str]):
    """A path or address, kept exactly. Names with undecodable bytes, which no database takes, are kept escaped."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        if value is None or (value.isascii() and not value.startswith(_ESCAPED)):
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return _ESCAPED + json.dumps(value)
        return value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        return json.loads(value[1:]) if value is not None and value.startswith(_ESCAPED) else value


class SaidText(types.TypeDecorator[str]):
    """Free text of limited length, without secrets. Of a longer one the end is kept: there is the error."""

    impl = Text
    cache_ok = True

    def __init__(self, most: int) -> None:
        """``most`` characters are kept."""
        super().__init__()
        self.most = most

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        if value is None:
            return None
        text = (
            _without_secrets(value, 8 * self.most).replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
        )
        return text if len(text) <= self.most else "…" + text[-(self.most - 1) :]


class Json(types.TypeDecorator[Any]):
    """A JSON value as text, without secrets of addresses in its strings."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else json.dumps(_cleaned(value), separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else json.loads(value)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _without_secrets(value, len(value))
    if isinstance(value, Mapping):
        return {str(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def _without_secrets(text: str, most: int) -> str:
    """``text``, or its last ``most`` characters, without the secrets of addresses.

    Only words that hold an address are searched for one: in a long log that is a thousand times faster.
    """
    if len(text) > most:
        text = text[-most:]
        word, _, rest = text.partition(" ")
        if "@" in word or "?" in word:  # it may be the rest of an address
            text = rest
    return re.sub(r"\S+", lambda found: clean(found[0]) if "://" in found[0] else found[0], text)
