"""What is left of the best of many trials: deflated Sharpe ratio, probability of overfitting.

Both need every trial that was run, the poor ones too. Without them the figures flatter.

References
----------
.. [1] D. H. Bailey and M. López de Prado, "The deflated Sharpe ratio: correcting for selection
   bias, backtest overfitting and non-normality", Journal of Portfolio Management 40 (2014) 94-107.
.. [2] D. H. Bailey, J. Borwein, M. López de Prado and Q. J. Zhu, "The probability of backtest
   overfitting", Journal of Computational Finance 20 (2017) 39-69 (first circulated 2013).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse

Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329
"""Euler-Mascheroni constant: where the largest of many normal draws is expected."""

_STILL = 1e-12
"""A variance below this share of the mean square is rounding: the returns do not vary."""

_CHUNK = 2048
"""Combinations that are computed at once: bounds the memory for many trials."""

MIN_BLOCKS, MAX_BLOCKS = 2, 20
"""20 blocks make 184,756 combinations; more take minutes and say no more."""


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """The Sharpe ratio of the chosen trial beside that of the best of as many without skill.

    Attributes
    ----------
    probability
        That the true Sharpe ratio is above ``expected_best``, in [0, 1]: the deflated Sharpe ratio.
    sharpe, expected_best
        Per return (not annualised): of the chosen trial, and expected of the best by luck alone.
    skew, kurtosis
        Of the chosen returns; 0 and 3 for normal ones.
    n, trials
        Returns (effective number) and trials.
    """

    probability: float
    sharpe: float
    expected_best: float
    skew: float
    kurtosis: float
    n: float
    trials: int


def sharpe(returns: Floats) -> Floats:
    """Return the mean over the standard deviation of each column; 0 where returns do not vary.

    Parameters
    ----------
    returns
        Shape (n, ...), n > 0: returns of equal periods, or of trades.
    """
    mean, square = returns.mean(axis=0), np.mean(returns**2, axis=0)
    return _ratio(mean, square)


def expected_best_sharpe(variance: float, trials: int) -> float:
    """Return the expected largest Sharpe ratio of some trials without skill [1]_.

    Parameters
    ----------
    variance
        Of the Sharpe ratios over the trials (>= 0).
    trials
        How many independent ones were run (> 0). One trial was not selected: 0.

    Raises
    ------
    BadUse
        If a bound is broken.
    """
    if trials <= 0 or not variance >= 0:
        msg = f"a best Sharpe ratio needs trials > 0 and a variance >= 0, not {trials}, {variance}"
        raise BadUse(msg)
    if trials == 1:
        return 0.0
    first = _NORMAL.inv_cdf(1 - 1 / trials)
    second = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - _EULER) * first + _EULER * second)


def sharpe_probability(
    value: float, threshold: float, n: float, skew: float, kurtosis: float
) -> float:
    """Return the probability that a true Sharpe ratio is above a threshold [1]_.

    Parameters
    ----------
    value, threshold
        Measured Sharpe ratio and what it is compared with, both per return.
    n
        How many returns it was measured on (> 1); where they overlap, their effective number.
    skew, kurtosis
        Of the returns; 0 and 3 for normal ones.

    Raises
    ------
    BadUse
        If there are too few returns, or no distribution has these moments.
    """
    spread = 1 - skew * value + (kurtosis - 1) / 4 * value * value
    if n <= 1 or spread <= 0:
        msg = f"{n} returns with skew {skew} and kurtosis {kurtosis} give no Sharpe probability"
        raise BadUse(msg)
    return _NORMAL.cdf((value - threshold) * math.sqrt((n - 1) / spread))


def deflated_sharpe(
    returns: Floats, trial_sharpes: Floats, n_effective: float | None = None
) -> DeflatedSharpe:
    """Judge the chosen trial among all that were run [1]_.

    Parameters
    ----------
    returns
        Shape (n,), n > 1: returns of the chosen trial.
    trial_sharpes
        Shape (trials,), trials > 0: Sharpe ratios of all trials per return, the chosen one's too.
        Trials that are much alike count as independent ones, which deflates more, not less.
    n_effective
        How many of the returns do not overlap; None: all.

    Raises
    ------
    BadUse
        If there is nothing to judge or a value is not finite.
    """
    if returns.ndim != 1 or len(returns) < 2 or trial_sharpes.ndim != 1 or not len(trial_sharpes):
        msg = f"{returns.shape} returns of {trial_sharpes.shape} trials cannot be deflated"
        raise BadUse(msg)
    if not (np.isfinite(returns).all() and np.isfinite(trial_sharpes).all()):
        msg = "a return or a Sharpe ratio is not finite: leave out periods without a result"
        raise BadUse(msg)
    value = float(sharpe(returns))
    skew, kurtosis = _moments(returns)
    variance = float(trial_sharpes.var(ddof=1)) if len(trial_sharpes) > 1 else 0.0
    best = expected_best_sharpe(variance, len(trial_sharpes))
    n = float(len(returns)) if n_effective is None else n_effective
    probability = sharpe_probability(value, best, n, skew, kurtosis)
    return DeflatedSharpe(probability, value, best, skew, kurtosis, n, len(trial_sharpes))


@dataclass(frozen=True, slots=True)
class Overfitting:
    """What choosing the best trial in one half of the time is worth in the other.

    Attributes
    ----------
    probability
        Share of the combinations whose chosen trial ends in the lower half of all trials, in
        [0, 1]; about 0.5 where choosing is pure luck.
    loss_probability
        Share of the combinations whose chosen trial loses out of sample.
    median_rank
        Median rank of the chosen trial out of sample: 1 is best, 0 worst.
    combinations, trials
        How many there were.
    """

    probability: float
    loss_probability: float
    median_rank: float
    combinations: int
    trials: int


def probability_of_overfitting(returns: Floats, blocks: int = 16) -> Overfitting:
    """Choose the best trial in each half of the time and look at it in the other half [2]_.

    Parameters
    ----------
    returns
        Shape (n, trials), all finite: returns of all trials in the same periods, in order of time;
        0 where a trial did not trade. At least two trials.
    blocks
        Even number of blocks of time in [2, 20], of about equal length, at most ``n / 2``; every
        half of them is chosen from once.

    Returns
    -------
    Overfitting
        Performance is the Sharpe ratio. Equal ranks share their mean.

    Raises
    ------
    BadUse
        If a bound is broken.
    """
    if returns.ndim != 2 or returns.shape[1] < 2 or not np.isfinite(returns).all():
        msg = f"overfitting needs finite returns of at least two trials, not {returns.shape}"
        raise BadUse(msg)
    n, trials = returns.shape
    if blocks % 2 or not MIN_BLOCKS <= blocks <= MAX_BLOCKS or 2 * blocks > n:
        msg = (
            f"{n} periods cannot be cut into {blocks} blocks: give an even number in "
            f"[{MIN_BLOCKS}, {MAX_BLOCKS}] and at least two periods for each"
        )
        raise BadUse(msg)
    starts = np.arange(blocks) * n // blocks
    count = np.diff(np.append(starts, n)).astype(np.float64)
    total = np.add.reduceat(returns, starts, axis=0)
    square = np.add.reduceat(returns**2, starts, axis=0)
    ranks, results = [], []
    for chosen in _halves(blocks):
        inside = _sharpes(chosen, count, total, square)
        outside = _sharpes(1 - chosen, count, total, square)
        rows, best = np.arange(len(chosen)), inside.argmax(axis=1)
        result = outside[rows, best]
        below = (outside < result[:, None]).sum(axis=1)
        equal = (outside == result[:, None]).sum(axis=1)
        ranks.append((below + (equal + 1) / 2) / (trials + 1))
        results.append(result)
    rank, result = np.concatenate(ranks), np.concatenate(results)
    return Overfitting(
        probability=float(np.mean(rank <= 0.5)),
        loss_probability=float(np.mean(result < 0)),
        median_rank=float(np.median(rank)),
        combinations=len(rank),
        trials=trials,
    )


def _halves(blocks: int) -> Iterator[Floats]:
    """Give every choice of half the blocks as rows of 0 and 1, some at a time."""
    all_halves = combinations(range(blocks), blocks // 2)
    while some := list(islice(all_halves, _CHUNK)):
        chosen = np.zeros((len(some), blocks))
        np.put_along_axis(chosen, np.array(some), 1.0, axis=1)
        yield chosen


def _sharpes(chosen: Floats, count: Floats, total: Floats, square: Floats) -> Floats:
    n = (chosen @ count)[:, None]
    return _ratio(chosen @ total / n, chosen @ square / n)


def _ratio(mean: Floats, square: Floats) -> Floats:
    variance = square - mean**2
    moves = variance > _STILL * square
    ratio: Floats = np.where(moves, mean / np.sqrt(np.where(moves, variance, 1.0)), 0.0)
    return ratio


def _moments(returns: Floats) -> tuple[float, float]:
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance <= _STILL * float(np.mean(returns**2)):
        return 0.0, 3.0
    return float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2
