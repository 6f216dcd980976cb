"""The one answer: a mean of the members that answered, weighted by their recent log-loss.

Weights follow Hedge [1]_ with discounted losses: each member starts at the weight that settings
give it, and moves by how its log-loss, on labels that have since become known, compares with the
mean of those who answered beside it. Who abstains is not judged meanwhile (sleeping experts [2]_),
so that answering only when it is easy earns nothing.

The ensemble abstains by default: it has no view unless enough members, and enough of the weight,
have answered. A view on which the members do not agree is a view, but none to open a side on.

References
----------
.. [1] Y. Freund and R. E. Schapire, "A decision-theoretic generalization of on-line learning and an
   application to boosting", Journal of Computer and System Sciences 55 (1997) 119-139.
.. [2] Y. Freund, R. E. Schapire, Y. Singer and M. K. Warmuth, "Using and combining predictors that
   specialize", STOC 1997.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.errors import BadUse
from domain.ids import digest
from models.contract import Role, State, reading

ALGORITHM = "hedge-ensemble-1"
"""Part of the identity. Counts up when the arithmetic changes."""

STATE_VERSION = 1

ROLES: tuple[Role, ...] = ("online", "xgboost", "forest", "lstm", "rules")
"""Order in which members are summed up and named: sums of floats depend on it in the last bit."""

LOSS_FLOOR = 0.01
"""Probabilities are kept this far from 0 and 1 in the losses that weights and trials follow: one
certain and wrong answer costs 4.6 nats and not infinity, which no later label could make good."""

FLOOR_LIMIT = 1.0 / len(ROLES)
"""A floor at or above it would leave nothing to be earned."""


def _equal() -> dict[Role, float]:
    return dict.fromkeys(ROLES, 1.0)


def log_loss(p_up: float, y: int) -> float:
    """Return the negative log likelihood in nats of a label, 0 or 1; ln 2 is a coin's.

    Scalar on purpose: the vectorised logarithm may differ in the last bit with the length of an
    array, and weights must not depend on how rows were cut into batches.
    """
    p = min(max(p_up, LOSS_FLOOR), 1.0 - LOSS_FLOOR)
    return -math.log(p if y else 1.0 - p)


class Member(NamedTuple):
    """A member at one bar: ``p_up`` in [0, 1], or NaN where it abstains."""

    role: Role
    model_id: str
    p_up: float


class Combined(NamedTuple):
    """The ensemble at one bar.

    Attributes
    ----------
    p_up
        Weighted mean in [0, 1]; NaN: no view.
    agreement
        Share of the weight of those who answered that is on the side of ``p_up``; NaN without view.
    agrees
        Whether that is enough to open a side.
    weights
        Of each member, in the order given; 0 for one that abstained, all 0 without a view.
    """

    p_up: float
    agreement: float
    agrees: bool
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class EnsembleConfig:
    """How members become one answer.

    Parameters
    ----------
    weights
        Weight of each role before any loss is known (> 0, finite); only the proportions count.
    learning_rate
        How far a nat of loss moves the logarithm of a weight, in [0, 10]; 0: weights never move.
        Labels of overlapping horizons repeat each other: one over the bars in a horizon is right.
    half_life_labels
        Labels after which a loss counts half (> 0).
    weight_floor
        Least share of a deployed member, in [0, 0.2): one that was bad can still come back.
    min_members
        Members that must answer for a view (> 0).
    min_weight
        Share of the weight of the deployed members that must answer for a view, in [0, 1].
    min_agreement
        Share of the answering weight that must be on one side to open it, in [0, 1].

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    weights: Mapping[Role, float] = field(default_factory=_equal)
    learning_rate: float = 0.2
    half_life_labels: int = 240
    weight_floor: float = 0.05
    min_members: int = 1
    min_weight: float = 0.5
    min_agreement: float = 0.6

    def __post_init__(self) -> None:
        unknown = sorted(set(self.weights) - set(ROLES))
        if unknown or not self.weights:
            msg = f"an ensemble needs weights of roles among {', '.join(ROLES)}, not {unknown}"
            raise BadUse(msg)
        if not all(0 < weight < math.inf for weight in self.weights.values()):
            msg = f"an ensemble needs weights > 0; leave out who has none: {dict(self.weights)}"
            raise BadUse(msg)
        if not (
            0 <= self.learning_rate <= 10
            and self.half_life_labels > 0
            and 0 <= self.weight_floor < FLOOR_LIMIT
            and self.min_members > 0
            and 0 <= self.min_weight <= 1
            and 0 <= self.min_agreement <= 1
        ):
            msg = (
                "an ensemble needs a learning_rate in [0, 10], half_life_labels > 0, weight_floor "
                f"in [0, {FLOOR_LIMIT}), min_members > 0, min_weight and min_agreement in [0, 1]: "
                f"{self}"
            )
            raise BadUse(msg)

    @property
    def config_id(self) -> str:
        """Digest of every field."""
        weights = [part for role in ROLES for part in (role, repr(self.weights.get(role)))]
        return digest(
            ALGORITHM,
            *weights,
            repr(float(self.learning_rate)),
            self.half_life_labels,
            repr(float(self.weight_floor)),
            self.min_members,
            repr(float(self.min_weight)),
            repr(float(self.min_agreement)),
        )

    def model_id(self, members: Mapping[Role, str]) -> str:
        """Return the identity of the ensemble of some members, by role: another one is another."""
        parts = [part for role in ROLES if role in members for part in (role, members[role])]
        return digest("ensemble", self.config_id, *parts)

    def build(self, resume_state: State | None) -> "Ensemble":
        """Return an ensemble that has seen no loss, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        ensemble = Ensemble(self)
        if resume_state is not None:
            ensemble.restore(resume_state)
        return ensemble


class Ensemble:
    """The weights of one symbol, and the mean by them."""

    def __init__(self, config: EnsembleConfig) -> None:
        self._config = config
        self._decay = 0.5 ** (1.0 / config.half_life_labels)
        self._owner = config.config_id
        self._ids: tuple[str, ...] = ()
        self._excess: dict[str, float] = {}
        self._shares: list[float] = []

    def combine(self, members: Sequence[Member]) -> Combined:
        """Return the one answer at a bar.

        Parameters
        ----------
        members
            All that are deployed now, in the order of ``ROLES``, each once. One whose model is new
            starts at the weight of its role; who is no longer among them is forgotten.
        """
        ids = tuple([member.model_id for member in members])
        if ids != self._ids:
            self._ids = ids
            self._excess = {name: self._excess.get(name, 0.0) for name in ids}
            self._shares = []
        if not self._shares:
            self._shares = self._weigh(members)
        weights = [
            share if 0.0 <= member.p_up <= 1.0 else 0.0
            for share, member in zip(self._shares, members, strict=True)
        ]
        total = sum(weights)
        answered = sum(weight > 0.0 for weight in weights)
        config = self._config
        # Shares sum to 1 less a rounding: who all answer must not fail a demand for all.
        if answered < config.min_members or total <= 0.0 or total < config.min_weight - 1e-12:
            return Combined(math.nan, math.nan, agrees=False, weights=(0.0,) * len(weights))
        normal = [weight / total for weight in weights]
        pairs = [(w, m.p_up) for w, m in zip(normal, members, strict=True) if w > 0.0]
        # Weights that sum to 1 + 1 ulp must not give a probability above 1.
        p_up = min(sum(w * p for w, p in pairs), 1.0)
        up, down = (
            sum(w for w, p in pairs if p > 0.5),
            sum(w for w, p in pairs if p < 0.5),
        )
        agreement = min(up if p_up > 0.5 else down if p_up < 0.5 else max(up, down), 1.0)
        agrees = agreement >= config.min_agreement - 1e-12
        return Combined(p_up, agreement, agrees, tuple(normal))

    def learn(self, answers: Mapping[str, float], y: int) -> None:
        """Judge the answers that were given at an earlier bar by its label, now known.

        Parameters
        ----------
        answers
            Probability by model id; of models that are not members now none is read.
        y
            1 if the mid was higher after the horizon, 0 if it was lower.
        """
        losses = {name: log_loss(answers[name], y) for name in self._ids if name in answers}
        if not losses:
            return
        mean = sum(losses.values()) / len(losses)
        self._excess = {
            name: self._decay * before + (losses[name] - mean if name in losses else 0.0)
            for name, before in self._excess.items()
        }
        self._shares = []

    def snapshot(self) -> dict[str, Any]:
        """Return the discounted losses as a plain mapping, by model id."""
        return {
            "v": STATE_VERSION,
            "owner": self._owner,
            "excess": [[name, self._excess[name]] for name in self._ids],
        }

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of; see `EnsembleConfig.build`."""
        with reading(state, STATE_VERSION, self._owner, "ensemble"):
            self._excess = {str(name): float(excess) for name, excess in state["excess"]}
            self._ids = tuple(self._excess)

    def _weigh(self, members: Sequence[Member]) -> list[float]:
        """Return the share of each deployed member: Hedge, then the floor; they sum to 1."""
        config = self._config
        # Less the smallest: no exponential overflows, and the best keeps its own weight.
        least = min(self._excess.values(), default=0.0)
        raw = [
            config.weights[member.role]
            * math.exp(-config.learning_rate * (self._excess[member.model_id] - least))
            for member in members
        ]
        total = sum(raw)
        free = 1.0 - config.weight_floor * len(raw)
        return [config.weight_floor + free * weight / total for weight in raw]
