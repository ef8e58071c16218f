"""What holds for all tests."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line has it; before NumPy is imported

from hypothesis import settings

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("stills", deadline=None)
settings.load_profile("stills")
