"""Serving: what a graph may look like, what is refused, and what a worker does not load."""

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

import models
from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from models.labels.arrays import sign_definition
from models.registry.artefact import Artefact
from models.registry.manifest import Golden, Manifest
from models.serving import CHUNK, OnnxModel, OnnxSession, golden_sha256, load_model
from models.training.job import train_artefact
from models.training.learner import Learner
from tests.models.training.cases import LEARNERS, RULE, labelled, market, silent


def _graph(
    shape: list[int | str], nodes: list[onnx.NodeProto], out: list[int | str] | None = None
) -> bytes:
    """Return a graph from input ``x`` to output ``p``."""
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    answer = helper.make_tensor_value_info("p", TensorProto.FLOAT, out)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    graph = helper.make_graph(nodes, "g", [entry], [answer], initializer=[axes])
    opset = [helper.make_opsetid("", 15)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


FIRST = [
    helper.make_node("Sigmoid", ["x"], ["s"]),
    helper.make_node("Split", ["s"], ["p", "rest"], axis=1),
]
"""The sigmoid of the first half of two values."""


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


def _manifest(model_window: int, names: int, golden: tuple[Golden, ...] = ()) -> Manifest:
    return Manifest(
        kind="xgboost",
        window=model_window,
        feature_schema="schema-1",
        feature_names=tuple(f"feature_{at}" for at in range(names)),
        horizon_ns=MINUTE_NS,
        label={},
        data_first_ns=0,
        data_last_ns=1,
        data_sha256="",
        rows=1,
        symbols=("EURUSD",),
        code_version="",
        seeds={},
        params={},
        metrics={},
        calibration={},
        golden=golden,
        model_sha256="",
    )


def _trained(learner: Learner, folder: Path) -> Artefact:
    data = market(300)
    definition = sign_definition(RULE, after_costs=False)
    return train_artefact(data, labelled(data), definition, learner, folder, {}, silent)


@pytest.mark.parametrize("batch", ["n", 1])
def test_a_graph_answers_with_its_last_column(batch: int | str) -> None:
    """With a free batch, or one row at a time: one probability for each row."""
    session = OnnxSession(_graph([batch, 2], FIRST, [batch, 1]))
    assert (session.n_values, session.by_row) == (2, batch == 1)
    x = np.array([[0.0, 9.0], [1.0, 9.0], [-2.0, 9.0]])
    np.testing.assert_allclose(session.probabilities(x), _sigmoid(x[:, 0]), atol=1e-7)
    assert session.probability(x[1]) == session.probabilities(x)[1]
    assert session.probabilities(np.empty((0, 2))).shape == (0,)


def test_windows_may_be_given_flat_or_row_by_row() -> None:
    """Shape (n, window, features) and (n, window * features) are the same numbers."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Sigmoid", ["f"], ["s"]),
        helper.make_node("ReduceMax", ["s"], ["p"], axes=[1], keepdims=0),
    ]
    session = OnnxSession(_graph(["n", 3, 2], nodes, ["n"]))
    x = np.random.default_rng(1).normal(size=(7, 3, 2))
    x.flags.writeable = False
    found = session.probabilities(x)
    np.testing.assert_allclose(found, _sigmoid(x.max(axis=(1, 2))), atol=1e-7)
    assert session.probabilities(x.reshape(7, 6)).tobytes() == found.tobytes()


def test_a_graph_whose_batches_differ_is_asked_row_by_row() -> None:
    """Rows that are shifted by their batch's mean would depend on each other: alone they do not."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1),
        helper.make_node("Add", ["x", "m"], ["d"]),
        helper.make_node("Sigmoid", ["d"], ["s"]),
        helper.make_node("Split", ["s"], ["p", "rest"], axis=1),
    ]
    session = OnnxSession(_graph(["n", 2], nodes, ["n", 1]))
    assert session.by_row
    x = np.random.default_rng(1).normal(size=(9, 2))
    np.testing.assert_allclose(session.probabilities(x), _sigmoid(2 * x[:, 0]), atol=1e-6)


def test_answers_are_kept_in_their_bounds() -> None:
    """A runtime that rounds beyond 1 gives 1."""
    nodes = [helper.make_node("Split", ["x"], ["p", "rest"], axis=1)]
    session = OnnxSession(_graph(["n", 2], nodes, ["n", 1]))
    assert session.probabilities(np.array([[1.0000001, 0], [-1e-9, 0]])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "model",
    [
        b"no model at all",
        b"",
        _graph(["n", "m"], FIRST),
        _graph(["n"], [helper.make_node("Sigmoid", ["x"], ["p"])]),
        _graph(["n", 1, 1, 2], [helper.make_node("Sigmoid", ["x"], ["p"])]),
    ],
)
def test_bytes_that_are_no_such_graph_are_refused_in_one_line(model: bytes) -> None:
    """Whatever the runtime says, the caller gets one line."""
    with pytest.raises(Corrupt, match="no ONNX graph of a window of rows") as caught:
        OnnxSession(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(2,), (3, 3), (0, 3), (2, 1, 3), (1, 1, 1, 2)])
def test_windows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    """A mistake of the wiring stops the process."""
    session = OnnxSession(_graph(["n", 2], FIRST, ["n", 1]))
    with pytest.raises(BadUse, match="windows of shape"):
        session.probabilities(np.zeros(shape))
    model = OnnxModel("f" * 32, _manifest(1, 2), session)
    with pytest.raises(BadUse, match="1 rows of 2 features"):
        model.predict_windows(np.zeros(shape))


def test_a_graph_of_other_windows_than_its_manifest_says_is_refused() -> None:
    """Two values are one row of two, never two rows of two."""
    session = OnnxSession(_graph(["n", 2], FIRST, ["n", 1]))
    with pytest.raises(Corrupt, match="takes 2 values, its manifest says 2 rows of 2"):
        OnnxModel("f" * 32, _manifest(2, 2), session)


def test_more_windows_than_a_call_takes() -> None:
    """Parts are put together in order, with NaN where a window cannot be read."""
    model = OnnxModel("f" * 32, _manifest(1, 2), OnnxSession(_graph(["n", 2], FIRST, ["n", 1])))
    x = np.random.default_rng(1).normal(size=(2 * CHUNK + 5, 1, 2))
    x[[3, CHUNK, 2 * CHUNK + 4], 0, 1] = [np.nan, np.inf, 1e300]
    found = model.predict_windows(x)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, CHUNK, 2 * CHUNK + 4]
    kept = ~np.isnan(found)
    np.testing.assert_allclose(found[kept], _sigmoid(x[kept, 0, 0]), atol=1e-7)


def test_the_proof_is_the_hash_of_the_golden_answers() -> None:
    """It changes with any golden input, and not with what the manifest claims they answer."""
    session = OnnxSession(_graph(["n", 2], FIRST, ["n", 1]))
    golden = (Golden((0.0, 1.0), 0.5), Golden((1.0, 1.0), 0.7))
    manifest = _manifest(1, 2, golden)
    proof = OnnxModel("f" * 32, manifest, session).golden_sha256
    assert proof == golden_sha256(manifest, session)
    claimed = msgspec.structs.replace(golden[0], p=0.6)
    assert golden_sha256(_manifest(1, 2, (claimed, golden[1])), session) == proof
    other = Golden((0.1, 1.0), 0.5)
    assert golden_sha256(_manifest(1, 2, (other, golden[1])), session) != proof
    assert len(golden_sha256(_manifest(1, 2), session)) == 64


def test_all_but_training_can_be_imported_without_its_libraries() -> None:
    """Every module below `models` but those that train."""
    # River would load scikit-learn for its own sake: `models.online.river_import`.
    script = (
        "import importlib, pkgutil, sys\n"
        "import models\n"
        "for module in pkgutil.walk_packages(models.__path__, 'models.'):\n"
        "    trains = ('models.training', 'models.batch', 'models.sequence.lstm')\n"
        "    if not module.name.startswith(trains):\n"
        "        importlib.import_module(module.name)\n"
        "print(sorted({'sklearn', 'xgboost', 'jax', 'equinox', 'optax', 'onnx', "
        "'bytewax', 'confluent_kafka', 'clickhouse_connect', 'fastapi'} & set(sys.modules)))"
    )
    root = Path(models.__path__[0]).parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("kind", ["xgboost", "forest", "lstm"])
def test_a_worker_loads_no_training_library(kind: str, tmp_path: Path) -> None:
    """The trading dataflow and a model that answers need none of what trained it."""
    artefact = _trained(LEARNERS[kind], tmp_path)
    script = (
        "import sys; from pathlib import Path\n"
        "import numpy as np\n"
        "import dataflows.trading, models.prediction, models.serving\n"
        "model = models.serving.load_model(Path(sys.argv[1]), sys.argv[2])\n"
        "x = np.zeros((3, model.window, model.n_features))\n"
        "assert not np.isnan(model.predict_windows(x)).any()\n"
        "from models.labels.delayed import DelayedLabels\n"
        "from models.online.choice import OnlineChoice\n"
        "from models.online.drift import DriftConfig\n"
        "from models.online.forest import OnlineForest\n"
        "from models.online.logistic import OnlineLogistic\n"
        "from models.online.tree import OnlineTree\n"
        "read = ('s', tuple('abcdefgh'), DelayedLabels(1))\n"
        "members = {k.__name__: k(*read) for k in (OnlineTree, OnlineForest, OnlineLogistic)}\n"
        "online = OnlineChoice(members).build(None)\n"
        "online.learn(np.zeros(8), 1)\n"
        "OnlineChoice(members).build(online.snapshot())\n"
        "DriftConfig(((0, 'a'),), 2).build(None).on_error(1, 0.7)\n"
        "print(sorted({'sklearn', 'xgboost', 'jax', 'equinox', 'optax', 'onnx', 'onnxmltools', "
        "'skl2onnx', 'models.training'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), artefact.artefact_id],
        cwd=Path(models.__path__[0]).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_loaded_model_says_what_it_is(tmp_path: Path) -> None:
    """Slot, id, schema, horizon, window and gap are there before anything is asked."""
    artefact = _trained(LEARNERS["lstm"], tmp_path)
    model = load_model(tmp_path, artefact.artefact_id)
    assert (model.role, model.model_id) == ("lstm", artefact.artefact_id)
    assert (model.feature_schema, model.horizon_ns) == ("schema-1", MINUTE_NS)
    assert (model.window, model.n_features, model.max_gap_ns) == (
        4,
        5,
        artefact.manifest.params["max_gap_ns"],
    )
    with pytest.raises(BadUse, match="4 rows of 5 features"):
        model.predict(np.zeros(5))
    with pytest.raises(BadUse, match="no artefact"):
        load_model(tmp_path, "f" * 32)
