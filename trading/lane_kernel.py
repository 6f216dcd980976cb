"""Where a lane's records must be cut, and which of them are quotes, in one pass (numba).

The kernels run as plain Python when called as ``.py_func``; the tests hold the compiled form
against it.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.ticks import Kind, TickArray, new_records

LEAST_PRICE, MOST_PRICE = 0.001, 1e9
"""Bounds of a usable price, in quote currency per base unit: no pair trades near either. Below, a
price could round to 0 on the coarsest grid; above, to more digits than a Decimal keeps."""

NO_TIME = np.iinfo(np.int64).min
"""Stands for "no record yet" in the clock: earlier than any time."""

I64 = NDArray[np.int64]
Rows = NDArray[Any]

TICK, HEARTBEAT = int(Kind.TICK), int(Kind.HEARTBEAT)
LEG_COLUMNS, MARK_COLUMNS = 3, 4


def for_kernel(records: TickArray) -> Rows:
    """Return a view with the one memory layout that the kernels are compiled for."""
    view: Rows = np.ascontiguousarray(records).view()
    view.flags.writeable = False
    return view


@njit(cache=True)
def is_quote(kind: int, verdict: int, bid: float, ask: float, refused: int) -> bool:
    """Say whether a record is a tick with usable prices and without a bit of ``refused``."""
    return (
        kind == TICK and (verdict & refused) == 0 and bid >= LEAST_PRICE and bid <= ask < MOST_PRICE
    )


@njit(cache=True)
def cut_kernel(
    records: Rows,
    unsound: int,
    grace_ns: int,
    lateness_ns: int,
    interval_ns: int,
    mark_lag_ns: int,
    clock_ns: int,
    boundary_ns: int,
    legs: I64,
    marks: I64,
) -> tuple[int, int]:
    """Cut records into legs that end with a passed boundary, and find the marks passed within.

    Parameters
    ----------
    records
        One symbol's ticks and heartbeats in log order, shape (n,), of ``domain.ticks.TICK_DTYPE``,
        n > 0; no switches.
    unsound
        Bits of a verdict with which a tick is no quote.
    grace_ns, lateness_ns
        As for ``domain.ticks.event_clock``, whose rule is applied here on the way: a column for it
        would cost more than all the rest.
    interval_ns, mark_lag_ns
        Distance of the boundaries, and how far a mark lies before one.
    clock_ns, boundary_ns
        Event time and last boundary before the records; ``NO_TIME`` for a lane without a record.
    legs
        Result, shape (> n, 3): row after the leg's last record, clock there, row of the last sound
        tick so far or -1. The last leg ends with the records, whether it passes a boundary or not.
    marks
        Result, shape (>= n, 4): row of the record that passes a mark, clock before it and with it,
        row of the last sound tick before it or -1.

    Returns
    -------
    tuple of int
        How many legs and marks there are.
    """
    kind, verdict, bid, ask = records["kind"], records["verdict"], records["bid"], records["ask"]
    event_ns, recv_ns = records["ts_event_ns"], records["ts_recv_ns"]
    beat_lag_ns = max(grace_ns, lateness_ns)
    n_legs, n_marks, quote, leg_from = 0, 0, -1, 0
    if clock_ns == NO_TIME:
        clock_ns = recv_ns[0] - beat_lag_ns if kind[0] == HEARTBEAT else event_ns[0] - lateness_ns
        boundary_ns = clock_ns - clock_ns % interval_ns
    # The first mark at or after the clock, and the first boundary after the last one passed.
    mark_ns = -((-(clock_ns + mark_lag_ns)) // interval_ns) * interval_ns - mark_lag_ns
    next_ns = boundary_ns + interval_ns
    for row in range(len(records)):
        if kind[row] == HEARTBEAT:
            now_ns = max(clock_ns, recv_ns[row] - beat_lag_ns)
        else:
            now_ns = max(clock_ns, event_ns[row] - lateness_ns)
        if now_ns > mark_ns:
            marks[n_marks, 0] = row
            marks[n_marks, 1] = clock_ns
            marks[n_marks, 2] = now_ns
            marks[n_marks, 3] = quote
            n_marks += 1
            mark_ns = -((-(now_ns + mark_lag_ns)) // interval_ns) * interval_ns - mark_lag_ns
        clock_ns = now_ns
        if is_quote(kind[row], verdict[row], bid[row], ask[row], unsound):
            quote = row
        if now_ns >= next_ns:
            legs[n_legs, 0] = row + 1
            legs[n_legs, 1] = now_ns
            legs[n_legs, 2] = quote
            n_legs += 1
            leg_from = row + 1
            next_ns = now_ns - now_ns % interval_ns + interval_ns
    if leg_from < len(records):
        legs[n_legs, 0] = len(records)
        legs[n_legs, 1] = clock_ns
        legs[n_legs, 2] = quote
        n_legs += 1
    return n_legs, n_marks


@njit(cache=True)
def first_tick_kernel(records: Rows, refused: int, recv_from_ns: int) -> int:
    """Return the row of the first quote received at or after ``recv_from_ns``, or -1."""
    kind, verdict, recv_ns = records["kind"], records["verdict"], records["ts_recv_ns"]
    bid, ask = records["bid"], records["ask"]
    for row in range(len(records)):
        if recv_ns[row] >= recv_from_ns and is_quote(
            kind[row], verdict[row], bid[row], ask[row], refused
        ):
            return row
    return -1


@njit(cache=True)
def last_tick_kernel(records: Rows, refused: int) -> int:
    """Return the row of the last quote, or -1."""
    kind, verdict, bid, ask = records["kind"], records["verdict"], records["bid"], records["ask"]
    for row in range(len(records) - 1, -1, -1):
        if is_quote(kind[row], verdict[row], bid[row], ask[row], refused):
            return row
    return -1


def load() -> None:
    """Call every kernel once on one tick, so that no first record or order pays for loading."""
    records = for_kernel(new_records(1))
    legs = np.empty((2, LEG_COLUMNS), dtype=np.int64)
    marks = np.empty((1, MARK_COLUMNS), dtype=np.int64)
    cut_kernel(records, 0, 0, 0, 2, 1, NO_TIME, 0, legs, marks)
    first_tick_kernel(records, 0, 0)
    last_tick_kernel(records, 0)
