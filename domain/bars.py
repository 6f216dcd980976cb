"""Bars: what the market did in one interval, on bid, ask and mid; as rows inside, as records out.

Three kinds, by the name of the timeframe: ``1s``, ``5m``, ``1h`` are intervals of event time that
are aligned to midnight UTC; ``1000tick`` closes with that tick, ``5pip`` with the tick at which the
mid has covered that range. No bar spans a closed market.
"""

import re
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.nanos import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

_UNITS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS}
_NAME = re.compile(r"([1-9][0-9]*)(s|m|h|tick|pip)")

DEFAULT_TIMEFRAMES = ("1s", "1m", "5m", "1h")

BAR_DTYPE = np.dtype(
    [
        ("frame", "<i4"),
        ("verdict", "<u4"),
        ("seq", "<i8"),
        ("ts_open_ns", "<i8"),
        ("ts_event_ns", "<i8"),
        ("ts_recv_ns", "<i8"),
        *(
            (f"{side}_{point}", "<f8")
            for side in ("bid", "ask", "mid")
            for point in ("open", "high", "low", "close")
        ),
        ("tick_count", "<i8"),
        ("suspect_count", "<i8"),
        ("up_count", "<i8"),
        ("down_count", "<i8"),
        ("spread_sum_millipips", "<i8"),
        ("spread_max_millipips", "<i8"),
        ("move_sq_sum_millipips2", "<i8"),
        ("sized_count", "<i8"),
        ("micro_gap_sum_millipips", "<i8"),
    ]
)
"""A row of bars inside the engine. ``frame`` is the index of the timeframe in the config; sums are
whole thousandths of a pip (squared: millionths of a squared pip), exact in any order; see `Bar`."""

BarArray = NDArray[np.void]
"""A structured array of ``BAR_DTYPE``."""


class Frame(NamedTuple):
    """What a timeframe's name means; exactly one of the three is above 0.

    Attributes
    ----------
    length_ns
        Length of a time bar.
    ticks
        Accepted ticks of a tick bar.
    pips
        Range of a range bar.
    """

    length_ns: int = 0
    ticks: int = 0
    pips: int = 0


def frame_of(timeframe: str) -> Frame:
    """Read the name of a timeframe.

    Raises
    ------
    BadUse
        If it is none, or a time that does not divide the day: such bars would not be aligned.
    """
    match = _NAME.fullmatch(timeframe)
    if match is None:
        msg = f"{timeframe!r} is no timeframe; write 30s, 5m, 4h, 1000tick or 5pip"
        raise BadUse(msg)
    number, unit = int(match[1]), match[2]
    if unit == "tick":
        return Frame(ticks=number)
    if unit == "pip":
        return Frame(pips=number)
    length_ns = number * _UNITS[unit]
    if DAY_NS % length_ns:
        msg = f"timeframe {timeframe} does not divide the day: its bars would not be aligned"
        raise BadUse(msg)
    return Frame(length_ns=length_ns)


def order_of(timeframe: str) -> tuple[int, int]:
    """Return a sort key: time bars by length, then tick bars, then range bars."""
    frame = frame_of(timeframe)
    kind = 0 if frame.length_ns else 1 if frame.ticks else 2
    return kind, frame.length_ns + frame.ticks + frame.pips


class Bar(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, tag_field="type", tag="bar"
):
    """One closed interval with at least one accepted tick.

    Attributes
    ----------
    v
        Record version.
    symbol, timeframe
        Canonical symbol; a name as `frame_of` reads it.
    seq
        Number of the interval: time bars count from 1970, tick and range bars from the first of the
        log. Unique by symbol and timeframe.
    ts_open_ns, ts_event_ns
        Start and end in nanoseconds UTC. Of a time bar: the aligned interval, end excluded. Of a
        tick or range bar: its first and its last tick.
    ts_recv_ns
        Receive time of the last tick that was merged into the bar.
    bid_open ... mid_close
        First, highest, lowest and last price of the interval; mid is ``(bid + ask) / 2`` per tick.
    tick_count
        Accepted ticks in the interval (> 0).
    suspect_count
        How many of them are suspect (``domain.ticks.SUSPECT``).
    up_count, down_count
        How many of them moved the mid up, or down, against the tick before (tick rule).
    spread_mean_pips, spread_max_pips
        Mean and largest ``ask - bid`` over the ticks.
    move_sq_sum_pips2
        Sum of the squared changes of the mid from tick to tick, in squared pips.
    micro_gap_mean_pips
        Mean of micro-price less mid over the ticks that carry sizes, in pips; None where none does.
        The micro-price weighs each side's price with the size of the other.
    verdict
        All bits of ``domain.ticks.Verdict`` that its ticks carry.
    """

    symbol: str
    timeframe: str
    seq: int
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
    suspect_count: int
    up_count: int
    down_count: int
    spread_mean_pips: float
    spread_max_pips: float
    move_sq_sum_pips2: float
    micro_gap_mean_pips: float | None
    verdict: int
    v: int = 2


class Passed(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    gc=False,
    tag_field="type",
    tag="passed",
):
    """Among the bars: a symbol has passed a minute boundary at which no 1 m bar of it closed.

    With it, and with each 1 m bar, a reader knows that every bar of the symbol up to then is in the
    log before.

    Attributes
    ----------
    symbol
        Canonical symbol.
    ts_event_ns
        The boundary in nanoseconds UTC; ``FOR_EVER`` where the symbol's log has ended.
    """

    symbol: str
    ts_event_ns: int
    v: int = 1


FOR_EVER = int(np.iinfo(np.int64).max)
"""A symbol whose log has ended has passed every boundary."""


def records_of(symbol: str, timeframes: tuple[str, ...], rows: BarArray) -> list[Bar]:
    """Return rows as records for the log.

    Parameters
    ----------
    symbol
        Of all rows.
    timeframes
        Names that ``frame`` of a row counts in.
    rows
        Array of ``BAR_DTYPE``.
    """
    return [_record(symbol, timeframes, row) for row in rows.tolist()]


def _record(symbol: str, timeframes: tuple[str, ...], row: tuple[Any, ...]) -> Bar:
    frame, verdict, *times_and_prices = row[:18]
    count, suspects, ups, downs, spread_sum, spread_max, move_sq, sized, micro = row[18:]
    # By position, which is three times as fast: both have the order number, times, prices.
    fields: tuple[Any, ...] = (
        symbol,
        timeframes[frame],
        *times_and_prices,
        count,
        suspects,
        ups,
        downs,
        spread_sum / (count * 1e3),
        spread_max / 1e3,
        move_sq / 1e6,
        micro / (sized * 1e3) if sized else None,
        verdict,
    )
    return Bar(*fields)
