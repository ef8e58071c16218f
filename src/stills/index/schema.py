"""The tables of an index: one row an analysed frame, a shot, a face. Columns may be added, never renamed or removed."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from stills.types import Attribute

FORMAT = 3
"""Version of the tables. An index of another version is scanned again."""

QUALITY_PARTS = ("size", "pose", "sharpness", "exposure", "eyes", "visible", "detector")
"""Names of the parts of a face's quality, in the order of their columns (see ``vision.quality``)."""

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Order of the probabilities in ``expression``."""

THUMB_SIZE = (64, 36)
"""Width and height of the tiny luma pictures in ``thumb``."""

ATTRIBUTES: tuple[Attribute, ...] = ("age", "gender", "ethnicity", "emotion")
"""Layers of which each is a property of a person, measured only where it is named."""

LABELS: Mapping[str, Mapping[Attribute, tuple[str, ...]]] = {
    "default": {
        "gender": ("female", "male"),
        "ethnicity": ("white", "black", "asian", "indian", "other"),
        "emotion": EMOTIONS,
    },
    "fairface": {
        "ethnicity": ("white", "black", "latino", "east asian", "southeast asian", "indian", "middle eastern"),
    },
}
"""Order of the probabilities in the columns of attributes, by the attributes model (``default`` for what is not here).
They are the labels of the data that the models learned from, not a claim about people."""


def labels_of(model: str, attribute: Attribute) -> tuple[str, ...]:
    """The labels of ``attribute`` as ``model`` (names with commas between them) gives them; none for the age."""
    own = (LABELS.get(name, {}).get(attribute) for name in (*model.split(","), "default"))
    return next((labels for labels in own if labels is not None), ())


FRAMES = pa.schema(
    [
        pa.field("pts", pa.int64(), nullable=False),
        pa.field("time", pa.float64(), nullable=False),  # seconds from the first frame shown
        pa.field("is_key", pa.bool_(), nullable=False),
        pa.field("analysed", pa.bool_(), nullable=False),  # whether faces were looked for
        pa.field("luma", pa.float32(), nullable=False),  # mean, 0…255
        pa.field("contrast", pa.float32(), nullable=False),  # standard deviation of the luma
        pa.field("change", pa.float32(), nullable=False),  # vision.transitions.distance to the frame before
        # The layer `signals`; null where it was not measured. Shares and degrees are 0…1.
        pa.field("in_transition", pa.bool_()),  # inside a dissolve or fade, or a blend at a cut
        pa.field("sharpness", pa.float32()),
        pa.field("noise", pa.float32()),  # standard deviation, grey levels
        pa.field("exposure", pa.float32()),  # 1: well exposed
        pa.field("shadows", pa.float32()),  # share of the picture that is clipped to black
        pa.field("highlights", pa.float32()),  # share that is clipped to white
        pa.field("colorfulness", pa.float32()),  # Hasler and Süsstrunk's M3; 0 for grey, over 60 for vivid pictures
        pa.field("motion", pa.float32()),  # mean flow against the frame before, picture widths per second
        pa.field("similarity", pa.float32()),  # SSIM with the frame before
        pa.field("histogram_change", pa.float32()),  # of luma and colour, against the frame before
        pa.field("local_change", pa.float32()),  # the largest change of any small part of the picture
        pa.field("novelty", pa.float32()),  # 1 - the largest similarity to any recent distinct frame
        pa.field("text", pa.float32()),  # share of the picture that looks like text
        pa.field("detail", pa.float32()),  # share of the picture that is not flat
        pa.field("flat", pa.bool_()),  # one colour, or nearly so
        pa.field("black", pa.bool_()),
        pa.field("flash", pa.bool_()),  # far brighter than the frames around it
        pa.field("bars", pa.list_(pa.float32(), 4)),  # letterbox: top, bottom, left, right, as shares of the picture
        pa.field("hash", pa.uint64()),  # perceptual hash
        pa.field("colors", pa.binary(64)),  # histogram over 4 × 4 × 4 RGB cells, square roots, the largest is 255
        pa.field("thumb", pa.binary()),  # THUMB_SIZE luma of a candidate, rows from the top; null elsewhere
        # The layer `expression`: mean over the frame's faces, weighted by size, so that nothing is kept of one person.
        pa.field("expression", pa.list_(pa.float32(), 7)),  # see EMOTIONS
    ]
)

SIGNALS = tuple(FRAMES.names[FRAMES.get_field_index("in_transition") : FRAMES.get_field_index("expression")])
"""Columns of ``frames`` that belong to the layer ``signals``."""

SHOTS = pa.schema(
    [
        pa.field("start", pa.float64(), nullable=False),
        pa.field("end", pa.float64(), nullable=False),
        pa.field("transition_in", pa.string(), nullable=False),
        pa.field("transition_start", pa.float64(), nullable=False),  # equal to start for a cut
        pa.field("transition_end", pa.float64(), nullable=False),
    ]
)

FACES = pa.schema(
    [
        pa.field("pts", pa.int64(), nullable=False),
        pa.field("time", pa.float64(), nullable=False),
        pa.field("x", pa.float32(), nullable=False),  # pixels of the upright frame
        pa.field("y", pa.float32(), nullable=False),
        pa.field("width", pa.float32(), nullable=False),
        pa.field("height", pa.float32(), nullable=False),
        pa.field("landmarks", pa.list_(pa.float32(), 10), nullable=False),  # x, y of the detector's five points
        pa.field("score", pa.float32(), nullable=False),  # of the detector, 0…1
        pa.field("track", pa.int32(), nullable=False),
        pa.field("in_transition", pa.bool_(), nullable=False),  # inside a dissolve or fade
        pa.field("quality", pa.float32(), nullable=False),  # 0…1; without the mesh's parts where not measured
        *(pa.field(f"quality_{name}", pa.float32()) for name in QUALITY_PARTS),
        pa.field("measured", pa.bool_(), nullable=False),  # whether the landmark mesh was fitted
        pa.field("presence", pa.float32()),  # the mesh's own confidence that this is a face, 0…1
        pa.field("yaw", pa.float32()),  # degrees, + to the person's left
        pa.field("pitch", pa.float32()),
        pa.field("roll", pa.float32()),
        pa.field("eyes_open", pa.float32()),
        pa.field("mouth_open", pa.float32()),
        pa.field("smile", pa.float32()),
        pa.field("person", pa.int32()),  # kept in place of the embeddings where those were dropped
        pa.field("embedding", pa.list_(pa.float32())),  # unit length; all of an index are equally long
        # The layers of attributes, each only where it was named and only of a track's best faces; calibrated.
        pa.field("age", pa.float32()),  # years, the expectation
        pa.field("age_spread", pa.float32()),  # years, standard deviation of what the network thinks possible
        pa.field("gender", pa.list_(pa.float32())),  # probabilities, see labels_of
        pa.field("ethnicity", pa.list_(pa.float32())),
        pa.field("emotion", pa.list_(pa.float32())),
    ]
)
