"""Weights and sessions: the only place that knows OpenVINO, ONNX Runtime, and where weights come from."""

from stills.models.catalog import DEFAULT_STACK
from stills.models.session import Placement, Session, open_session, place
from stills.models.store import model_hashes, model_path, models_dir

__all__ = [
    "DEFAULT_STACK",
    "Placement",
    "Session",
    "model_hashes",
    "model_path",
    "models_dir",
    "open_session",
    "place",
]
