"""Every runtime fulfils the Session Protocol, and they agree with each other."""

import threading

import numpy as np
import pytest

from stills.errors import ModelError
from stills.models import Session, open_session

pytestmark = pytest.mark.slow

RUNTIMES = ["openvino", "onnxruntime"]
NAMES = ["yunet", "sface"]


def opened(name: str, runtime: str, **options) -> Session:
    pytest.importorskip(runtime)
    return open_session(name, device="cpu", runtime=runtime, **options)


def example(session: Session, batch: int = 1, seed: int = 5) -> dict[str, np.ndarray]:
    """Random input; free sizes but the batch are 64."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in session.inputs.items():
        made[name] = rng.uniform(0, 255, [batch if i == 0 else 64 if n < 0 else n for i, n in enumerate(shape)])
    return {name: array.astype(np.float32) for name, array in made.items()}


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    return request.param


@pytest.fixture(params=NAMES)
def session(request, runtime):
    return opened(request.param, runtime)


def test_fulfils_the_protocol(session, runtime):
    assert isinstance(session, Session)
    assert (session.runtime, session.device) == (runtime, "cpu")
    assert session.precision in {"f32", "bf16"}


def test_run_gives_every_output_by_name(session):
    results = session.run(example(session))
    assert tuple(results) == session.outputs
    assert all(np.isfinite(array).all() for array in results.values())


def test_results_are_the_callers_own(session):
    first = session.run(example(session))
    kept = {name: array.copy() for name, array in first.items()}
    session.run(example(session, seed=6))
    for name, array in first.items():
        np.testing.assert_array_equal(array, kept[name])
        array[...] = 0  # writable


def test_a_batch_gives_what_single_runs_give(session):
    batch = example(session, 3)
    together = session.run(batch)
    for i in range(3):
        alone = session.run({name: array[i : i + 1] for name, array in batch.items()})
        for name, array in together.items():
            scale = max(1.0, float(np.abs(array).max()))
            np.testing.assert_allclose(array[i], alone[name][0], atol=0.02 * scale)


def test_threads_take_turns(session):
    inputs = [example(session, seed=s) for s in range(4)]
    alone = [session.run(x) for x in inputs]
    found: list = [None] * 4

    def work(i):
        for _ in range(5):
            found[i] = session.run(inputs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for one, other in zip(alone, found, strict=True):
        for name, array in one.items():
            np.testing.assert_allclose(other[name], array, rtol=1e-4, atol=1e-4)


WRONG = {
    "nothing": lambda given: {},
    "other name": lambda given: {"nonsense": next(iter(given.values()))},
    "one too many": lambda given: {**given, "nonsense": next(iter(given.values()))},
    "float64": lambda given: {name: array.astype(np.float64) for name, array in given.items()},
    "rank": lambda given: {name: array[0] for name, array in given.items()},
    "channels": lambda given: {name: array[:, :2] for name, array in given.items()},
    "empty": lambda given: {name: array[:0] for name, array in given.items()},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_input_is_a_model_error(session, wrong):
    given = example(session)
    with pytest.raises(ModelError, match="input"):
        session.run(wrong(given))
    before = session.run(given)
    with pytest.raises(ModelError, match="input"):
        session.run(wrong(given))
    for name, array in session.run(given).items():
        np.testing.assert_allclose(array, before[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_runtimes_agree_in_f32(name):
    one, other = (opened(name, runtime, precision="f32") for runtime in RUNTIMES)
    assert one.precision == other.precision == "f32"
    assert (one.inputs, one.outputs) == (other.inputs, other.outputs)
    given = example(one, 2)
    results = one.run(given)
    for key, array in other.run(given).items():
        np.testing.assert_allclose(results[key], array, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["landmarks", "blendshapes", "age", "gender", "emotion"])
def test_the_other_graphs_of_the_catalog_run(name):
    session = open_session(name, device="cpu")
    results = session.run(example(session))
    assert tuple(results) == session.outputs
    assert all(np.isfinite(array).all() for array in results.values())
