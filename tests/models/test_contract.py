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

import numpy as np
import pytest

import models
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.artefact import Artefact
from models.batch import OnnxModel
from models.contract import Features, Model
from models.labels import DelayedLabels
from models.online import OnlineLogistic, OnlineLogisticModel

N_FEATURES = 5
CONFIG = OnlineLogistic(
    "schema-1",
    tuple(f"feature_{i}" for i in range(N_FEATURES)),
    DelayedLabels(MINUTE_NS),
    min_labels=20,
)
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
