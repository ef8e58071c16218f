"""Speed, memory and accuracy of stills, measured on whole processes: ``python -m benchmarks --help``."""
