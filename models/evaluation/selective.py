"""Choosing how confident an answer must be so that those that are given are right often enough.

References
----------
.. [1] Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks", NeurIPS
   2017: selection with guaranteed risk.
.. [2] C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
   case of the binomial", Biometrika 26 (1934) 404-413.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.accuracy import wilson

Floats = NDArray[np.float64]

Bound = Literal["point", "wilson", "guaranteed"]

DELTA = 0.05
"""Probability that the guarantee of ``guaranteed`` does not hold."""

_HALVINGS = 50
"""Of the interval in which a binomial bound is searched: about 1e-15."""


def choose_threshold(
    confidence: Floats,
    right: Floats,
    floor: float,
    min_signals: int,
    bound: Bound = "wilson",
    effective_share: float = 1.0,
) -> float | None:
    """Return the least confidence at which answers are accurate enough, or None.

    Parameters
    ----------
    confidence, right
        Shape (n,): of out-of-fold answers, and 1.0 where right, 0.0 where wrong, 0.5 without a
        view. On answers to rows that were trained on, the threshold would promise too much.
    floor
        Accuracy that must be met, in (0, 1).
    min_signals
        Least number of answers at or above the threshold (> 0).
    bound
        What must reach the floor. ``point``: the accuracy itself. ``wilson``: the lower end of its
        95 % interval; thresholds are tried at every confidence, so among many some meet it by
        luck. ``guaranteed``: an exact binomial bound [2]_ that allows for the search [1]_, true
        with 95 % for independent answers; the search looks at ``log2(n)`` thresholds only.
    effective_share
        Effective over real number of answers, in (0, 1], for labels that overlap; see
        `models.evaluation.scores.effective_number`.

    Returns
    -------
    float or None
        Use as ``confidence >= threshold``: of the thresholds tried, the one with most answers. None
        where no threshold meets the floor: then nothing should be said.

    Raises
    ------
    BadUse
        If a bound is broken or shapes differ.
    """
    if not 0 < floor < 1 or min_signals <= 0 or not 0 < effective_share <= 1:
        msg = (
            "a threshold needs a floor in (0, 1), at least one signal and a share in (0, 1], "
            f"not {floor}, {min_signals}, {effective_share}"
        )
        raise BadUse(msg)
    if confidence.shape != right.shape or confidence.ndim != 1 or np.isnan(confidence).any():
        msg = "confidence and right are columns of one length, without answers that were not given"
        raise BadUse(msg)
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    share = np.cumsum(right[order]) / np.arange(1, len(ranked) + 1)
    # Equally confident answers stand or fall together: only the last of them is a threshold.
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True)[: len(ranked)])
    last = last[last + 1 >= min_signals]
    if bound == "guaranteed":
        best = _guaranteed(share, last, floor, effective_share)
        return None if best is None else float(ranked[best])
    if bound == "wilson":
        lows = [wilson(float(share[at]), (at + 1) * effective_share)[0] for at in last.tolist()]
        met = last[np.array(lows) >= floor] if len(lows) else last
    else:
        met = last[share[last] >= floor]
    return float(ranked[met[-1]]) if len(met) else None


def binomial_low(right: int, n: int, delta: float) -> float:
    """Return the exact lower bound of a probability that was met ``right`` times in ``n`` [2]_.

    Parameters
    ----------
    right, n
        In [0, n], and > 0.
    delta
        Probability in (0, 1) that the true value lies below the bound.
    """
    if right == 0:
        return 0.0
    factorial = np.append(0.0, np.cumsum(np.log(np.arange(1, n + 1))))
    hits = np.arange(right, n + 1)
    ways = factorial[n] - factorial[hits] - factorial[n - hits]
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        p = (low + high) / 2
        tail = np.exp(ways + hits * math.log(p) + (n - hits) * math.log1p(-p)).sum()
        low, high = (p, high) if tail < delta else (low, p)
    return low


def _guaranteed(
    share: Floats, last: NDArray[np.intp], floor: float, effective_share: float
) -> int | None:
    """Halve the thresholds as reference [1]_ does; each look spends its part of ``DELTA``."""
    if len(last) == 0:
        return None
    looks = max(1, math.ceil(math.log2(len(last) + 1)))
    low, high, best = 0, len(last) - 1, None
    while low <= high:
        middle = (low + high) // 2
        at = int(last[middle])
        n = math.floor((at + 1) * effective_share)
        # Rounded down on both counts: the bound may only become more careful.
        hits = math.floor(float(share[at]) * n)
        if n > 0 and binomial_low(hits, n, DELTA / looks) >= floor:
            best, low = at, middle + 1
        else:
            high = middle - 1
    return best
