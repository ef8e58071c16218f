"""Speed, memory and accuracy of stills, measured on whole processes: ``python -m benchmarks --help``."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line has it; before NumPy is imported
