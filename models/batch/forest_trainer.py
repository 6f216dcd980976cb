"""Random forest [1]_: many deep trees on draws of the rows, averaged.

References
----------
.. [1] L. Breiman, "Random forests", Machine Learning 45 (2001) 5-32.
.. [2] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 6: draw no
   more rows for a tree than there are labels that do not overlap.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from domain.deployments import Slot
from domain.errors import BadUse
from models.labels.arrays import Labels
from models.training.calibrated import CalibratedModel, calibrated
from models.training.calibration import METHODS, Link, Method
from models.training.dataset import Rows, TrainingData
from models.training.learner import (
    Floats,
    Holdout,
    Say,
    cut,
    sample_weights,
    weighted_log_loss,
)
from models.training.onnx_graph import Graph, Tree

SHARE_LIMIT = 0.01
"""Shares are kept this far from 0 and 1 where their log loss is taken, or it could be infinite."""

_BLOCK = 10
"""Trees between two looks at the held-out rows."""


@dataclass(frozen=True, slots=True)
class ForestParams:
    """How to train.

    Parameters
    ----------
    trees
        Most trees (>= 1); early stopping takes fewer.
    patience
        Trees without a lower log loss on the held-out rows after which it stops (>= 1).
    depth
        Levels of a tree, in [1, 16].
    min_leaf_rows
        Rows in a leaf (>= 1), so that a leaf's share is more than an accident.
    column_share
        Share of the features that each split may choose from, in (0, 1].
    tree_rows
        Most rows drawn for each tree (>= 1); never more than labels that do not overlap [2]_.
    seed
        Seed of the draws (>= 0).
    calibration
        ``platt``, ``isotonic`` or ``none``.
    holdout
        How the newest rows are held out.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    trees: int = 100
    patience: int = 40
    depth: int = 6
    min_leaf_rows: int = 20
    column_share: float = 0.15
    tree_rows: int = 30_000
    seed: int = 7
    calibration: Method = "platt"
    holdout: Holdout = field(default_factory=Holdout)

    def __post_init__(self) -> None:
        if (
            min(self.trees, self.patience, self.min_leaf_rows, self.tree_rows) < 1
            or not 1 <= self.depth <= 16
            or not 0 < self.column_share <= 1
            or self.seed < 0
            or self.calibration not in METHODS
        ):
            msg = f"a training parameter is out of its bounds: {self}"
            raise BadUse(msg)


class ForestLearner:
    """Trains a random forest; see `models.training.learner.Learner`."""

    kind: Slot = "forest"
    window = 1
    libraries = ("scikit-learn",)

    def __init__(self, params: ForestParams | None = None) -> None:
        self._params = ForestParams() if params is None else params

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
        x, y, weight = _float32(data.x[fit]), labels.y[fit], sample_weights(labels, fit)
        held_x, held_y = _float32(data.x[held]), labels.y[held]
        held_weight = sample_weights(labels, held)
        forest = RandomForestClassifier(
            n_estimators=0,
            max_depth=params.depth,
            min_samples_leaf=params.min_leaf_rows,
            max_features=params.column_share,
            max_samples=max(1, min(params.tree_rows, int(labels.weight[fit].sum()))),
            n_jobs=1,
            random_state=params.seed,
            warm_start=True,
        )
        total, best, loss = np.zeros(len(held)), 0, np.inf
        for grown in range(_BLOCK, params.trees + _BLOCK, _BLOCK):
            before, count = forest.n_estimators, min(grown, params.trees)
            forest.set_params(n_estimators=count).fit(x, y, sample_weight=weight)
            for tree in forest.estimators_[before:]:
                total += _share(tree, held_x)
            found = weighted_log_loss(held_y, _log_odds(total / count), held_weight)
            if found < loss:
                best, loss = count, found
            if count - best >= params.patience:
                break
        say(f"forest: {best} trees of {forest.n_estimators} tried, held-out log loss {loss:.5f}")
        facts = {
            "fit_rows": len(fit),
            "held_rows": len(held),
            "trees": best,
            "trees_tried": forest.n_estimators,
            "held_log_loss": loss,
        }
        core = _Forest(tuple(forest.estimators_[:best]), len(data.feature_names))
        return calibrated(core, data, labels, held, params.calibration, facts)


@dataclass(frozen=True, slots=True)
class _Forest:
    """The trees that were kept; see `models.training.calibrated.Core`."""

    trees: tuple[DecisionTreeClassifier, ...]
    n_features: int
    window: int = 1
    link: Link = "share"

    def scores(self, data: TrainingData, rows: Rows) -> Floats:
        x = _float32(data.x[rows])
        total = np.zeros(len(rows))
        for tree in self.trees:
            total += _share(tree, x)
        return total / len(self.trees)

    def write(self) -> tuple[Graph, str]:
        graph = Graph((self.n_features,))
        columns = [_columns(tree, len(self.trees)) for tree in self.trees]
        return graph, graph.trees(columns, "BRANCH_LEQ")


def _float32(x: Floats) -> Any:
    # As in the runtime, and what the trees would turn it into anyway, once instead of every time.
    return np.ascontiguousarray(x, dtype=np.float32)


def _share(tree: DecisionTreeClassifier, x: Any) -> Floats:
    """Return the share of ups in the leaf of each row."""
    shares: Floats = _shares(tree)[tree.tree_.apply(x)]
    return shares


def _shares(tree: DecisionTreeClassifier) -> Floats:
    """Return the weighted share of ups in each node, shape (n_nodes,)."""
    value = tree.tree_.value[:, 0, :]
    shares: Floats = value[:, 1] / value.sum(axis=1)
    return shares


def _log_odds(share: Floats) -> Floats:
    kept = np.clip(share, SHARE_LIMIT, 1 - SHARE_LIMIT)
    odds: Floats = np.log(kept) - np.log1p(-kept)
    return odds


def _columns(tree: DecisionTreeClassifier, count: int) -> Tree:
    inner = tree.tree_
    exact = inner.threshold.astype(np.float64)
    # The largest float32 that is not above the threshold: no float32 lies in between, so every
    # value falls on the same side as in the original.
    threshold = exact.astype(np.float32)
    above = threshold.astype(np.float64) > exact
    threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
    return Tree(
        feature=np.asarray(inner.feature, dtype=np.int64),
        threshold=threshold,
        left=np.asarray(inner.children_left, dtype=np.int64),
        right=np.asarray(inner.children_right, dtype=np.int64),
        value=(_shares(tree)[:, None] / count).astype(np.float32),
    )
