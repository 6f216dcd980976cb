"""Every online model, small enough to teach in a test, and a market that changes its mind."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.nanos import MINUTE_NS
from models.contract import OnlineModel
from models.labels.delayed import DelayedLabels
from models.online.choice import Member, OnlineChoice
from models.online.forest import OnlineForest
from models.online.logistic import OnlineLogistic
from models.online.tree import OnlineTree

N_FEATURES = 6
MIN_LABELS = 40
HORIZON = 5
"""Rows between a question and its label."""

TURN = 500
"""Labels after which the market's rule is the other way round."""

COMMON: dict[str, Any] = {
    "feature_schema": "schema-1",
    "feature_names": tuple(f"feature_{place}" for place in range(N_FEATURES)),
    "labels": DelayedLabels(5 * MINUTE_NS),
    "min_labels": MIN_LABELS,
}

LOGISTIC = OnlineLogistic(**COMMON)
TREE = OnlineTree(**COMMON, grace_period=60, delta=0.1, tau=0.2, drift_window_labels=60)
FOREST = OnlineForest(
    **COMMON, trees=3, max_features=3, resampling_rate=6, grace_period=60, tau=0.2
)

CASES: dict[str, Member] = {
    "logistic": LOGISTIC,
    "tree": TREE,
    "tree-nba": OnlineTree(**COMMON, grace_period=60, delta=0.1, tau=0.2, leaf_answer="nba"),
    "forest": FOREST,
    "forest-nba": OnlineForest(
        **COMMON, trees=3, max_features=3, tau=0.1, leaf_answer="nba", max_depth=5
    ),
    "choice": OnlineChoice(
        {"logistic": LOGISTIC, "tree": TREE, "forest": FOREST}, half_life_labels=100
    ),
}
"""A config by name; each answers from `MIN_LABELS` labels on."""


def market(labels: int, seed: int = 11) -> tuple[NDArray[np.float64], list[int]]:
    """Return vectors, shape (labels, `N_FEATURES`), and their labels.

    The first feature says where the mid goes; after `TURN` labels it says the opposite.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(labels, N_FEATURES)) * [1.0, 50.0, 1e-3, 1.0, 1.0, 1.0]
    side = np.where(np.arange(labels) // TURN % 2 == 0, 1.0, -1.0)
    y = (rng.random(labels) < 1 / (1 + np.exp(-3 * side * x[:, 0]))).astype(int)
    return x, y.tolist()


def teach(
    model: OnlineModel,
    x: NDArray[np.float64],
    y: list[int],
    first: int = 0,
    last: int | None = None,
) -> list[float | None]:
    """Go through rows ``[first, last)`` as a run does; return the answer to each.

    At each row the label of `HORIZON` rows before is known: it is learned, then the row is asked.
    """
    answers = []
    for row in range(first, len(x) if last is None else last):
        if row >= HORIZON:
            model.learn(x[row - HORIZON], y[row - HORIZON])
        answers.append(model.predict(x[row]))
    return answers
