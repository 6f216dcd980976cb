"""Small models written by hand, and the manifests that go with them: no training needed."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from domain.deployments import Slot
from domain.nanos import HOUR_NS, MINUTE_NS
from models.registry.artefact import Artefact, Session, save, sha256
from models.registry.manifest import Golden, Manifest
from models.registry.report import GateResult, Report, write_report
from models.registry.store import ModelStore

SCHEMA = "schema-1"
HORIZON_NS = MINUTE_NS
START_NS = 1_400_000_000 * 1_000_000_000
NAMES = ("first", "second", "third")


def logistic(
    weights: NDArray[np.float64], window: int = 1, extra: list[Any] | None = None
) -> bytes:
    """Write ``1 / (1 + exp(-w.x))`` over all values of a window as an ONNX graph."""
    width = weights.size // window
    shape: list[str | int] = ["n", width] if window == 1 else ["n", window, width]
    column = weights.reshape(-1, 1).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
        *(extra or []),
    ]
    graph = helper.make_graph(
        nodes,
        "aifx",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(column, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def manifest_of(model: bytes, window: int = 1, kind: Slot = "xgboost", **fields: Any) -> Manifest:
    """Return a manifest that fits a model of `logistic`."""
    session = Session(model)
    names = fields.get("feature_names", NAMES)
    rows = np.random.default_rng(3).normal(size=(4, window * len(names)))
    golden = tuple(Golden(tuple(row.tolist()), session.probability(row)) for row in rows)
    made = Manifest(
        kind=kind,
        window=window,
        feature_schema=SCHEMA,
        feature_names=NAMES,
        horizon_ns=HORIZON_NS,
        label={"rule": "sign", "horizon_ns": HORIZON_NS, "id": "label-1"},
        data_first_ns=START_NS,
        data_last_ns=START_NS + HOUR_NS,
        data_sha256="0" * 64,
        rows=60,
        symbols=("EURUSD",),
        code_version="code=1",
        seeds={"fit": 7},
        params={},
        metrics={"parity": {"max_difference": 1e-7, "rows": 10_000}},
        calibration={"method": "none"},
        golden=golden,
        model_sha256=sha256(model),
    )
    return msgspec.structs.replace(made, **fields)


def made(
    store: Path | ModelStore, number: int = 0, kind: Slot = "xgboost", **fields: Any
) -> Artefact:
    """Save the artefact of a number: another number is another model, of an hour more data."""
    model = logistic(np.array([1.0 + number, -0.5, 0.25]))
    fields.setdefault("data_last_ns", START_NS + (1 + number) * HOUR_NS)
    return save(store, manifest_of(model, kind=kind, **fields), model)


def passed_report(store: Path | ModelStore, artefact_id: str, *, ok: bool = True) -> str:
    """Write a report of one gate, and return its digest."""
    gate = GateResult("golden", ok, "as it was" if ok else "it differs")
    return write_report(store, Report(artefact_id, "", (gate,), {}))
