"""The command line: one thin file a command, all of it over :mod:`stills`' public API.

Only click is imported until a command runs, so that ``--help`` answers at once.
"""

import os

from stills.cli.app import main

# NumPy's OpenBLAS would start a thread for each core, which wait for each other in busy loops; workers have the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__all__ = ["main"]
