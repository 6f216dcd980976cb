"""The contract that every model keeps, whatever it is made of."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import models
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.registry.artefact import Artefact, save, sha256
from models.batch.onnx_model import OnnxModel
from models.contract import Features, Model
from models.labels.delayed import DelayedLabels
from models.online.logistic import OnlineLogistic, OnlineLogisticModel
from models.training.dataset import TrainingData
from models.training.xgboost_trainer import XgboostParams, train

N_FEATURES = 5
CONFIG = OnlineLogistic(
    "schema-1",
    tuple(f"feature_{i}" for i in range(N_FEATURES)),
    DelayedLabels(MINUTE_NS),
    min_labels=20,
)
MakeData = Callable[..., TrainingData]
VECTORS = np.random.default_rng(3).normal(size=(200, N_FEATURES))


@dataclass(frozen=True)
class Subject:
    """A kind of model: how to make a ready one, and how to store and load it."""

    type_: type
    make: Callable[[], Model]
    reload: Callable[[Model], Model]


def _taught() -> OnlineLogisticModel:
    model = CONFIG.build(None)
    for x in VECTORS[:100]:
        model.learn(x, int(x[0] > 0))
    return model


def _reload_online(model: Model) -> Model:
    assert isinstance(model, OnlineLogisticModel)
    return CONFIG.build(json.loads(json.dumps(model.snapshot())))


@pytest.fixture(params=["online", "batch"])
def subject(request: pytest.FixtureRequest, trained: tuple[Path, Artefact]) -> Subject:
    """Every kind of model in turn."""
    models_dir, artefact = trained
    if request.param == "online":
        return Subject(OnlineLogisticModel, _taught, _reload_online)
    return Subject(
        OnnxModel,
        lambda: OnnxModel.load(models_dir, artefact.artefact_id),
        lambda model: OnnxModel.load(models_dir, model.model_id),
    )


def _answers(model: Model) -> list[float | None]:
    return [model.predict(x) for x in VECTORS]


def test_every_model_of_the_room_is_under_contract() -> None:
    """A new class with a role must join the suite."""
    found = {
        kind
        for module in pkgutil.iter_modules(models.__path__)
        if not module.ispkg
        for kind in vars(importlib.import_module(f"models.{module.name}")).values()
        if inspect.isclass(kind) and hasattr(kind, "predict") and kind.__name__.endswith("Model")
        if not getattr(kind, "_is_protocol", False)
    }
    assert found == {OnlineLogisticModel, OnnxModel}


def test_says_what_it_is(subject: Subject) -> None:
    """Role, identity, schema and horizon are there before anything is asked."""
    model = subject.make()
    assert isinstance(model, subject.type_)
    assert model.role in {"online", "batch"}
    assert len(model.model_id) == 32
    assert model.feature_schema == "schema-1"
    assert model.horizon_ns == MINUTE_NS


def test_answers_with_probabilities(subject: Subject) -> None:
    """Every answer of a ready model lies in [0, 1], also far from anything it has seen."""
    model = subject.make()
    for x in [*VECTORS, np.full(N_FEATURES, 1e30), np.full(N_FEATURES, -1e30)]:
        p_up = model.predict(x)
        assert p_up is not None
        assert 0.0 <= p_up <= 1.0


def test_survives_its_own_save_and_load(subject: Subject) -> None:
    """A reloaded model has the same identity and gives the same answers to the bit."""
    model = subject.make()
    again = subject.reload(model)
    assert again.model_id == model.model_id
    assert _answers(again) == _answers(model)


def test_is_repeatable(subject: Subject) -> None:
    """Two models made alike answer alike, and asking changes nothing."""
    model = subject.make()
    first = _answers(model)
    assert _answers(model) == first
    assert _answers(subject.make()) == first


def test_does_not_change_the_vector(subject: Subject) -> None:
    """A model may be given a view of somebody else's memory."""
    x = VECTORS[0].copy()
    x.flags.writeable = False
    subject.make().predict(x)
    assert x.tolist() == VECTORS[0].tolist()


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 1e300])
def test_is_not_ready_for_what_it_cannot_read(subject: Subject, hole: float) -> None:
    """A value that is not finite in float32 gives None, never a number."""
    x: Features = VECTORS[0].copy()
    x[2] = hole
    assert subject.make().predict(x) is None


@pytest.mark.parametrize("length", [0, N_FEATURES - 1, N_FEATURES + 1])
def test_refuses_another_length(subject: Subject, length: int) -> None:
    """A vector of another schema is a mistake of the wiring and stops the process."""
    with pytest.raises(BadUse, match="shape"):
        subject.make().predict(np.zeros(length))


def _of_one_row(artefact: Artefact, models_dir: Path) -> Artefact:
    """Save the same model as a graph that takes one row at a time."""
    graph = onnx.load(artefact.path / "model.onnx")
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    raw = graph.SerializeToString()
    manifest = msgspec.structs.replace(artefact.manifest, model_sha256=sha256(raw))
    return save(models_dir, manifest, raw)


@pytest.fixture(scope="module", params=["20 trees", "300 trees", "one row a call"])
def batch(
    request: pytest.FixtureRequest,
    trained: tuple[Path, Artefact],
    market: MakeData,
    tmp_path_factory: pytest.TempPathFactory,
) -> OnnxModel:
    """Load trained artefacts: few trees, many, and a graph of a fixed length."""
    models_dir, artefact = trained
    if request.param != "20 trees":
        models_dir = tmp_path_factory.mktemp("others")
    if request.param == "300 trees":
        params = XgboostParams(trees=300, depth=4)
        artefact = train(market(800, 1.0), params, MINUTE_NS, models_dir, say=lambda _: None)
    elif request.param == "one row a call":
        artefact = _of_one_row(artefact, models_dir)
    return OnnxModel.load(models_dir, artefact.artefact_id)


def _alone(model: OnnxModel, rows: NDArray[np.float64]) -> bytes:
    answers = [np.nan if (p := model.predict(x)) is None else p for x in rows]
    return np.array(answers, dtype=np.float64).tobytes()


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 500),
    seed=st.integers(0, 2**32 - 1),
    holes=st.sampled_from([0.0, 0.05, 0.9]),
    scale=st.sampled_from([1.0, 1e-6, 1e30]),
)
def test_a_row_is_answered_as_if_it_were_alone(
    batch: OnnxModel, size: int, seed: int, holes: float, scale: float
) -> None:
    """To the bit, in a batch of any length and order, also between rows that cannot be read."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, N_FEATURES)) * scale
    unreadable = rng.choice([np.nan, np.inf, -np.inf, 1e300], rows.shape)
    rows = np.where(rng.random(rows.shape) < holes / N_FEATURES, unreadable, rows)
    given_rows = rows.copy()
    wanted = _alone(batch, rows)
    found = batch.predict_rows(rows)
    assert found.tobytes() == wanted
    assert (np.isnan(found) == ~(np.abs(rows) < 1e31).all(axis=1)).all()
    order = rng.permutation(size)
    assert batch.predict_rows(rows[order]).tobytes() == found[order].tobytes()
    assert rows.tobytes() == given_rows.tobytes()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 499, 500])
def test_batch_lengths_at_which_a_runtime_changes_its_way(batch: OnnxModel, size: int) -> None:
    """Runtimes choose other loops from some length on: the bits stay those of single rows."""
    rows = np.random.default_rng(size).normal(size=(size, N_FEATURES))
    assert batch.predict_rows(rows).tobytes() == _alone(batch, rows)


def test_a_batch_may_be_a_view(batch: OnnxModel) -> None:
    """Columns of a wider array, every other row, read only: the answers are the same."""
    wide = np.random.default_rng(9).normal(size=(40, N_FEATURES + 2))
    wide.flags.writeable = False
    view = wide[::2, 1:-1]
    assert batch.predict_rows(view).tobytes() == _alone(batch, view.copy())


def test_no_rows_have_no_answers(batch: OnnxModel) -> None:
    """Neither an empty batch, nor one of unreadable rows, asks the runtime."""
    assert batch.predict_rows(np.empty((0, N_FEATURES))).shape == (0,)
    assert np.isnan(batch.predict_rows(np.full((3, N_FEATURES), np.nan))).all()


@pytest.mark.parametrize("shape", [(N_FEATURES,), (3, N_FEATURES - 1), (0, 0), (1, 1, N_FEATURES)])
def test_refuses_rows_of_another_shape(batch: OnnxModel, shape: tuple[int, ...]) -> None:
    """As it refuses one vector of another length."""
    with pytest.raises(BadUse, match="rows of shape"):
        batch.predict_rows(np.zeros(shape))


def test_workers_do_not_load_training_libraries() -> None:
    """Everything but `models.training` can be imported where no training library is."""
    rooms = ["artefact", "batch", "contract", "ensemble", "evaluation", "labels", "online"]
    # Scikit-learn is not in the list: River loads it for its own sake wherever it is installed.
    script = (
        "import importlib, sys\n"
        f"for name in {[*rooms, 'promotion']!r}: importlib.import_module('models.' + name)\n"
        "print(sorted({'xgboost', 'onnx', 'onnxmltools', 'bytewax', "
        "'confluent_kafka', 'clickhouse_connect', 'fastapi'} & set(sys.modules)))"
    )
    root = Path(models.__path__[0]).parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
