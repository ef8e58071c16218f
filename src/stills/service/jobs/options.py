"""Which settings a client may choose: those of the recipe, of the pictures, and how closely to look. Nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stills.errors import SettingsError, UsageError
from stills.jobs.recipes import recipe_named
from stills.settings import ALIASES, BASES, KEYS, OPTIONS, change_settings
from stills.settings_model import Section

if TYPE_CHECKING:
    from stills.service.jobs.types import NewJob
    from stills.settings_model import Settings
    from stills.types import Layer

ALSO = ("scan.effort", "strict", "embeddings")
"""What a client may choose besides the sections of the recipe and of the pictures."""

ALL_LAYERS: frozenset[Layer] = frozenset({"signals", "faces", "expression"})
"""What is measured of every video, whatever is asked first: then any recipe can be asked of the index afterwards."""


def check_options(recipe: str, options: Mapping[str, Any], settings: Settings) -> Settings:
    """``settings`` with a client's ``options``, all checked. Options are named as in :func:`change_settings`.

    Raises ``UsageError`` where there is no such recipe, ``SettingsError`` for an option that is unknown, not for
    clients, or has a value that is not allowed; ``UsageError`` where options contradict each other.
    """
    how = recipe_named(recipe)
    for name in options:
        _check_allowed(recipe, str(name))
    chosen = change_settings(settings, recipe, **{str(name): value for name, value in options.items()})
    how.check(chosen)
    return chosen


def layers_of(recipe: str, settings: Settings) -> frozenset[Layer]:
    """What is to be measured for a job; nothing where frames are taken out with no choosing."""
    needed = recipe_named(recipe).check(settings)
    return needed | ALL_LAYERS if needed else needed


def OPTION_SECTIONS(recipe: str) -> dict[str, type[Section]]:  # noqa: N802 - a table, made when it is asked for
    """The sections of settings whose values are options of ``recipe``, by name, for schemas: its own one first."""
    from stills.settings_model import Settings

    recipe_named(recipe)
    names = (recipe, *BASES.get(recipe, ()), "output")
    found = {name: Settings.model_fields[name].annotation for name in names}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, Section)}


def _check_allowed(recipe: str, option: str) -> None:
    """Raise for an option that means a setting of the service's own. What there is not is found out later."""
    name = ALIASES.get(option, option)
    sections = (recipe, *BASES.get(recipe, ()), "output")
    if any(f"{section}.{name}" in KEYS for section in sections[:-1]):
        return
    key = OPTIONS.get(name, name)
    if key in ALSO or key.partition(".")[0] in sections:
        return
    if key in KEYS:
        remedy = f"leave it out; GET /v1/recipes lists the options of {recipe}"
        raise SettingsError(f"option {option!r} is not for clients of a service", remedy=remedy)


def check_posters(new: NewJob, most: int) -> None:
    """Raise ``UsageError`` where a job has posters that its recipe does not look at, or more than ``most``."""
    if new.posters and not recipe_named(new.recipe).posters:
        raise UsageError(f"{new.recipe} looks at no posters", remedy="leave them out, or ask for cast")
    if len(new.posters) > most:
        raise UsageError(f"there are {len(new.posters)} posters, and {most} at most are looked at")


def check_count(count: int, most: int) -> None:
    """Raise ``UsageError`` where a result would have more pictures than one may."""
    if count > most:
        raise UsageError(f"the result would have {count} pictures, and may have {most}", remedy="ask for fewer frames")
