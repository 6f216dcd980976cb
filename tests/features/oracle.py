"""Bars once more, by pandas: what ours are held against."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from domain.bars import Bar
from domain.ticks import Kind, TickArray

RULES = {"1s": "1s", "1m": "1min", "5m": "5min", "1h": "1h"}
"""Our timeframes in pandas' words."""

PIPS = {"EURUSD": 0.0001, "NZDUSD": 0.0001, "USDJPY": 0.01}

SIDES = ("bid", "ask", "mid")
POINTS = {"open": "first", "high": "max", "low": "min", "close": "last"}


def accepted(log: TickArray) -> TickArray:
    """Return the ticks of a log without its heartbeats."""
    kept: TickArray = log[log["kind"] == Kind.TICK]
    return kept


def expected_bars(symbol: str, ticks: TickArray, timeframe: str) -> pd.DataFrame:
    """Resample accepted ticks of one symbol: aligned to UTC, labelled left, empty ones left out."""
    frame = pd.DataFrame({name: ticks[name] for name in ("bid", "ask", "ts_recv_ns")})
    frame["mid"] = (frame["bid"] + frame["ask"]) / 2
    # Whole thousandths of a pip, so that a mean does not depend on the order of the sum.
    frame["spread"] = ((frame["ask"] - frame["bid"]) / PIPS[symbol] * 1_000).round().astype("int64")
    starts = pd.to_datetime(ticks["ts_event_ns"], unit="ns", utc=True).floor(RULES[timeframe])
    groups = frame.groupby(starts)
    bars = pd.DataFrame({"tick_count": groups.size()})
    for side in SIDES:
        for point, how in POINTS.items():
            bars[f"{side}_{point}"] = groups[side].agg(how)
    bars["ts_recv_ns"] = groups["ts_recv_ns"].last()
    bars["spread_mean_pips"] = groups["spread"].sum() / (bars["tick_count"] * 1_000)
    bars["spread_max_pips"] = groups["spread"].max() / 1_000
    bars["ts_open_ns"] = bars.index.as_unit("ns").astype("int64")
    bars["ts_event_ns"] = (
        (bars.index + pd.Timedelta(RULES[timeframe])).as_unit("ns").astype("int64")
    )
    return bars.reset_index(drop=True)


def table(bars: Sequence[Bar], timeframe: str) -> pd.DataFrame:
    """Return our bars of one timeframe in the order in which they closed."""
    chosen = [bar for bar in bars if bar.timeframe == timeframe]
    return pd.DataFrame({name: [getattr(b, name) for b in chosen] for name in columns()})


def columns() -> list[str]:
    """Return every field of a bar that the oracle computes."""
    prices = [f"{side}_{point}" for side in SIDES for point in POINTS]
    times = ["ts_open_ns", "ts_event_ns", "ts_recv_ns"]
    return [*times, *prices, "tick_count", "spread_mean_pips", "spread_max_pips"]


def assert_same_bars(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Compare bar by bar and field by field, without any tolerance."""
    assert len(found) == len(wanted)
    for name in columns():
        differ = np.flatnonzero(found[name].to_numpy() != wanted[name].to_numpy())
        assert differ.size == 0, f"{name} differs in {differ.size} bars, first in row {differ[0]}"
