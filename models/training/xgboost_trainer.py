"""Train gradient-boosted trees [1]_, tested walk-forward, and write them as an ONNX artefact.

References
----------
.. [1] T. Chen and C. Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016.
"""

from dataclasses import asdict, dataclass
from hashlib import sha256 as _sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from domain.errors import BadUse, Halt
from models.registry.artefact import Artefact, Golden, Manifest, Session, save, sha256
from models.labels.delayed import DEFAULT_TOLERANCE_NS, DelayedLabels
from models.training.dataset import LabelledRows, TrainingData
from models.training.walk_forward import MIN_FOLDS, Rows, Say, evaluate, folds

EXPORT_TOLERANCE = 1e-5
"""Largest difference between XGBoost and its ONNX copy on any training row (measured: 3e-7)."""

GOLDEN_ROWS = 8
"""Vectors spread over the data whose answers the artefact must give again."""

_OPSET = 15
_LIBRARIES = ("numpy", "onnx", "onnxmltools", "onnxruntime", "xgboost-cpu")
_CODE = (
    "contract.py",
    "evaluation/accuracy.py",
    "labels/delayed.py",
    "registry/artefact.py",
    "training/dataset.py",
    "training/walk_forward.py",
    "training/xgboost_trainer.py",
)
"""What decides the bytes of an artefact, below ``models/``."""


@dataclass(frozen=True, slots=True)
class XgboostParams:
    """How to train.

    Parameters
    ----------
    trees, depth
        Size of the model (> 0). Small by default: the signal in a minute bar is weak.
    learning_rate
        Shrinkage of each tree, in (0, 1].
    subsample, column_share
        Share of rows and of features that each tree sees, in (0, 1].
    min_child_weight
        Smallest sum of hessians in a leaf; near p = 0.5 that is four rows each.
    l2
        Penalty on leaf values (>= 0).
    seed
        Seed of the row and column draws.
    folds
        Walk-forward folds (>= 3).
    embargo_ns
        Distance between the last training label and the test (>= 0); None takes the horizon.
    tolerance_ns
        As in `models.labels.delayed.DelayedLabels`.
    min_rows
        Labelled rows below which training refuses (> 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    trees: int = 80
    depth: int = 3
    learning_rate: float = 0.05
    subsample: float = 0.8
    column_share: float = 0.8
    min_child_weight: float = 20.0
    l2: float = 1.0
    seed: int = 7
    folds: int = 4
    embargo_ns: int | None = None
    tolerance_ns: int = DEFAULT_TOLERANCE_NS
    min_rows: int = 500

    def __post_init__(self) -> None:
        shares = (self.learning_rate, self.subsample, self.column_share)
        floors = (self.min_child_weight, self.l2, self.embargo_ns or 0, self.tolerance_ns)
        if (
            min(self.trees, self.depth, self.min_rows) < 1
            or not all(0 < share <= 1 for share in shares)
            or not all(floor >= 0 for floor in floors)
            or self.folds < MIN_FOLDS
        ):
            msg = f"a training parameter is out of its bounds: {self}"
            raise BadUse(msg)


def train(
    data: TrainingData,
    params: XgboostParams,
    horizon_ns: int,
    models_dir: Path,
    say: Say = print,
) -> Artefact:
    """Evaluate walk-forward, fit on all rows, write the artefact.

    Parameters
    ----------
    horizon_ns
        How far ahead the model looks (> 0).
    models_dir
        Folder of all artefacts; made where it is missing.
    say
        Takes one line of progress at a time.

    Returns
    -------
    Artefact
        Its id depends on data, parameters and code alone. It is not yet promoted.

    Raises
    ------
    BadUse
        If there are too few rows, only one class, or a parameter out of bounds.
    Halt
        If the ONNX copy does not answer as XGBoost does.
    """
    rule = DelayedLabels(horizon_ns, params.tolerance_ns)
    rows = data.labelled(rule)
    _check_rows(rows, params)
    say(f"{len(rows.ts_ns)} labelled rows, {rows.flat} flat, {len(data.symbols)} symbols")
    embargo_ns = horizon_ns if params.embargo_ns is None else params.embargo_ns
    cut = folds(rows.ts_ns, params.folds, rule, embargo_ns)

    def fit_predict(fit: Rows, test: Rows) -> NDArray[np.float64]:
        return _predict(_fit(rows.x[fit], rows.y[fit], params), rows.x[test])

    metrics = evaluate(rows, cut, fit_predict, horizon_ns, data.spacing_ns(), say)
    booster = _fit(rows.x, rows.y, params)
    model = _export(booster, len(data.feature_names))
    golden = _verified_golden(booster, model, rows.x)
    artefact = save(
        models_dir,
        Manifest(
            kind="xgboost",
            feature_schema=data.feature_schema,
            feature_names=data.feature_names,
            horizon_ns=horizon_ns,
            data_first_ns=int(data.ts_ns.min()),
            data_last_ns=int(data.ts_ns.max()),
            data_sha256=data.sha256(),
            rows=len(rows.ts_ns),
            code_version=code_version(),
            params={**asdict(params), "symbols": sorted(data.symbols)},
            metrics=metrics,
            golden=golden,
            model_sha256=sha256(model),
        ),
        model,
    )
    say(f"artefact {artefact.artefact_id}, {len(model)} bytes of ONNX")
    return artefact


def code_version() -> str:
    """Name the code and the libraries that decide an artefact's bytes."""
    room = Path(__file__).parent.parent
    hasher = _sha256()
    for name in _CODE:
        hasher.update((room / name).read_bytes())
    libraries = " ".join(f"{name}={version(name)}" for name in _LIBRARIES)
    return f"code={hasher.hexdigest()[:32]} {libraries}"


def _check_rows(rows: LabelledRows, params: XgboostParams) -> None:
    n = len(rows.ts_ns)
    if n < params.min_rows:
        msg = (
            f"{n} labelled rows ({rows.flat} flat) are too few to train on, "
            f"{params.min_rows} are needed: give a longer span or more symbols"
        )
        raise BadUse(msg)
    if not 0 < rows.y.sum() < n:
        msg = f"all {n} labels are the same: there is nothing to learn"
        raise BadUse(msg)


def _fit(x: NDArray[np.float64], y: NDArray[np.float64], params: XgboostParams) -> xgboost.Booster:
    settings = {
        "objective": "binary:logistic",
        "base_score": 0.5,  # fixed: taken from the data it is infinite for a fold of one class
        "max_depth": params.depth,
        "eta": params.learning_rate,
        "subsample": params.subsample,
        "colsample_bytree": params.column_share,
        "min_child_weight": params.min_child_weight,
        "lambda": params.l2,
        "tree_method": "hist",
        "seed": params.seed,
        "nthread": 1,  # sums in another order would give another model
        "verbosity": 0,
    }
    return xgboost.train(settings, _matrix(x, y), num_boost_round=params.trees)


def _matrix(x: NDArray[np.float64], y: NDArray[np.float64] | None = None) -> xgboost.DMatrix:
    # Float32 as in the runtime: thresholds are learned on the values that will be compared.
    return xgboost.DMatrix(x.astype(np.float32), label=y, nthread=1)


def _predict(booster: xgboost.Booster, x: NDArray[np.float64]) -> NDArray[np.float64]:
    answers: NDArray[np.float64] = booster.predict(_matrix(x)).astype(np.float64)
    return answers


def _export(booster: xgboost.Booster, n_features: int) -> bytes:
    # Without a name the converter draws a random one, and no two exports have the same bytes.
    graph = convert_xgboost(
        booster,
        name="aifx",
        initial_types=[("x", FloatTensorType([None, n_features]))],
        target_opset=_OPSET,
    )
    return bytes(graph.SerializeToString(deterministic=True))


def _verified_golden(
    booster: xgboost.Booster, model: bytes, x: NDArray[np.float64]
) -> tuple[Golden, ...]:
    """Hold the ONNX copy against XGBoost, row by row as it will be asked; return golden answers."""
    session = Session(model)
    answers = np.array([session.probability(row) for row in x])
    worst = float(np.abs(answers - _predict(booster, x)).max())
    if not worst <= EXPORT_TOLERANCE:
        msg = f"the ONNX copy differs from XGBoost by {worst:.2e} (> {EXPORT_TOLERANCE})"
        raise Halt(msg)
    picked = np.unique(np.linspace(0, len(x) - 1, GOLDEN_ROWS).astype(int))
    return tuple(Golden(tuple(x[i].tolist()), float(answers[i])) for i in picked)
