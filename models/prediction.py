"""Predictions of one symbol: each deployed model asked at a bar close, the online one taught.

Learning comes before asking: a label whose horizon has just passed is known at this close.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from domain.errors import BadUse, Corrupt
from domain.predictions import FeatureVector, Prediction
from models.contract import Model
from models.ensemble import EnsembleConfig
from models.labels import DelayedLabels
from models.online import OnlineLogistic

STATE_VERSION = 1
ENSEMBLE = "ensemble"


class View(NamedTuple):
    """What the models think at one bar close.

    Attributes
    ----------
    predictions
        One of each model and one of the ensemble.
    p_up
        The ensemble's probability, or None where it has no view.
    reason
        Why it has none; empty otherwise.
    """

    predictions: list[Prediction]
    p_up: float | None
    reason: str


@dataclass(frozen=True)
class PredictionConfig:
    """The deployed models.

    Attributes
    ----------
    online
        The model that learns on the stream, one instance per symbol.
    batch
        The promoted artefact, shared by all symbols; None where none is deployed.
    ensemble
        Weights by role.

    Raises
    ------
    BadUse
        If the models read other features or look another horizon ahead: no mean of them would
        mean anything.
    """

    online: OnlineLogistic
    batch: Model | None
    ensemble: EnsembleConfig

    def __post_init__(self) -> None:
        if self.batch is None:
            return
        ours = (self.online.feature_schema, self.labels.horizon_ns)
        theirs = (self.batch.feature_schema, self.batch.horizon_ns)
        if ours != theirs:
            msg = (
                f"model {self.batch.model_id} has feature schema and horizon {theirs}, the run has "
                f"{ours}: train a model for these settings with aifx train"
            )
            raise BadUse(msg)

    @property
    def labels(self) -> DelayedLabels:
        """When the answer to a bar is known."""
        return self.online.labels

    @property
    def model_id(self) -> str:
        """Identity of the ensemble of what is deployed."""
        return self.ensemble.build(self.deployed()).model_id

    def deployed(self) -> dict[str, str]:
        """Return the model id of every deployed role."""
        roles = {"online": self.online.model_id}
        if self.batch is not None:
            roles["batch"] = self.batch.model_id
        return roles

    def build(self, resume_state: Mapping[str, Any] | None) -> "PredictionLogic":
        """Return the logic for one symbol, anew or as it was."""
        return PredictionLogic(self, resume_state)


class PredictionLogic:
    """Asks and teaches the models of one symbol."""

    def __init__(self, config: PredictionConfig, resume_state: Mapping[str, Any] | None) -> None:
        state = resume_state or {"v": STATE_VERSION, "online": None, "labels": None}
        if state["v"] != STATE_VERSION:
            msg = f"prediction state v{state['v']}; this code knows v{STATE_VERSION}"
            raise Corrupt(msg)
        self._config = config
        self._online = config.online.build(state["online"])
        self._labels = config.labels.build(state["labels"])
        self._ensemble = config.ensemble.build(config.deployed())
        self._models: list[Model] = [self._online]
        if config.batch is not None:
            self._models.append(config.batch)

    def on_vector(self, vector: FeatureVector) -> View:
        """Learn what this bar answers, then predict from its features.

        Raises
        ------
        Corrupt
            If the vector is of another feature schema than the models.
        """
        if vector.schema != self._config.online.feature_schema:
            msg = f"a vector of schema {vector.schema} came to models of another"
            raise Corrupt(msg)
        x = np.array([np.nan if v is None else v for v in vector.values], dtype=np.float64)
        known = self._labels.on_bar(
            vector.ts_event_ns, vector.mid_close, x if vector.ready else None
        )
        for example in known:
            if example.y is not None:
                self._online.learn(example.x, example.y)
        answers: dict[str, float | None] = {}
        predictions: list[Prediction] = []
        for model in self._models:
            p_up = model.predict(x) if vector.ready else None
            reason = "" if p_up is not None else self._why_not(vector)
            answers[model.role] = p_up
            predictions.append(self._prediction(vector, model.role, model.model_id, p_up, reason))
        combined = self._ensemble.combine(answers)
        reason = "" if combined is not None else self._why_not(vector)
        predictions.append(
            self._prediction(vector, ENSEMBLE, self._ensemble.model_id, combined, reason)
        )
        return View(predictions, combined, reason)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "online": self._online.snapshot(),
            "labels": self._labels.snapshot(),
        }

    def _prediction(
        self, vector: FeatureVector, role: str, model_id: str, p_up: float | None, reason: str
    ) -> Prediction:
        return Prediction(
            symbol=vector.symbol,
            ts_event_ns=vector.ts_event_ns,
            ts_recv_ns=vector.ts_recv_ns,
            model=role,
            model_id=model_id,
            horizon_ns=self._config.labels.horizon_ns,
            p_up=p_up,
            ready=p_up is not None,
            reason=reason,
        )

    @staticmethod
    def _why_not(vector: FeatureVector) -> str:
        return "model_not_ready" if vector.ready else "features_not_ready"
