"""What a result depends on, as short keys: where one has changed, the result is made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stills.settings_model import Settings
    from stills.types import Layer

_SECTIONS: Mapping[str, tuple[str, ...]] = {"cast": ("people",)}
"""Recipes whose result depends on more than their own section."""

_SCAN = {"effort", "device", "precision", "detector", "embedder", "attributes_model", "segment_seconds"}
_LIMITS = {"max_pixels", "video_timeout"}
"""Of the scan and of the limits, those that change what comes out; the others only say how it is done."""


def settings_key(recipe: str, settings: Settings) -> str:
    """Key of all settings that results of ``recipe`` depend on.

    Only values other than the defaults count: a setting that a newer stills brings along changes no key.
    """
    values: dict[str, Any] = {
        "scan": settings.scan.model_dump(mode="json", include=_SCAN, exclude_defaults=True),
        "limits": settings.limits.model_dump(mode="json", include=_LIMITS, exclude_defaults=True),
        "strict": settings.strict,
        "embeddings": settings.embeddings,
    }
    for name in ("output", recipe, *_SECTIONS.get(recipe, ())):
        values[name] = getattr(settings, name).model_dump(mode="json", exclude_defaults=True)
    if recipe == "portrait":  # has an effort of its own
        values["scan"].pop("effort", None)
    return _digest(["settings", 1, recipe, values])


def models_key(layers: Collection[Layer], settings: Settings) -> str:
    """Key of the models (by their hashes) that measure ``layers``; empty where there are none.

    Raises ``DeviceError`` where they cannot run where the settings want them to.
    """
    if not layers:
        return ""
    from stills.models import model_hashes
    from stills.scan.needs import parameters_for
    from stills.scan.parameters import models_of, with_needs

    names = models_of(with_needs(layers), parameters_for(settings, settings.scan.effort))
    return _digest(["models", 1, dict(model_hashes(names))]) if names else ""


def _digest(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
