"""Probing and scanning: what a video is, and what is measured of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stills.api.results import PathLike, scanner_for
from stills.errors import UsageError
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import Layer, ProgressCallback, VideoInfo

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.scan.scanner import Scanner
    from stills.settings import Settings


def probe(video: PathLike) -> VideoInfo:
    """What ``video`` is: display size, duration, frame rate, codec, HDR. Decodes a frame at most.

    Untrusted files are probed in a child process. Raises ``InputError`` and its children.
    """
    from stills.scan.scanner import Scanner

    with Scanner(load_settings()) as scanner:
        return scanner.probe(os.fspath(video))


def scan(
    video: PathLike,
    *,
    layers: Iterable[Layer] = ("faces",),
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> Index:
    """Measure ``video``, or find what was measured of it before.

    Args:
        video: A file, or an address (``https://…``; ``s3://…`` and the like with the extra ``stills[remote]``).
        layers: What to measure: ``"shots"``, ``"signals"`` (for key frames, has the shots too), ``"faces"`` (for
            people; thumbnails need both), ``"expression"`` (has the faces too).
        settings: All settings; by default those of the environment.
        scanner: Worker processes to use; by default some of its own, ended with the call.
        on_progress: Called with a :class:`~stills.types.Progress` some ten times a second.
        cancel: Cancels the call from another thread.
        **options: Single settings by name, such as ``effort="fast"``.

    Raises:
        InputError: The file is missing, or there is no video in it (``NotAVideoError``, ``CorruptVideoError``).
        SettingsError: An option is unknown or has a value that is not allowed.
        ModelError: A model cannot be had.
        MemoryLimitError: ``max_memory`` is too little for this video.
        CancelledError: ``cancel`` was used.
    """
    chosen = change_settings(settings or load_settings(), **options)
    with scanner_for(scanner, chosen) as work:
        return work.scan(os.fspath(video), layers=layers, on_progress=on_progress, cancel=cancel)


def is_scanned(
    video: PathLike,
    *,
    layers: Iterable[Layer] = ("faces",),
    quick: bool = False,
    settings: Settings | None = None,
    **options: Any,
) -> bool:
    """Whether :func:`scan` would answer from the index. Raises ``InputError`` where the file cannot be read."""
    from stills.media.source import content_id, is_remote
    from stills.scan.scanner import Scanner

    chosen = change_settings(settings or load_settings(), **options)
    return Scanner(chosen).find(content_id(video), layers, quick=quick, remote=is_remote(video)) is not None


def index_of(
    video: PathLike | Index,
    layers: Iterable[Layer],
    settings: Settings,
    *,
    scanner: Scanner | None,
    on_progress: ProgressCallback | None,
    cancel: CancelToken | None,
    quick: bool = False,
) -> Index:
    """The index to select from: the one given, if it has ``layers``, else that of the file.

    With ``quick``, the effort ``fast`` looks at key frames only. Raises ``UsageError`` where a given index lacks a
    layer, and what :func:`scan` raises.
    """
    if not isinstance(video, Index):
        with scanner_for(scanner, settings) as work:
            return work.scan(os.fspath(video), layers=layers, quick=quick, on_progress=on_progress, cancel=cancel)
    if missing := sorted(set(layers) - video.layers):
        names = ", ".join(f'"{layer}"' for layer in sorted({*layers, *video.layers}))
        raise UsageError(
            f"the index has no {' and no '.join(missing)}",
            path=video.video.path,
            remedy=f"scan the video with layers={{{names}}}",
        )
    return video
