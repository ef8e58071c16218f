"""Weights and sessions: the only place that knows OpenVINO, ONNX Runtime, and where weights come from."""

from stills.models.session import Session, open_session

__all__ = ["Session", "open_session"]
