"""The command line: one thin file a command, all of it over :mod:`stills`' public API.

Only click is imported until a command runs, so that ``--help`` answers at once.
"""

from stills.cli.app import main

__all__ = ["main"]
