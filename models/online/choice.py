"""The averaged choice of several online models, by how well each has lately predicted.

Every member's log-loss is summed with a half-life in labels, and its weight falls with that sum:
the exponentially weighted forecaster [1]_, which for log-loss and ``eta`` 1 is the Bayesian mean of
the members, here one that forgets. A member that has no answer yet sleeps [2]_: it is charged what
the choice itself lost, so it wakes neither with an advantage nor with a debt.

**Which answer is scored.** The one that a member gave when the vector was first asked, not one that
it gives when the label comes (progressive validation with delayed labels [3]_). Asking again right
before learning would need no memory, and would mislead: by then a member has learned labels whose
windows overlap this one's. On hourly bars with a horizon of five that made a model look best whose
real answers were worse than a coin. So answers wait for their label, under a digest of the vector.
Labels come in the order of the questions: one that is learned ends the wait of all older answers,
whose mid had not moved or whose label never came. A label whose vector was not asked scores nobody.

References
----------
.. [1] N. Cesa-Bianchi and G. Lugosi, "Prediction, Learning, and Games", Cambridge 2006, chapter 2.
.. [2] Y. Freund, R. Schapire, Y. Singer and M. Warmuth, "Using and combining predictors that
   specialize", STOC 1997, 334-343.
.. [3] M. Grzenda, H. M. Gomes and A. Bifet, "Delayed labelling evaluation for data streams", Data
   Mining and Knowledge Discovery 34 (2020) 1237-1266.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from domain.errors import BadUse
from domain.ids import digest
from models.contract import Features, OnlineConfig, OnlineModel, Role, State, reading, usable
from models.labels.delayed import DelayedLabels

STATE_VERSION = 1

ALGORITHM = "weighted-choice-1"
"""Part of the identity. Counts up when the arithmetic changes."""

P_LEAST = 1e-4
"""A probability nearer to 0 or 1 is scored as this one: no single label costs more than 9.2 nats, a
dozen times what knowing nothing costs. Otherwise one saturated answer would silence a member for
many half-lives."""

MAX_HALF_LIFE = 10**9
"""Beyond some 10**15 a label would no longer discount anything in float64."""

COIN = math.log(2)
"""Log-loss of knowing nothing, in nats."""

MAX_WAITING = 10_000
"""Answers that may wait: more would make every snapshot a megabyte."""


class Member(OnlineConfig, Protocol):
    """What the choice must know of a member."""

    @property
    def feature_schema(self) -> str:
        """Schema of the vectors it reads."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per feature, in order."""

    @property
    def labels(self) -> DelayedLabels:
        """The rule that makes what it learns from."""


@dataclass(frozen=True)
class OnlineChoice:
    """Config of the choice.

    Parameters
    ----------
    members
        Config of each member by name; at least one, all of one schema and one rule of labels.
    half_life_labels
        After so many labels a loss counts half, in [1, 10**9].
    eta
        Weight is ``exp(-eta * sum of losses)``; in (0, 10]. 1 is Bayes for labels that are
        independent. Overlapping horizons repeat each other: about 1 / (bars in a horizon) is right.
    floor
        Least weight of a member that answers, in [0, 1 / members): who has lost must stay heard, or
        the choice finds out too late that the market has changed.
    max_waiting
        Answers that wait for their label, in [1, 10,000]; the oldest gives way. At least the bars
        in a horizon: with fewer no answer lives to see its label.

    Raises
    ------
    BadUse
        If a bound is broken, or members read other features or learn other labels.
    """

    members: Mapping[str, Member]
    half_life_labels: int = 500
    eta: float = 0.2
    floor: float = 0.05
    max_waiting: int = 512

    def __post_init__(self) -> None:
        if not self.members:
            msg = "a choice needs at least one member"
            raise BadUse(msg)
        kinds = {(m.feature_schema, m.feature_names, m.labels) for m in self.members.values()}
        if len(kinds) > 1:
            msg = f"the members {sorted(self.members)} must read the same features and labels"
            raise BadUse(msg)
        if not (
            0 < self.half_life_labels <= MAX_HALF_LIFE
            and 0 < self.eta <= 10
            and 0 <= self.floor < 1 / len(self.members)
            and 1 <= self.max_waiting <= MAX_WAITING
        ):
            msg = (
                f"half_life_labels in [1, {MAX_HALF_LIFE}], eta in (0, 10] and floor in "
                f"[0, 1 / members), max_waiting in [1, {MAX_WAITING}] are needed, not "
                f"{self.half_life_labels}, {self.eta}, {self.floor}, {self.max_waiting} for "
                f"{len(self.members)} members"
            )
            raise BadUse(msg)

    @property
    def feature_schema(self) -> str:
        """Schema of the vectors that all members read."""
        return self._first.feature_schema

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per feature, in order."""
        return self._first.feature_names

    @property
    def labels(self) -> DelayedLabels:
        """The rule that makes what all members learn from."""
        return self._first.labels

    @property
    def model_id(self) -> str:
        """Digest of the algorithm, of every member's id and of every field."""
        parts = [part for name in sorted(self.members) for part in (name, self._id_of(name))]
        return digest(
            ALGORITHM,
            len(self.members),
            *parts,
            self.half_life_labels,
            repr(float(self.eta)),
            repr(float(self.floor)),
            self.max_waiting,
        )

    def build(self, resume_state: State | None) -> "OnlineChoiceModel":
        """Return a model that has learned nothing, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version, belongs to another config or is not whole.
        """
        names = sorted(self.members)
        if resume_state is None:
            return OnlineChoiceModel(self, {name: self.members[name].build(None) for name in names})
        with reading(resume_state, STATE_VERSION, self.model_id, "choice of online models"):
            states = resume_state["members"]
            if sorted(states) != names:
                msg = f"states of {sorted(states)} for the members {names}"
                raise ValueError(msg)
            model = OnlineChoiceModel(
                self, {name: self.members[name].build(states[name]) for name in names}
            )
            model.restore(resume_state)
        return model

    @property
    def _first(self) -> Member:
        return next(iter(self.members.values()))

    def _id_of(self, name: str) -> str:
        return self.members[name].model_id


class OnlineChoiceModel:
    """The choice for one symbol; see `models.contract.OnlineModel`.

    A question is noted until its label comes, so that it is part of the state; asking the same
    vector again changes neither the answer nor the note.

    Attributes
    ----------
    labels_learned, labels_scored
        How many labels its members have learned, and how many of these had an answer to score.
    """

    role: Role = "online"

    def __init__(self, config: OnlineChoice, members: Mapping[str, OnlineModel]) -> None:
        self._width = len(config.feature_names)
        self._keep = 0.5 ** (1 / config.half_life_labels)
        self._eta = config.eta
        self._floor = config.floor
        self._max_waiting = config.max_waiting
        # In the order of the names: sums of floats must not depend on how a config was written.
        self._members = members
        self._losses = dict.fromkeys(members, 0.0)
        # Oldest first: the choice's answer, then each member's, by the digest of the vector.
        self._waiting: dict[str, tuple[float, list[float | None]]] = {}
        self._snapshot: State | None = None
        self.model_id = config.model_id
        self.feature_schema = config.feature_schema
        self.horizon_ns = config.labels.horizon_ns
        self.labels_learned = 0
        self.labels_scored = 0

    def predict(self, x: Features) -> float | None:
        """Return the weighted mean of the members that answer, or None where none does."""
        answers = self.answers(x)
        ready = {name: p_up for name, p_up in answers.items() if p_up is not None}
        if not ready:
            return None
        weights = self._weights(list(ready))
        # A sum of 1 + 1 ulp must not give a probability above 1.
        ours = min(1.0, math.fsum(weights[name] * p_up for name, p_up in ready.items()))
        self._note(_key(x), ours, list(answers.values()))
        return ours

    def answers(self, x: Features) -> dict[str, float | None]:
        """Return each member's probability of a higher mid by name, None where it has none."""
        if not usable(x, self._width):
            return dict.fromkeys(self._members)
        return {name: member.predict(x) for name, member in self._members.items()}

    def weights(self) -> dict[str, float]:
        """Return each member's weight by name; they sum to 1 over all members.

        An answer normalises over those that have one.
        """
        return self._weights(list(self._members))

    def losses(self) -> dict[str, float]:
        """Return each member's recent log-loss by name: the discounted mean, in nats per label.

        Before the first score it is that of knowing nothing.
        """
        if self.labels_scored == 0:
            return dict.fromkeys(self._losses, COIN)
        weight = (1 - self._keep**self.labels_scored) / (1 - self._keep)
        return {name: loss / weight for name, loss in self._losses.items()}

    def learn(self, x: Features, y: int) -> None:
        """Score what each member said of the vector, then let each learn (``y`` 0 or 1).

        A vector with a value that is not finite is passed over.
        """
        if y not in (0, 1):
            msg = f"a label is 0 or 1, not {y!r}"
            raise BadUse(msg)
        if not usable(x, self._width):
            return
        self._score(_key(x), y)
        for member in self._members.values():
            member.learn(x, y)
        self.labels_learned += 1
        self._snapshot = None

    def snapshot(self) -> State:
        """Return losses, notes and members' snapshots as a plain mapping; not to be changed."""
        if self._snapshot is None:
            self._snapshot = {
                "v": STATE_VERSION,
                "owner": self.model_id,
                "labels_learned": self.labels_learned,
                "labels_scored": self.labels_scored,
                "losses": dict(self._losses),
                "waiting": [[key, ours, *theirs] for key, (ours, theirs) in self._waiting.items()],
                "members": {name: member.snapshot() for name, member in self._members.items()},
            }
        return self._snapshot

    def restore(self, state: State) -> None:
        """Take losses and notes of the snapshot; the members were built from theirs."""
        with reading(state, STATE_VERSION, self.model_id, "choice of online models"):
            self._losses = {name: float(state["losses"][name]) for name in self._losses}
            waiting = {key: (float(ours), theirs) for key, ours, *theirs in state["waiting"]}
            if any(len(theirs) != len(self._members) for _, theirs in waiting.values()):
                msg = "answers that wait are not of all members"
                raise ValueError(msg)
            self._waiting = waiting
            self.labels_learned = state["labels_learned"]
            self.labels_scored = state["labels_scored"]
            self._snapshot = None

    def _note(self, key: str, ours: float, theirs: list[float | None]) -> None:
        if key in self._waiting:
            return
        self._waiting[key] = (ours, theirs)
        if len(self._waiting) > self._max_waiting:
            del self._waiting[next(iter(self._waiting))]
        self._snapshot = None

    def _score(self, key: str, y: int) -> None:
        if key not in self._waiting:
            return
        while (oldest := next(iter(self._waiting))) != key:
            del self._waiting[oldest]
        ours, theirs = self._waiting.pop(key)
        for name, p_up in zip(self._losses, theirs, strict=True):
            loss = _log_loss(ours if p_up is None else p_up, y)
            self._losses[name] = self._keep * self._losses[name] + loss
        self.labels_scored += 1

    def _weights(self, names: list[str]) -> dict[str, float]:
        least = min(self._losses[name] for name in names)
        raw = {name: math.exp(-self._eta * (self._losses[name] - least)) for name in names}
        total = math.fsum(raw.values())
        rest = 1 - self._floor * len(names)
        return {name: self._floor + rest * weight / total for name, weight in raw.items()}


def _key(x: Features) -> str:
    # Eight bytes: among the thousands that wait, two alike by chance once in 10**12 runs.
    return blake2b(x.tobytes(), digest_size=8).hexdigest()


def _log_loss(p_up: float, y: int) -> float:
    p_up = min(max(p_up, P_LEAST), 1 - P_LEAST)
    return -math.log(p_up if y == 1 else 1 - p_up)
