"""The nouns of an account: a fill to book, an open trade, a part of one that was closed."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.orders import Execution, OrderSide, PositionEffect
from trading.conversion import Quotes, rate, to_account
from trading.positions import signed

_ZERO = Decimal(0)


class ConversionRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What one unit of quote currency is worth in account currency at one moment.

    Attributes
    ----------
    gain, loss
        A gain is sold into the account currency, a loss is bought with it; > 0, or None where no
        rate is known.
    """

    gain: Decimal | None
    loss: Decimal | None


def rates_at(quote: str, account: str, quotes: Quotes) -> ConversionRates:
    """Return both rates from a quote currency to the account's, from the quotes of one moment."""
    return ConversionRates(
        rate(quote, account, "sell", quotes), rate(quote, account, "buy", quotes)
    )


class BookedFill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One fill with all that its booking depends on.

    Attributes
    ----------
    execution_id
        The broker's id; the name of the trade that the fill opens.
    quantity_units, price
        Base units (> 0); quote currency per base unit (> 0).
    ts_event_ns
        When it happened.
    rates
        Quote to account currency at that moment.
    closes
        Trade that it closes, where the venue or the order names one.
    effect
        Of the order: on a hedging account only ``reduce_only`` closes without naming a trade.
    """

    execution_id: str
    symbol: str
    side: OrderSide
    quantity_units: Decimal
    price: Decimal
    ts_event_ns: int
    rates: ConversionRates
    closes: str = ""
    effect: PositionEffect = "default"

    @property
    def change_units(self) -> Decimal:
        """Signed base units that the fill adds to the position."""
        return signed(self.side, self.quantity_units)


def fill_of(execution: Execution, rates: ConversionRates) -> BookedFill:
    """Return the fill behind a published execution; which trades it closes, its order says."""
    return BookedFill(
        execution.execution_id,
        execution.symbol,
        execution.side,
        execution.quantity_units,
        execution.price,
        execution.ts_event_ns,
        rates,
    )


class OpenTrade(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What is left of an opening fill, where trades are kept apart.

    Attributes
    ----------
    trade_id
        Execution that opened it.
    units
        Signed base units still open (not 0).
    price
        Entry price.
    """

    trade_id: str
    symbol: str
    units: Decimal
    price: Decimal
    ts_opened_ns: int


Trades = tuple[OpenTrade, ...]
"""Open trades of one symbol, oldest first."""


class ClosedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A part of a trade that one fill closed, and the profit that it realised.

    Attributes
    ----------
    trade_id, execution_id
        The trade, and the fill that closed it: together the key.
    units
        Signed base units of the trade that were closed: > 0 of a long.
    entry_price, exit_price
        Quote currency per base unit.
    pnl_quote
        ``(exit_price - entry_price) * units``, quote currency.
    conversion_rate
        Rate used: the gain's or the loss's; None where unknown.
    pnl_account
        Account currency; None where the rate is unknown, never 0 in its place.
    """

    trade_id: str
    execution_id: str
    symbol: str
    units: Decimal
    entry_price: Decimal
    exit_price: Decimal
    ts_event_ns: int
    pnl_quote: Decimal
    conversion_rate: Decimal | None
    pnl_account: Decimal | None


class Folded(NamedTuple):
    """Open trades after a fill, and what it closed."""

    trades: Trades
    parts: tuple[ClosedPart, ...]


Book = Callable[[Trades, BookedFill], Folded]
"""A way to keep positions: returns the open trades of a symbol after a fill; pure."""


def close(trade: OpenTrade, quantity_units: Decimal, fill: BookedFill) -> ClosedPart:
    """Return what closing some units (> 0, at most the trade's) of a trade at a fill realises."""
    units = quantity_units.copy_sign(trade.units)
    profit = (fill.price - trade.price) * units
    conversion_rate = fill.rates.loss if profit < 0 else fill.rates.gain
    return ClosedPart(
        trade.trade_id,
        fill.execution_id,
        fill.symbol,
        units,
        trade.price,
        fill.price,
        fill.ts_event_ns,
        profit,
        conversion_rate,
        to_account(profit, conversion_rate),
    )


def opened(fill: BookedFill, units: Decimal) -> OpenTrade:
    """Return the trade that a fill opens with some of its signed units."""
    return OpenTrade(fill.execution_id, fill.symbol, units, fill.price, fill.ts_event_ns)


def close_in_order(trades: Trades, targets: Trades, fill: BookedFill) -> Folded:
    """Close ``targets`` one after the other; what the fill has left opens a trade of its own.

    The rest is never dropped: it was filled, so it is held.
    """
    left = fill.quantity_units
    parts: list[ClosedPart] = []
    after = {trade.trade_id: trade for trade in trades}
    for trade in targets:
        if left == 0:
            break
        taken = min(left, abs(trade.units))
        parts.append(close(trade, taken, fill))
        left -= taken
        rest = trade.units - taken.copy_sign(trade.units)
        if rest:
            after[trade.trade_id] = msgspec.structs.replace(trade, units=rest)
        else:
            del after[trade.trade_id]
    if left:
        after[fill.execution_id] = opened(fill, left.copy_sign(fill.change_units))
    return Folded(tuple(after.values()), tuple(parts))


def against(trade: OpenTrade, fill: BookedFill) -> bool:
    """Say whether a fill goes against a trade, so that it could close it."""
    return trade.units * fill.change_units < 0


def total_units(trades: Trades) -> Decimal:
    """Return the net position of some trades, signed base units."""
    return sum((trade.units for trade in trades), _ZERO)
