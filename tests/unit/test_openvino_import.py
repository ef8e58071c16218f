"""Importing OpenVINO through stills tells nobody, and leaves no thread behind."""

import subprocess
import sys

CODE = """
import sys, threading
from stills.models.openvino_import import openvino
assert openvino.Core
print(threading.active_count(), [name for name in sys.modules if "telemetry" in name and "stub" not in name])
"""


def test_no_thread_and_no_telemetry():
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    count, modules = found.split(maxsplit=1)
    assert count == "1"
    assert "openvino_telemetry" not in modules
