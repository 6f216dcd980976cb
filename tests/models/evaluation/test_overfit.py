"""Overfitting: the published example, small cases by hand, and markets with and without an edge."""

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kurtosis, rankdata, skew

from domain.errors import BadUse
from models.evaluation.overfit import (
    deflated_sharpe,
    expected_best_sharpe,
    probability_of_overfitting,
    sharpe,
    sharpe_probability,
)

Floats = NDArray[np.float64]


@pytest.mark.parametrize(("trials", "probability"), [(46, 0.9505), (100, 0.9004)])
def test_the_published_example(trials: int, probability: float) -> None:
    """Sharpe 2.5 a year over five years of days: significant for 46 trials, not for 100."""
    best = expected_best_sharpe(0.5 / 250, trials)
    value = 2.5 / math.sqrt(250)
    assert sharpe_probability(value, best, 1250, -3, 10) == pytest.approx(probability, abs=5e-5)
    if trials == 100:
        assert best == pytest.approx(0.1132, abs=5e-5)


def test_the_best_of_many_draws() -> None:
    """The expected largest of N normal draws, simulated."""
    draws = np.random.default_rng(1).normal(size=(20_000, 50)).max(axis=1).mean()
    assert expected_best_sharpe(1.0, 50) == pytest.approx(draws, rel=0.02)
    assert expected_best_sharpe(4.0, 50) == pytest.approx(2 * expected_best_sharpe(1.0, 50))
    assert expected_best_sharpe(9.0, 1) == 0.0


def test_deflation_by_its_parts() -> None:
    """Moments as scipy has them; one trial alone is compared with 0."""
    returns = np.random.default_rng(2).exponential(size=400) - 0.9
    found = deflated_sharpe(returns, np.array([0.1, 0.2, -0.1]))
    assert found.sharpe == pytest.approx(returns.mean() / returns.std())
    assert found.skew == pytest.approx(skew(returns))
    assert found.kurtosis == pytest.approx(kurtosis(returns, fisher=False))
    assert found.expected_best == pytest.approx(
        expected_best_sharpe(float(np.var([0.1, 0.2, -0.1], ddof=1)), 3)
    )
    assert (found.n, found.trials) == (400, 3)
    alone = deflated_sharpe(returns, np.array([found.sharpe]))
    assert alone.expected_best == 0.0
    assert alone.probability > found.probability


def test_overlap_and_more_trials_deflate_further() -> None:
    """Less information, or a longer search for the same result, is worth less."""
    rng = np.random.default_rng(3)
    returns = 0.1 + rng.normal(size=500)
    few, many = rng.normal(0, 0.05, size=5), rng.normal(0, 0.05, size=500)
    base = deflated_sharpe(returns, few).probability
    assert deflated_sharpe(returns, few, n_effective=100).probability < base
    assert deflated_sharpe(returns, many).probability < base


def test_the_best_of_pure_noise_is_seldom_believed() -> None:
    """Fifty trials without skill, forty times: the best of them looks fine and is deflated."""
    rng = np.random.default_rng(4)
    believed, naive = 0, 0
    for _ in range(40):
        trials = rng.normal(size=(500, 50))
        ratios = sharpe(trials)
        best = trials[:, ratios.argmax()]
        believed += deflated_sharpe(best, ratios).probability > 0.95
        naive += deflated_sharpe(best, ratios[:1]).probability > 0.95
    assert believed <= 4
    assert naive >= 30


def test_returns_that_do_not_vary_have_no_ratio() -> None:
    """No trade at all, or the same every time: 0, never infinity."""
    assert sharpe(np.array([[0.0, 0.1], [0.0, 0.1], [0.0, 0.1]])).tolist() == [0.0, 0.0]
    assert deflated_sharpe(np.full(10, 0.1), np.zeros(3)).probability == 0.5


def _slow(returns: Floats, blocks: int) -> tuple[float, float]:
    """Read the procedure word by word; returns the two probabilities."""
    parts = np.array_split(returns, blocks)
    below, losses = [], []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[b] for b in chosen])
        outside = np.concatenate([parts[b] for b in range(blocks) if b not in chosen])
        best = int(np.argmax(inside.mean(axis=0) / inside.std(axis=0)))
        results = outside.mean(axis=0) / outside.std(axis=0)
        rank = rankdata(results)[best] / (returns.shape[1] + 1)
        below.append(math.log(rank / (1 - rank)) <= 0)
        losses.append(results[best] < 0)
    return float(np.mean(below)), float(np.mean(losses))


@pytest.mark.parametrize(("n", "trials", "blocks"), [(24, 2, 4), (60, 7, 6), (80, 10, 8)])
def test_probability_is_that_of_a_slow_reading(n: int, trials: int, blocks: int) -> None:
    """Sums over blocks give what cutting and joining the returns gives."""
    returns = np.random.default_rng(n).normal(size=(n, trials))
    found = probability_of_overfitting(returns, blocks)
    assert (found.probability, found.loss_probability) == _slow(returns, blocks)
    assert found.combinations == math.comb(blocks, blocks // 2)
    assert found.trials == trials


def test_two_trials_by_hand() -> None:
    """One wins in the first half of the time, the other in the second: choosing is always wrong."""
    first, second = np.array([2.0, 1.0, 2.0, 1.0]), np.array([-2.0, -1.0, -2.0, -1.0])
    returns = np.stack([np.append(first, second), np.append(second, first)], axis=1)
    found = probability_of_overfitting(returns, 2)
    assert (found.probability, found.loss_probability) == (1.0, 1.0)
    assert found.median_rank == pytest.approx(1 / 3)


def test_choosing_among_noise_is_a_coin() -> None:
    """Without any edge the chosen trial ends in the lower half about as often as not."""
    rng = np.random.default_rng(5)
    found = [
        probability_of_overfitting(rng.normal(size=(400, 20)), 8).probability for _ in range(40)
    ]
    assert 0.4 < np.mean(found) < 0.6


def test_one_true_edge_is_found_again() -> None:
    """A trial that really earns is chosen and stays on top."""
    returns = np.random.default_rng(6).normal(size=(600, 20))
    returns[:, 7] += 0.4
    found = probability_of_overfitting(returns)
    assert found.probability < 0.01
    assert found.loss_probability < 0.01
    assert found.median_rank > 0.9
    assert found.combinations == 12_870


def test_what_cannot_be_judged_is_refused() -> None:
    """Each message says what is wrong."""
    two = np.zeros((10, 2))
    with pytest.raises(BadUse, match="two trials"):
        probability_of_overfitting(two[:, :1], 2)
    with pytest.raises(BadUse, match="finite"):
        probability_of_overfitting(np.full((10, 2), np.nan), 2)
    for blocks in (0, 3, 6, 22):
        with pytest.raises(BadUse, match="blocks"):
            probability_of_overfitting(two, blocks)
    with pytest.raises(BadUse, match="cannot be deflated"):
        deflated_sharpe(np.zeros(1), np.zeros(1))
    with pytest.raises(BadUse, match="finite"):
        deflated_sharpe(np.array([0.1, np.nan]), np.zeros(1))
    with pytest.raises(BadUse, match="trials > 0"):
        expected_best_sharpe(1.0, 0)
    with pytest.raises(BadUse, match="no Sharpe probability"):
        sharpe_probability(1.0, 0.0, 1, 0, 3)
