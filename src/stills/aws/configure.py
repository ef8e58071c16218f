"""The settings of a Lambda function: those of the environment, and for what it leaves open what suits Lambda."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.errors import SettingsError
from stills.files import ensure_folder
from stills.scan.budget import cores
from stills.settings import change_settings, load_settings

if TYPE_CHECKING:
    from stills.settings_model import Settings
    from stills.types import Effort

MEMORY_VARIABLE = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
MODELS_VARIABLE = "STILLS_MODELS_DIR"

ROOM = Path("/tmp/stills")  # noqa: S108 - the one place that can be written; it is this function's alone
"""Where indexes are, and pictures on their way."""

MEMORY_SHARE = 0.68
"""Of the function's memory, what our processes may take: 1.46 GB of 2 GB. The rest is for the runtime, its client,
the store's, and files that the system keeps in memory."""

MB_EACH = 900
"""Memory of a function for each worker, in MiB: two at 2 GB."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The settings; the memory of the function in MiB, where it is known; the effort, where somebody has set it."""

    settings: Settings
    memory_mb: int | None
    effort: Effort | None


def configure(env: Mapping[str, str] | None = None, *, room: Path = ROOM) -> Configured:
    """The settings in force. Raises ``SettingsError``.

    Besides, models in a folder that cannot be written (an image, a mount) get one beside them for what is compiled.
    """
    env = os.environ if env is None else env
    given = load_settings(env=env)
    memory = _memory(env)
    defaults: dict[str, Any] = {
        "output.fit": "1080p",
        "scan.workers": max(1, min(cores(), (memory or 2 * MB_EACH) // MB_EACH)),
        "cache_dir": room,
    }
    if memory is not None:
        defaults["limits.max_memory"] = max(128, int(MEMORY_SHARE * memory * (1 << 20) / 1e6))
    options = {key: value for key, value in defaults.items() if not _is_given(given, key)}
    effort = given.scan.effort if _is_given(given, "scan.effort") else None
    settings = change_settings(given, **options)
    if not settings.aws.output_prefix.strip("/"):
        remedy = f"leave STILLS_AWS__OUTPUT_PREFIX out, or name a folder such as {type(given.aws)().output_prefix}"
        raise SettingsError("without a prefix the function would be called with its own outputs", remedy=remedy)
    return Configured(settings, memory, effort)


def place_models(settings: Settings, *, room: Path = ROOM) -> None:
    """Where the models cannot be written, have a folder in ``room`` that shows them and can. Raises ``OutputError``.

    The runtime compiles a graph for the processor that it meets, which takes a second, and keeps it for the next
    worker; in an image it could not. Sets ``STILLS_MODELS_DIR``, for this process and its workers.
    """
    models = settings.models_folder
    if os.access(models, os.W_OK) or not models.is_dir() or models.parent == room:
        return
    shown = ensure_folder(room / "models")
    for path in models.iterdir():
        if path.name != "compiled":
            with suppress(FileExistsError):  # an earlier call of this function
                (shown / path.name).symlink_to(path)
    os.environ[MODELS_VARIABLE] = str(shown)


def _is_given(settings: Settings, key: str) -> bool:
    """Whether a layer of the settings has ``key``, rather than its default being in force."""
    section, _, leaf = key.rpartition(".")
    return leaf in (getattr(settings, section) if section else settings).model_fields_set


def _memory(env: Mapping[str, str]) -> int | None:
    """The memory of the function in MiB, as Lambda says it."""
    text = env.get(MEMORY_VARIABLE, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        raise SettingsError(f"{MEMORY_VARIABLE} = {text!r}: this is no number of MiB", remedy="unset it outside Lambda")
    return int(text)
