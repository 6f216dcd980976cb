"""Quotes as exact decimals, and which records are fit to be one."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from domain.instruments import Instrument
from domain.ticks import REJECTED, SUSPECT, TickArray
from trading.lane_kernel import (
    LEAST_PRICE,
    MOST_PRICE,
    first_tick_kernel,
    for_kernel,
    last_tick_kernel,
)

UNSOUND = REJECTED | SUSPECT
"""Bits of a verdict with which a tick values nothing: what is suspect is no price to rely on."""


class Quote(NamedTuple):
    """Both sides of a market in quote currency per base unit, with ``0 < bid <= ask``."""

    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        """Half of bid plus ask."""
        return (self.bid + self.ask) / 2


@lru_cache
def _grid(display_precision: int) -> Decimal:
    # `Instrument.tick_size`, which makes its decimal anew each time.
    return Decimal(1).scaleb(-display_precision)


def quote_of(bid: float, ask: float, instrument: Instrument) -> Quote | None:
    """Return a quote on the instrument's price grid.

    Parameters
    ----------
    bid, ask
        Prices in quote currency per base unit; the decimal that a float prints as is meant.

    Returns
    -------
    Quote or None
        None unless both prices are finite, within bounds and not crossed: as for a usable tick.
    """
    if not LEAST_PRICE <= bid <= ask < MOST_PRICE:
        return None
    grid = _grid(instrument.display_precision)
    return Quote(Decimal(repr(bid)).quantize(grid), Decimal(repr(ask)).quantize(grid))


class LazyQuotes(Mapping[str, Quote]):
    """Quotes by symbol that become decimals when they are asked for.

    Every minute of every symbol makes one, and hardly any is ever looked at.

    Parameters
    ----------
    prices
        Bid and ask by symbol.
    instruments
        Instruments of at least these symbols.
    """

    def __init__(
        self, prices: Mapping[str, tuple[float, float]], instruments: Mapping[str, Instrument]
    ) -> None:
        self._prices = prices
        self._instruments = instruments
        self._made: dict[str, Quote | None] = {}

    def __getitem__(self, symbol: str) -> Quote:
        if symbol not in self._made:
            bid, ask = self._prices[symbol]
            self._made[symbol] = quote_of(bid, ask, self._instruments[symbol])
        quote = self._made[symbol]
        if quote is None:
            raise KeyError(symbol)
        return quote

    def __iter__(self) -> Iterator[str]:
        return (symbol for symbol in self._prices if symbol in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def first_tick_from(records: TickArray, ts_recv_ns: int) -> int | None:
    """Return the row of the first usable tick received at or after ``ts_recv_ns``, or None.

    Usable is an accepted tick with finite, uncrossed prices within bounds. A suspect one is: a
    venue fills on its market, whatever is thought of it here.
    """
    row = int(first_tick_kernel(for_kernel(records), REJECTED, ts_recv_ns))
    return row if row >= 0 else None


def first_record_from(records: TickArray, ts_recv_ns: int) -> int:
    """Return the row of the first record received at or after ``ts_recv_ns``, or their number."""
    later = np.flatnonzero(records["ts_recv_ns"] >= ts_recv_ns)
    return int(later[0]) if len(later) else len(records)


def last_sound_tick(records: TickArray) -> int | None:
    """Return the row of the last usable tick that is not suspect, or None."""
    row = int(last_tick_kernel(for_kernel(records), UNSOUND))
    return row if row >= 0 else None
