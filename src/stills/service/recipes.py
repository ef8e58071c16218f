"""What can be asked of a video, for ``GET /v1/recipes``: names, words, and the JSON Schemas of the options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stills.jobs.recipes import recipe_named
from stills.service.jobs.options import ALL_LAYERS, ALSO, OPTION_SECTIONS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from stills.settings_model import Settings

TITLES: Mapping[str, tuple[str, str]] = {
    "people": ("People", "The best frame of every person."),
    "cast": ("Cast", "Who is on screen, for how long, with whom."),
    "keyframes": ("Key frames", "The frames that differ, the best of their near-equals."),
    "thumbnails": ("Thumbnails", "The most engaging frames, best first."),
    "portrait": ("Portrait", "The one best frame with a large face."),
}
"""What recipes are called, and what they answer."""


def recipes_json(settings: Settings) -> list[dict[str, Any]]:
    """All recipes; ``settings`` are what holds where nothing else is asked."""
    answered = [name for name in TITLES if recipe_named(name).check(settings) <= ALL_LAYERS]
    return [_document(name, settings, answered if name in answered else []) for name in TITLES]


def _document(name: str, settings: Settings, answered: list[str]) -> dict[str, Any]:
    title, description = TITLES[name]
    properties: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for section, kind in OPTION_SECTIONS(name).items():
        now = getattr(settings, section).model_dump(mode="json")
        properties[section] = section_schema(kind, section, now)
        defaults[section] = now
    for key in ALSO:
        _add(properties, defaults, key, settings)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Options of {name}",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    return {
        "name": name,
        "title": title,
        "description": description,
        "options": schema,
        "defaults": defaults,
        "selects_from": answered,
    }


def section_schema(kind: type[BaseModel], name: str, now: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a section, its defaults those that hold ``now``."""
    schema = kind.model_json_schema()
    about = " ".join(str(schema.get("description", "")).split())
    properties = {field: {**one, "default": now[field]} for field, one in schema["properties"].items()}
    return {
        "title": _title(name),
        "description": about,
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _add(properties: dict[str, Any], defaults: dict[str, Any], key: str, settings: Settings) -> None:
    """Add one setting of a section that is else not for clients (``scan.effort``), or of none (``strict``)."""
    section, _, leaf = key.rpartition(".")
    holder = getattr(settings, section) if section else settings
    now = holder.model_dump(mode="json", include={leaf})[leaf]
    one = {**type(holder).model_json_schema()["properties"][leaf], "default": now}
    if not section:
        properties[leaf], defaults[leaf] = one, now
        return
    whole = {"title": _title(section), "type": "object", "additionalProperties": False, "properties": {}}
    properties.setdefault(section, whole)["properties"][leaf] = one
    defaults.setdefault(section, {})[leaf] = now


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]
