"""OpenVINO, imported so that it does not report usage over the network.

Where ``openvino-telemetry`` is installed (``pip install openvino`` brings it), ``import openvino`` starts a thread and
a process that send an event, with no environment variable to opt out. Its own stub takes over where that package cannot
be imported, so for the time of the import it cannot. The thread would also forbid forking workers after the import.

Import this module instead of ``openvino`` first; it is also what workers' fork servers preload.
"""

from __future__ import annotations

import sys

_TELEMETRY = "openvino_telemetry"

if "openvino" not in sys.modules and _TELEMETRY not in sys.modules:
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import openvino
    finally:
        del sys.modules[_TELEMETRY]
else:
    import openvino  # the user has it already, and decided for it

__all__ = ["openvino"]
