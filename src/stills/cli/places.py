"""Where videos come from and results go, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stills.addresses import is_address, local_path
from stills.cli.inputs import SEARCH


def note_search(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep how to search until the inputs are looked for: commands have nothing else to do with it."""
    context.find_root().meta.setdefault(SEARCH, {})[parameter.name] = value


class OutFolder(click.Path):
    """A folder, or an address; for that, the folder that stands for it on this machine."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The folder as a path."""
        if isinstance(value, str) and is_address(value):
            if (path := local_path(value)) is not None:
                return Path(path)
            from stills.jobs.outputs import staged
            from stills.settings import load_settings

            return staged(value, load_settings().cache_folder)
        return super().convert(value, param, ctx)
