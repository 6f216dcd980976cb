"""Thresholds of confidence: by hand, exact bounds against scipy, and promises that are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from domain.errors import BadUse
from models.evaluation.accuracy import wilson
from models.evaluation.selective import Bound, binomial_low, choose_threshold

CONFIDENCE = np.array([0.1, 0.4, 0.2, 0.3, 0.2])
RIGHT = np.array([0.0, 1.0, 0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("floor", "min_signals", "threshold"),
    [
        pytest.param(0.6, 1, 0.1, id="all: 3 of 5"),
        pytest.param(0.7, 1, 0.2, id="equals stand together: 3 of 4"),
        pytest.param(0.8, 1, 0.3, id="2 of 2"),
        pytest.param(0.8, 3, None, id="too few for the floor"),
        pytest.param(0.99, 1, 0.3, id="perfect is enough"),
    ],
)
def test_points_by_hand(floor: float, min_signals: int, threshold: float | None) -> None:
    """Most answers among those thresholds that meet the floor."""
    assert choose_threshold(CONFIDENCE, RIGHT, floor, min_signals, "point") == threshold


def test_the_interval_asks_for_more_than_the_point() -> None:
    """80 of 100 right has a lower end of 0.711: enough for 0.71, not for 0.72."""
    confidence, right = np.full(100, 0.3), np.arange(100) < 80
    assert wilson(0.8, 100)[0] == pytest.approx(0.711, abs=1e-3)
    assert choose_threshold(confidence, right.astype(float), 0.71, 1) == 0.3
    assert choose_threshold(confidence, right.astype(float), 0.72, 1) is None
    # A tenth as many independent answers do not show as much.
    assert choose_threshold(confidence, right.astype(float), 0.71, 1, "wilson", 0.1) is None


@pytest.mark.parametrize(("right", "n"), [(0, 10), (1, 10), (80, 100), (10, 10), (3100, 5000)])
def test_exact_bounds_are_those_of_scipy(right: int, n: int) -> None:
    """The bound is a quantile of a beta distribution."""
    wanted = beta.ppf(0.01, right, n - right + 1) if right else 0.0
    assert binomial_low(right, n, 0.01) == pytest.approx(wanted, rel=1e-6)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 80), floor=st.floats(0.3, 0.9))
@pytest.mark.parametrize("bound", ["point", "wilson", "guaranteed"])
def test_a_threshold_means_what_it_says(bound: Bound, seed: int, n: int, floor: float) -> None:
    """The answers at or above it are enough, and at least as right as the floor asks."""
    rng = np.random.default_rng(seed)
    confidence = rng.integers(0, 8, size=n) / 16
    right = (rng.random(n) < 0.4 + confidence).astype(float)
    threshold = choose_threshold(confidence, right, floor, 5, bound)
    if threshold is not None:
        chosen = confidence >= threshold
        assert chosen.sum() >= 5
        assert right[chosen].mean() >= floor
        if bound == "wilson":
            assert wilson(float(right[chosen].mean()), chosen.sum())[0] >= floor


def test_a_guarantee_is_kept() -> None:
    """Of 200 choices on noise around 60 %, hardly one promises more than the truth holds."""
    rng = np.random.default_rng(7)
    broken = {"point": 0, "guaranteed": 0}
    for _ in range(200):
        confidence = rng.random(200)
        right = (rng.random(200) < 0.6).astype(float)
        for bound in ("point", "guaranteed"):
            # The truth is 0.6 at every threshold: any floor above it cannot be met.
            broken[bound] += choose_threshold(confidence, right, 0.62, 10, bound) is not None
    assert broken["guaranteed"] <= 15
    assert broken["point"] > 100


def test_a_guarantee_is_given_where_there_is_skill() -> None:
    """The surer half is right 80 % of the time: 70 % can be promised for about that half."""
    rng = np.random.default_rng(8)
    confidence = rng.random(4000)
    right = (rng.random(4000) < np.where(confidence > 0.5, 0.8, 0.5)).astype(float)
    threshold = choose_threshold(confidence, right, 0.7, 100, "guaranteed")
    assert threshold is not None
    assert 0.2 < threshold < 0.55


def test_no_answers_have_no_threshold() -> None:
    """Nothing was answered: nothing should be said."""
    for bound in ("point", "wilson", "guaranteed"):
        assert choose_threshold(np.zeros(0), np.zeros(0), 0.6, 1, bound) is None


@pytest.mark.parametrize(
    ("floor", "min_signals", "share"), [(0.0, 1, 1.0), (1.0, 1, 1.0), (0.6, 0, 1.0), (0.6, 1, 0.0)]
)
def test_a_rule_out_of_bounds_is_refused(floor: float, min_signals: int, share: float) -> None:
    """A floor that all or none meet chooses nothing."""
    with pytest.raises(BadUse, match="threshold needs"):
        choose_threshold(CONFIDENCE, RIGHT, floor, min_signals, "wilson", share)


def test_answers_that_were_not_given_are_refused() -> None:
    """A missing answer is neither right nor wrong."""
    with pytest.raises(BadUse, match="columns of one length"):
        choose_threshold(np.array([0.1, np.nan]), np.ones(2), 0.6, 1)
