"""The figures of a cell: what is counted where, by hand, and that a pool is its cells together."""

import json

import numpy as np
import pytest

from domain.errors import BadUse
from domain.nanos import HOUR_NS
from models.evaluation.accuracy import accuracy, wilson
from models.evaluation.figures import Figures, Outcomes, cells, figures

NAN = np.nan


def _outcomes(**changed: list[float]) -> Outcomes:
    """Eight hourly rows: up, up, down, flat, up but unanswered, up but unsure, no outcome, down."""
    columns: dict[str, list[float]] = {
        "p_up": [0.7, 0.4, 0.3, 0.8, NAN, 0.51, 0.9, 0.8],
        "mid_now": [1.0] * 8,
        "mid_later": [1.001, 1.001, 0.999, 1.0, 1.001, 1.001, 1.001, 0.999],
        "pip": [0.0001] * 8,
        "cost_pips": [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, NAN],
    }
    ts = HOUR_NS * np.arange(1, 9)
    end = ts + HOUR_NS
    end[6] = 0
    arrays = {name: np.array(values) for name, values in {**columns, **changed}.items()}
    return Outcomes(ts_ns=ts, end_ns=end, **arrays)


def test_figures_by_hand() -> None:
    """Signals: right, wrong, right, flat, wrong; seven rows are asked, five signals sent."""
    outcomes = _outcomes()
    found = figures(outcomes, outcomes.signals(0.05))
    assert (found.n, found.flat, found.accuracy, found.base_rate) == (4, 1, 0.5, 0.5)
    assert found.n_effective == pytest.approx(4.0)
    assert (found.low, found.high) == pytest.approx(wilson(0.5, 4.0))
    assert found.coverage == pytest.approx(5 / 7)
    assert found.answered == 5
    assert found.auc == pytest.approx((2 * 1 + 1 * 1) / 6)
    assert found.brier == pytest.approx((0.09 + 0.36 + 0.09 + 0.2401 + 0.64) / 5)
    # Known costs only: +10 - 1, -10 - 1, +10 - 2, 0 - 2.
    assert found.n_costed == 4
    assert found.expectancy_pips_net == pytest.approx((9 - 11 + 8 - 2) / 4)
    assert found.expectancy_pips_gross == pytest.approx(10 / 4)
    assert found.cost_pips == pytest.approx(1.5)
    assert found.expectancy_low is not None
    assert found.expectancy_high is not None
    half = 1.959964 * np.std([9, -11, 8, -2], ddof=1) / 2
    assert found.expectancy_low == pytest.approx(1 - half, rel=1e-6)
    assert found.expectancy_high == pytest.approx(1 + half, rel=1e-6)
    assert not found.beats_base_rate
    assert json.loads(json.dumps(found.as_json()))["n"] == 4


def test_nothing_counted_claims_nothing() -> None:
    """No signal, no cost, no answer: None and 0, never a figure."""
    silent = figures(_outcomes(p_up=[NAN] * 8), np.ones(8, np.bool_))
    assert (silent.n, silent.answered, silent.n_costed, silent.coverage) == (0, 0, 0, 0.0)
    for name in ("accuracy", "low", "base_rate", "auc", "brier", "log_loss", "calibration_error"):
        assert getattr(silent, name) is None
    assert silent.expectancy_pips_net is None
    unasked = figures(_outcomes(mid_later=[NAN] * 8), np.ones(8, np.bool_))
    assert unasked.coverage is None
    assert not unasked.beats_base_rate


def test_costs_that_are_not_known_are_not_nothing() -> None:
    """Without any known cost there is an accuracy, but no expectancy."""
    outcomes = _outcomes(cost_pips=[NAN] * 8)
    found = figures(outcomes, outcomes.signals(0.05))
    assert found.n == 4
    assert (found.n_costed, found.expectancy_pips_net, found.cost_pips) == (0, None, None)


def test_one_half_is_never_a_signal() -> None:
    """No view is no side, whatever the mask says."""
    outcomes = _outcomes(p_up=[0.5] * 8)
    assert not outcomes.signals(0.0).any()
    assert figures(outcomes, np.ones(8, np.bool_)).n == 0


def test_the_interval_is_that_of_accuracy_for_steady_rows() -> None:
    """Three symbols at once, a horizon of four bars: the same effective number up to the ends."""
    rng = np.random.default_rng(3)
    n, horizon_ns = 3000, 4 * HOUR_NS
    ts = np.tile(HOUR_NS * np.arange(1, n // 3 + 1), 3)
    now, later = np.ones(n), 1 + rng.normal(size=n)
    p = rng.random(n)
    outcomes = Outcomes(ts, ts + horizon_ns, p, now, later, np.ones(n), np.zeros(n))
    found = figures(outcomes, outcomes.signals(0.0))
    wanted = accuracy(p, now, later, horizon_ns, HOUR_NS / 3)
    assert found.accuracy == wanted.value
    assert found.n_effective == pytest.approx(wanted.n_effective, rel=0.02)
    assert found.low == pytest.approx(wanted.low, abs=1e-3)


def test_overlap_widens_the_interval_of_the_expectancy() -> None:
    """Four times the horizon: a quarter of the trades are independent, the interval doubles."""
    rng = np.random.default_rng(4)
    n = 2000
    ts, later = HOUR_NS * np.arange(1, n + 1), 1 + 1e-3 * rng.normal(size=n)
    width = []
    for horizon in (1, 4):
        end = ts + horizon * HOUR_NS
        outcomes = Outcomes(ts, end, rng.random(n), np.ones(n), later, np.ones(n), np.zeros(n))
        found = figures(outcomes, outcomes.signals(0.0))
        assert found.expectancy_high is not None
        assert found.expectancy_pips_net is not None
        width.append(found.expectancy_high - found.expectancy_pips_net)
    assert width[1] == pytest.approx(2 * width[0], rel=0.02)


def test_cells_are_the_pool_in_parts() -> None:
    """Counts of the cells add up to those of the pool; an empty cell claims nothing."""
    outcomes = _outcomes()
    signal = outcomes.signals(0.05)
    keys = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    parts = cells(outcomes, signal, keys, ("EURUSD", "AUDUSD", "NZDUSD"))
    pooled = figures(outcomes, signal)
    for name in ("n", "flat", "answered", "n_costed"):
        assert sum(getattr(part, name) for part in parts.values()) == getattr(pooled, name)
    assert isinstance(parts["NZDUSD"], Figures)
    assert parts["NZDUSD"].n == 0
    assert parts["EURUSD"].accuracy == 1.0


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"p_up": [1.1] * 8}, "probability"),
        ({"pip": [0.0] * 8}, "pips > 0"),
        ({"cost_pips": [-1.0] * 8}, "costs >= 0"),
        ({"p_up": [0.5]}, "8 rows"),
    ],
)
def test_outcomes_out_of_bounds_are_refused(changed: dict[str, list[float]], match: str) -> None:
    """A figure of such columns would mean nothing."""
    with pytest.raises(BadUse, match=match):
        _outcomes(**changed)
