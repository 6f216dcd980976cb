"""How right a model is, told with its interval and beside what guessing would give.

References
----------
.. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
   of the American Statistical Association 22 (1927) 209-212.
.. [2] L. P. Hansen and R. J. Hodrick, "Forward exchange rates as optimal predictors of future spot
   rates", Journal of Political Economy 88 (1980) 829-853: overlapping horizons correlate errors.
.. [3] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 4: labels
   that overlap in time are not independent.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.labels.arrays import later_index

Z_95 = 1.959963984540054
"""97.5 % point of the normal distribution: two-sided 95 %."""

_LOG_FLOOR = 1e-12
"""Probabilities are kept this far from 0 and 1 in the log loss, so that one certain and wrong
answer costs about 28 nats instead of infinity."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Directional accuracy over the outcomes that moved.

    Attributes
    ----------
    value
        Share of right directions in [0, 1]; None where nothing was counted.
    low, high
        95 % Wilson interval [1]_ of ``value`` at ``n_effective``.
    base_rate
        Share of the more frequent direction among the same outcomes: what a constant guess gets.
    n
        Outcomes counted.
    n_effective
        ``n * spacing / horizon``, at most ``n``: how many that do not overlap [2]_ [3]_.
    flat
        Outcomes with an answer and an unchanged mid, not counted in ``n``.
    """

    value: float | None
    low: float | None
    high: float | None
    base_rate: float | None
    n: int
    n_effective: float
    flat: int

    @property
    def beats_base_rate(self) -> bool:
        """Say whether the whole interval lies above the base rate."""
        return self.low is not None and self.base_rate is not None and self.low > self.base_rate


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share in [0, 1] seen in ``n`` (> 0) trials [1]_."""
    z2 = Z_95 * Z_95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def accuracy(
    p_up: NDArray[np.float64],
    mid_now: NDArray[np.float64],
    mid_later: NDArray[np.float64],
    horizon_ns: int,
    spacing_ns: float,
) -> Accuracy:
    """Measure directional accuracy with its interval and base rate.

    Parameters
    ----------
    p_up
        Shape (n,): probability of a higher mid; NaN where the model was not ready (not counted).
        Exactly 0.5 is no view and counts as half right.
    mid_now, mid_later
        Shape (n,): mid at the bar and one horizon later; NaN where there is none (not counted).
    horizon_ns, spacing_ns
        Length of the horizon and distance between successive predictions, in nanoseconds (> 0).

    Returns
    -------
    Accuracy
        With None in place of shares where nothing was counted.

    Notes
    -----
    Predictions of several pairs at one time are correlated as well. Whoever pools pairs divides
    ``spacing_ns`` by their number, which counts each moment once, or gets too narrow an interval.
    """
    known = ~(np.isnan(p_up) | np.isnan(mid_now) | np.isnan(mid_later))
    moved = known & (mid_later != mid_now)
    n = int(moved.sum())
    flat = int(known.sum()) - n
    if n == 0:
        return Accuracy(None, None, None, None, 0, 0.0, flat)
    up = mid_later[moved] > mid_now[moved]
    view = p_up[moved]
    right = np.where(view == 0.5, 0.5, (view > 0.5) == up)
    value = float(right.mean())
    share_up = float(up.mean())
    n_effective = n * min(1.0, spacing_ns / horizon_ns)
    low, high = wilson(value, n_effective)
    return Accuracy(value, low, high, max(share_up, 1 - share_up), n, n_effective, flat)


def log_loss(p_up: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the mean negative log likelihood in nats of labels 0 and 1; ln 2 is a coin's.

    Parameters
    ----------
    p_up, y
        Shape (n,), n > 0.
    """
    p = np.clip(p_up, _LOG_FLOOR, 1 - _LOG_FLOOR)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def later_mid(
    ts_ns: NDArray[np.int64], mid: NDArray[np.float64], horizon_ns: int, tolerance_ns: int
) -> NDArray[np.float64]:
    """Return the mid one horizon after each bar of one symbol, as `models.labels.delayed` does.

    Parameters
    ----------
    ts_ns
        Shape (n,): bar closes, strictly rising.
    mid
        Shape (n,): mid at each close.
    horizon_ns, tolerance_ns
        As in `models.labels.delayed.DelayedLabels`.

    Returns
    -------
    NDArray[np.float64]
        Shape (n,): NaN where no bar closed in ``[t + horizon, t + horizon + tolerance]``.
    """
    index = later_index(ts_ns, horizon_ns, tolerance_ns)
    return np.where(index >= 0, mid[index], np.nan)
