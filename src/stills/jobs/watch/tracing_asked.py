"""Whether the environment asks for traces, by OpenTelemetry's own variables. Nothing of OpenTelemetry is loaded."""

from __future__ import annotations

from collections.abc import Mapping

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def asked(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The exporters that traces are asked to go to, by name (``otlp``, ``console``, …).

    Those in ``OTEL_TRACES_EXPORTER``; without it, ``otlp`` where an endpoint is set: stills does not guess one.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    names = [name.strip().lower() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")]
    if any(names):
        return tuple(dict.fromkeys(name for name in names if name not in {"", "none"}))
    return ("otlp",) if any(environ.get(name, "").strip() for name in ENDPOINTS) else ()
