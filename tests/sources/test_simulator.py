"""What every simulation keeps to: order, grid, calendar, and the same ticks for the same seed."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from domain.errors import BadUse
from domain.fx_calendar import roll_ns
from domain.instruments import DEFAULT_SYMBOLS, INSTRUMENTS, MAJOR_SYMBOLS
from domain.ticks import TICK_DTYPE, Kind, TickArray, TickSource
from sources.simulator import SimulatorParams, simulate

MONDAY = date(2014, 5, 5)
DAY = timedelta(days=1)


def one_day(params: SimulatorParams, symbols: list[str], seed: int = 1) -> TickArray:
    """Return one Monday without defects."""
    return next(simulate(params, symbols, MONDAY, MONDAY, seed, defect_rate=0.0))[1]


def of(ticks: TickArray, symbol: str) -> TickArray:
    """Return the ticks of one symbol."""
    own: TickArray = ticks[ticks["symbol"] == symbol.encode()]
    return own


def test_the_same_arguments_give_the_same_bytes(params: SimulatorParams) -> None:
    """Two simulations with one seed are equal to the byte, and another seed is another market."""
    first, again = (one_day(params, ["EURUSD", "EURJPY"]) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != one_day(params, ["EURUSD", "EURJPY"], seed=2).tobytes()


@pytest.mark.parametrize("symbol", ["EURUSD", "USDCAD", "EURJPY"])
def test_a_symbol_does_not_depend_on_the_others(params: SimulatorParams, symbol: str) -> None:
    """A symbol's ticks are the same alone and among all others, in any order and spelling."""
    alone = one_day(params, [symbol[:3] + "/" + symbol[3:]])
    among = of(one_day(params, list(reversed(DEFAULT_SYMBOLS))), symbol)
    assert alone.tobytes() == among.tobytes()


def test_a_day_does_not_depend_on_the_end_of_the_span(params: SimulatorParams) -> None:
    """The days of a short span are those of a longer span with the same first day."""
    short = dict(simulate(params, ["NZDUSD"], MONDAY, MONDAY + DAY, 3))
    longer = dict(simulate(params, ["NZDUSD"], MONDAY, MONDAY + 3 * DAY, 3))
    assert all(short[day].tobytes() == longer[day].tobytes() for day in short)


def test_records_are_simulated_ticks_without_a_verdict(params: SimulatorParams) -> None:
    """Records carry kind, source, sizes and version; verdict and row number are not the feed's."""
    ticks = one_day(params, ["EURUSD"])
    assert ticks.dtype == TICK_DTYPE
    assert set(ticks["version"]) == {1}
    assert set(ticks["kind"]) == {Kind.TICK}
    assert set(ticks["source"]) == {TickSource.SIMULATED}
    assert not ticks["verdict"].any()
    assert not ticks["seq"].any()
    assert (ticks["bid_size"] > 0).all()
    assert (ticks["ask_size"] > 0).all()


def test_arrival_never_falls_and_the_venue_is_earlier(params: SimulatorParams) -> None:
    """Receive times never fall over days and symbols, event times not within a symbol."""
    days = simulate(params, ["EURUSD", "USDJPY"], MONDAY, MONDAY + 2 * DAY, 5, defect_rate=0.0)
    ticks = np.concatenate([part for _, part in days])
    assert (np.diff(ticks["ts_recv_ns"]) >= 0).all()
    for symbol in ("EURUSD", "USDJPY"):
        assert (np.diff(of(ticks, symbol)["ts_event_ns"]) >= 0).all()
    delay_ms = (ticks["ts_recv_ns"] - ticks["ts_event_ns"]) / 1e6
    assert delay_ms.min() > 0
    assert 2.0 < np.median(delay_ms) < 20.0


def test_days_lie_between_two_rolls_and_closed_days_are_skipped(params: SimulatorParams) -> None:
    """Over a week with Christmas there are four trade days, each from roll to roll."""
    first = date(2014, 12, 22)
    days = list(simulate(params, ["USDCHF"], first, first + 6 * DAY, 1, defect_rate=0.0))
    assert [day.day for day, _ in days] == [22, 23, 24, 26]
    for day, ticks in days:
        assert ticks["ts_event_ns"].min() >= roll_ns(day - DAY)
        assert ticks["ts_recv_ns"].max() < roll_ns(day)


def test_prices_go_on_from_day_to_day_and_jump_over_the_weekend(params: SimulatorParams) -> None:
    """From one day to the next the mid moves by a few pips, over weekends by no more than 1 %."""
    days = list(simulate(params, ["EURUSD"], MONDAY, MONDAY + 11 * DAY, 9, defect_rate=0.0))
    assert len(days) == 10
    for (before, left), (after, right) in pairwise(days):
        mids = [(t["bid"] + t["ask"]) / 2 for t in (left[-1], right[0])]
        jump_pips = abs(mids[1] - mids[0]) / 1e-4
        assert jump_pips < (3.0 if after - before == DAY else 100.0)


@pytest.mark.parametrize("symbol", ["EURUSD", "USDJPY", "GBPNZD"])
def test_quotes_are_on_the_grid_with_a_positive_spread(
    params: SimulatorParams, symbol: str
) -> None:
    """Both sides are whole grid steps, spreads are within bounds, and each tick is a change."""
    ticks = one_day(params, [symbol])
    pair = INSTRUMENTS[symbol]
    spread_pips = (ticks["ask"] - ticks["bid"]) / pair.pip
    bounds = params.quotes[symbol].spread
    for side in ("bid", "ask"):
        np.testing.assert_array_equal(ticks[side], np.round(ticks[side], pair.display_precision))
    assert spread_pips.min() > bounds.minimum_pips - 0.11
    assert spread_pips.max() < bounds.maximum_pips + 0.31
    unchanged = (np.diff(ticks["bid"]) == 0) & (np.diff(ticks["ask"]) == 0)
    assert unchanged.mean() < 0.005


def test_all_pairs_can_be_simulated(params: SimulatorParams) -> None:
    """Every instrument of the table has parameters and gives ticks."""
    ticks = one_day(params, list(MAJOR_SYMBOLS))
    names, counts = np.unique(ticks["symbol"], return_counts=True)
    assert {name.decode() for name in names} == set(MAJOR_SYMBOLS)
    assert counts.min() > 1_000


@pytest.mark.parametrize(
    ("symbols", "last", "rate", "says"),
    [
        (["USDEUR"], MONDAY, 0.0, "EURUSD"),
        ([], MONDAY, 0.0, "no symbol"),
        (["EURUSD"], MONDAY - DAY, 0.0, "before the first"),
        (["EURUSD"], MONDAY, 1.5, "must be in"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    params: SimulatorParams, symbols: list[str], last: date, rate: float, says: str
) -> None:
    """Unknown symbols, an inverted span and a rate that is no share are bad use."""
    with pytest.raises(BadUse, match=says):
        next(simulate(params, symbols, MONDAY, last, 1, defect_rate=rate))
