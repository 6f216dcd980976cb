"""The one answer: a weighted mean of the models that are deployed.

It answers only when every deployed model does: a mean whose members come and go would change its
meaning from bar to bar (law 5: fail closed).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.errors import BadUse
from domain.ids import digest


def _halves() -> dict[str, float]:
    return {"online": 0.5, "batch": 0.5}


@dataclass(frozen=True, slots=True)
class EnsembleConfig:
    """Weights by role.

    Parameters
    ----------
    weights
        Weight of each role (>= 0, finite). Roles that are not deployed are left out and the rest
        is normalised to a sum of 1.
    """

    weights: Mapping[str, float] = field(default_factory=_halves)

    def build(self, deployed: Mapping[str, str]) -> "Ensemble":
        """Return the ensemble of the deployed models; it has no state of its own.

        Parameters
        ----------
        deployed
            Model id of every deployed role.

        Raises
        ------
        BadUse
            If no model is deployed, a role has no weight, or a weight is below 0 or not finite.
        """
        unknown = sorted(set(deployed) - set(self.weights))
        if unknown:
            msg = f"no ensemble weight for {', '.join(unknown)}; known: {', '.join(self.weights)}"
            raise BadUse(msg)
        weights = {role: float(self.weights[role]) for role in sorted(deployed)}
        total = math.fsum(weights.values())
        if not all(0 <= weight < math.inf for weight in weights.values()) or total <= 0:
            msg = f"an ensemble needs deployed models of weight > 0, not {weights}"
            raise BadUse(msg)
        return Ensemble({role: weight / total for role, weight in weights.items()}, deployed)


class Ensemble:
    """Weighted mean over the deployed models.

    Attributes
    ----------
    weights
        Normalised weight by role, in the order of the names.
    model_id
        Digest of roles, member ids and weights.
    """

    def __init__(self, weights: Mapping[str, float], deployed: Mapping[str, str]) -> None:
        self.weights = dict(weights)
        parts = [part for role, w in weights.items() for part in (role, deployed[role], repr(w))]
        self.model_id = digest("ensemble", *parts)

    def combine(self, answers: Mapping[str, float | None]) -> float | None:
        """Return the mean of the answers by role in [0, 1]; None unless every model has answered.

        Answers of roles that are not deployed are not read.
        """
        mean = 0.0
        for role, weight in self.weights.items():
            p_up = answers.get(role)
            if p_up is None or not 0.0 <= p_up <= 1.0:
                return None
            mean += weight * p_up
        # Weights that sum to 1 + 1 ulp must not give a probability above 1.
        return min(1.0, mean)
