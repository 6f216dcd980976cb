"""Predictions of one symbol: every deployed model asked at a bar close, judged by its label.

The order at each bar: switches take effect; who has failed or is too old leaves; labels that have
just become known are learned from, and end trials; then everybody is asked and the ensemble
answers. All of it is a function of the bars and of the switches in the log, however both were cut
into batches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.deployments import ModelEvent, ModelSwitch, Slot
from domain.errors import BadUse, Corrupt
from domain.predictions import Vote
from models.cast import Cast
from models.contract import OnlineConfig, Role
from models.drifting import DriftWatch, DriftWatchConfig
from models.ensemble import EnsembleConfig, Member, log_loss
from models.labels.delayed import DelayedLabels
from models.outcomes import Outcome, Outcomes
from models.rules import RulesConfig
from models.served import Load, Loaded
from models.trials import TrialsConfig
from models.views import ENSEMBLE, Asked, RowView, Views, Watched

STATE_VERSION = 2

_OPTIONAL = ("online", "rules", "drift")
"""Parts of the state that are there only where the config has them."""

NO_PATTERN = -1
"""Mark of a bar at which no rule was asked."""


def no_models(model_id: str) -> Loaded:
    """Load nothing: for a run that deploys no trained model."""
    msg = f"model {model_id} cannot be loaded: this run was given no store of models"
    raise BadUse(msg)


@dataclass(frozen=True)
class PredictionConfig:
    """The deployed models, and how they become one answer.

    Attributes
    ----------
    labels
        When the answer to a bar is known.
    feature_schema, n_features
        Of the rows.
    ensemble
        Weights by role, and what it takes for a view.
    online
        The model that learns on the stream, one instance per symbol; None where none is deployed.
    rules
        The technical rules; None where they have no say.
    slots
        Places for trained models that take part.
    deployments
        Who is in them at the start. An empty slot abstains.
    load
        Loads a trained model by id; the same one for every symbol.
    trials
        How challengers are judged.
    max_age_ns
        Event time after which a trained model is too old to decide, counted from the last bar of
        its training (>= 0; 0: never).
    drift
        Detectors on the ensemble's error and on features; None for none.

    Raises
    ------
    BadUse
        If a deployed role has no weight, or the age is below 0.
    """

    labels: DelayedLabels
    feature_schema: str
    n_features: int
    ensemble: EnsembleConfig
    trials: TrialsConfig
    online: OnlineConfig | None = None
    rules: RulesConfig | None = None
    slots: tuple[Slot, ...] = ()
    deployments: tuple[ModelSwitch, ...] = ()
    load: Load = no_models
    max_age_ns: int = 0
    drift: DriftWatchConfig | None = None

    def __post_init__(self) -> None:
        roles: list[Role] = [*self.slots]
        roles += ["online"] if self.online is not None else []
        roles += ["rules"] if self.rules is not None else []
        without = sorted(set(roles) - set(self.ensemble.weights))
        if without or not roles:
            msg = f"an ensemble needs deployed roles, each with a weight; without: {without}"
            raise BadUse(msg)
        if self.max_age_ns < 0:
            msg = f"models need max_age_ns >= 0, not {self.max_age_ns}"
            raise BadUse(msg)

    def deployed(self) -> dict[str, str]:
        """Return the model id of every role that decides at the start; of a canary's it is told."""
        roles: dict[str, str] = {}
        if self.online is not None:
            roles["online"] = self.online.model_id
        for switch in self.deployments:
            if switch.slot in self.slots:
                name = (
                    switch.slot if switch.stage == "champion" else f"{switch.slot}@{switch.stage}"
                )
                roles[name] = switch.artefact_id
        if self.rules is not None:
            roles["rules"] = self.rules.model_id
        return roles

    def build(self, symbol: str, resume_state: Mapping[str, Any] | None) -> "PredictionLogic":
        """Return the logic for one symbol, anew or as it was.

        Raises
        ------
        BadUse, Corrupt
            If a model that decides cannot be loaded or fits other rows, or the state does not fit.
        """
        return PredictionLogic(self, symbol, resume_state)


class PredictionLogic:
    """Asks, judges and teaches the models of one symbol."""

    def __init__(
        self, config: PredictionConfig, symbol: str, resume_state: Mapping[str, Any] | None
    ) -> None:
        state = _checked(config, resume_state)
        self._config = config
        self._cast = Cast(config, symbol, state)
        self._ensemble = config.ensemble.build(state["ensemble"])
        self._outcomes = Outcomes(config.labels, state["outcomes"])
        self._online = None if config.online is None else config.online.build(state["online"])
        self._labels = None if config.online is None else config.labels.build(state["labels"])
        self._rules = None if config.rules is None else config.rules.build(state["rules"])
        self._drift: DriftWatch | None = None
        if config.drift is not None:
            self._drift = config.drift.build(symbol, state["drift"])
        if self._online is not None:
            ours = (config.feature_schema, config.labels.horizon_ns)
            theirs = (self._online.feature_schema, self._online.horizon_ns)
            if ours != theirs:
                msg = (
                    f"the online model has feature schema and horizon {theirs}, the run has {ours}"
                )
                raise BadUse(msg)
        self._deciding: dict[Role, str] | None = None
        self._model_id = ""
        self._identity()

    @property
    def model_id(self) -> str:
        """Identity of the ensemble of those who are deployed now."""
        return self._model_id

    def on_switches(self, switches: Sequence[ModelSwitch]) -> None:
        """Take switches from the log: each holds from its ``effective_ns`` on.

        Their models are loaded now, so that no bar waits for one. One that cannot be loaded is told
        of when it would have taken effect, and changes nothing.
        """
        self._cast.schedule(switches)

    def on_rows(self, asked: Asked) -> Views:
        """Go through bars in order: learn what each answers, then predict from its features."""
        n = asked.ts_ns.size
        before_id = self._model_id
        rows: list[RowView] = []
        p_up = np.full(n, np.nan)
        online = self._learn_and_ask(asked)
        patterns = self._patterns(asked)
        start = 0
        while start < n:
            stop = self._cast.begin(asked, start)
            self._identity()
            for row in range(start, stop):
                p_up[row], view = self._on_row(asked, row, online[row], patterns[row])
                rows.append(view)
            start = stop
        return Views(p_up, asked.ready, rows, self._events(), before_id)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "online": None if self._online is None else self._online.snapshot(),
            "labels": None if self._labels is None else self._labels.snapshot(),
            "rules": None if self._rules is None else self._rules.snapshot(),
            "drift": None if self._drift is None else self._drift.snapshot(),
            "ensemble": self._ensemble.snapshot(),
            "outcomes": self._outcomes.snapshot(),
            **self._cast.snapshot(),
        }

    def _on_row(self, asked: Asked, row: int, online: float, pattern: int) -> tuple[float, RowView]:
        ts_ns, mid = int(asked.ts_ns[row]), float(asked.mid[row])
        changed = self._cast.leave(ts_ns, row)
        for outcome in self._outcomes.due(ts_ns, mid):
            changed |= self._judge(outcome, ts_ns, row)
        if changed:
            self._identity()
        if self._drift is not None and asked.ready[row]:
            self._drift.on_features(ts_ns, asked.x[row])
        members = self._members(row, online, pattern)
        combined = self._ensemble.combine(members)
        votes = tuple(
            [
                Vote(m.role, m.model_id, m.p_up if m.p_up == m.p_up else None, weight)
                for m, weight in zip(members, combined.weights, strict=True)
            ]
        )
        watched = tuple(
            [Watched(name, model_id, p) for name, model_id, p in self._cast.watched(row)]
        )
        said = {vote.model_id: vote.p_up for vote in votes if vote.p_up is not None}
        said |= {one.model_id: one.p_up for one in watched if one.p_up is not None}
        seen = combined.p_up == combined.p_up
        if seen:
            said[ENSEMBLE] = combined.p_up
        if said or pattern != NO_PATTERN:
            self._outcomes.wait(ts_ns, mid, said, pattern)
        agreement = combined.agreement if seen else None
        return combined.p_up, RowView(self._model_id, agreement, combined.agrees, votes, watched)

    def _members(self, row: int, online: float, pattern: int) -> list[Member]:
        members: list[Member] = []
        if self._online is not None:
            members.append(Member("online", self._online.model_id, online))
        members += self._cast.deciders(row)
        if self._rules is not None:
            heard = None if pattern == NO_PATTERN else self._rules.predict(pattern)
            members.append(
                Member("rules", self._rules.model_id, float("nan") if heard is None else heard)
            )
        return members

    def _judge(self, outcome: Outcome, ts_ns: int, row: int) -> bool:
        """Learn from a label; say whether somebody has left."""
        self._ensemble.learn(outcome.answers, outcome.y)
        if self._rules is not None and outcome.mark != NO_PATTERN:
            self._rules.learn(outcome.mark, outcome.y)
        changed = self._cast.learn(outcome.answers, outcome.y, ts_ns, row)
        if self._drift is not None and ENSEMBLE in outcome.answers:
            loss = log_loss(outcome.answers[ENSEMBLE], outcome.y)
            reason = self._drift.on_error(ts_ns, loss)
            if reason:
                changed |= self._cast.drifted(ts_ns, row, reason)
        return changed

    def _learn_and_ask(self, asked: Asked) -> list[float]:
        p_up = [float("nan")] * asked.ts_ns.size
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

    def _patterns(self, asked: Asked) -> list[int]:
        if self._config.rules is None or not asked.ts_ns.size:
            return [NO_PATTERN] * asked.ts_ns.size
        found: NDArray[np.int64] = self._config.rules.patterns(asked.x)
        heard: list[int] = np.where(asked.ready, found, NO_PATTERN).tolist()
        return heard

    def _identity(self) -> None:
        """Bring the ensemble's identity in line with who decides."""
        members: dict[Role, str] = dict(self._cast.deciding())
        if self._online is not None:
            members["online"] = self._online.model_id
        if self._rules is not None:
            members["rules"] = self._rules.model_id
        if members != self._deciding:
            # Seldom: a digest at every bar would cost as much as the mean.
            self._deciding = members
            self._model_id = self._config.ensemble.model_id(members)

    def _events(self) -> list[ModelEvent]:
        events = self._cast.take_events()
        if self._drift is not None:
            events += self._drift.take_events()
        # By time, and the cast first where both spoke: batches must not decide the order.
        return sorted(events, key=lambda event: event.ts_event_ns)


def _checked(config: PredictionConfig, state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the state to build from, every part of a new one None."""
    parts = ("online", "labels", "rules", "drift", "ensemble", "outcomes", *Cast.PARTS)
    if state is None:
        return dict.fromkeys(parts)
    if state["v"] != STATE_VERSION:
        msg = f"prediction state v{state['v']}; this code knows v{STATE_VERSION}"
        raise Corrupt(msg)
    missing = [part for part in parts if part not in state]
    if missing:
        msg = f"prediction state without {', '.join(missing)}: it is not whole"
        raise Corrupt(msg)
    for part in _OPTIONAL:
        has = getattr(config, part) is not None
        if (state[part] is not None) != has:
            msg = f"the snapshot was taken with{'out' if has else ''} {part}, this run is " + (
                f"with {part}" if has else f"without {part}"
            )
            raise Corrupt(msg)
    return state
