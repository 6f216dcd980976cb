"""Predictions of one symbol: each deployed model asked at a bar close, the online one taught.

Learning comes before asking: a label whose horizon has just passed is known at this close.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from domain.predictions import Prediction
from models.contract import BatchModel
from models.ensemble import Answers, EnsembleConfig
from models.labels.delayed import DelayedLabels
from models.online.logistic import OnlineLogistic

STATE_VERSION = 1
ENSEMBLE = "ensemble"


class Asked(NamedTuple):
    """Some closed bars of one symbol, in order.

    Attributes
    ----------
    ts_ns, mid
        Close of each bar and the mid then, shape (n,).
    x
        Feature values in the order of the schema, shape (n, n_features).
    ready
        Where every feature is warm, shape (n,).
    """

    ts_ns: NDArray[np.int64]
    mid: NDArray[np.float64]
    x: NDArray[np.float64]
    ready: NDArray[np.bool_]


class Views(NamedTuple):
    """What the models think at some bar closes.

    Attributes
    ----------
    answers
        Probability of a higher mid by role, shape (n,) each, NaN where there is none. The last
        role is the ensemble.
    ready
        Where the features were warm: what is missing there is the model's fault.
    """

    answers: dict[str, Answers]
    ready: NDArray[np.bool_]

    @property
    def p_up(self) -> Answers:
        """The ensemble's probabilities."""
        return self.answers[ENSEMBLE]

    def why_not(self, row: int) -> str:
        """Say why a row has no answer."""
        return "model_not_ready" if self.ready[row] else "features_not_ready"


@dataclass(frozen=True)
class PredictionConfig:
    """The deployed models.

    Attributes
    ----------
    labels
        When the answer to a bar is known.
    online
        The model that learns on the stream, one instance per symbol; None where none is deployed.
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

    labels: DelayedLabels
    online: OnlineLogistic | None
    batch: BatchModel | None
    ensemble: EnsembleConfig

    def __post_init__(self) -> None:
        if self.online is not None and self.online.labels != self.labels:
            msg = f"the online model learns from {self.online.labels}, the run has {self.labels}"
            raise BadUse(msg)
        if self.batch is None:
            return
        schema = self.batch.feature_schema if self.online is None else self.online.feature_schema
        ours = (schema, self.labels.horizon_ns)
        theirs = (self.batch.feature_schema, self.batch.horizon_ns)
        if ours != theirs:
            msg = (
                f"model {self.batch.model_id} has feature schema and horizon {theirs}, the run has "
                f"{ours}: train a model for these settings with aifx train"
            )
            raise BadUse(msg)

    @property
    def model_id(self) -> str:
        """Identity of the ensemble of what is deployed."""
        return self.ensemble.build(self.deployed()).model_id

    def deployed(self) -> dict[str, str]:
        """Return the model id of every deployed role."""
        roles: dict[str, str] = {}
        if self.online is not None:
            roles["online"] = self.online.model_id
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
        online = config.online
        if resume_state is not None and (state["online"] is None) != (online is None):
            had, has = ("no" if one is None else "an" for one in (state["online"], online))
            msg = f"the snapshot belongs to config with {had} online model, not with {has}"
            raise Corrupt(msg)
        self._batch = config.batch
        self._online = None if online is None else online.build(state["online"])
        self._labels = None if online is None else config.labels.build(state["labels"])
        self._ensemble = config.ensemble.build(config.deployed())

    def on_rows(self, asked: Asked) -> Views:
        """Go through bars in order: learn what each answers, then predict from its features."""
        answers: dict[str, Answers] = {}
        if self._online is not None:
            answers["online"] = self._learn_and_ask(asked)
        if self._batch is not None:
            p_up = np.full(asked.ts_ns.size, np.nan)
            if asked.ready.any():
                p_up[asked.ready] = self._batch.predict_rows(asked.x[asked.ready])
            answers["batch"] = p_up
        answers[ENSEMBLE] = self._ensemble.combine(answers)
        return Views(answers, asked.ready)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "online": None if self._online is None else self._online.snapshot(),
            "labels": None if self._labels is None else self._labels.snapshot(),
        }

    def _learn_and_ask(self, asked: Asked) -> Answers:
        p_up = np.full(asked.ts_ns.size, np.nan)
        if self._online is None or self._labels is None:
            return p_up
        moments = zip(asked.ts_ns.tolist(), asked.mid.tolist(), asked.ready.tolist(), strict=True)
        for row, (ts_ns, mid, ready) in enumerate(moments):
            x = asked.x[row] if ready else None
            for example in self._labels.on_bar(ts_ns, mid, x):
                if example.y is not None:
                    self._online.learn(example.x, example.y)
            answer = None if x is None else self._online.predict(x)
            if answer is not None:
                p_up[row] = answer
        return p_up


def predictions_of(
    symbol: str,
    times_ns: tuple[list[int], list[int]],
    horizon_ns: int,
    model_ids: Mapping[str, str],
    views: Views,
) -> list[Prediction]:
    """Return views as records for the log: bar by bar, one of each model and one of the ensemble.

    Parameters
    ----------
    symbol, horizon_ns
        Of all records.
    times_ns
        Event and receive times of the bars.
    model_ids
        Identity of each role.
    views
        Of these bars.
    """
    roles = [(role, model_ids[role], p_up.tolist()) for role, p_up in views.answers.items()]
    records: list[Prediction] = []
    for row, (ts_event, ts_recv) in enumerate(zip(*times_ns, strict=True)):
        for role, model_id, answers in roles:
            p_up = answers[row]
            ready = p_up == p_up
            records.append(
                Prediction(
                    symbol=symbol,
                    ts_event_ns=ts_event,
                    ts_recv_ns=ts_recv,
                    model=role,
                    model_id=model_id,
                    horizon_ns=horizon_ns,
                    p_up=p_up if ready else None,
                    ready=ready,
                    reason="" if ready else views.why_not(row),
                )
            )
    return records
