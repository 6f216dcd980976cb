"""Expected costs: measured where enough has been measured, drawn to the wider figure elsewhere."""

from math import nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from tests.trading.routing.qualities import fill, order
from trading.routing.costs import CostConfig, CostTable, Tally

CONFIG = CostConfig(prior_pips=0.5, prior_deviation_pips=1.0, prior_weight=20.0, miss_pips=2.0)
KEY = ("oanda", "EURUSD", "london", "<=100000")


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(1, 1e6)), min_size=1, max_size=60))
def test_a_tally_is_the_weighted_mean_and_variance(pairs: list[tuple[float, float]]) -> None:
    """Against numpy, whatever the weights."""
    tally = Tally()
    for value, weight in pairs:
        tally.add(value, weight)
    values, weights = np.array(pairs).T
    mean = np.average(values, weights=weights)
    assert tally.mean == pytest.approx(mean, abs=1e-9)
    variance = np.average((values - mean) ** 2, weights=weights) if len(pairs) > 1 else 0.0
    assert tally.variance == pytest.approx(variance, abs=1e-7)
    assert tally.effective == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert tally.count == len(pairs)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(1, 1e6)), min_size=2, max_size=40),
    st.integers(0, 40),
)
def test_what_is_left_without_a_part_is_as_if_the_part_had_never_been(
    pairs: list[tuple[float, float]], cut: int
) -> None:
    """Wherever the cut lies, and whatever the weights."""
    cut = min(cut, len(pairs))
    whole, part, rest = Tally(), Tally(), Tally()
    for row, (value, weight) in enumerate(pairs):
        whole.add(value, weight)
        (part if row < cut else rest).add(value, weight)
    left = whole.without(part)
    assert left.count == rest.count
    assert left.weight == pytest.approx(rest.weight, rel=1e-9, abs=1e-6)
    assert left.mean == pytest.approx(rest.mean, abs=1e-4)
    assert left.spread == pytest.approx(rest.spread, rel=1e-6, abs=1e-2)
    assert whole.without(None) is whole


def test_nothing_measured_is_what_is_assumed_and_says_so() -> None:
    """Half a pip, give or take 1.96 deviations over the root of the prior's weight."""
    expected = CostTable(CONFIG).expected(*KEY, commission_pips=0.1)
    reach = 1.96 / sqrt(20)
    assert expected.pips == pytest.approx(0.6)
    assert (expected.low_pips, expected.high_pips) == pytest.approx((0.6 - reach, 0.6 + reach))
    assert (expected.fills, expected.fill_ratio) == (0, 1.0)


def test_few_fills_move_the_expectation_little_and_many_all_the_way() -> None:
    """One fill at -3 pips is luck; a thousand are a price."""
    table = CostTable(CONFIG)
    table.learn_fill(fill(-3.0))
    # One observation against the twenty that the wider figure counts as.
    assert table.expected(*KEY).pips == pytest.approx(0.5 - 3.5 / 21)
    for _ in range(999):
        table.learn_fill(fill(-3.0))
    expected = table.expected(*KEY)
    assert expected.pips == pytest.approx(-3.0 + 3.5 * 20 / 1020)
    assert expected.fills == 1000
    assert expected.high_pips - expected.low_pips < 0.2


def test_a_size_that_was_never_dealt_is_judged_by_what_is_nearest_to_it() -> None:
    """By the session, else by the pair at the venue, else by the pair anywhere."""
    table = CostTable(CONFIG)
    for _ in range(500):
        table.learn_fill(fill(1.0))
    other_size = table.expected("oanda", "EURUSD", "london", ">5000000")
    other_venue = table.expected("fix", "EURUSD", "london", ">5000000")
    other_pair = table.expected("fix", "USDJPY", "london", ">5000000")
    assert other_size.pips == pytest.approx(1.0 - 0.5 * 20 / 520)
    assert other_venue.pips == pytest.approx(1.0 - 0.5 * 20 / 520)
    assert other_pair.pips == 0.5
    assert (other_size.fills, other_venue.fills) == (0, 0)


def test_large_fills_count_for_more_than_small_ones() -> None:
    """A hundred fills of 1 do not outweigh one of 100."""
    table = CostTable(CostConfig(prior_weight=1e-9))
    for _ in range(100):
        table.learn_fill(fill(0.0, quantity_units=1))
    table.learn_fill(fill(2.0, quantity_units=100))
    assert table.expected(*KEY).pips == pytest.approx(1.0)


def test_what_does_not_fill_costs_as_well() -> None:
    """Half of all is missed: half of what a miss costs comes on top."""
    table = CostTable(CONFIG)
    for _ in range(3000):
        table.learn_order(order(0.5))
    expected = table.expected(*KEY)
    assert expected.fill_ratio == pytest.approx(0.5 + 0.5 * 20 / 3020)
    assert expected.pips == pytest.approx(0.5 + (1 - expected.fill_ratio) * 2.0)


def test_records_that_say_nothing_are_left_out() -> None:
    """No benchmark, no number, or never sent."""
    table = CostTable(CONFIG)
    table.learn_fill(fill(None))
    table.learn_fill(fill(nan))
    table.learn_order(order(0.0, status="denied"))
    table.learn_order(order(nan))
    assert table.dump() == CostTable(CONFIG).dump()


def test_a_table_survives_its_own_dump_and_nothing_else() -> None:
    """Another version, or not whole, is refused."""
    table = CostTable(CONFIG)
    table.learn_fill(fill(0.3))
    table.learn_order(order(0.9))
    plain = table.dump()
    again = CostTable.load(plain)
    assert again.dump() == plain
    assert again.expected(*KEY) == table.expected(*KEY)
    for wrong in ({**plain, "v": 2}, {"v": 1}):
        with pytest.raises(Corrupt):
            CostTable.load(wrong)


@pytest.mark.parametrize(
    "config",
    [
        CostConfig(prior_pips=-1),
        CostConfig(prior_pips=nan),
        CostConfig(prior_weight=0),
        CostConfig(prior_deviation_pips=0),
        CostConfig(miss_pips=-1),
    ],
)
def test_assumptions_out_of_bounds_are_refused(config: CostConfig) -> None:
    """Before they price anything."""
    with pytest.raises(BadUse, match="CostConfig"):
        CostTable(config)
