"""The options of ``stills batch``: its own, and those of every recipe that it can run, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from stills.cli import options, recipe_options
from stills.jobs.recipes import RECIPES

F = TypeVar("F", bound=Callable[..., Any])

RECIPE_NAMES = tuple(RECIPES)

_OWN = (
    options.option("--recipe", type=click.Choice(RECIPE_NAMES), default="cast", show_default=True,
                 help="What is asked of each film."),
    options.option("--start", "first", type=click.IntRange(min=0), metavar="I", show_default="0",
                 help="Position of the first film, counted from 0."),
    options.option("--stop", "last", type=click.IntRange(min=0), metavar="J", show_default="the end",
                 help="Position of the film before which to stop: rows I to J-1 are done."),
    options.option("--id-column", metavar="NAME", show_default="id", help="Column that names each film."),
    options.option("--trailer-column", metavar="NAME", show_default="trailer",
                 help="Column with the video: a path or an address."),
    options.option("--posters-column", metavar="NAME", show_default="posters", help="Column with the posters."),
    options.option("--pickle/--no-pickle", default=None, show_default="no-pickle",
                 help="Also write the tables as pickled lists of dictionaries."),
    options.option("--max-download", type=click.IntRange(min=1), metavar="MB", show_default="16384",
                 help="Largest file that is downloaded."),
    options.option("--download-timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", show_default="30",
                 help="Longest time without a byte of a download."),
)  # fmt: skip


def _of(decorate: Callable[[Any], Any]) -> list[click.Option]:
    """The options that a decorator gives to a command."""

    def nothing() -> None:
        """Carry them."""

    decorate(nothing)
    found: list[click.Option] = list(reversed(getattr(nothing, "__click_params__", [])))
    return found


_RECIPES: Mapping[str, Callable[[], list[click.Option]]] = {
    "cast": lambda: [*_of(recipe_options.cast_options), *_of(recipe_options.people_options)],
    "people": lambda: _of(recipe_options.people_options),
    "keyframes": lambda: [*_of(recipe_options.keyframes_options), *_of(recipe_options.sheet_option)],
    "thumbnails": lambda: [*_of(recipe_options.thumbnails_options), *_of(recipe_options.sheet_option)],
    "portrait": lambda: _of(recipe_options.portrait_options),
}


def all_recipe_options(command: F) -> F:
    """Decorate ``command`` with the options of a batch and of all its recipes; one that recipes share is there once."""
    found: dict[str, click.Option] = {}
    for recipe in RECIPE_NAMES:
        for option in _RECIPES[recipe]():
            found.setdefault(str(option.name), option)
    carried = getattr(command, "__click_params__", [])
    command.__click_params__ = [*carried, *reversed(found.values())]  # type: ignore[attr-defined]
    for own in reversed(_OWN):
        command = own(command)
    return command


def foreign_options(recipe: str, given: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Options that were given and that ``recipe`` does not have, each with the recipes that do."""
    names = {name: {str(o.name): o for o in _RECIPES[name]()} for name in RECIPE_NAMES}
    foreign = []
    for name, value in given.items():
        owners = [one for one in RECIPE_NAMES if name in names[one]]
        if value is not None and owners and recipe not in owners:
            foreign.append((names[owners[0]][name].opts[-1], owners))
    return foreign
