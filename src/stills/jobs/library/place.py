"""The output folder of a library: on this machine, or the copy here of one behind an address."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stills.addresses import is_address, local_path
from stills.errors import OutputError
from stills.jobs.outputs import RemoteOutput, check_out, remote_output, staged
from stills.jobs.store import open_store

if TYPE_CHECKING:
    from stills.jobs.store import Store
    from stills.settings_model import Settings

_LOCKED_S = 10.0
"""How long to wait at a time for somebody who locks the database. A run tries again for longer, and says so; while it
waits here it hears no Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where results go: ``folder`` is on this machine; ``remote`` is what it is the copy of, if anything."""

    folder: Path
    remote: RemoteOutput | None
    identity: tuple[int, int]

    def check_there(self) -> None:
        """Raise ``OutputError`` where the folder was removed or replaced since the run began."""
        if _identity(self.folder) != self.identity:
            raise OutputError(
                "the output folder was removed or replaced while there was work",
                path=str(self.folder),
                remedy="leave it alone meanwhile, and run again",
            )

    def name(self, inside: str) -> Path | str:
        """Where a file in it is, for people: ``inside`` is its path from there."""
        return self.folder / inside if self.remote is None else f"{self.remote.name}/{inside}"


def open_place(out: str | os.PathLike[str], settings: Settings) -> Place:
    """The output folder ``out``, a path or an address, made where there is none.

    Raises ``OutputError`` where it cannot be written: now, before hours of work.
    """
    name = os.fspath(out)
    path = local_path(name) if is_address(name) else name
    folder = staged(name, settings.cache_folder) if path is None else Path(path)
    check_out(folder)
    return Place(folder, remote_output(folder), _identity(folder))


def open_state(place: Place, settings: Settings) -> Store:
    """The state of the library in ``place``.

    That of an output behind an address is kept with its copy on this machine, unless the settings name a database:
    then machines share it. Raises what :func:`stills.jobs.store.open_store` raises.
    """
    url = settings.jobs.database
    out: Path | str = place.folder if place.remote is None or url is None else place.remote.address
    return open_store(out, url, strict=settings.strict, busy_timeout_s=_LOCKED_S)


def _identity(folder: Path) -> tuple[int, int]:
    try:
        about = os.stat(folder)
    except OSError:
        return 0, 0
    return about.st_dev, about.st_ino
