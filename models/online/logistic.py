"""A logistic regression that learns on the stream, one label at a time.

River's ``LogisticRegression`` with plain stochastic gradient descent [1]_ behind a standard scaler.
Scaling and weights move with every label, so that what the model was at any bar is a function of
the log. The scaler is Welford's [2]_, as River's own, but in columns: there every feature costs a
step of Python three times for a bar, which was two thirds of the model. The tests hold it to River.

References
----------
.. [1] H. Robbins and S. Monro, "A stochastic approximation method", Annals of Mathematical
   Statistics 22 (1951) 400-407.
.. [2] B. P. Welford, "Note on a method for calculating corrected sums of squares and products",
   Technometrics 4 (1962) 419-420.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from domain.errors import BadUse
from domain.ids import digest
from models.contract import Features, Role, State, reading, usable
from models.labels.delayed import DelayedLabels
from models.online.river_import import lean_river

STATE_VERSION = 2

ALGORITHM = "scaled-logistic-sgd-2"
"""Part of the identity. Counts up when the arithmetic changes, also by a new River: the golden
snapshot in the tests then fails, and an old snapshot must not become a new model unseen."""


@dataclass(frozen=True, slots=True)
class OnlineLogistic:
    """Config of the online model.

    Parameters
    ----------
    feature_schema
        Schema of the vectors it reads.
    feature_names
        One name per feature, distinct, in the order of the vector.
    labels
        The rule that makes what it learns from: another horizon is another model.
    learning_rate
        Step of the descent for weights and intercept, in (0, 1].
    l2
        Strength of the pull of the weights to zero, in [0, 1].
    min_labels
        Labels to learn before the first answer (> 0). Below about four per feature the scaler and
        the weights are noise.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    feature_schema: str
    feature_names: tuple[str, ...]
    labels: DelayedLabels
    learning_rate: float = 0.01
    l2: float = 1e-4
    min_labels: int = 60

    def __post_init__(self) -> None:
        names = self.feature_names
        if not names or len(set(names)) != len(names):
            msg = f"an online model needs distinct feature names, not {names}"
            raise BadUse(msg)
        if not (0 < self.learning_rate <= 1 and 0 <= self.l2 <= 1 and self.min_labels > 0):
            msg = f"learning_rate in (0, 1], l2 in [0, 1], min_labels > 0 are needed: {self}"
            raise BadUse(msg)

    @property
    def model_id(self) -> str:
        """Digest of the algorithm and of every field."""
        return digest(
            ALGORITHM,
            self.feature_schema,
            len(self.feature_names),
            *self.feature_names,
            self.labels.rule_id,
            repr(float(self.learning_rate)),
            repr(float(self.l2)),
            self.min_labels,
        )

    def build(self, resume_state: State | None) -> "OnlineLogisticModel":
        """Return a model that has learned nothing, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        model = OnlineLogisticModel(self)
        if resume_state is not None:
            model.restore(resume_state)
        return model


class OnlineLogisticModel:
    """The learning model of one symbol; see `models.contract.OnlineModel`.

    Attributes
    ----------
    labels_learned
        How many labels it has learned; it answers from ``min_labels`` on.
    """

    role: Role = "online"

    def __init__(self, config: OnlineLogistic) -> None:
        # River takes seconds to import, and only who runs the model needs it, not who names it.
        with lean_river():
            from river import linear_model, optim

        self._names = config.feature_names
        self._min_labels = config.min_labels
        self._means = np.zeros(len(config.feature_names))
        self._variances = np.zeros(len(config.feature_names))
        self._regression: Any = linear_model.LogisticRegression(
            optimizer=optim.SGD(config.learning_rate),
            l2=config.l2,
            intercept_lr=config.learning_rate,
        )
        self.model_id = config.model_id
        self.feature_schema = config.feature_schema
        self.horizon_ns = config.labels.horizon_ns
        self.labels_learned = 0

    def predict(self, x: Features) -> float | None:
        """Return the probability of a higher mid, or None before ``min_labels`` or for NaN."""
        if not usable(x, len(self._names)) or self.labels_learned < self._min_labels:
            return None
        answer = self._regression.predict_proba_one(self._scaled(x))
        # River answers 0 or 1 as an int where the logit is beyond 30.
        return float(answer[True])

    def learn(self, x: Features, y: int) -> None:
        """Move scaler and weights by one labelled vector (``y`` 0 or 1); one with NaN is passed."""
        if y not in (0, 1):
            msg = f"a label is 0 or 1, not {y!r}"
            raise BadUse(msg)
        if usable(x, len(self._names)):
            self.labels_learned += 1
            off = x - self._means
            self._means = self._means + off / self.labels_learned
            spread = off * (x - self._means)
            self._variances = self._variances + (spread - self._variances) / self.labels_learned
            self._regression.learn_one(self._scaled(x), y)

    def snapshot(self) -> State:
        """Return scaler, weights and counters as a plain mapping; lists follow the features."""
        regression = self._regression
        weights = regression.weights
        return {
            "v": STATE_VERSION,
            "owner": self.model_id,
            "labels_learned": self.labels_learned,
            "means": self._means.tolist(),
            "vars": self._variances.tolist(),
            "weights": [weights.get(name, 0.0) for name in self._names],
            "intercept": float(regression.intercept),
            "iterations": regression.optimizer.n_iterations,
        }

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of, to the bit; see `OnlineLogistic.build`."""
        regression = self._regression
        with reading(state, STATE_VERSION, self.model_id, "online model"):
            self._means = self._column(state["means"])
            self._variances = self._column(state["vars"])
            # River lets weights be read but not set. Their order is that of the features, as after
            # learning: the sum of a dot product depends on it in the last bit.
            weights = dict(zip(self._names, state["weights"], strict=True))
            with lean_river():
                from river import utils

            regression._weights = utils.VectorDict(weights)
            regression.intercept = state["intercept"]
            regression.optimizer.n_iterations = state["iterations"]
            self.labels_learned = state["labels_learned"]

    def _column(self, values: list[float]) -> Features:
        column = np.array(values, dtype=np.float64)
        if column.shape != self._means.shape:
            msg = f"{column.shape} values for {len(self._names)} features"
            raise ValueError(msg)
        return column

    def _scaled(self, x: Features) -> dict[str, float]:
        """Return the deviations from the means by name; 0 where a feature has not moved yet."""
        moves = self._variances > 0.0
        scaled = np.zeros(len(self._names))
        np.divide(x - self._means, np.sqrt(self._variances), out=scaled, where=moves)
        return dict(zip(self._names, scaled.tolist(), strict=True))
