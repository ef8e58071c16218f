"""Where metrics are to be seen: a port that Prometheus asks, a file that a node exporter's textfile collector reads."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from stills.errors import OutputError, UsageError
from stills.files import atomic_write

INTERVAL_S = 15.0
"""Seconds between two writes of the file: how often Prometheus commonly asks."""

_WHY = {
    errno.EADDRINUSE: ("another program, or another run of stills, listens there", "name another --metrics-port"),
    errno.EACCES: ("that needs more rights", "name a --metrics-port above 1023"),
    errno.EADDRNOTAVAIL: ("this machine does not have that address", "correct jobs.metrics_address"),
}

_log = logging.getLogger(__name__)


def serve(registry: CollectorRegistry, port: int, address: str) -> Callable[[], None]:
    """Serve ``registry`` at ``http://address:port/metrics``; what ends it.

    Raises ``UsageError`` where it cannot be served there.
    """
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        why, remedy = _WHY.get(error.errno or 0, (error.strerror or str(error), "correct jobs.metrics_address"))
        raise UsageError(f"metrics cannot be served at {address} port {port}: {why}", remedy=remedy) from error
    _log.info("metrics are served at port %d of %s", port, address)

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return close


class MetricsFile:
    """Writes a registry to a file every few seconds, whole each time, and once more when it is closed."""

    def __init__(self, registry: CollectorRegistry, path: Path, *, interval: float = INTERVAL_S) -> None:
        """Write it for the first time, and from then on in a thread. Raises ``OutputError``."""
        self._registry = registry
        self._path = path.expanduser().absolute()  # the folder that we work in may change
        if self._path.suffix != ".prom":
            _log.warning("%s: a node exporter reads only files that end in .prom", self._path)
        self._failed = False
        self._write()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, args=(interval,), name="stills-metrics-file", daemon=True)
        self._thread.start()

    def _keep(self, interval: float) -> None:
        while not self._over.wait(interval):
            self._try()

    def _write(self) -> None:
        try:
            atomic_write(self._path, generate_latest(self._registry), durable=False)
        except OutputError as error:
            remedy = "name another --metrics-file"
            raise OutputError(f"metrics: {error.message}", path=error.path, remedy=remedy) from error

    def _try(self) -> None:
        """Write; that it does not work is said once, and the work goes on."""
        try:
            self._write()
        except OutputError as error:
            if not self._failed:
                _log.warning("%s; the work goes on without", error)
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """Write for the last time."""
        self._over.set()
        self._thread.join()
        self._try()
