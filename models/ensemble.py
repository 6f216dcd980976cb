"""The one answer: a weighted mean of the models that are deployed.

It answers only when every deployed model does: a mean whose members come and go would change its
meaning from bar to bar (law 5: fail closed).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.ids import digest

Answers = NDArray[np.float64]
"""Probabilities at some bars, shape (n,); NaN: none."""


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

    def combine(self, answers: Mapping[str, Answers]) -> Answers:
        """Return the means of the answers by role, each in [0, 1].

        Parameters
        ----------
        answers
            Probabilities of each role at the same bars, shape (n,); NaN where it has none. Answers
            of roles that are not deployed are not read.

        Returns
        -------
        Answers
            Shape (n,); NaN unless every deployed model has answered.
        """
        mean: Answers | float = 0.0
        for role, weight in self.weights.items():
            p_up = answers[role]
            mean = mean + weight * np.where((p_up >= 0.0) & (p_up <= 1.0), p_up, np.nan)
        # Weights that sum to 1 + 1 ulp must not give a probability above 1.
        return np.minimum(mean, 1.0)
