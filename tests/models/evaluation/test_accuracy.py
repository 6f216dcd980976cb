"""Accuracy told honestly: values by hand, nothing counted twice, nothing claimed from nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.accuracy import accuracy, log_loss, wilson


def test_wilson_interval_of_a_textbook_case() -> None:
    """8 of 10 gives [0.4902, 0.9433] (worked by hand from the formula with z = 1.96)."""
    assert wilson(0.8, 10) == pytest.approx((0.490162, 0.943318), abs=1e-6)


def test_wilson_interval_at_the_edges_stays_inside() -> None:
    """No hit in ten: from 0 to z2 / (n + z2) = 0.2775; all hits mirror it."""
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.277533), abs=1e-6)
    assert wilson(1.0, 10) == pytest.approx((0.722467, 1.0), abs=1e-6)


@given(share=st.floats(0, 1), n=st.floats(0.1, 1e6))
def test_wilson_interval_holds_its_share(share: float, n: float) -> None:
    """The interval lies in [0, 1] and around the share."""
    low, high = wilson(share, n)
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0


def test_accuracy_by_hand() -> None:
    """Ups 3 of 4 and directions right 2.5 of 4; flat, unready and unanswered are left out."""
    nan = np.nan
    p_up = np.array([0.9, 0.2, 0.5, 0.7, 0.9, nan, 0.9])
    now = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    later = np.array([1.1, 1.1, 1.1, 0.9, 1.0, 1.1, nan])
    scored = accuracy(p_up, now, later, horizon_ns=300, spacing_ns=60)
    assert scored.value == pytest.approx((1 + 0 + 0.5 + 0) / 4)
    assert scored.base_rate == pytest.approx(0.75)
    assert (scored.n, scored.flat) == (4, 1)
    assert scored.n_effective == pytest.approx(4 * 60 / 300)
    assert (scored.low, scored.high) == wilson(0.375, 0.8)


def test_overlapping_labels_widen_the_interval() -> None:
    """Five times the horizon leaves a fifth of the outcomes; a shorter one gives no more than n."""
    rng = np.random.default_rng(2)
    p_up, later = rng.random(1000), 1 + rng.normal(size=1000)
    now = np.ones(1000)
    apart = accuracy(p_up, now, later, 60, 60)
    overlapping = accuracy(p_up, now, later, 300, 60)
    assert apart.n_effective == 1000
    assert overlapping.n_effective == 200
    assert accuracy(p_up, now, later, 30, 60).n_effective == 1000
    assert overlapping.value == apart.value
    assert overlapping.low is not None
    assert apart.low is not None
    assert overlapping.low < apart.low


@pytest.mark.parametrize("p_up", [[], [np.nan], [0.6]])
def test_nothing_counted_claims_nothing(p_up: list[float]) -> None:
    """No outcome that moved: None, not 0 and not 1."""
    ones = np.ones(len(p_up))
    scored = accuracy(np.array(p_up), ones, ones, 60, 60)
    assert (scored.value, scored.low, scored.high, scored.base_rate) == (None,) * 4
    assert scored.n == 0
    assert not scored.beats_base_rate


def test_a_constant_guess_has_no_skill() -> None:
    """Always up in a market that rises 70 % of the time is right as often as the base rate."""
    later = np.where(np.arange(1000) % 10 < 7, 2.0, 0.5)
    scored = accuracy(np.full(1000, 0.99), np.ones(1000), later, 60, 60)
    assert scored.value == scored.base_rate == pytest.approx(0.7)
    assert not scored.beats_base_rate


def test_log_loss_of_a_coin_and_of_certainty() -> None:
    """A coin costs ln 2; being certain and wrong costs much, but not infinity."""
    y = np.array([0.0, 1.0])
    assert log_loss(np.array([0.5, 0.5]), y) == pytest.approx(np.log(2))
    assert log_loss(np.array([0.0, 1.0]), y) == pytest.approx(0.0, abs=1e-9)
    assert 20 < log_loss(np.array([1.0, 0.0]), y) < 30
