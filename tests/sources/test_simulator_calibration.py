"""Calibration gives back what a simulation was made of."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadUse
from domain.instruments import INSTRUMENTS
from domain.nanos import parse_ns
from domain.ticks import TickArray
from jobs.calibrate import calibrate
from sources.simulator import SimulatorParams, simulate
from sources.simulator.calibration import (
    Quotes,
    fit_decay,
    fit_fast_volatility,
    fit_quote,
    fit_sigma_bp,
    log_covariance,
    minute_mids,
    minute_moves_bp,
    trade_clock,
)
from sources.simulator.params import Quote
from sources.simulator.scaling import Bars, gap_over_hour, hourly_moves


def as_quotes(ticks: TickArray, symbol: str) -> Quotes:
    """Return the quotes of one symbol."""
    own = ticks[ticks["symbol"] == symbol.encode()]
    return Quotes(own["ts_event_ns"], own["bid"], own["ask"])


@pytest.fixture(scope="module", params=["EURUSD", "NZDUSD"])
def refit(
    request: pytest.FixtureRequest, calm: SimulatorParams, calm_weeks: TickArray
) -> tuple[Quote, Quote]:
    """Return what two calm weeks were made of and what is fitted on them."""
    name = str(request.param)
    return calm.quotes[name], fit_quote(as_quotes(calm_weeks, name), INSTRUMENTS[name])


def test_a_refit_finds_the_intensities(refit: tuple[Quote, Quote]) -> None:
    """Rates by hour come back within 10 %, the size of a burst within 20 %."""
    wanted, found = refit[0].activity, refit[1].activity
    np.testing.assert_allclose(found.ticks_per_s, wanted.ticks_per_s, rtol=0.10)
    assert found.burst_size == pytest.approx(wanted.burst_size, rel=0.20)


def test_a_refit_finds_the_spreads(refit: tuple[Quote, Quote]) -> None:
    """Medians come back to a grid step or 10 %, dispersions to 0.06, the blow-out to 30 %."""
    wanted, found = refit[0].spread, refit[1].spread
    np.testing.assert_allclose(found.median_pips, wanted.median_pips, rtol=0.10, atol=0.101)
    np.testing.assert_allclose(found.dispersion, wanted.dispersion, atol=0.06)
    np.testing.assert_allclose(found.rollover, wanted.rollover, rtol=0.30)


def test_a_refit_finds_the_share_of_one_sided_ticks(refit: tuple[Quote, Quote]) -> None:
    """The share of one-sided ticks comes back within 0.06."""
    assert refit[1].one_sided == pytest.approx(refit[0].one_sided, abs=0.06)


def test_a_refit_finds_the_volatility(params: SimulatorParams) -> None:
    """Over four weeks sigma by hour comes back within a third, its clustering within a half."""
    days = simulate(params, ["NZDUSD"], date(2014, 5, 5), date(2014, 5, 30), 2, defect_rate=0.0)
    quotes = as_quotes(np.concatenate([ticks for _, ticks in days]), "NZDUSD")
    moves = minute_moves_bp(minute_mids(quotes, trade_clock(quotes.ts_ns)))
    leg = params.legs["NZDUSD"]
    fast = fit_fast_volatility(moves)
    assert np.sqrt(fast.level) == pytest.approx(leg.volatility.fast_sd, rel=0.35)
    assert fast.half_life == pytest.approx(leg.volatility.fast_half_life_min, rel=0.5)
    ratio = fit_sigma_bp(moves, leg.volatility.fast_sd**2) / np.array(leg.sigma_bp)
    # The level of a month wanders with the slow component; its shape over the day does not.
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=0.33)
    assert 0.5 < ratio.mean() < 2.0


def test_log_covariance_reads_that_of_log_volatility() -> None:
    """For returns with an AR(1) log volatility it is the process's own autocovariance."""
    rng = np.random.default_rng(0)
    noise, state = rng.standard_normal(400_000), np.empty(400_000)
    level = 0.0
    for i, shock in enumerate(noise.tolist()):
        level = 0.9 * level + np.sqrt(1 - 0.81) * shock
        state[i] = level
    size = np.abs(np.exp(0.5 * state) * rng.standard_normal(state.size))
    lags = np.array([1, 5, 10])
    np.testing.assert_allclose(log_covariance(size, size, lags), 0.25 * 0.9**lags, atol=0.02)


def test_a_decay_is_found_again() -> None:
    """Least squares gives back an exact exponential, and level 0 for negative values."""
    lags = np.arange(1, 60)
    grid = np.array([2.0, 10.0, 40.0])
    found = fit_decay(0.3 * 0.5 ** (lags / 10.0), lags, grid)
    assert found == pytest.approx((0.3, 10.0))
    assert fit_decay(np.full(lags.size, -1.0), lags, grid).level == 0.0


def test_the_clock_follows_new_york_in_summer_and_winter() -> None:
    """21:00 UTC opens a trade day in summer, 22:00 UTC in winter; Sunday's is after a break."""
    moments = ["2014-03-03T22:00", "2014-03-09T21:00", "2014-03-10T20:59"]
    clock = trade_clock(np.array([parse_ns(m) for m in moments]))
    assert clock.hour.tolist() == [0, 0, 23]
    assert clock.week_open.tolist() == [False, True, True]
    assert clock.day.tolist() == [0, 6, 6]


def test_minutes_outside_the_record_have_no_mid() -> None:
    """Before the first quote and after the last there is nothing; a quiet minute keeps the last."""
    start = parse_ns("2014-05-06T21:00")
    at = start + np.array([10, 12]) * 60_000_000_000
    quotes = Quotes(at, np.array([1.0, 1.2]), np.array([1.2, 1.4]))
    mids = minute_mids(quotes, trade_clock(quotes.ts_ns))[0]
    np.testing.assert_allclose(mids[10:13], [1.1, 1.1, 1.3])
    assert np.isnan(mids[:10]).all()
    assert np.isnan(mids[13:]).all()


def test_bars_whose_opens_repeat_closes_say_nothing_of_gaps() -> None:
    """A jump over a weekend is measured where there is one, and unknown where none is recorded."""
    hours = np.array([0, 1, 2, 60, 61, 62]) * 3_600_000_000_000 + parse_ns("2014-05-09T18:00")
    close = np.array([1.0, 1.001, 1.0, 1.003, 1.002, 1.003])
    volume = np.empty(0)
    jumps = Bars(hours, np.array([1.0, 1.0, 1.001, 1.002, 1.003, 1.002]), close, volume)
    found = gap_over_hour(jumps, hourly_moves(jumps))
    assert found == pytest.approx(2.0, rel=0.01)
    repeats = Bars(hours, np.array([1.0, 1.0, 1.001, 1.0, 1.003, 1.002]), close, volume)
    assert gap_over_hour(repeats, hourly_moves(repeats)) is None


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    """Without recorded ticks the job says which it needs, and writes nothing."""
    with pytest.raises(BadUse, match="EURUSD, NZDUSD"):
        calibrate(tmp_path, tmp_path, tmp_path / "params.json", print)
    assert not list(tmp_path.iterdir())
