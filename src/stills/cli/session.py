"""What a command works with: settings, events and logging, made from its options."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.errors import UsageError

if TYPE_CHECKING:
    from stills.cli.events import Events
    from stills.settings import Settings


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with: the settings in force, and how it talks."""

    settings: Settings
    events: Events
    quiet: bool


def talk(json_events: bool, quiet: bool, log_level: str, log_format: str, log_file: Path | None) -> Events:
    """Set up logging and events from the options of ``talk_options``."""
    from stills.cli.events import Events
    from stills.log import setup_logging

    setup_logging(log_level, form="json" if log_format == "json" else "text", file=log_file)
    return Events(enabled=json_events)


def start(
    *,
    json_events: bool,
    quiet: bool,
    log_level: str,
    log_format: str,
    log_file: Path | None,
    config: Path | None = None,
    gpu: bool | None = None,
    section: str | None = None,
    **options: Any,
) -> Session:
    """Logging, events and settings from a command's options; those that are ``None`` were not given.

    ``section`` is the recipe whose settings short names mean first.

    Raises:
        SettingsError: A setting of any layer is unknown or not allowed.
        UsageError: Flags contradict each other.
    """
    events = talk(json_events, quiet, log_level, log_format, log_file)
    # Arrow's own allocator keeps what it was given: this process is a fifth smaller with the system's.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    given = {name: value for name, value in options.items() if value is not None}
    if gpu:
        if given.get("device", "cuda") != "cuda":
            raise UsageError(f"--gpu and --device {given['device']} contradict each other")
        given["device"] = "cuda"
    from stills.settings import load_settings

    settings = load_settings(config, options=given, section=section)
    _check_stacks(settings)
    # Worker processes and the model store find the folders where a user would set them: in the environment.
    for name, folder in (("STILLS_MODELS_DIR", settings.models_dir), ("STILLS_CACHE_DIR", settings.cache_dir)):
        if folder is not None:
            os.environ[name] = str(folder.expanduser())
    return Session(settings, events, quiet)


def _check_stacks(settings: Settings) -> None:
    """See before anything starts that the models named are there. Raises ``UsageError``."""
    from stills.vision import attribute_stacks, stack_of

    stack_of("detector", settings.scan.detector)
    stack_of("embedder", settings.scan.embedder)
    attribute_stacks(settings.scan.attributes_model, ())
