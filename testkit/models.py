"""Models that need no training, for runs and tests of what surrounds a model."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.deployments import Slot

FAULTS = ("", "raises", "silent")


@dataclass(frozen=True)
class FollowLast:
    """A served model whose answer is a function of the last value of the first feature.

    Parameters
    ----------
    model_id
        Name it answers under.
    slope
        Logit per unit of the feature; below 0 it answers the opposite.
    role, feature_schema, horizon_ns, window
        See `models.contract.ServedModel`.
    fault, fault_above
        How it fails (one of ``FAULTS``) where the feature is above this value.
    """

    model_id: str
    slope: float = 1.0
    role: Slot = "xgboost"
    feature_schema: str = "schema-1"
    horizon_ns: int = 1
    window: int = 1
    fault: str = ""
    fault_above: float = float("inf")
    asked: list[int] = field(default_factory=list, compare=False)

    @property
    def golden_sha256(self) -> str:
        """Text that only this model has."""
        return f"golden of {self.model_id}"

    def predict_windows(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a probability for each window of shape (n, window, n_features); NaN for NaN.

        Raises
        ------
        RuntimeError
            If its fault is to raise and a row is above the limit.
        """
        self.asked.append(len(x))
        last = x[:, -1, 0]
        bad = last > self.fault_above
        if self.fault == "raises" and bad.any():
            msg = "out of memory"
            raise RuntimeError(msg)
        answers: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-self.slope * last))
        answers = np.where(np.isfinite(x).all(axis=(1, 2)), answers, np.nan)
        return np.where(bad & (self.fault == "silent"), np.nan, answers)
