"""Scores of probabilities and of signals: ranks, calibration, accuracy against coverage, pips.

References
----------
.. [1] J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
   characteristic (ROC) curve", Radiology 143 (1982) 29-36.
.. [2] G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
   Review 78 (1950) 1-3.
.. [3] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks",
   ICML 2017: expected calibration error.
.. [4] Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks", NeurIPS
   2017: risk against coverage.
.. [5] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 4.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.accuracy import wilson
from models.labels.arrays import average_uniqueness

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Shares of the rows at which a coverage curve is read."""

CALIBRATION_BINS = 10
"""Bins of a calibration curve; more bins are noisier, and noise alone raises the error."""


def auc(p_up: Floats, y: Floats) -> float | None:
    """Return the probability that a random up is ranked above a random down [1]_.

    Parameters
    ----------
    p_up, y
        Shape (n,): score (any finite scale) and label 0 or 1. Equal scores count one half.

    Returns
    -------
    float or None
        In [0, 1], 0.5 for a coin; None where one of the directions does not occur.
    """
    ups = float(y.sum())
    downs = len(y) - ups
    if ups == 0 or downs == 0:
        return None
    _, place, count = np.unique(p_up, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    return float((rank[place] @ y - ups * (ups + 1) / 2) / (ups * downs))


def brier(p_up: Floats, y: Floats) -> float:
    """Return the mean squared distance of probabilities from labels 0 and 1 [2]_; a coin's is 0.25.

    Parameters
    ----------
    p_up, y
        Shape (n,), n > 0.
    """
    return float(np.mean((p_up - y) ** 2))


class CalibrationCurve(NamedTuple):
    """How often it went up where the model said so; each of shape (n_bins,).

    Attributes
    ----------
    p_up, share_up
        Mean probability and share of ups in the bin.
    n
        Rows in the bin (> 0).
    """

    p_up: Floats
    share_up: Floats
    n: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error [3]_: mean distance of the two shares, weighted by rows."""
        return float(np.abs(self.p_up - self.share_up) @ self.n / self.n.sum())


def calibration_curve(p_up: Floats, y: Floats, bins: int = CALIBRATION_BINS) -> CalibrationCurve:
    """Compare probabilities with what happened, in bins of about equally many rows.

    Bins of equal width would hold almost all forex probabilities in the two around one half.

    Parameters
    ----------
    p_up, y
        Shape (n,), n > 0: probability and label 0 or 1.
    bins
        At most so many (> 0); equal probabilities are never parted, so there may be fewer.

    Raises
    ------
    BadUse
        If there is no row or no bin.
    """
    if bins <= 0 or len(p_up) == 0:
        msg = f"calibration needs rows and bins, not {len(p_up)} and {bins}"
        raise BadUse(msg)
    order = np.argsort(p_up, kind="stable")
    p, up = p_up[order], y[order]
    cuts = p[np.arange(1, bins) * len(p) // bins]
    starts = np.unique(np.append(0, np.searchsorted(p, cuts, side="left")))
    n = np.diff(np.append(starts, len(p)))
    return CalibrationCurve(
        np.add.reduceat(p, starts) / n, np.add.reduceat(up, starts) / n, n.astype(np.int64)
    )


class CoverageCurve(NamedTuple):
    """Accuracy where only the most confident answers count [4]_; each of shape (n_points,).

    Attributes
    ----------
    coverage
        Share of all rows that count.
    threshold
        Least confidence ``|p_up - 0.5|`` among them.
    n, n_effective
        How many they are, and how many would be left without overlap (`effective_number`).
    accuracy, low, high
        Share of right directions, and its 95 % Wilson interval at ``n_effective``.
    """

    coverage: Floats
    threshold: Floats
    n: NDArray[np.int64]
    n_effective: Floats
    accuracy: Floats
    low: Floats
    high: Floats


def coverage_curve(
    p_up: Floats,
    y: Floats,
    ts_ns: Times,
    end_ns: Times,
    coverages: tuple[float, ...] = COVERAGES,
) -> CoverageCurve:
    """Measure accuracy at several thresholds of confidence.

    Parameters
    ----------
    p_up, y
        Shape (n,), n > 0: probability and label 0 or 1; 0.5 counts as half right.
    ts_ns, end_ns
        Shape (n,): bar closes and when the labels are known.
    coverages
        Shares of the rows in (0, 1] to read the curve at. Equally confident rows are never parted:
        a point has the next larger coverage that parts none.

    Returns
    -------
    CoverageCurve
        By falling coverage; points that fall together are one.

    Raises
    ------
    BadUse
        If there is no row, or a share is out of bounds.
    """
    if len(p_up) == 0 or not all(0 < share <= 1 for share in coverages):
        msg = f"a coverage curve needs rows and shares in (0, 1], not {len(p_up)} and {coverages}"
        raise BadUse(msg)
    confidence = np.abs(p_up - 0.5)
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    correct = np.cumsum(right(p_up, y)[order])
    wanted = np.ceil(np.array(coverages) * len(p_up)).astype(np.intp)
    n = np.unique(np.searchsorted(-ranked, -ranked[wanted - 1], side="right"))[::-1]
    effective = [effective_number(ts_ns[order[:k]], end_ns[order[:k]]) for k in n]
    accuracy = correct[n - 1] / n
    bounds = np.array([wilson(*point) for point in zip(accuracy, effective, strict=True)])
    return CoverageCurve(
        coverage=n / len(p_up),
        threshold=ranked[n - 1],
        n=n.astype(np.int64),
        n_effective=np.array(effective),
        accuracy=accuracy,
        low=bounds[:, 0],
        high=bounds[:, 1],
    )


def right(p_up: Floats, y: Floats) -> Floats:
    """Return 1.0 where the direction was right, 0.0 where wrong, 0.5 where there was no view."""
    return np.where(p_up == 0.5, 0.5, (p_up > 0.5) == (y > 0.5))


def effective_number(ts_ns: Times, end_ns: Times) -> float:
    """Return how many labels there would be if none overlapped, of whichever symbol [5]_.

    The sum of the labels' average uniqueness across all symbols: labels that are open at one moment
    count once together. For rows at a regular spacing this is the ``n * spacing / horizon`` of
    `models.evaluation.accuracy.accuracy` with the spacing divided by the number of symbols; it also
    holds for signals that come seldom and irregularly. Two symbols at the same moment count once
    even where horizons do not overlap: they share a currency, and this is the careful end.

    Parameters
    ----------
    ts_ns, end_ns
        Shape (n,): bar closes and when the labels are known (later).
    """
    return float(average_uniqueness(ts_ns, end_ns, np.zeros(len(ts_ns), np.int64)).sum())


def round_trip_pips(
    half_spread_now: Floats, half_spread_later: Floats, pip: Floats | float, slippage_pips: float
) -> Floats:
    """Return what a position costs that is opened now and closed later, in pips.

    Parameters
    ----------
    half_spread_now, half_spread_later
        Shape (n,): half the spread at both ends, in price units; NaN where it is not known.
    pip
        Size of a pip in price units (> 0).
    slippage_pips
        Of each of the two orders (>= 0).
    """
    cost: Floats = (half_spread_now + half_spread_later) / pip + 2 * slippage_pips
    return cost


def net_pips(
    side: Floats,
    mid_now: Floats,
    mid_later: Floats,
    pip: Floats | float,
    cost_pips: Floats | float,
) -> Floats:
    """Return what each signal earns: it enters and leaves at the far side of the spread.

    Parameters
    ----------
    side
        Shape (n,): 1.0 long, -1.0 short, 0.0 none (earns and costs nothing).
    mid_now, mid_later
        Shape (n,): mid at both ends.
    pip
        Size of a pip in price units (> 0).
    cost_pips
        Spread and slippage of the whole trade, from `round_trip_pips` (>= 0).
    """
    net: Floats = side * (mid_later - mid_now) / pip - np.abs(side) * cost_pips
    return net
