"""Gradient-boosted trees [1]_.

References
----------
.. [1] T. Chen and C. Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from domain.deployments import Slot
from domain.errors import BadUse
from models.labels.arrays import Labels
from models.training.calibrated import CalibratedModel, calibrated
from models.training.calibration import METHODS, Link, Method
from models.training.dataset import Rows, TrainingData
from models.training.learner import Floats, Holdout, Say, cut, sample_weights
from models.training.onnx_graph import Graph, Tree


@dataclass(frozen=True, slots=True)
class XgboostParams:
    """How to train.

    Parameters
    ----------
    trees
        Most trees (>= 1); early stopping takes fewer.
    patience
        Trees without a lower log loss on the held-out rows after which it stops (>= 1).
    depth
        Levels of a tree, in [1, 12]. Small by default: the signal in a minute bar is weak.
    learning_rate
        Shrinkage of each tree, in (0, 1].
    subsample, column_share
        Share of rows and of features that each tree sees, in (0, 1].
    min_child_weight
        Smallest sum of hessians in a leaf (>= 0); near p = 0.5 that is four rows each.
    l2
        Penalty on leaf values (>= 0).
    seed
        Seed of the row and column draws (>= 0).
    calibration
        ``platt``, ``isotonic`` or ``none``.
    holdout
        How the newest rows are held out.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    trees: int = 200
    patience: int = 20
    depth: int = 3
    learning_rate: float = 0.05
    subsample: float = 0.8
    column_share: float = 0.8
    min_child_weight: float = 20.0
    l2: float = 1.0
    seed: int = 7
    calibration: Method = "platt"
    holdout: Holdout = field(default_factory=Holdout)

    def __post_init__(self) -> None:
        shares = (self.learning_rate, self.subsample, self.column_share)
        if (
            min(self.trees, self.patience) < 1
            or not 1 <= self.depth <= 12
            or not all(0 < share <= 1 for share in shares)
            or min(self.min_child_weight, self.l2, self.seed) < 0
            or self.calibration not in METHODS
        ):
            msg = f"a training parameter is out of its bounds: {self}"
            raise BadUse(msg)


class XgboostLearner:
    """Trains gradient-boosted trees; see `models.training.learner.Learner`."""

    kind: Slot = "xgboost"
    window = 1
    libraries = ("xgboost-cpu",)

    def __init__(self, params: XgboostParams | None = None) -> None:
        self._params = XgboostParams() if params is None else params

    def params(self) -> dict[str, Any]:
        """Return every parameter but the seed."""
        found = asdict(self._params)
        del found["seed"]
        return found

    def seeds(self) -> dict[str, int]:
        """Return the seed of the draws."""
        return {"draws": self._params.seed}

    def fit(self, data: TrainingData, labels: Labels, rows: Rows, say: Say) -> CalibratedModel:
        """Train, stop early and calibrate; see `models.training.learner.Learner`."""
        params = self._params
        fit, held = cut(data, labels, rows, params.holdout, say)
        settings = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "base_score": 0.5,  # a margin of 0, so that the trees alone are the score
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
        booster = xgboost.train(
            settings,
            _matrix(data.x[fit], labels.y[fit], sample_weights(labels, fit)),
            num_boost_round=params.trees,
            evals=[(_matrix(data.x[held], labels.y[held], sample_weights(labels, held)), "held")],
            early_stopping_rounds=params.patience,
            verbose_eval=False,
        )
        trees = int(booster.best_iteration) + 1
        tried, loss = int(booster.num_boosted_rounds()), float(booster.best_score)
        say(f"xgboost: {trees} trees of {tried} tried, held-out log loss {loss:.5f}")
        facts = {
            "fit_rows": len(fit),
            "held_rows": len(held),
            "trees": trees,
            "trees_tried": tried,
            "held_log_loss": loss,
        }
        core = _Boosted(booster[:trees], len(data.feature_names))
        return calibrated(core, data, labels, held, params.calibration, facts)


@dataclass(frozen=True, slots=True)
class _Boosted:
    """The trees up to where training stopped; see `models.training.calibrated.Core`."""

    booster: xgboost.Booster
    n_features: int
    window: int = 1
    link: Link = "log_odds"

    def scores(self, data: TrainingData, rows: Rows) -> Floats:
        margin: NDArray[np.float32] = self.booster.predict(
            _matrix(data.x[rows]), output_margin=True
        )
        return margin.astype(np.float64)

    def write(self) -> tuple[Graph, str]:
        graph = Graph((self.n_features,))
        return graph, graph.trees(_trees(self.booster), "BRANCH_LT")


def _matrix(x: Floats, y: Floats | None = None, weight: Floats | None = None) -> xgboost.DMatrix:
    # Float32 as in the runtime: thresholds are learned on the values that will be compared.
    return xgboost.DMatrix(x.astype(np.float32), label=y, weight=weight, nthread=1)


def _trees(booster: xgboost.Booster) -> list[Tree]:
    """Read the trees from XGBoost's own documented format."""
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    found = []
    for tree in model["trees"]:
        # At a leaf the condition is its value.
        condition = np.array(tree["split_conditions"], dtype=np.float32)
        found.append(
            Tree(
                feature=np.array(tree["split_indices"], dtype=np.int64),
                threshold=condition,
                left=np.array(tree["left_children"], dtype=np.int64),
                right=np.array(tree["right_children"], dtype=np.int64),
                value=condition[:, None],
            )
        )
    return found
