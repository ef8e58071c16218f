"""stills pulls the frames that matter out of video.

    >>> import stills
    >>> result = stills.people("film.mp4")  # scan (kept for the next question), select
    >>> result.save("out")  # render: pictures, people.json, report.html

This is all that a user imports; the rest of the package may change. Names are loaded when they are first used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stills._version import __version__

if TYPE_CHECKING:
    from stills.api.across import people_across
    from stills.api.cast import CastResult, cast
    from stills.api.faces import FacesResult, faces
    from stills.api.keyframes import KeyframesResult, keyframes
    from stills.api.people import PeopleResult, people
    from stills.api.portrait import PortraitResult, portrait
    from stills.api.shots import ShotsResult, shots
    from stills.api.stored import forget, render_report
    from stills.api.thumbnails import ThumbnailsResult, thumbnails
    from stills.api.videos import is_scanned, probe, scan
    from stills.cancel import CancelToken
    from stills.client import Client
    from stills.errors import StillsError
    from stills.index.index import Index
    from stills.jobs.batch import BatchResult, batch
    from stills.jobs.library.engine import library
    from stills.jobs.library.looking import LibraryStatus, library_failures, library_retry, library_status
    from stills.jobs.library.types import LibraryResult, VideoOutcome
    from stills.jobs.manifest import Manifest, ManifestError, read_manifest
    from stills.jobs.records import FilmOutcome
    from stills.scan.scanner import Scanner
    from stills.select.cast import CastOptions, select_cast
    from stills.select.keyframes import KeyframesOptions, select_keyframes
    from stills.select.people import PeopleOptions, select_people
    from stills.select.portrait import PortraitOptions, select_portrait
    from stills.select.thumbnails import ThumbnailsOptions, select_thumbnails
    from stills.settings import Settings, load_settings
    from stills.types import (
        Box,
        CastSelection,
        Estimate,
        FacesOfPicture,
        Fallback,
        FoundFace,
        KeyframesSelection,
        PeopleSelection,
        Person,
        Pick,
        Poster,
        PosterFace,
        Progress,
        ScanReport,
        Shot,
        ThumbnailsSelection,
        VideoInfo,
    )
    from stills.types_portrait import PortraitSelection, StepReport

_HOME = {
    "BatchResult": "jobs.batch",
    "CastOptions": "select.cast",
    "CastResult": "api.cast",
    "CancelToken": "cancel",
    "Client": "client",
    "FilmOutcome": "jobs.records",
    "FacesResult": "api.faces",
    "Index": "index.index",
    "KeyframesOptions": "select.keyframes",
    "KeyframesResult": "api.keyframes",
    "LibraryResult": "jobs.library.types",
    "LibraryStatus": "jobs.library.looking",
    "Manifest": "jobs.manifest",
    "ManifestError": "jobs.manifest",
    "PeopleOptions": "select.people",
    "PeopleResult": "api.people",
    "PortraitOptions": "select.portrait",
    "PortraitResult": "api.portrait",
    "PortraitSelection": "types_portrait",
    "Scanner": "scan.scanner",
    "Settings": "settings",
    "ShotsResult": "api.shots",
    "StepReport": "types_portrait",
    "StillsError": "errors",
    "ThumbnailsOptions": "select.thumbnails",
    "ThumbnailsResult": "api.thumbnails",
    "cast": "api.cast",
    "VideoOutcome": "jobs.library.types",
    "batch": "jobs.batch",
    "faces": "api.faces",
    "forget": "api.stored",
    "is_scanned": "api.videos",
    "keyframes": "api.keyframes",
    "library": "jobs.library.engine",
    "library_failures": "jobs.library.looking",
    "library_retry": "jobs.library.looking",
    "library_status": "jobs.library.looking",
    "load_settings": "settings",
    "people": "api.people",
    "people_across": "api.across",
    "portrait": "api.portrait",
    "probe": "api.videos",
    "read_manifest": "jobs.manifest",
    "render_report": "api.stored",
    "scan": "api.videos",
    "select_cast": "select.cast",
    "select_keyframes": "select.keyframes",
    "select_people": "select.people",
    "select_portrait": "select.portrait",
    "select_thumbnails": "select.thumbnails",
    "shots": "api.shots",
    "thumbnails": "api.thumbnails",
    **dict.fromkeys(
        (
            "Box",
            "CastSelection",
            "Estimate",
            "FacesOfPicture",
            "Fallback",
            "FoundFace",
            "KeyframesSelection",
            "PeopleSelection",
            "Person",
            "Pick",
            "Poster",
            "PosterFace",
            "Progress",
            "ScanReport",
            "Shot",
            "ThumbnailsSelection",
            "VideoInfo",
        ),
        "types",
    ),
}

__all__ = [
    "BatchResult",
    "Box",
    "CancelToken",
    "CastOptions",
    "CastResult",
    "CastSelection",
    "Client",
    "Estimate",
    "FacesOfPicture",
    "FacesResult",
    "Fallback",
    "FilmOutcome",
    "FoundFace",
    "Index",
    "KeyframesOptions",
    "KeyframesResult",
    "KeyframesSelection",
    "LibraryResult",
    "LibraryStatus",
    "Manifest",
    "ManifestError",
    "PeopleOptions",
    "PeopleResult",
    "PeopleSelection",
    "Person",
    "Pick",
    "PortraitOptions",
    "PortraitResult",
    "PortraitSelection",
    "Poster",
    "PosterFace",
    "Progress",
    "ScanReport",
    "Scanner",
    "Settings",
    "Shot",
    "ShotsResult",
    "StepReport",
    "StillsError",
    "ThumbnailsOptions",
    "ThumbnailsResult",
    "ThumbnailsSelection",
    "VideoInfo",
    "VideoOutcome",
    "__version__",
    "batch",
    "cast",
    "faces",
    "forget",
    "is_scanned",
    "keyframes",
    "library",
    "library_failures",
    "library_retry",
    "library_status",
    "load_settings",
    "people",
    "people_across",
    "portrait",
    "probe",
    "read_manifest",
    "render_report",
    "scan",
    "select_cast",
    "select_keyframes",
    "select_people",
    "select_portrait",
    "select_thumbnails",
    "shots",
    "thumbnails",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'stills' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"stills.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _ScanPackage(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        from stills.api.videos import scan as verb

        return verb(*args, **options)


class _Stills(ModuleType):
    """``stills.scan`` is a verb and a package: importing the package must not make the verb go away."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "scan" and type(value) is ModuleType:
            value.__class__ = _ScanPackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Stills
