"""The first record at which a waiting order acts, found without Python per tick (numba).

The kernels run as plain Python when called as ``.py_func``; the tests hold the compiled form
against it.
"""

from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from domain.instruments import Instrument
from domain.orders import OrderSide, TriggerSide
from domain.ticks import REJECTED, Kind, new_records
from trading.lane_kernel import Rows, for_kernel, is_quote

BID, ASK, MID = 0, 1, 2
SWITCH = int(Kind.SWITCH)

UNSET: Final = float("nan")
"""Level of a trailing stop that has not seen a price yet."""

_NOISE = Decimal("0.001")
"""Part of a price step by which a float may miss the price that is meant."""


class Passage(NamedTuple):
    """A price that an order waits for.

    Attributes
    ----------
    source
        `BID`, `ASK` or `MID` of a tick.
    above
        True: the price must be at or above the level; False: at or below.
    level
        Quote currency per base unit; minus infinity with ``above``: any price will do.
    trail
        Distance (> 0) at which the level follows the price the other way; 0: it stays.
    """

    source: int
    above: bool
    level: float
    trail: float = 0.0


ANY_TICK = Passage(ASK, above=True, level=float("-inf"))


def source_of(side: OrderSide, trigger: TriggerSide = "default") -> int:
    """Return the price that decides: by default the one at which the order would trade."""
    named = {"bid": BID, "ask": ASK, "mid": MID}
    return named.get(trigger, ASK if side == "buy" else BID)


def level_of(price: Decimal, above: bool, instrument: Instrument) -> float:
    """Return the level that a price on the grid means for floats that nearly hit it."""
    noise = instrument.tick_size * _NOISE
    return float(price - noise if above else price + noise)


@njit(cache=True)
def passage_kernel(
    records: Rows,
    refused: int,
    start: int,
    stop: int,
    from_ns: int,
    source: int,
    above: bool,
    level: float,
    trail: float,
) -> tuple[int, float]:
    """Find the first usable tick in rows ``[start, stop)`` that reaches a level.

    Parameters
    ----------
    records
        One symbol's records in log order, of ``domain.ticks.TICK_DTYPE``.
    refused
        Bits of a verdict with which a tick is no market.
    from_ns
        Ticks received before this do not count, nanoseconds.
    source, above, level, trail
        See `Passage`; a trailing level that is not a number is set by the first tick.

    Returns
    -------
    tuple of int and float
        The row or -1, and the level there or at the end.
    """
    kind, verdict, recv_ns = records["kind"], records["verdict"], records["ts_recv_ns"]
    bid, ask = records["bid"], records["ask"]
    for row in range(start, stop):
        if recv_ns[row] < from_ns or not is_quote(
            kind[row], verdict[row], bid[row], ask[row], refused
        ):
            continue
        if source == BID:
            price = bid[row]
        elif source == ASK:
            price = ask[row]
        else:
            price = (bid[row] + ask[row]) / 2
        if trail > 0:
            if above and not level <= price + trail:
                level = price + trail
            elif not above and not level >= price - trail:
                level = price - trail
        if (above and price >= level) or (not above and price <= level):
            return row, level
    return -1, level


@njit(cache=True)
def moment_kernel(records: Rows, start: int, moment_ns: int) -> int:
    """Return the first row from ``start`` that was received at or after a moment, or -1.

    A heartbeat tells the time as well as a tick does; a switch of models tells none.
    """
    kind, recv_ns = records["kind"], records["ts_recv_ns"]
    for row in range(start, len(records)):
        if recv_ns[row] >= moment_ns and kind[row] != SWITCH:
            return row
    return -1


def find_passage(
    records: Rows, start: int, stop: int, from_ns: int, passage: Passage
) -> tuple[int, float]:
    """Return the row at which a passage is made (-1: none), and the level then; see the kernel."""
    row, level = passage_kernel(records, REJECTED, start, stop, from_ns, *passage)
    return int(row), float(level)


def find_moment(records: Rows, start: int, moment_ns: int) -> int:
    """Return the first row received at or after a moment, or -1."""
    return int(moment_kernel(records, start, moment_ns))


def is_unset(level: float) -> bool:
    """Say whether a level waits for its first price."""
    return bool(np.isnan(level))


def load() -> None:
    """Call every kernel once, so that no first order pays for loading."""
    records = for_kernel(new_records(1))
    find_passage(records, 0, 1, 0, ANY_TICK)
    find_moment(records, 0, 0)
