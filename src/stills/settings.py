"""One tree of settings: defaults < file (YAML or TOML) < environment (``STILLS_…``) < flags or keyword options.

Every layer is checked on its own, so an error names the layer that is wrong: the file, the variable or the flag.
Unknown keys are refused everywhere, with the nearest known ones. In the environment a level of the tree is ``__``:
``STILLS_SCAN__EFFORT=fast`` is ``scan.effort``. Flags and keyword options need no more than the last part of a key:
``--effort``, ``effort=``. Where recipes share a name (``similarity``), the recipe that is asked means its own.

The models are in :mod:`stills.settings_model`; loading them costs 0.1 s, so nothing that ``--help`` needs imports this.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stills.errors import SettingsError
from stills.settings_model import (
    LimitSettings,
    OutputSettings,
    PeopleSettings,
    ScanSettings,
    Section,
    Settings,
)
from stills.settings_values import FaceSize

__all__ = [
    "KEYS",
    "OPTIONS",
    "FaceSize",
    "LimitSettings",
    "OutputSettings",
    "PeopleSettings",
    "ScanSettings",
    "Settings",
    "change_settings",
    "load_settings",
]

PREFIX = "STILLS_"
NOT_SETTINGS = frozenset({"STILLS_CONFIG", "STILLS_CORPUS", "STILLS_EVAL"})
"""Variables that are no settings: the settings file itself, evaluation films and scorers of tests and benchmarks."""


def _walk(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, type[BaseModel] | None]]:
    for name, info in model.model_fields.items():
        kind = info.annotation
        section = kind if isinstance(kind, type) and issubclass(kind, Section) else None
        yield f"{above}{name}", section
        if section is not None:
            yield from _walk(section, f"{above}{name}.")


SECRETS = frozenset({"service.tokens_text", "service.webhook_secret", "remote_token"})
"""Settings whose values nobody may see: no flag gives them, no error repeats them."""
SECTIONS = frozenset(key for key, section in _walk(Settings) if section is not None)
KEYS = tuple(key for key, section in _walk(Settings) if section is None)
"""Every setting as a dotted key, in the order of the tree."""
ASKED_ONLY = ("portrait.", "service.")
"""Sections that take no short name from what had it before: there it means theirs only if they are asked."""


def _short_names() -> Mapping[str, str]:
    owners: dict[str, list[str]] = {}
    for key in sorted(KEYS, key=lambda key: key.startswith(ASKED_ONLY)):
        known = owners.setdefault(key.rpartition(".")[2], [])
        if not known or not key.startswith(ASKED_ONLY):
            known.append(key)
    return {key.rpartition(".")[2]: key for key in KEYS if owners[key.rpartition(".")[2]] == [key]}


OPTIONS: Mapping[str, str] = _short_names()
"""Dotted key by its last part, which is the name of the flag and of the keyword option, where no other has the same."""

BASES: Mapping[str, tuple[str, ...]] = {"cast": ("people",)}
"""Recipes that begin with what another finds: short names mean its settings next."""
ALIASES: Mapping[str, str] = {"cluster_threshold": "similarity"}
"""Other names of options."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value of one layer, with what the user would call the place it came from."""

    value: Any
    origin: str
    name: str


def load_settings(
    file: str | os.PathLike[str] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    section: str | None = None,
) -> Settings:
    """The settings in force.

    Args:
        file: A ``.yaml``, ``.yml`` or ``.toml`` file; ``None`` takes the one named by ``STILLS_CONFIG``, if any.
        env: The environment to read; ``None`` is that of the process.
        options: Flags or keyword options by short name (``effort``) or dotted key (``scan.effort``).
        section: The recipe (``keyframes``) whose settings short names mean first.

    Raises:
        SettingsError: A key is unknown or a value is not allowed, with the layer that it came from; the file cannot
            be read or parsed.
    """
    env = os.environ if env is None else env
    file = file or env.get("STILLS_CONFIG") or None
    given: dict[str, _Given] = {}
    if file is not None:
        given.update(_from_file(Path(file)))
    given.update(_from_env(env))
    given.update(_from_options(options or {}, section))
    return _build(given)


def change_settings(settings: Settings, section: str | None = None, /, **options: Any) -> Settings:
    """``settings`` with some values changed; options and ``section`` as in :func:`load_settings`.

    Raises:
        SettingsError: An option is unknown or its value is not allowed.
    """
    if not options:
        return settings
    given = {key: _Given(_lookup(settings, key), "settings", key) for key in KEYS}
    given.update(_from_options(options, section))
    return _build(given)


def _lookup(settings: Settings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _from_options(options: Mapping[str, Any], section: str | None) -> dict[str, _Given]:
    given = {}
    sections = [s for s in (section, *BASES.get(section or "", ())) if s is not None]
    for short, value in options.items():
        name = ALIASES.get(short, short)
        own = (f"{s}.{name}" for s in sections)
        key = next((key for key in own if key in KEYS), OPTIONS.get(name, name))
        if key not in KEYS:
            if owners := [k for k in KEYS if k.endswith(f".{name}")]:
                raise SettingsError(f"option {name!r} could mean several settings", remedy=f"use {' or '.join(owners)}")
            raise _unknown(name, None, "option")
        given[key] = _Given(value, "option", short)
    return given


def _from_env(env: Mapping[str, str]) -> dict[str, _Given]:
    given = {}
    for name, text in env.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        if key not in KEYS:
            known = [_variable(k) for k in KEYS]
            raise SettingsError(
                f"environment variable {name} is no setting",
                remedy=_near(name, known) or f"unset it; settings are {known[0]}, {known[1]}, … (docs/cli.md)",
            )
        # In a variable there is no other way to write "not set".
        given[key] = _Given(None if text.lower() in {"", "none", "null"} else text, "environment", name)
    return given


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "__")


def _from_file(path: Path) -> dict[str, _Given]:
    tree = _parse(path)
    return dict(_flatten(tree, path, ""))


def _parse(path: Path) -> Mapping[str, Any]:
    suffix = path.suffix.lower()
    if suffix not in {".yaml", ".yml", ".toml"}:
        raise SettingsError("settings files end in .yaml, .yml or .toml", path=str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the settings file cannot be read: {error.strerror}", path=str(path)) from error
    except UnicodeDecodeError as error:
        raise SettingsError("the settings file is not UTF-8 text", path=str(path)) from error
    if suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"the settings file is not TOML: {error}", path=str(path)) from error
    import yaml

    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise SettingsError(f"the settings file is not YAML: {said}", path=str(path)) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError("the settings file must hold keys and values", path=str(path))
    return tree


def _flatten(tree: Mapping[Any, Any], path: Path, above: str) -> Iterator[tuple[str, _Given]]:
    for name, value in tree.items():
        key = f"{above}{name}"
        if key in SECTIONS:
            if not isinstance(value, dict):
                raise SettingsError(f"{key} is a section, not a value", path=str(path))
            yield from _flatten(value, path, f"{key}.")
        elif key in KEYS:
            yield key, _Given(value, str(path), key)
        else:
            raise _unknown(key, str(path), "setting")


def _unknown(key: str, path: str | None, what: str) -> SettingsError:
    # A known name in the wrong section is the nearest of all.
    moved = OPTIONS.get(key.rpartition(".")[2]) if path is not None else None
    remedy = f"did you mean {moved}?" if moved else _near(key, [*OPTIONS] if path is None else [*OPTIONS, *KEYS])
    return SettingsError(f"unknown {what} {key!r}", path=path, remedy=remedy or "docs/cli.md lists all settings")


def _near(name: str, known: list[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else None


def _build(given: Mapping[str, _Given]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in given.items():
        section, _, leaf = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[leaf] = value.value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _refused(first, given) from error


def _refused(error: ErrorDetails, given: Mapping[str, _Given]) -> SettingsError:
    key = ".".join(str(part) for part in error["loc"] if isinstance(part, str))
    below = ((name, value) for name, value in given.items() if key == name or key.startswith(f"{name}."))
    name, source = next(below, (key, None))
    said = error["msg"].removeprefix("Value error, ")
    said = said[:1].lower() + said[1:]
    if source is None:
        return SettingsError(f"{key}: {said}")
    where = {"option": f"option {source.name}", "environment": source.name}.get(source.origin, source.name)
    path = None if source.origin in {"option", "environment", "settings"} else source.origin
    value = "…" if name in SECRETS else repr(source.value)
    return SettingsError(f"{where} = {value}: {said}", path=path)
