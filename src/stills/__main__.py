"""``python -m stills`` is ``stills``."""

import sys

from stills.cli import main

if __name__ == "__main__":
    sys.exit(main())
