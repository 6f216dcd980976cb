"""A batch of one symbol's records, cut once where other lanes or a decision must be waited for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.nanos import floor_ns
from domain.ticks import TickArray, event_clock
from trading.lane_kernel import LEG_COLUMNS, MARK_COLUMNS, NO_TIME, cut_kernel, for_kernel
from trading.quotes import UNSOUND

Price = tuple[float, float, int]
"""Bid, ask, and the receive time of the tick that they come from."""


class Clocking(NamedTuple):
    """Settings of event time, all in nanoseconds; see ``trading.engine.ExecutionConfig``."""

    grace_ns: int
    lateness_ns: int
    interval_ns: int
    mark_lag_ns: int


Leg = tuple[int, int, Price | None]
"""Records up to and with the one that passes a boundary, or up to the end of the batch: the row
after the last of them, the event time there, the last sound quote of the batch up to there."""

Passage = tuple[int, int, int, Price | None]
"""A record before which one or several marks lie: its row, the event time before it and with it,
the last sound quote of the batch before it."""


class Cuts(NamedTuple):
    """Where a batch is cut, and the event time and the boundary at which it begins."""

    clock_ns: int
    boundary_ns: int
    legs: list[Leg]
    passages: list[Passage]


def cut(records: TickArray, clocking: Clocking, clock_ns: int | None, boundary_ns: int) -> Cuts:
    """Cut a batch.

    Parameters
    ----------
    records
        One symbol's ticks and heartbeats in log order, at least one.
    clock_ns, boundary_ns
        Event time and last boundary before them; None and anything before the first record.
    """
    grace_ns, lateness_ns, interval_ns, mark_lag_ns = clocking
    legs = np.empty((len(records) + 1, LEG_COLUMNS), dtype=np.int64)
    marks = np.empty((len(records), MARK_COLUMNS), dtype=np.int64)
    n_legs, n_marks = cut_kernel(
        for_kernel(records),
        UNSOUND,
        grace_ns,
        lateness_ns,
        interval_ns,
        mark_lag_ns,
        NO_TIME if clock_ns is None else clock_ns,
        boundary_ns,
        legs,
        marks,
    )
    if clock_ns is None:
        clock_ns = int(event_clock(records[:1], grace_ns, lateness_ns)[0])
        boundary_ns = floor_ns(clock_ns, interval_ns)
    legs, marks = legs[:n_legs], marks[:n_marks]
    ends, clocks, _ = legs.T.tolist()
    rows, since, until, _ = marks.T.tolist()
    return Cuts(
        clock_ns,
        boundary_ns,
        list(zip(ends, clocks, _prices(records, legs[:, 2]), strict=True)),
        list(zip(rows, since, until, _prices(records, marks[:, 3]), strict=True)),
    )


def _prices(records: TickArray, rows: NDArray[np.int64]) -> Sequence[Price | None]:
    columns = (records[name][rows].tolist() for name in ("bid", "ask", "ts_recv_ns"))
    prices = zip(*columns, strict=True)
    # Row -1 reads the last record: a price that nobody has seen yet.
    return [price if row >= 0 else None for row, price in zip(rows.tolist(), prices, strict=True)]
