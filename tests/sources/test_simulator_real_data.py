"""Simulated EURUSD beside recorded EURUSD: the same market within stated factors."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.calibrate import calibrate
from sources.simulator import SimulatorParams, simulate
from sources.simulator.calibration import (
    Clock,
    Quotes,
    mean_abs_by_hour,
    minute_mids,
    minute_moves_bp,
    trade_clock,
)

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("AIFX_DATA", ROOT.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not (DATA / "ticks").is_dir(), reason=f"no recorded ticks in {DATA}"),
]


@pytest.fixture(scope="module")
def recorded() -> tuple[Quotes, Clock]:
    """Return all recorded quotes of EURUSD."""
    tables = [pq.read_table(path) for path in sorted((DATA / "ticks").glob("EURUSD_*.parquet"))]
    table = pa.concat_tables(tables)
    ts_ns = table["ts"].cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_numpy()
    quotes = Quotes(ts_ns, table["bid"].to_numpy(), table["ask"].to_numpy())
    return quotes, trade_clock(quotes.ts_ns)


@pytest.fixture(scope="module")
def simulated(params: SimulatorParams) -> tuple[Quotes, Clock]:
    """Return the simulated quotes of the same trade days."""
    first, last = date(2014, 5, 1), date(2014, 5, 15)
    days = simulate(params, ["EURUSD"], first, last, 17, defect_rate=0.0)
    ticks = np.concatenate([part for _, part in days])
    quotes = Quotes(ticks["ts_event_ns"], ticks["bid"], ticks["ask"])
    return quotes, trade_clock(quotes.ts_ns)


def ticks_a_day(clock: Clock) -> np.ndarray:
    """Return the number of ticks of each full trade day."""
    counts = np.bincount(clock.day)
    return counts[counts > 10_000]


def median_spread(quotes: Quotes, clock: Clock) -> np.ndarray:
    """Return the median spread by hour of the trade day, in pips."""
    spread = (quotes.ask - quotes.bid) / 1e-4
    return np.array([np.median(spread[clock.hour == hour]) for hour in range(24)])


def test_ticks_a_day(recorded: tuple[Quotes, Clock], simulated: tuple[Quotes, Clock]) -> None:
    """The mean number of ticks a day is within a factor of 1.5."""
    ratio = ticks_a_day(simulated[1]).mean() / ticks_a_day(recorded[1]).mean()
    assert 1 / 1.5 < ratio < 1.5


def test_spread_by_hour(recorded: tuple[Quotes, Clock], simulated: tuple[Quotes, Clock]) -> None:
    """The median spread of every hour is within a factor of 1.25."""
    ratio = median_spread(*simulated) / median_spread(*recorded)
    assert (np.abs(np.log(ratio)) < np.log(1.25)).all()


def test_volatility_by_hour(
    recorded: tuple[Quotes, Clock], simulated: tuple[Quotes, Clock]
) -> None:
    """Mean one-minute moves are within a factor of 2 in every hour and of 1.4 over the day."""
    ratio = mean_abs_by_hour(minute_moves_bp(minute_mids(*simulated))) / mean_abs_by_hour(
        minute_moves_bp(minute_mids(*recorded))
    )
    assert (np.abs(np.log2(ratio)) < 1.0).all()
    assert 1 / 1.4 < ratio.mean() < 1.4


def test_gaps_between_ticks(
    recorded: tuple[Quotes, Clock], simulated: tuple[Quotes, Clock]
) -> None:
    """Ticks bunch alike: quartiles and tail of the gaps are within a factor of 2."""
    at = [0.25, 0.5, 0.75, 0.99]
    made, wanted = (np.quantile(np.diff(q.ts_ns), at) for q, _ in (simulated, recorded))
    assert (np.abs(np.log2(made / wanted)) < 1.0).all()


def test_calibration_gives_the_parameters_of_the_package(
    params: SimulatorParams, tmp_path: Path
) -> None:
    """The parameters that come with the package are those that the job fits."""
    lines: list[str] = []
    found = calibrate(DATA / "ticks", DATA / "bars", tmp_path / "params.json", lines.append)
    assert found.provenance == params.provenance
    assert found.legs.keys() == params.legs.keys()
    for name, leg in found.legs.items():
        np.testing.assert_allclose(leg.sigma_bp, params.legs[name].sigma_bp, rtol=1e-3)
    for name, quote in found.quotes.items():
        wanted = params.quotes[name]
        np.testing.assert_allclose(
            quote.activity.ticks_per_s, wanted.activity.ticks_per_s, rtol=1e-3
        )
        np.testing.assert_allclose(quote.spread.median_pips, wanted.spread.median_pips, rtol=1e-3)
    assert any("EURUSD" in line for line in lines)
