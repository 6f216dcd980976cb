"""Rows of minute bars for tests: written as literals, or drawn at random and always valid."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from domain.bars import BAR_DTYPE, BarArray
from domain.nanos import MINUTE_NS, parse_ns
from testkit.tapes import START


def bar_rows(
    closes: ArrayLike, start: str = START, minutes: ArrayLike | None = None, **columns: Any
) -> BarArray:
    """Make 1 m bars, one after the other.

    Parameters
    ----------
    closes
        Close of each bar, shape (n,); also its every other price where ``columns`` tells no other.
    start
        ISO 8601 moment of a whole minute at which minutes begin to count.
    minutes
        Minute in which each bar opens; none left out where it is not given.
    columns
        Other fields of ``BAR_DTYPE`` by name, a value or one by bar.
    """
    prices = np.asarray(closes, dtype=np.float64)
    rows = np.zeros(prices.size, dtype=BAR_DTYPE)
    at = np.arange(prices.size) if minutes is None else np.asarray(minutes)
    rows["ts_open_ns"] = parse_ns(start) + at * MINUTE_NS
    rows["ts_event_ns"] = rows["ts_recv_ns"] = rows["ts_open_ns"] + MINUTE_NS
    rows["seq"] = rows["ts_open_ns"] // MINUTE_NS
    for side in ("bid", "ask", "mid"):
        for point in ("open", "high", "low", "close"):
            rows[f"{side}_{point}"] = prices
    rows["tick_count"] = 7
    rows["spread_sum_millipips"] = 7_000
    rows["spread_max_millipips"] = 1_000
    for name, values in columns.items():
        rows[name] = values
    return rows


def random_rows(
    count: int, seed: int, start: str = START, gaps: float = 0.02, pip: float = 1e-4
) -> BarArray:
    """Draw bars of a random walk on the venue's grid; every relation between fields holds.

    Parameters
    ----------
    count, seed
        How many bars; the same seed gives the same bars.
    start
        As in `bar_rows`.
    gaps
        Share of the minutes that have no bar, in [0, 1).
    pip
        Size of a pip in price units; prices are near 13,000 pips.
    """
    rng = np.random.default_rng(seed)
    # Half a tenth of a pip: the grid on which mids lie.
    step = pip / 20.0
    path = 260_000 + np.cumsum(rng.integers(-40, 41, count))
    opens = np.concatenate([[260_000], path[:-1]]) + rng.integers(-6, 7, count)
    highs = np.maximum(opens, path) + rng.integers(0, 25, count)
    lows = np.minimum(opens, path) - rng.integers(0, 25, count)
    ticks = rng.integers(1, 200, count)
    ups = rng.binomial(ticks, 0.45)
    spreads = rng.integers(500, 2_500, count)
    sized = np.where(rng.random(count) < 0.5, 0, rng.binomial(ticks, 0.7))
    kept = np.flatnonzero(rng.random(int(count / (1.0 - gaps)) + 50) >= gaps)[:count]
    return bar_rows(
        path * step,
        start,
        minutes=kept,
        mid_open=opens * step,
        mid_high=highs * step,
        mid_low=lows * step,
        tick_count=ticks,
        up_count=ups,
        down_count=rng.binomial(ticks - ups, 0.8),
        suspect_count=rng.binomial(ticks, 0.03),
        spread_sum_millipips=spreads * ticks + rng.integers(0, 300, count),
        spread_max_millipips=spreads * 2,
        move_sq_sum_millipips2=ticks * rng.integers(0, 40_000, count),
        sized_count=sized,
        micro_gap_sum_millipips=sized * rng.integers(-300, 301, count),
    )
