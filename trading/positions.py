"""A netted position: one signed amount, its average entry price, and what it has realised."""

from decimal import Decimal

import msgspec

from domain.instruments import Instrument
from domain.orders import OrderSide
from trading.conversion import Quotes, profit_rate, to_account

_ZERO = Decimal(0)


class NetPosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What one account holds in one symbol.

    Attributes
    ----------
    units
        Signed base units: > 0 long, < 0 short.
    average_price
        Entry price of the open units in quote currency per base unit; None when flat.
    realised_account
        Profit realised so far in account currency. None once a fill could not be converted: it
        stays unavailable, since a sum with an unknown part is unknown.
    """

    units: Decimal = _ZERO
    average_price: Decimal | None = None
    realised_account: Decimal | None = _ZERO


def signed(side: OrderSide, quantity_units: Decimal) -> Decimal:
    """Return the change of position that a fill of ``quantity_units`` (> 0) makes."""
    return quantity_units if side == "buy" else -quantity_units


def net(held: NetPosition, change: Decimal, price: Decimal) -> tuple[NetPosition, Decimal]:
    """Return the position after a fill, and the profit that it realised in quote currency.

    The part that closes realises its distance to the average price; what goes through zero opens
    anew at ``price``. ``realised_account`` is not touched: see `realise`.

    Parameters
    ----------
    change
        Signed base units of the fill (not 0).
    price
        Fill price in quote currency per base unit (> 0).
    """
    units = held.units + change
    if held.average_price is None:
        return msgspec.structs.replace(held, units=units, average_price=price), _ZERO
    if held.units * change > 0:
        cost = held.average_price * held.units + price * change
        return msgspec.structs.replace(held, units=units, average_price=cost / units), _ZERO
    closed = min(abs(held.units), abs(change))
    profit = (price - held.average_price) * closed.copy_sign(held.units)
    through = price if units else None
    average = held.average_price if units * held.units > 0 else through
    return msgspec.structs.replace(held, units=units, average_price=average), profit


def realise(held: NetPosition, profit_account: Decimal | None) -> NetPosition:
    """Return the position with a profit in account currency added; unknown stays unknown."""
    before = held.realised_account
    total = None if before is None or profit_account is None else before + profit_account
    return msgspec.structs.replace(held, realised_account=total)


def unrealised(
    held: NetPosition, instrument: Instrument, account_currency: str, quotes: Quotes
) -> Decimal | None:
    """Return the profit in account currency of closing now: a long at the bid, a short at the ask.

    Returns
    -------
    Decimal or None
        0 when flat; None where the quote or the conversion rate is not known.
    """
    if held.average_price is None:
        return _ZERO
    quote = quotes.get(instrument.symbol)
    if quote is None:
        return None
    price = quote.bid if held.units > 0 else quote.ask
    profit = (price - held.average_price) * held.units
    return to_account(profit, profit_rate(profit, instrument.quote, account_currency, quotes))
