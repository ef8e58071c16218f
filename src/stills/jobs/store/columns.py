"""Column types: text that every database takes, and that never holds a secret."""

from __future__ import annotations

import json
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
        text = clean(value).replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
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
        return clean(value)
    if isinstance(value, Mapping):
        return {str(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
