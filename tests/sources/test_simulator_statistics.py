"""The simulated market has the properties of its parameters, and none that a trader could use."""

from datetime import date, timedelta

import numpy as np
import pytest

from domain.instruments import INSTRUMENTS
from domain.ticks import TickArray
from sources.simulator import SimulatorParams, simulate
from sources.simulator.calibration import (
    Quotes,
    fit_one_sided,
    minute_mids,
    minute_moves_bp,
    trade_clock,
)

MONDAY = date(2014, 5, 5)


def quotes_of(ticks: TickArray, symbol: str) -> Quotes:
    """Return the quotes of one symbol."""
    own = ticks[ticks["symbol"] == symbol.encode()]
    return Quotes(own["ts_event_ns"], own["bid"], own["ask"])


def moves_of(ticks: TickArray, symbol: str) -> np.ndarray:
    """Return one-minute returns in basis points, one row a trade day."""
    quotes = quotes_of(ticks, symbol)
    moves = minute_moves_bp(minute_mids(quotes, trade_clock(quotes.ts_ns)))
    return moves[~np.isnan(moves).all(axis=1)]


def lag_one(values: np.ndarray) -> float:
    """Return the autocorrelation at lag 1 along the rows."""
    filled = np.nan_to_num(values)
    return float((filled[:, :-1] * filled[:, 1:]).sum() / (filled**2).sum())


def test_rollover_spreads_are_wider_than_at_midday(two_weeks: TickArray) -> None:
    """From 16:55 to 17:05 New York the spread is over 1.5 times that of midday."""
    quotes = quotes_of(two_weeks, "EURUSD")
    minute = trade_clock(quotes.ts_ns).since_open_ns // 60_000_000_000
    spread = quotes.ask - quotes.bid
    roll, midday = (minute < 5) | (minute >= 1435), (minute >= 1080) & (minute < 1200)
    assert spread[roll].mean() > 1.5 * spread[midday].mean()


def test_volatility_clusters(two_weeks: TickArray, calm_weeks: TickArray) -> None:
    """Absolute returns over their hour's mean are autocorrelated; in a calm market they are not."""

    def clustering(ticks: TickArray) -> float:
        size = np.abs(moves_of(ticks, "EURUSD"))
        hours = size.reshape(-1, 24, 60)
        relative = (hours / np.nanmean(hours, axis=(0, 2), keepdims=True)).reshape(size.shape)
        return lag_one(relative - np.nanmean(relative))

    assert clustering(two_weeks) > 0.1
    assert abs(clustering(calm_weeks)) < 0.03


@pytest.mark.parametrize("symbol", ["EURUSD", "EURJPY"])
def test_the_next_minute_cannot_be_told_from_the_last(params: SimulatorParams, symbol: str) -> None:
    """Over 20 days no autocorrelation is significant, and up is as likely as down."""
    days = simulate(params, [symbol], MONDAY, MONDAY + timedelta(days=25), 21, defect_rate=0.0)
    moves = moves_of(np.concatenate([ticks for _, ticks in days]), symbol)
    signs = np.sign(np.nan_to_num(moves))
    some = signs[signs != 0]
    # Four standard errors: clustering makes that of plain returns larger, signs have none of it.
    assert abs(lag_one(signs)) < 4.0 / np.sqrt(some.size)
    pairs = np.nan_to_num(moves)[:, :-1] * np.nan_to_num(moves)[:, 1:]
    assert abs(pairs.sum()) < 4.0 * np.sqrt((pairs**2).sum())
    assert abs((some > 0).mean() - 0.5) < 2.0 / np.sqrt(some.size)
    assert abs(np.nanmean(moves)) < 4.0 * np.nanstd(moves) / np.sqrt(moves.size)


def test_a_quote_is_worth_less_than_its_spread(two_weeks: TickArray) -> None:
    """The best use of the last tick's move earns a tenth of a pip at most: less than any spread."""
    quotes = quotes_of(two_weeks, "EURUSD")
    half_points = np.rint(np.diff(quotes.bid + quotes.ask) * 1e5)
    last, following = half_points[:-1], half_points[1:]
    expected_pips = [following[last == m].mean() * 0.05 for m in (-4, -3, -2, -1, 1, 2, 3, 4)]
    assert np.abs(expected_pips).max() < 0.1
    assert (quotes.ask - quotes.bid).min() / 1e-4 > 0.5


def test_ticks_come_as_often_as_the_parameters_say(
    calm: SimulatorParams, calm_weeks: TickArray
) -> None:
    """Over ten days the rate of each hour is within 10 %, and that of the day within 3 %."""
    clock = trade_clock(quotes_of(calm_weeks, "EURUSD").ts_ns)
    rate = np.bincount(clock.hour, minlength=24) / (10 * 3600.0)
    wanted = np.array(calm.quotes["EURUSD"].activity.ticks_per_s)
    np.testing.assert_allclose(rate, wanted, rtol=0.10)
    assert rate.sum() == pytest.approx(wanted.sum(), rel=0.03)


def test_some_ticks_change_one_side_only(params: SimulatorParams, two_weeks: TickArray) -> None:
    """The share of one-sided ticks is within 0.05 of the parameter."""
    share = fit_one_sided(quotes_of(two_weeks, "EURUSD"))
    assert share == pytest.approx(params.quotes["EURUSD"].one_sided, abs=0.05)


def test_returns_are_correlated_as_the_matrix_says(
    calm: SimulatorParams, calm_weeks: TickArray
) -> None:
    """Correlations of five-minute returns of all legs are within 0.08 of the matrix."""
    legs = list(calm.legs)
    moves = [np.nan_to_num(moves_of(calm_weeks, name)) for name in legs]
    fives = [m.reshape(-1, 5).sum(axis=1) for m in moves]
    np.testing.assert_allclose(np.corrcoef(fives), calm.correlation_matrix(), atol=0.08)


def test_clustering_does_not_hide_the_correlation(params: SimulatorParams) -> None:
    """With volatilities of their own, two legs' returns still correlate as the matrix says."""
    names, last = ["EURUSD", "GBPUSD"], MONDAY + timedelta(days=25)
    days = list(simulate(params, names, MONDAY, last, 4, defect_rate=0.0))
    ticks = np.concatenate([part for _, part in days])
    moves = [np.nan_to_num(moves_of(ticks, name)).ravel() for name in names]
    wanted = params.correlation_matrix()[list(params.legs).index("GBPUSD"), 0]
    assert np.corrcoef(moves)[0, 1] == pytest.approx(wanted, abs=0.08)


def test_the_triangle_holds_within_the_spread(calm_weeks: TickArray) -> None:
    """EURJPY is EURUSD times USDJPY to within the EURJPY spread, at every minute."""
    made: dict[str, np.ndarray] = {}
    for name in ("EURUSD", "USDJPY", "EURJPY"):
        quotes = quotes_of(calm_weeks, name)
        made[name] = minute_mids(quotes, trade_clock(quotes.ts_ns))
    gap = made["EURJPY"] - made["EURUSD"] * made["USDJPY"]
    quotes = quotes_of(calm_weeks, "EURJPY")
    median_pips = np.median(quotes.ask - quotes.bid) / INSTRUMENTS["EURJPY"].pip
    gap_pips = np.abs(gap) / INSTRUMENTS["EURJPY"].pip
    # The last quotes of a minute are some seconds apart, so a few minutes may differ by more.
    assert np.nanquantile(gap_pips, 0.95) < median_pips
    assert abs(np.nanmean(gap)) / INSTRUMENTS["EURJPY"].pip < 0.1
