"""Quotes as exact decimals, and which records are fit to be one."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.instruments import Instrument
from domain.ticks import Kind, TickArray

_TICK = int(Kind.TICK)

LEAST_PRICE, MOST_PRICE = 0.001, 1e9
"""Bounds of a usable price, in quote currency per base unit: no pair trades near either. Below, a
price could round to 0 on the coarsest grid; above, to more digits than a Decimal keeps."""


class Quote(NamedTuple):
    """Both sides of a market in quote currency per base unit, with ``0 < bid <= ask``."""

    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        """Half of bid plus ask."""
        return (self.bid + self.ask) / 2


def quote_of(bid: float, ask: float, instrument: Instrument) -> Quote | None:
    """Return a quote on the instrument's price grid.

    Parameters
    ----------
    bid, ask
        Prices in quote currency per base unit; the decimal that a float prints as is meant.

    Returns
    -------
    Quote or None
        None unless both prices are finite, within bounds and not crossed: as for `usable_rows`.
    """
    if not LEAST_PRICE <= bid <= ask < MOST_PRICE:
        return None
    grid = instrument.tick_size
    return Quote(Decimal(repr(bid)).quantize(grid), Decimal(repr(ask)).quantize(grid))


def usable_rows(records: TickArray) -> NDArray[np.int64]:
    """Return the rows of accepted ticks with finite, uncrossed prices within bounds, ascending."""
    bid, ask = records["bid"], records["ask"]
    fit = (records["kind"] == _TICK) & (records["verdict"] == 0)
    fit &= (bid >= LEAST_PRICE) & (ask >= bid) & (ask < MOST_PRICE)
    rows: NDArray[np.int64] = np.flatnonzero(fit)
    return rows


def first_tick_from(records: TickArray, ts_recv_ns: int) -> int | None:
    """Return the row of the first usable tick received at or after ``ts_recv_ns``, or None."""
    rows = usable_rows(records)
    hits = rows[records["ts_recv_ns"][rows] >= ts_recv_ns]
    return int(hits[0]) if hits.size else None


def last_tick(records: TickArray) -> int | None:
    """Return the row of the last usable tick, or None."""
    last = records[-1]
    # Nearly every run ends in a plain tick: look at one record before looking at all.
    if last["kind"] == _TICK and last["verdict"] == 0:
        bid, ask = float(last["bid"]), float(last["ask"])
        if LEAST_PRICE <= bid <= ask < MOST_PRICE:
            return len(records) - 1
    rows = usable_rows(records)
    return int(rows[-1]) if rows.size else None
