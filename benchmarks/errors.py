"""What can go wrong in a benchmark."""

from stills.errors import StillsError


class BenchmarkError(StillsError):
    """A measured program failed, or what is to be measured is not there."""

    code = "benchmark"
