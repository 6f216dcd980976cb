"""The market as an algorithm sees it, and sizes and terms that fit the venue."""

from decimal import ROUND_CEILING, ROUND_DOWN, Decimal
from typing import NamedTuple

import numpy as np

from domain.fx_calendar import floor_day, sessions
from domain.orders import OrderSide, OrderTerms
from trading.quotes import Quote
from trading.venues import Capabilities, Unsupported, VenueInstrument


class MarketView(NamedTuple):
    """One pair at one venue at one moment.

    Attributes
    ----------
    quote
        None where none is fresh and sound: then nothing is placed.
    is_open
        Whether the venue trades it now.
    """

    instrument: VenueInstrument
    capabilities: Capabilities
    quote: Quote | None
    is_open: bool

    @property
    def pip(self) -> Decimal:
        """Size of a pip in price units."""
        return Decimal(1).scaleb(self.instrument.pip_location)

    @property
    def trades(self) -> bool:
        """Whether an order may be placed by what is known."""
        return self.is_open and self.instrument.tradeable and self.quote is not None


def near_touch(quote: Quote, side: OrderSide) -> Decimal:
    """Return the best price of the side that an order would rest on: a buy's is the bid."""
    return quote.bid if side == "buy" else quote.ask


def far_touch(quote: Quote, side: OrderSide) -> Decimal:
    """Return the price at which an order would trade at once: a buy's is the ask."""
    return quote.ask if side == "buy" else quote.bid


def stricter(side: OrderSide, one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Return the tighter of two worst prices; None is no bound at all."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other) if side == "buy" else max(one, other)


def on_grid(units: Decimal, step: Decimal) -> Decimal:
    """Return a size rounded down to the venue's step."""
    return (units / step).to_integral_value(ROUND_DOWN) * step


def portion(wanted: Decimal, free: Decimal, instrument: VenueInstrument) -> Decimal:
    """Return the size of the next child: on the grid, and leaving nothing too small behind.

    Parameters
    ----------
    wanted
        Base units that are due.
    free
        Base units that may be placed at all (>= the result).

    Returns
    -------
    Decimal
        0 where no order of a size that the venue takes is due.
    """
    step, least = instrument.units_step, instrument.min_units
    most = min(on_grid(free, step), instrument.max_units)
    size = min(on_grid(wanted, step), most)
    rest = free - size
    if 0 < rest < least and size > 0:
        whole = on_grid(free, step)
        if whole <= instrument.max_units:
            return whole if whole >= least else Decimal(0)
        size -= ((least - rest) / step).to_integral_value(ROUND_CEILING) * step
    return size if size >= least else Decimal(0)


def taking(units: Decimal, bound: Decimal | None, capabilities: Capabilities) -> OrderTerms:
    """Return the terms of an order that trades at once what it can, and no worse than a bound.

    Raises
    ------
    Unsupported
        If the venue has no order of that kind.
    """
    market = capabilities.times_in_force.get("market", frozenset())
    limit = capabilities.times_in_force.get("limit", frozenset())
    if "IOC" in market and (bound is None or capabilities.price_bound):
        return OrderTerms(units, "market", "IOC", price_bound=bound)
    if bound is not None and "IOC" in limit:
        return OrderTerms(units, "limit", "IOC", limit_price=bound)
    if "FOK" in market and (bound is None or capabilities.price_bound):
        return OrderTerms(units, "market", "FOK", price_bound=bound)
    msg = "the venue has no immediate order with a worst price: post limits there instead"
    raise Unsupported(msg)


def cannot_take(bound: Decimal | None, capabilities: Capabilities) -> str:
    """Return why a venue has no immediate order with such a bound; empty if it has one."""
    try:
        taking(Decimal(1), bound, capabilities)
    except Unsupported as error:
        return str(error)
    return ""


def open_ns(start_ns: int, end_ns: int) -> int:
    """Return for how long the market is open between two moments, nanoseconds (>= 0)."""
    if end_ns <= start_ns:
        return 0
    opens, closes = sessions(floor_day(start_ns), floor_day(end_ns))
    spans = np.minimum(closes, end_ns) - np.maximum(opens, start_ns)
    return int(spans[spans > 0].sum())
