"""Bars: what the market did in one aligned interval, on bid, ask and mid."""

from typing import Literal

import msgspec

from domain.nanos import HOUR_NS, MINUTE_NS, SECOND_NS

Timeframe = Literal["1s", "1m", "5m", "1h"]

TIMEFRAMES: dict[Timeframe, int] = {
    "1s": SECOND_NS,
    "1m": MINUTE_NS,
    "5m": 5 * MINUTE_NS,
    "1h": HOUR_NS,
}
"""Length in nanoseconds by name. Each divides the hour, and the week opens and closes on an hour,
so that no bar can span the weekend."""


class Bar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One closed interval ``[ts_open_ns, ts_event_ns)`` with at least one accepted tick.

    Attributes
    ----------
    v
        Record version.
    symbol, timeframe
        Canonical symbol; a key of ``TIMEFRAMES``.
    ts_open_ns, ts_event_ns
        Start and end of the interval in nanoseconds UTC, multiples of the timeframe's length.
    ts_recv_ns
        Receive time of the last tick in the bar.
    bid_open ... mid_close
        First, highest, lowest and last price of the interval; mid is ``(bid + ask) / 2`` per tick.
    tick_count
        Accepted ticks in the interval (> 0).
    spread_mean_pips, spread_max_pips
        Mean and largest ``ask - bid`` over the ticks, counted in whole thousandths of a pip so
        that sums are exact in any order.
    """

    symbol: str
    timeframe: Timeframe
    ts_open_ns: int
    ts_event_ns: int
    ts_recv_ns: int
    bid_open: float
    bid_high: float
    bid_low: float
    bid_close: float
    ask_open: float
    ask_high: float
    ask_low: float
    ask_close: float
    mid_open: float
    mid_high: float
    mid_low: float
    mid_close: float
    tick_count: int
    spread_mean_pips: float
    spread_max_pips: float
    v: int = 1
