"""Bars once more, by whole columns of pandas and numpy: what ours are held against."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.bars import BAR_DTYPE, BarArray
from domain.nanos import DAY_NS
from domain.ticks import SUSPECT, Kind, TickArray

RULES = {"1s": "1s", "1m": "1min", "5m": "5min", "1h": "1h"}
"""Our timeframes in pandas' words."""

PIPS = {"EURUSD": 0.0001, "NZDUSD": 0.0001, "USDJPY": 0.01}

SIDES = ("bid", "ask", "mid")
POINTS = {"open": "first", "high": "max", "low": "min", "close": "last"}

UNKNOWN = ("frame", "sized_count", "micro_gap_sum_millipips")
"""Columns of a bar that the oracle does not compute: recorded ticks have no sizes."""


def accepted(log: TickArray) -> TickArray:
    """Return the ticks of a log without its heartbeats."""
    kept: TickArray = log[log["kind"] == Kind.TICK]
    return kept


def sessions_of(ticks: TickArray) -> NDArray[np.int64]:
    """Count sessions: a day without a tick is taken for a weekend, no calendar is asked."""
    numbers: NDArray[np.int64] = np.cumsum(np.diff(ticks["ts_event_ns"], prepend=0) > DAY_NS)
    return numbers


def expected_bars(symbol: str, ticks: TickArray, timeframe: str) -> pd.DataFrame:
    """Resample accepted ticks of one symbol: aligned to UTC, labelled left, empty ones left out.

    Parameters
    ----------
    symbol, timeframe
        A time, as `RULES` has it.
    ticks
        In the order of their events.
    """
    index = pd.to_datetime(ticks["ts_event_ns"], unit="ns", utc=True)
    groups = _columns(symbol, ticks).set_index(index).resample(RULES[timeframe])
    bars = _aggregated(groups, ticks)
    length_ns = pd.Timedelta(RULES[timeframe]).value
    bars["ts_open_ns"] = bars.index.as_unit("ns").astype("int64")
    bars["ts_event_ns"] = bars["ts_open_ns"] + length_ns
    bars["seq"] = bars["ts_open_ns"] // length_ns
    return bars.reset_index(drop=True)


def expected_tick_bars(symbol: str, ticks: TickArray, count: int) -> pd.DataFrame:
    """Group every ``count`` accepted ticks of a session; the last of a session may hold fewer."""
    sessions = sessions_of(ticks)
    firsts = np.flatnonzero(np.diff(sessions, prepend=0))
    number = (np.arange(ticks.size) - firsts[sessions - 1]) // count
    columns = _columns(symbol, ticks)
    groups = columns.groupby([pd.Series(sessions), pd.Series(number)])
    bars = _aggregated(groups, ticks)
    times = columns["ts_event_ns"].groupby([pd.Series(sessions), pd.Series(number)])
    bars["ts_open_ns"], bars["ts_event_ns"] = times.first(), times.last()
    bars["seq"] = np.arange(len(bars))
    return bars.reset_index(drop=True)


def table(bars: BarArray, frame: int) -> pd.DataFrame:
    """Return our bars of one timeframe in the order in which they closed."""
    chosen = bars[bars["frame"] == frame]
    return pd.DataFrame({name: chosen[name] for name in columns()})


def columns() -> list[str]:
    """Return every column of a bar that the oracle computes."""
    return [name for name in BAR_DTYPE.names or () if name not in UNKNOWN]


def assert_same_bars(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Compare bar by bar and column by column, without any tolerance."""
    assert len(found) == len(wanted)
    for name in columns():
        differ = np.flatnonzero(found[name].to_numpy() != wanted[name].to_numpy())
        assert differ.size == 0, f"{name} differs in {differ.size} bars, first in row {differ[0]}"


def _columns(symbol: str, ticks: TickArray) -> pd.DataFrame:
    names = ("bid", "ask", "ts_event_ns", "ts_recv_ns", "verdict")
    frame = pd.DataFrame({name: ticks[name] for name in names})
    frame["mid"] = (frame["bid"] + frame["ask"]) / 2
    # Whole thousandths of a pip, so that a sum does not depend on its order.
    millipips = 1_000 / PIPS[symbol]
    frame["spread"] = ((frame["ask"] - frame["bid"]) * millipips).round().astype("int64")
    mid = (frame["mid"] * millipips).round().astype("int64")
    frame["move"] = mid.groupby(sessions_of(ticks)).diff().fillna(0).astype("int64")
    frame["move_sq"] = frame["move"] ** 2
    frame["up"], frame["down"] = frame["move"] > 0, frame["move"] < 0
    frame["suspect"] = frame["verdict"] & SUSPECT != 0
    return frame


def _aggregated(of: "pd.core.groupby.DataFrameGroupBy", ticks: TickArray) -> pd.DataFrame:
    """Return the bars of groups that hold the ticks in order; empty ones are left out."""
    sizes = of.size()
    bars = pd.DataFrame({"tick_count": sizes})
    for side in SIDES:
        for point, how in POINTS.items():
            bars[f"{side}_{point}"] = of[side].agg(how)
    bars["ts_recv_ns"] = of["ts_recv_ns"].last()
    bars["suspect_count"] = of["suspect"].sum()
    bars["up_count"], bars["down_count"] = of["up"].sum(), of["down"].sum()
    bars["spread_sum_millipips"] = of["spread"].sum()
    bars["spread_max_millipips"] = of["spread"].max()
    bars["move_sq_sum_millipips2"] = of["move_sq"].sum()
    bars = bars[sizes > 0].copy()
    starts = np.cumsum(bars["tick_count"]) - bars["tick_count"]
    bars["verdict"] = np.bitwise_or.reduceat(ticks["verdict"], starts)
    return bars
