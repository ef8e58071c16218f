"""What a batch can ask of each film, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.errors import UsageError

if TYPE_CHECKING:
    from stills.api.results import Result
    from stills.cancel import CancelToken
    from stills.scan.scanner import Scanner
    from stills.settings import Settings
    from stills.types import Layer, ProgressCallback


@dataclass(frozen=True, slots=True)
class Work:
    """One film as a recipe gets it: files on this machine, and with what to work."""

    video: str
    posters: Sequence[str]
    settings: Settings
    scanner: Scanner
    on_progress: ProgressCallback | None
    cancel: CancelToken | None

    @property
    def shared(self) -> dict[str, Any]:
        """The arguments that all recipes take."""
        return {
            "settings": self.settings,
            "scanner": self.scanner,
            "on_progress": self.on_progress,
            "cancel": self.cancel,
        }


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe of :mod:`stills.api`. ``one`` and ``many`` are words for what it finds; settings are of its ``name``.

    ``check`` raises ``UsageError`` where settings contradict each other or this machine, before any film, and says what
    has to be measured. ``posters`` says whether it looks at them.
    """

    name: str
    one: str
    many: str
    ask: Callable[[Work], Result[Any]]
    found: Callable[[Result[Any]], int]
    check: Callable[[Settings], frozenset[Layer]]
    posters: bool = False


def _cast(work: Work) -> Result[Any]:
    from stills.api.cast import cast

    return cast(work.video, posters=work.posters, **work.shared)


def _people(work: Work) -> Result[Any]:
    from stills.api.people import people

    return people(work.video, **work.shared)


def _keyframes(work: Work) -> Result[Any]:
    from stills.api.keyframes import keyframes

    return keyframes(work.video, **work.shared)


def _thumbnails(work: Work) -> Result[Any]:
    from stills.api.thumbnails import thumbnails

    return thumbnails(work.video, **work.shared)


def _portrait(work: Work) -> Result[Any]:
    from stills.api.portrait import portrait

    return portrait(work.video, **work.shared)


def _cast_needs(settings: Settings) -> frozenset[Layer]:
    from stills.api.cast import cast_layers
    from stills.api.results import output_options

    output_options(settings)
    return cast_layers(settings.cast.attributes)


def _people_needs(settings: Settings) -> frozenset[Layer]:
    from stills.api.people import LAYERS
    from stills.api.results import output_options

    output_options(settings)
    return LAYERS


def _keyframes_needs(settings: Settings) -> frozenset[Layer]:
    from stills.api.keyframes import LAYERS, keyframes_options

    keyframes_options(settings)
    return frozenset() if settings.keyframes.plain else LAYERS


def _thumbnails_needs(settings: Settings) -> frozenset[Layer]:
    from stills.api.thumbnails import thumbnail_layers, thumbnails_options

    thumbnails_options(settings)
    return thumbnail_layers(settings)


def _portrait_needs(settings: Settings) -> frozenset[Layer]:
    from stills.api.portrait import LAYERS, portrait_options

    portrait_options(settings)
    return LAYERS


def _persons(result: Any) -> int:
    return len(result.people)


def _frames(result: Any) -> int:
    return len(result.frames)


def _frame(result: Any) -> int:
    return int(result.frame is not None)


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("cast", "person", "people", _cast, _persons, _cast_needs, posters=True),
        Recipe("people", "person", "people", _people, _persons, _people_needs),
        Recipe("keyframes", "key frame", "key frames", _keyframes, _frames, _keyframes_needs),
        Recipe("thumbnails", "thumbnail", "thumbnails", _thumbnails, _frames, _thumbnails_needs),
        Recipe("portrait", "portrait", "portraits", _portrait, _frame, _portrait_needs),
    )
}
"""All recipes of a batch; a new one is a line here."""


def recipe_named(name: str) -> Recipe:
    """The recipe called ``name``. Raises ``UsageError`` for others."""
    recipe = RECIPES.get(name)
    if recipe is None:
        raise UsageError(f"there is no recipe {name!r} for a batch", remedy=f"there are {', '.join(RECIPES)}")
    return recipe
