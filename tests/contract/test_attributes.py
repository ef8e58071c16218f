"""What every attribute model has to do; a new one is a line in ``SESSIONS``.

Those whose weights can be had run on them, the others on graphs of the same inputs and outputs.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face_samples import FIVE, portrait
from stand_ins import linear_graph, session_of
from stills.index.schema import ATTRIBUTES, labels_of
from stills.models import open_session
from stills.vision import ATTRIBUTE_MODELS, make_attributes, make_landmarker
from stills.vision.attributes import FaceCrop

BOX = (170.0, 60.0, 100.0, 110.0)
STAND_INS = {
    "fairface": (224, {"race": 7, "gender": 2, "age": 9}),
    "genderage": (96, {"fc1": 3}),
    "affectnet": (112, {"emotion": 8}),
}
"""Side of the picture and widths of the outputs, by the catalog's names."""

STACKS = [(name, stack) for name, stacks in ATTRIBUTE_MODELS.items() for stack in stacks]


def session(name, folder):
    """The real one where its weights can be had."""
    if name not in STAND_INS:
        return open_session(name, device="cpu")
    side, outputs = STAND_INS[name]
    return session_of(linear_graph(side, outputs), folder)


@pytest.fixture(scope="module", params=STACKS, ids=lambda p: f"{p[0]}-{p[1].made.rpartition(':')[2]}")
def named(request, tmp_path_factory):
    name, stack = request.param
    sessions = [session(model, tmp_path_factory.mktemp(model)) for model in stack.models]
    return name, stack, make_attributes(stack, *sessions)


@pytest.fixture(scope="module")
def mesh():
    return make_landmarker(open_session("landmarks", device="cpu"), open_session("blendshapes", device="cpu")).fit(
        portrait(), FIVE
    )


def moved(scale: float, x: float = 0.0, y: float = 0.0, size: tuple[int, int] = (512, 512)) -> FaceCrop:
    """The portrait's face at another size and place of a picture of ``size``; it may leave the picture."""
    matrix = np.array([[scale, 0, x], [0, scale, y]], float)
    bgr = cv2.warpAffine(portrait(), matrix, size, flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    box = (BOX[0] * scale + x, BOX[1] * scale + y, BOX[2] * scale, BOX[3] * scale)
    return FaceCrop(np.asarray(bgr, np.uint8), box, (FIVE * scale + (x, y)).astype(np.float32))


def samples(mesh) -> list[FaceCrop]:
    """Faces as films have them: with a mesh and without, small and large, cut off by the picture's edges."""
    return [
        FaceCrop(portrait(), BOX, FIVE.astype(np.float32), mesh),
        moved(1.0),
        moved(0.1, 5, 5, (40, 40)),
        moved(6.0, -900, -300, (900, 700)),
        moved(1.0, -195, 0, (200, 200)),
        moved(1.0, 0, -105, (300, 100)),
        moved(0.5, 60, 50, (165, 100)),
        FaceCrop(np.zeros((120, 120, 3), np.uint8), (20, 15, 80, 90), moved(0.8, -136, -48).landmarks),
        FaceCrop(np.full((120, 120, 3), 255, np.uint8), (20, 15, 80, 90), moved(0.8, -136, -48).landmarks),
    ]


def test_gives_what_its_stack_says(named):
    _, stack, model = named
    assert tuple(model.gives) == stack.gives
    assert set(model.gives) <= set(ATTRIBUTES)


def test_values_are_of_their_kind(named, mesh):
    name, _, model = named
    faces = samples(mesh)
    values = model.measure(faces)
    assert set(values) >= set(model.gives)
    for attribute in model.gives:
        given = values[attribute]
        assert given.dtype == np.float32
        assert np.isfinite(given).all()
        if attribute == "age":
            assert given.shape == (len(faces), 2)
            assert (given[:, 1] > 0).all()
        else:
            assert given.shape == (len(faces), len(labels_of(name, attribute)))
            assert (given >= 0).all()
            np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-4)


def test_no_faces_give_no_values(named):
    name, _, model = named
    for attribute, given in model.measure([]).items():
        width = 2 if attribute == "age" else len(labels_of(name, attribute))
        assert given.shape == (0, width)


def test_the_same_faces_give_the_same_values(named, mesh):
    _, _, model = named
    faces = samples(mesh)
    first, again = model.measure(faces), model.measure(faces)
    for attribute in first:
        np.testing.assert_array_equal(first[attribute], again[attribute])


def test_a_batch_gives_what_single_faces_give(named, mesh):
    _, _, model = named
    faces = samples(mesh) * 2  # more than any model runs at once
    together = model.measure(faces)
    for n, face in enumerate(faces[: len(faces) // 2 + 1]):
        for attribute, alone in model.measure([face]).items():
            # bf16 sums in another order in other batches
            tolerance = 0.3 if attribute == "age" else 0.02
            np.testing.assert_allclose(together[attribute][n], alone[0], atol=tolerance)


def test_the_picture_is_left_as_it_is(named):
    _, _, model = named
    bgr = portrait().copy()
    bgr.setflags(write=False)
    model.measure([FaceCrop(bgr, BOX, FIVE.astype(np.float32))])
    assert np.array_equal(bgr, portrait())
