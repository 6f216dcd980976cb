"""Scores: values by hand, scikit-learn as a second opinion, and curves that part no equals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from domain.errors import BadUse
from models.evaluation.accuracy import wilson
from models.evaluation.scores import (
    auc,
    brier,
    calibration_curve,
    coverage_curve,
    effective_number,
    net_pips,
    right,
    round_trip_pips,
)

_ANSWERS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.50001, 0.7, 1.0]), st.sampled_from([0.0, 1.0])),
    min_size=1,
    max_size=60,
)


def _columns(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(pairs)
    return table[:, 0], table[:, 1]


def test_auc_by_hand() -> None:
    """Of four pairs of an up and a down, two are ranked right, one wrong, one tied."""
    p, y = np.array([0.9, 0.4, 0.4, 0.5]), np.array([1.0, 1.0, 0.0, 0.0])
    assert auc(p, y) == pytest.approx((2 + 0.5) / 4)


@given(pairs=_ANSWERS)
def test_auc_and_brier_are_those_of_a_second_opinion(pairs: list[tuple[float, float]]) -> None:
    """Ties and all; where one direction is missing there is no AUC."""
    p, y = _columns(pairs)
    assert brier(p, y) == pytest.approx(brier_score_loss(y, p))
    if 0 < y.sum() < len(y):
        assert auc(p, y) == pytest.approx(roc_auc_score(y, p))
    else:
        assert auc(p, y) is None


def test_calibration_by_hand() -> None:
    """Two bins: said 0.2 and saw one half; said 0.7 and saw all."""
    p = np.array([0.7, 0.2, 0.7, 0.2])
    curve = calibration_curve(p, np.array([1.0, 0.0, 1.0, 1.0]), bins=2)
    assert curve.p_up == pytest.approx([0.2, 0.7])
    assert curve.share_up == pytest.approx([0.5, 1.0])
    assert curve.n.tolist() == [2, 2]
    assert curve.error == pytest.approx((0.3 + 0.3) / 2)


@given(pairs=_ANSWERS, bins=st.integers(1, 12))
def test_calibration_counts_every_row_once(pairs: list[tuple[float, float]], bins: int) -> None:
    """Bins hold all rows, part no equals, and their means are the whole's."""
    p, y = _columns(pairs)
    curve = calibration_curve(p, y, bins)
    assert curve.n.sum() == len(p)
    assert (curve.n > 0).all()
    assert len(curve.n) <= bins
    assert (np.diff(curve.p_up) > 0).all()
    assert curve.p_up @ curve.n == pytest.approx(p.sum())
    assert curve.share_up @ curve.n == pytest.approx(y.sum())
    assert 0 <= curve.error <= 1


def test_honest_probabilities_are_calibrated_and_bold_ones_are_not() -> None:
    """Outcomes drawn with the probability itself leave little error; pushed to the edges much."""
    rng = np.random.default_rng(5)
    p = rng.uniform(0.3, 0.7, 20_000)
    y = (rng.random(20_000) < p).astype(float)
    assert calibration_curve(p, y).error < 0.02
    assert calibration_curve(np.where(p > 0.5, 0.9, 0.1), y).error > 0.2


def test_coverage_curve_by_hand() -> None:
    """The two surest of four are right, the tied rest are half right and not parted."""
    p, y = np.array([0.6, 0.9, 0.4, 0.1]), np.array([1.0, 1.0, 1.0, 0.0])
    ts = np.array([0, 10, 20, 30], np.int64)
    curve = coverage_curve(p, y, ts, ts + 10, (1.0, 0.75, 0.5, 0.1))
    assert curve.coverage.tolist() == [1.0, 0.5]
    assert curve.n.tolist() == [4, 2]
    assert curve.accuracy.tolist() == [0.75, 1.0]
    assert curve.threshold == pytest.approx([0.1, 0.4])
    assert (curve.low[0], curve.high[0]) == wilson(0.75, 4.0)
    assert (curve.low[1], curve.high[1]) == wilson(1.0, 2.0)


@given(pairs=_ANSWERS)
def test_a_point_of_the_curve_is_its_threshold(pairs: list[tuple[float, float]]) -> None:
    """Whoever takes the threshold of a point as a rule gets its rows and its accuracy."""
    p, y = _columns(pairs)
    ts = np.arange(len(p), dtype=np.int64)
    curve = coverage_curve(p, y, ts, ts + 1)
    assert curve.coverage[0] == 1.0
    assert (np.diff(curve.coverage) < 0).all()
    for point in range(len(curve.n)):
        chosen = np.abs(p - 0.5) >= curve.threshold[point]
        assert chosen.sum() == curve.n[point]
        assert right(p, y)[chosen].mean() == pytest.approx(curve.accuracy[point])
        assert curve.n_effective[point] == pytest.approx(curve.n[point])


def test_no_view_is_half_right() -> None:
    """Exactly one half is neither right nor wrong, whatever came."""
    found = right(np.array([0.5, 0.5, 0.6, 0.4]), np.array([1.0, 0.0, 1.0, 1.0]))
    assert found.tolist() == [0.5, 0.5, 1.0, 0.0]


def test_effective_number_counts_each_moment_once() -> None:
    """Five-fold overlap leaves a fifth; three symbols at the same moments count as one."""
    ts = np.arange(1000, dtype=np.int64) * 60
    alone = effective_number(ts, ts + 300)
    assert alone == pytest.approx(1000 / 5, rel=0.02)
    assert effective_number(np.tile(ts, 3), np.tile(ts, 3) + 300) == pytest.approx(alone)
    assert effective_number(ts[::5], ts[::5] + 300) == pytest.approx(200)


def test_pips_are_paid_at_both_ends() -> None:
    """A long and a short over ten pips, 1.5 pips of spread and 0.2 of slippage an order."""
    half = np.array([0.00005, 0.0001]), np.array([0.0001, 0.00005])
    cost = round_trip_pips(*half, pip=0.0001, slippage_pips=0.2)
    assert cost == pytest.approx([1.9, 1.9])
    now, later = np.array([1.3, 1.3, 1.3]), np.array([1.301, 1.301, 1.301])
    net = net_pips(np.array([1.0, -1.0, 0.0]), now, later, 0.0001, 1.9)
    assert net == pytest.approx([8.1, -11.9, 0.0])


def test_what_cannot_be_scored_is_refused() -> None:
    """No rows, no bins, a coverage of nothing."""
    one, none, ts = np.ones(1), np.ones(0), np.ones(1, np.int64)
    with pytest.raises(BadUse, match="calibration"):
        calibration_curve(none, none)
    with pytest.raises(BadUse, match="calibration"):
        calibration_curve(one, one, 0)
    with pytest.raises(BadUse, match="coverage"):
        coverage_curve(one, one, ts, ts + 1, (0.0,))
